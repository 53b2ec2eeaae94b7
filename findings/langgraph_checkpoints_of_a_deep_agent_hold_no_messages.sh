#!/usr/bin/env bash
# LangGraph 1.2.24, langgraph-checkpoint-sqlite 3.1.2, deepagents 0.7.32: the checkpoints of a deep agent hold none of
# its messages. What was said stands in the table `writes`, each beside the checkpoint before the one that has it.
#
# A checkpoint is the state of a graph, so one would guess that the newest one of a thread has the whole talk, as it
# does for `MessagesState` and `create_agent`. A deep agent keeps messages in a `DeltaChannel`: checkpoints leave it
# out, but for a snapshot after fifty writes. In fact:
#
# 1. After two turns no checkpoint in the file has a channel `messages`; `saver.get()` gives none either, only
#    `agent.get_state()` does, which replays what was written with the program's own reducer.
# 2. What a step wrote lies beside the checkpoint that the step began with, its parent.
# 3. A question that a program gave as a text and a role is kept as these two, without an id.
# 4. An update at an older checkpoint has all messages of its line again, as a value with a code of its own (7). The
#    library's reader returns a `_DeltaSnapshot`, others a list that looks like an object's class and fields.
#
# So who reads the newest checkpoint finds an empty talk and no error.
set -euo pipefail
command -v python3 >/dev/null || { echo "this needs python3"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check "deepagents==0.7.32" "langgraph==1.2.24" \
  "langgraph-checkpoint==4.3.2" "langgraph-checkpoint-sqlite==3.1.2" >pip.log 2>&1 || { cat pip.log; exit 2; }
cat >trial.py <<'PY'
import sqlite3

import ormsgpack
from deepagents import create_deep_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.sqlite import SqliteSaver


class Model(BaseChatModel):
    """Says that it is so."""

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **_):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **_):
        said = AIMessage(f"So it is: {messages[-1].content}")
        return ChatResult(generations=[ChatGeneration(message=said)])


database = sqlite3.connect("checkpoints.db", check_same_thread=False)
saver = SqliteSaver(database)
agent = create_deep_agent(model=Model(), checkpointer=saver)
thread = {"configurable": {"thread_id": "watch"}}


def value(kind, blob):
    return saver.serde.loads_typed((kind, blob))


agent.invoke({"messages": [("user", "Is it lit?")]}, thread)
earlier = agent.get_state(thread).config
agent.invoke({"messages": [HumanMessage("Is there fog?")]}, thread)

kept = list(database.execute("SELECT checkpoint_id, parent_checkpoint_id, type, checkpoint FROM checkpoints"))
print("checkpoints:", len(kept), "with messages:", sum("messages" in value(*row[2:])["channel_values"] for row in kept))
print("saver.get():", saver.get(thread)["channel_values"].get("messages"))
print("agent.get_state():", [one.content for one in agent.get_state(thread).values["messages"]])
wanted = "SELECT type, value FROM writes WHERE checkpoint_id = ? AND channel = 'messages'"
for name, parent, *_ in sorted(kept):
    for row in database.execute(wanted, (parent,)):
        print("beside the parent:", [getattr(one, "content", one) for one in value(*row)])
agent.update_state(earlier, {"messages": [HumanMessage("By hand.")]})
(row,) = database.execute("SELECT type, checkpoint FROM checkpoints ORDER BY checkpoint_id DESC LIMIT 1")
snapshot = value(*row)["channel_values"]["messages"]
print("after an update:", type(snapshot).__name__, [one.content for one in snapshot.value])
print("without an id:", [one.content for one in snapshot.value if one.id is None])
codes = []
ormsgpack.unpackb(row[1], ext_hook=lambda code, data: codes.append(code))
print("its code:", codes)
PY
cat >expected.txt <<'TXT'
checkpoints: 10 with messages: 0
saver.get(): None
agent.get_state(): ['Is it lit?', 'So it is: Is it lit?', 'Is there fog?', 'So it is: Is there fog?']
beside the parent: [['user', 'Is it lit?']]
beside the parent: ['So it is: Is it lit?']
beside the parent: ['Is there fog?']
beside the parent: ['So it is: Is there fog?']
after an update: _DeltaSnapshot ['Is it lit?', 'So it is: Is it lit?', 'By hand.']
without an id: ['Is it lit?']
its code: [7]
TXT
env/bin/python -W ignore trial.py >seen.txt || { cat seen.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
