#!/usr/bin/env bash
# pydantic-ai 2.66.0: what a history processor puts before a prompt takes the prompt's conversation and run away, one
# run later; and what it removed is gone from all_messages().
#
# A history processor changes what is sent to the model. One would guess that all_messages() keeps what was said, each
# message with the conversation_id and run_id that the library gives it, so that a saved list tells which run asked
# what. In fact:
#
# 1. What the processor returns takes the place of the history: after that run all_messages() begins with the summary.
# 2. The summary's request has no ids. In the run that made it, the prompt stands behind it as a message of its own.
# 3. The next run merges the two requests into one, and that has no ids: the prompt lost its run_id and
#    conversation_id, its place in its message has changed, and only its own timestamp stays. It is so with any two
#    requests in a row, such as one whose run failed and the next, though both have the same ids.
# 4. So of one exchange the prompt has no conversation and the answer has one.
#
# So whoever reads saved lists takes messages without an id at their beginning for the conversation behind them, and
# knows a prompt again by its timestamp.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "pydantic-ai-slim==2.66.0"
cd "$work"
cat >trial.py <<'PY'
from pydantic_ai import Agent
from pydantic_ai.capabilities import ProcessHistory
from pydantic_ai.messages import CompactionPart, ModelRequest, repair_messages
from pydantic_ai.models.test import TestModel


def sum_up(messages):
    """Put a summary in the place of all but the newest message."""
    if len(messages) != 5:
        return messages
    return [ModelRequest(parts=[CompactionPart("The lamp is bright.")]), messages[-1]]


agent = Agent(TestModel(custom_output_text="Yes."), capabilities=[ProcessHistory(sum_up)])


def told(messages):
    """Print the parts of messages, and which ids each has."""
    for message in messages:
        parts = [f"{part.part_kind} {part.content!r}" for part in message.parts]
        known = [name for name in ("conversation_id", "run_id") if getattr(message, name)]
        print("  ", *parts, known)


history = None
for asked in ("Check the lamp.", "Is it bright?", "And the horn?", "Is it loud?"):
    history = agent.run_sync(asked, message_history=history).all_messages()
    print(asked)
    told(history)
print("both with ids:")
told(repair_messages([history[-2], history[-2]]))
PY
cat >expected.txt <<'TXT'
Check the lamp.
   user-prompt 'Check the lamp.' ['conversation_id', 'run_id']
   text 'Yes.' ['conversation_id', 'run_id']
Is it bright?
   user-prompt 'Check the lamp.' ['conversation_id', 'run_id']
   text 'Yes.' ['conversation_id', 'run_id']
   user-prompt 'Is it bright?' ['conversation_id', 'run_id']
   text 'Yes.' ['conversation_id', 'run_id']
And the horn?
   compaction 'The lamp is bright.' []
   user-prompt 'And the horn?' ['conversation_id', 'run_id']
   text 'Yes.' ['conversation_id', 'run_id']
Is it loud?
   compaction 'The lamp is bright.' user-prompt 'And the horn?' []
   text 'Yes.' ['conversation_id', 'run_id']
   user-prompt 'Is it loud?' ['conversation_id', 'run_id']
   text 'Yes.' ['conversation_id', 'run_id']
both with ids:
   user-prompt 'Is it loud?' user-prompt 'Is it loud?' []
TXT
"$work/venv/bin/python" trial.py >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
