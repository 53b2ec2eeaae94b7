#!/usr/bin/env bash
# LangGraph 1.2.24: who goes back to an interrupt that was answered and gives it another answer gets the first again.
#
# `interrupt()` stops a graph in a node. Who resumes it with "yes", and later resumes the checkpoint where it stopped
# with "no", would guess that the node runs again and is given "no". In fact:
#
# 1. The node runs again and is given "yes".
# 2. Where the node is a graph that asks, neither runs again: what it wrote stands beside the checkpoint where it
#    stopped and is taken from there. Both lines of the thread then have the very same message, with the same id.
# 3. "no" is kept all the same: beside that checkpoint the file has it as what was answered.
#
# So a message's id is that of no single line, and the answer which a file has beside an interrupt need not be the one
# that its messages tell of.
set -euo pipefail
command -v python3 >/dev/null || { echo "this needs python3"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check "langgraph==1.2.24" "langgraph-checkpoint==4.3.2" \
  "langgraph-checkpoint-sqlite==3.1.2" >pip.log 2>&1 || { cat pip.log; exit 2; }
cat >trial.py <<'PY'
import sqlite3

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

database = sqlite3.connect("checkpoints.db", check_same_thread=False)
saver = SqliteSaver(database)
ran = []


def ask(_):
    answer = interrupt("May I?")
    ran.append(answer)
    return {"messages": [AIMessage(f"I may: {answer}")]}


def after(state):
    ran.append("after")
    return {"messages": [AIMessage("Done.")]}


def graph_of(first):
    graph = StateGraph(MessagesState)
    graph.add_node("ask", first)
    graph.add_node("after", after)
    graph.add_edge(START, "ask")
    graph.add_edge("ask", "after")
    return graph.compile(checkpointer=saver)


inner = StateGraph(MessagesState)
inner.add_node("asking", ask)
inner.add_edge(START, "asking")
for name, node in (("a node", ask), ("a graph in a node", inner.compile())):
    ran.clear()
    thread = {"configurable": {"thread_id": name}}
    app = graph_of(node)
    app.invoke({"messages": [HumanMessage("Go.")]}, thread)
    stopped = app.get_state(thread).config
    first = app.invoke(Command(resume="yes"), thread)["messages"]
    second = app.invoke(Command(resume="no"), stopped)["messages"]
    print(f"{name} was resumed with no and says:", second[1].content)
    print("  it ran:", ran, "the same message:", first[1].id == second[1].id)
    where = (name, stopped["configurable"]["checkpoint_id"])
    wanted = "SELECT type, value FROM writes WHERE thread_id = ? AND checkpoint_id = ? AND channel = '__resume__'"
    given = [saver.serde.loads_typed(row) for row in database.execute(wanted, where)]
    print("  beside the checkpoint:", "no" in given)
PY
cat >expected.txt <<'TXT'
a node was resumed with no and says: I may: yes
  it ran: ['yes', 'after', 'yes', 'after'] the same message: False
  beside the checkpoint: True
a graph in a node was resumed with no and says: I may: yes
  it ran: ['yes', 'after', 'after'] the same message: True
  beside the checkpoint: True
TXT
env/bin/python -W ignore trial.py >seen.txt || { cat seen.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
