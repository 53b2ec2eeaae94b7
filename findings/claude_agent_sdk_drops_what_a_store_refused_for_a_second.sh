#!/usr/bin/env bash
# claude-agent-sdk 0.2.189: what a session store refused for a second is never sent again. The run is a success, and a
# reader of the store gets the end of the conversation alone: what was stored before the gap is not shown either.
#
# A `SessionStore` is given each piece of a conversation while it goes on, so that another machine can resume it. One
# would guess that a store which was away for a moment is given what it missed with the next piece, or that the run says
# that it failed. In fact:
#
# 1. A piece is tried three times within about a second, and dropped. The pieces after it are stored, so the store has a
#    gap that nothing fills.
# 2. Told is it by one message within the stream, of the type MirrorErrorMessage. The result says `success`, no error.
# 3. `get_session_messages_from_store` goes back from the last message by `parentUuid`, and stops at the gap. Of eight
#    messages of which two are missing it gives the last four; the first two, which the store has, are gone from sight.
# 4. A store that raises TimeoutError is asked once, not three times.
# 5. A piece that was stored though its answer was an error comes again whole: a store that appends has it twice.
#
# So a store waits and tries again by itself for longer than a second, and keeps each `uuid` once. Who reads from one must
# not go by the chain alone.
#
# No Claude Code runs here: a transport of the SDK says what it would say.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "claude-agent-sdk==0.2.189" "anyio==4.14.2"
cd "$work"
export CLAUDE_CONFIG_DIR="$work/config"
cat >trial.py <<'PY'
import asyncio
import json
import logging
import os
from pathlib import Path

import anyio
from claude_agent_sdk import (
    ClaudeAgentOptions,
    InMemorySessionStore,
    Transport,
    get_session_messages_from_store,
    project_key_for_directory,
    query,
)

SESSION = "01a20000-0000-4000-8000-000000000001"
PROJECT = project_key_for_directory(".")
FILE = Path(os.environ["CLAUDE_CONFIG_DIR"], "projects", PROJECT, f"{SESSION}.jsonl")


def uuid(number):
    return f"01a20000-0000-4000-8000-0000000001{number:02}"


def message(number):
    role = "assistant" if number % 2 else "user"
    return {
        "type": role,
        "uuid": uuid(number),
        "parentUuid": uuid(number - 1) if number else None,
        "sessionId": SESSION,
        "timestamp": f"2026-11-30T10:00:0{number}.000Z",
        "message": {"role": role, "content": f"said {number}"},
    }


class Claude(Transport):
    """Says four pieces of two messages each, and that all went well."""

    def __init__(self):
        self.send, self.receive = anyio.create_memory_object_stream(100)

    async def connect(self):
        pass

    async def write(self, data):
        told = json.loads(data)
        if told["type"] == "control_request":
            answer = {"subtype": "success", "request_id": told["request_id"], "response": {}}
            await self.send.send({"type": "control_response", "response": answer})
        elif told["type"] == "user":
            for first in range(0, 8, 2):
                entries = [message(first), message(first + 1)]
                await self.send.send({"type": "transcript_mirror", "filePath": str(FILE), "entries": entries})
            counts = {"duration_ms": 1, "duration_api_ms": 1, "num_turns": 1, "total_cost_usd": 0.0}
            result = {"subtype": "success", "is_error": False, "session_id": SESSION, "result": "Done."}
            await self.send.send({"type": "result", **result, **counts})
            self.send.close()

    async def said(self):
        async for one in self.receive:
            yield one

    def read_messages(self):
        return self.said()

    async def close(self):
        self.send.close()
        self.receive.close()

    def is_ready(self):
        return True

    async def end_input(self):
        pass


class Store(InMemorySessionStore):
    """Refuses the second piece, some times, by raising an error before or after it is stored."""

    def __init__(self, error, *, times, stores=False):
        super().__init__()
        self.error, self.times, self.stores, self.asked = error, times, stores, 0

    async def append(self, key, entries):
        refused = entries[0]["uuid"] == uuid(2)
        self.asked += refused
        if refused and self.asked <= self.times:
            if self.stores:
                await super().append(key, entries)
            raise self.error
        await super().append(key, entries)


async def run(how, store):
    options = ClaudeAgentOptions(session_store=store, session_store_flush="eager")
    told = [one async for one in query(prompt="Go on.", options=options, transport=Claude())]
    entries = await store.load({"project_key": PROJECT, "session_id": SESSION})
    shown = await get_session_messages_from_store(store, SESSION)
    print(f"{how}: asked {store.asked} time(s)")
    print("  told:", sorted((type(one).__name__, one.subtype) for one in told))
    print("  stored:", [entry["message"]["content"] for entry in entries])
    print("  shown:", [one.message["content"] for one in shown])


async def main():
    await run("never away", Store(OSError("away"), times=0))
    await run("away twice", Store(OSError("away"), times=2))
    await run("away thrice", Store(OSError("away"), times=3))
    await run("too slow once", Store(TimeoutError("slow"), times=1))
    await run("stored, and its answer lost", Store(OSError("lost"), times=1, stores=True))


logging.disable(logging.CRITICAL)
asyncio.run(main())
PY
cat >expected.txt <<'TXT'
never away: asked 1 time(s)
  told: [('ResultMessage', 'success')]
  stored: ['said 0', 'said 1', 'said 2', 'said 3', 'said 4', 'said 5', 'said 6', 'said 7']
  shown: ['said 0', 'said 1', 'said 2', 'said 3', 'said 4', 'said 5', 'said 6', 'said 7']
away twice: asked 3 time(s)
  told: [('ResultMessage', 'success')]
  stored: ['said 0', 'said 1', 'said 2', 'said 3', 'said 4', 'said 5', 'said 6', 'said 7']
  shown: ['said 0', 'said 1', 'said 2', 'said 3', 'said 4', 'said 5', 'said 6', 'said 7']
away thrice: asked 3 time(s)
  told: [('MirrorErrorMessage', 'mirror_error'), ('ResultMessage', 'success')]
  stored: ['said 0', 'said 1', 'said 4', 'said 5', 'said 6', 'said 7']
  shown: ['said 4', 'said 5', 'said 6', 'said 7']
too slow once: asked 1 time(s)
  told: [('MirrorErrorMessage', 'mirror_error'), ('ResultMessage', 'success')]
  stored: ['said 0', 'said 1', 'said 4', 'said 5', 'said 6', 'said 7']
  shown: ['said 4', 'said 5', 'said 6', 'said 7']
stored, and its answer lost: asked 2 time(s)
  told: [('ResultMessage', 'success')]
  stored: ['said 0', 'said 1', 'said 2', 'said 3', 'said 2', 'said 3', 'said 4', 'said 5', 'said 6', 'said 7']
  shown: ['said 0', 'said 1', 'said 2', 'said 3', 'said 4', 'said 5', 'said 6', 'said 7']
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
