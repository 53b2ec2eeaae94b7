#!/usr/bin/env bash
# google-adk 2.13.0: a stored session gives its events in the order of their own timestamps, one in memory in
# the order of appending; the last event, and those after a time, differ with the service.
#
# append_event takes an event with any timestamp: that of the host that made it. One would guess that a session
# is the sequence of its appends, as the session object that was appended to shows it. In fact:
#
# 1. SqliteSessionService and DatabaseSessionService sort by timestamp when the session is read: an event of a
#    host whose clock is a second behind stands before what it answers. The session in hand keeps the other
#    order until it is read again, so that the next turn sends the model another history than the last one.
# 2. num_recent_events=1 gives the event with the latest timestamp, not the one that was appended last.
# 3. InMemorySessionService keeps the order of appending. With after_timestamp it goes back from the end and stops
#    at the first event that is older: a later event behind it is left out.
# 4. last_update_time is the timestamp of the last append everywhere, and goes back with it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  "google-adk[db]==2.13.0" "sqlalchemy[asyncio]==2.1.9" "aiosqlite==0.22.1"
cd "$work"
cat >trial.py <<'PY'
import asyncio

from google.adk.events import Event
from google.adk.sessions import DatabaseSessionService, InMemorySessionService
from google.adk.sessions.base_session_service import GetSessionConfig
from google.adk.sessions.sqlite_session_service import SqliteSessionService
from google.genai import types


def said(text, at):
    content = types.Content(role="user", parts=[types.Part(text=text)])
    return Event(invocation_id=text, author="user", timestamp=at, content=content)


def texts(session):
    return [event.content.parts[0].text for event in session.events]


async def main():
    for service in (
        InMemorySessionService(),
        SqliteSessionService("one.db"),
        DatabaseSessionService("sqlite+aiosqlite:///two.db"),
    ):
        print(type(service).__name__)
        session = await service.create_session(app_name="app", user_id="user")
        for text, at in (("first", 1000.0), ("second", 1002.0), ("third", 1001.0)):
            await service.append_event(session, said(text, at))
        print("  in hand:", texts(session))

        async def read(**config):
            return await service.get_session(
                app_name="app",
                user_id="user",
                session_id=session.id,
                config=GetSessionConfig(**config),
            )

        again = await read()
        print("  read:", texts(again), "updated", again.last_update_time)
        print("  the most recent:", texts(await read(num_recent_events=1)))
        print("  after 1001.5:", texts(await read(after_timestamp=1001.5)))


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
InMemorySessionService
  in hand: ['first', 'second', 'third']
  read: ['first', 'second', 'third'] updated 1001.0
  the most recent: ['third']
  after 1001.5: []
SqliteSessionService
  in hand: ['first', 'second', 'third']
  read: ['first', 'third', 'second'] updated 1001.0
  the most recent: ['second']
  after 1001.5: ['second']
DatabaseSessionService
  in hand: ['first', 'second', 'third']
  read: ['first', 'third', 'second'] updated 1001.0
  the most recent: ['second']
  after 1001.5: ['second']
TXT
"$work/venv/bin/python" trial.py >seen.txt 2>errors.txt || { cat errors.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
