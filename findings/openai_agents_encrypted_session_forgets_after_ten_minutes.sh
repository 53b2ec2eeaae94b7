#!/usr/bin/env bash
# openai-agents 0.24.0: an EncryptedSession shows no message that is older than ten minutes, and none of another key. It
# does not say so, the rows stay, and pop_item deletes all of them to give back nothing.
#
# `EncryptedSession(session_id=..., underlying_session=SQLiteSession(...), encryption_key=...)` is a session whose messages
# are encrypted where they are stored. One would guess that it remembers what the session below it remembers, and that a
# wrong key is an error. In fact:
#
# 1. `ttl` is 600 seconds by default. A conversation that rested for longer goes on as a new one: the model is sent the
#    new message alone. Nothing is deleted: with a longer `ttl` all of it is there again.
# 2. Each message ends by its own age. So the call of a tool is gone while its result is still there, and the model is
#    sent the result without a call.
# 3. pop_item of a session whose messages have all expired deletes every one, and returns None.
# 4. With another key the session is empty, without an error. What is said then stands in the same rows, and each key has
#    a conversation of its own. Only pop_item raises.
# 5. A plain SQLiteSession gives the envelopes as messages, and what it adds is in no conversation of a key.
#
# So a reader of such a file finds rows without a role: they are encrypted, not of an unknown kind. Anabranch's import
# says so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "openai-agents[encrypt]==0.24.0"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import inspect
import sqlite3
import time
from types import SimpleNamespace

from agents import Agent, Model, ModelResponse, RunConfig, Runner, SQLiteSession, Usage
from agents.extensions.memory import EncryptedSession
from cryptography import fernet
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

QUESTION = {"role": "user", "content": "Is the buoy safe?"}
ANSWER = {"role": "assistant", "content": "It is at the pier."}
CALL = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "dry"}


clock = SimpleNamespace(ahead=0)
clock.time = lambda: time.time() + clock.ahead
fernet.time = clock  # So that nobody has to wait.


class Scripted(Model):
    """A model that notes what it is sent."""

    async def get_response(self, system_instructions, input, *given, **more):
        self.sent = input
        text = ResponseOutputText(text="done", type="output_text", annotations=[])
        message = ResponseOutputMessage(id="m", content=[text], role="assistant", status="completed", type="message")
        return ModelResponse(output=[message], usage=Usage(), response_id=None)

    def stream_response(self, *given, **more):
        raise NotImplementedError


def session(file, key="one", **more):
    below = SQLiteSession("watch", file)
    return EncryptedSession(session_id="watch", underlying_session=below, encryption_key=key, **more)


def kinds(items):
    return [one.get("type") or one["role"] for one in items]


def rows(file):
    with sqlite3.connect(file) as database:
        return database.execute("SELECT count(*) FROM agent_messages").fetchone()[0]


async def main():
    print("by default:", inspect.signature(EncryptedSession).parameters["ttl"].default, "seconds")
    await session("rested.db").add_items([QUESTION, ANSWER])
    await session("called.db").add_items([QUESTION, CALL])
    clock.ahead += 660
    model = Scripted()
    keeper = Agent(name="keeper", model=model)
    plainly = RunConfig(tracing_disabled=True)
    await Runner.run(keeper, "And now?", session=session("rested.db"), run_config=plainly)
    print("after a rest the model is sent:", kinds(model.sent))
    print("with a longer ttl:", kinds(await session("rested.db", ttl=3600).get_items()))
    await session("called.db").add_items([RESULT])
    print("of a call and its result:", kinds(await session("called.db").get_items()))
    await Runner.run(keeper, "And now?", session=session("called.db"), run_config=plainly)
    print("the model is sent:", kinds(model.sent))
    await session("popped.db").add_items([QUESTION, ANSWER])
    clock.ahead += 660
    before = rows("popped.db")
    print("pop_item:", await session("popped.db").pop_item(), "- rows before and after:", before, rows("popped.db"))
    await session("keys.db").add_items([QUESTION, ANSWER])
    print("with another key:", await session("keys.db", "two").get_items())
    await session("keys.db", "two").add_items([QUESTION])
    seen = [len(await session("keys.db", key).get_items()) for key in ("one", "two")]
    print("then by the first and the second key:", *seen)
    try:
        await session("keys.db").pop_item()
    except fernet.InvalidToken:
        print("pop_item by the first key: InvalidToken")
    plain = SQLiteSession("watch", "keys.db")
    print("a plain session:", [sorted(one) for one in await plain.get_items(limit=1)])
    await plain.add_items([ANSWER])
    print("what it added, by a key:", len(await session("keys.db").get_items()) - seen[0])


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
by default: 600 seconds
after a rest the model is sent: ['user']
with a longer ttl: ['user', 'assistant', 'user', 'message']
of a call and its result: ['function_call_output']
the model is sent: ['function_call_output', 'user']
pop_item: None - rows before and after: 2 0
with another key: []
then by the first and the second key: 2 1
pop_item by the first key: InvalidToken
a plain session: [['__enc__', 'kid', 'payload', 'v']]
what it added, by a key: 0
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
