#!/usr/bin/env bash
# langgraph 1.2.24, langgraph-checkpoint-sqlite 3.1.2: after a step that failed in part, get_state shows an answer that
# no checkpoint has. A resume keeps it; a new question drops it, and its model is asked again.
#
# Two nodes run beside each other, one answers, the other fails. The answer is kept for a resume, so that its node need
# not run again: that is documented. One would guess that the state of a thread is that of its newest checkpoint, and
# that an answer which is in it stays. In fact:
#
# 1. `get_state` has the question and the answer. The newest entry of `get_state_history`, of the same checkpoint, has
#    the question alone, and so has the checkpoint itself: the answer is a pending write beside it.
# 2. `invoke(None)` runs only the node that failed. Then the answer is in a checkpoint.
# 3. `invoke` with a new question drops the answer. Both nodes run, and the thread has another answer in its place.
# 4. The two answers stand in the order of the nodes' names, whichever came first: the second one comes before the one
#    that was ready minutes earlier.
#
# So who reads threads out of checkpoints misses what was answered last where a step failed, and who shows get_state to
# a user has shown something that may be gone after the next question.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "langgraph==1.2.24" "langchain-core==1.8.3" \
  "langgraph-checkpoint-sqlite==3.1.2"
cd "$work"
cat >trial.py <<'PY'
import time

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph

ran, failing = [], []


def well(state):
    ran.append("well")
    return {"messages": [AIMessage(f"All is well, {ran.count('well')}.")]}


def boats(state):
    ran.append("boats")
    while failing and not any(channel == "messages" for _, channel, _ in saver.get_tuple(thread).pending_writes):
        time.sleep(0.01)  # The other node's answer is not kept yet.
    if failing:
        raise RuntimeError("no boats today")
    return {"messages": [AIMessage("Three boats.")]}


def texts(values):
    return [message.content for message in values.get("messages", [])]


def asked(app, given, thread):
    try:
        return texts(app.invoke(given, thread))
    except RuntimeError as error:
        return str(error)


def question(text):
    return {"messages": [HumanMessage(text)]}


graph = StateGraph(MessagesState)
for node in (well, boats):
    graph.add_node(node.__name__, node)
    graph.add_edge(START, node.__name__)

with SqliteSaver.from_conn_string(":memory:") as saver:
    app = graph.compile(checkpointer=saver)
    for way, then in (("resumed", None), ("asked anew", question("And now?"))):
        thread = {"configurable": {"thread_id": way}}
        ran.clear()
        failing.append(True)
        print("failed:", asked(app, question("All well?"), thread))
        state, [newest, *_] = app.get_state(thread), app.get_state_history(thread)
        same = state.config == newest.config
        print("get_state:", texts(state.values), "history:", texts(newest.values), "the same checkpoint:", same)
        print("checkpoint:", texts(saver.get_tuple(thread).checkpoint["channel_values"]))
        failing.clear()
        ran_before = len(ran)
        print(f"{way}:", asked(app, then, thread), "ran", sorted(ran[ran_before:]))
PY
cat >expected.txt <<'TXT'
failed: no boats today
get_state: ['All well?', 'All is well, 1.'] history: ['All well?'] the same checkpoint: True
checkpoint: ['All well?']
resumed: ['All well?', 'Three boats.', 'All is well, 1.'] ran ['boats']
failed: no boats today
get_state: ['All well?', 'All is well, 1.'] history: ['All well?'] the same checkpoint: True
checkpoint: ['All well?']
asked anew: ['All well?', 'And now?', 'Three boats.', 'All is well, 2.'] ran ['boats', 'well']
TXT
"$work/venv/bin/python" trial.py >seen.txt 2>said.txt || { cat seen.txt said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
