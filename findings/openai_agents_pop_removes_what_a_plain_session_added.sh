#!/usr/bin/env bash
# openai-agents 0.24.0: pop_item of an AdvancedSQLiteSession removes messages of others than its own.
#
# An AdvancedSQLiteSession keeps its branches in a table of its own, beside the messages that it shares with
# the plain SQLiteSession. Both may open one session of one file. One would guess that they see the same
# conversation, or that one refuses the other's file. In fact:
#
# 1. The plain session gives the messages of all branches as one conversation, in the order they were written.
# 2. What the plain session adds has no row in the branches' table: no branch of the advanced session has it.
# 3. The next pop_item of the advanced session, on any branch, removes its own last message, and with it every
#    message without such a row: what the plain session added is gone, and nobody is told.
#
# So a reader of such a file must go by the branches' table, and must not take messages without a row for
# damage: they were said, and they are there only until somebody pops.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "openai-agents==0.24.0"
cd "$work"
cat >trial.py <<'PY'
import asyncio

from agents import SQLiteSession
from agents.extensions.memory import AdvancedSQLiteSession


def user(text):
    return {"role": "user", "content": text}


async def texts(session):
    return [item["content"] for item in await session.get_items()]


async def main():
    advanced = AdvancedSQLiteSession(session_id="s", db_path="s.db", create_tables=True)
    await advanced.add_items([user("one"), user("two")])
    await advanced.create_branch_from_turn(2, "other")
    await advanced.add_items([user("two, asked otherwise")])
    plain = SQLiteSession("s", "s.db")
    print("plain sees:", await texts(plain))
    await plain.add_items([user("by the plain session")])
    print("the branch sees:", await texts(advanced))
    popped = await advanced.pop_item()
    print("popped:", popped["content"])
    print("plain sees:", await texts(plain))
    advanced.close()
    plain.close()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
plain sees: ['one', 'two', 'two, asked otherwise']
the branch sees: ['one', 'two, asked otherwise']
popped: two, asked otherwise
plain sees: ['one', 'two']
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
