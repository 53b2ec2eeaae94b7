"""What `anabranch up` runs: the servers of a home, and the projections, as one FastStream service.

FastStream gives the service its life (signals, lifespan) and its commands (request and reply). It
declares no stream: a JStream without `declare=False` resets the settings of one that exists. The
projections run on the log's own connection, for they are ordered and long.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import orjson
from nats.errors import Error as NatsError

from anabranch.errors import AlreadyRunning, HomeBusy, NothingRunning, ServiceFailed
from anabranch.home import Home, held
from anabranch.runtime import live_runtime
from anabranch.servers import Servers
from anabranch_events.errors import LogUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from faststream import FastStream
    from faststream.nats import NatsBroker

    from anabranch.runtime import LogAddress, Runtime
    from anabranch.settings import Settings

COMMAND: Final = "up"
_PAUSE_S: Final = 0.05
_END_TIMEOUT_S: Final = 30.0
_RECONNECT_WAIT_S: Final = 1


async def run_service(settings: Settings, *, ready: Callable[[Runtime], None]) -> None:
    """Run the servers and the projections until SIGTERM or Ctrl-C; tell `ready` once they work.

    Raises AlreadyRunning where another process does so on this home, and ServerEnded when one of
    the servers ends by itself: the next start recovers.
    """
    from faststream import FastStream

    async with Servers(settings, command=COMMAND, must_own=True) as servers:
        broker = _broker(servers.log)
        stack = AsyncExitStack()

        @asynccontextmanager
        async def lifespan() -> AsyncGenerator[None]:
            try:
                await _project(servers, broker, stack)
                servers.announce()
                if servers.runtime is not None:
                    ready(servers.runtime)
                yield
            finally:
                await stack.aclose()

        application = FastStream(broker, logger=None, lifespan=lifespan)
        await _serve(application, servers)


async def _serve(application: FastStream, servers: Servers) -> None:
    """Run until a signal comes, or a server of ours ends by itself: raises ServerEnded then."""
    serving = asyncio.create_task(application.run())
    watching = asyncio.create_task(servers.watch())
    try:
        await asyncio.wait({serving, watching}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        await serving
    except NatsError as error:
        # The broker says goodbye to a server that is not there; before we were ready it matters.
        if servers.runtime is None:
            raise LogUnavailable(
                f"the NATS server at {servers.log.url} does not answer: {error}",
                fix="check that it runs, and that NATS_URL names it",
            ) from error
    finally:
        for task in (serving, watching):
            task.cancel()
        await asyncio.gather(serving, watching, return_exceptions=True)


async def _project(servers: Servers, broker: NatsBroker, stack: AsyncExitStack) -> None:
    """Open the log, fold it into the graph, and take the command to use another generation."""
    from anabranch.embedding import opened_embedder
    from anabranch.projecting import MOVE, Projecting

    log = await stack.enter_async_context(servers.connect_log())
    embedder = await stack.enter_async_context(opened_embedder(servers.settings))
    projecting = await stack.enter_async_context(Projecting(servers, log, embedder))

    @broker.subscriber(MOVE)
    async def move(database: str) -> str:
        return await projecting.move(database)


def _broker(address: LogAddress) -> NatsBroker:
    from faststream.nats import NatsBroker, NatsToken

    return NatsBroker(
        address.url,
        logger=None,
        security=NatsToken(address.token) if address.token else None,
        max_reconnect_attempts=-1,
        reconnect_time_wait=_RECONNECT_WAIT_S,
    )


async def start_detached(settings: Settings) -> Runtime:
    """Start `anabranch up` in the background; return once it is ready.

    Raises AlreadyRunning, and ServiceFailed when it ends instead.
    """
    home = Home(settings.home)
    home.prepare()
    running = live_runtime(home)
    if running is not None and running.command == COMMAND:
        raise AlreadyRunning(home.folder, pid=running.pid)
    arguments = (sys.executable, "-m", "anabranch", COMMAND, "--json", "--home", str(home.folder))
    with home.service_log.open("wb") as log:
        os.fchmod(log.fileno(), 0o600)
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = asyncio.get_running_loop().time() + settings.start_timeout_s
    while asyncio.get_running_loop().time() < deadline:
        if process.returncode is not None:
            raise _ended_early(home, process.returncode)
        running = live_runtime(home)
        if running is not None and running.pid == process.pid:
            return running
        await asyncio.sleep(_PAUSE_S)
    process.terminate()
    raise ServiceFailed(
        f"the servers were not ready within {settings.start_timeout_s:g} s",
        log=home.service_log,
        code=HomeBusy.exit_code,
    )


async def end_service(settings: Settings) -> int:
    """End the `anabranch up` of this home; return its process id once it has ended.

    Raises NothingRunning; AlreadyRunning when the owner is no `up`; HomeBusy when it does not end.
    """
    home = Home(settings.home)
    running = live_runtime(home)
    if running is None:
        raise NothingRunning(home.folder)
    if running.command != COMMAND:
        raise AlreadyRunning(home.folder, pid=running.pid)
    # The owner's lock is held and the file is the owner's own: this pid is the owner.
    os.kill(running.pid, signal.SIGTERM)
    deadline = asyncio.get_running_loop().time() + _END_TIMEOUT_S
    while held(home.owner_lock):
        if asyncio.get_running_loop().time() >= deadline:
            raise HomeBusy(
                f"process {running.pid} has not ended after {_END_TIMEOUT_S:g} s",
                fix="try again, or end the process by its id",
            )
        await asyncio.sleep(_PAUSE_S)
    return running.pid


def _ended_early(home: Home, code: int) -> ServiceFailed:
    """Say why the service ended: its last line is the error it met."""
    lines = home.service_log.read_bytes().splitlines() or [b""]
    try:
        found = orjson.loads(lines[-1])["error"]
        reason = f"{found['type']}: {found['message']}. To fix it: {found['fix']}"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        reason = lines[-1].decode(errors="replace") or f"exit code {code}"
    return ServiceFailed(f"the servers did not start: {reason}", log=home.service_log, code=code)
