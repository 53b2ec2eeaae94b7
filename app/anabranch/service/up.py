"""The service of `anabranch up`: a home's servers, and the projections, as one FastStream service.

FastStream gives the service its life (signals, lifespan) and its commands (request and reply). It
declares no stream: a JStream without `declare=False` resets the settings of one that exists. The
projections run on the log's own connection, for they are ordered and long.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

import orjson
from nats.errors import Error as NatsError

from anabranch.errors import (
    AlreadyRunning,
    HomeBusy,
    NothingRunning,
    ServiceFailed,
    ServiceMissing,
    TenantsInvalid,
)
from anabranch.home.folder import Home, held
from anabranch.home.keeper import COMMAND as KEEP
from anabranch.home.running import COMMAND
from anabranch.home.runtime_file import live_runtime
from anabranch.home.servers import Servers
from anabranch_events.errors import LogUnavailable
from anabranch_events.transport.address import without_secrets
from anabranch_store.errors import GraphUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from faststream.nats import NatsBroker

    from anabranch.home.runtime_file import LogAddress, Runtime
    from anabranch.service.lifespan import Serving
    from anabranch.settings import Settings
    from anabranch_events import Tenant

_PAUSE_S: Final = 0.05
_END_TIMEOUT_S: Final = 30.0
_RECONNECT_WAIT_S: Final = 1
_GRAPH_PAUSE_S: Final = 0.5
_SHARE_OF_START: Final = 0.75
"""For a graph elsewhere: whoever waits for `up` to start hears why it did not."""


async def run_service(
    settings: Settings,
    *,
    ready: Callable[[Runtime], None],
    ending: Callable[[], None] = lambda: None,
    http_port: int | None = None,
    tenants: Sequence[Tenant] | None = None,
    watches_sessions: bool = False,
    waiting: Callable[[str], None] = lambda _: None,
    takes_spans: bool = False,
) -> None:
    """Run the servers, the projections and the commands until SIGTERM or Ctrl-C.

    `ready` is called once they work, `ending` once they are to end. With `http_port` the HTTP
    service is on 127.0.0.1 (0 takes a free port). `tenants` may use the home's NATS server. With
    `watches_sessions` what agent tools write on this machine is imported as it is written, with
    `takes_spans` what instrumented agents send. A graph that runs elsewhere may be just starting:
    `waiting` is called with its address where it is waited for.

    Raises TenantsInvalid where that server is not ours, and AlreadyRunning where another process
    does so on this home. Raises GraphUnavailable where a graph elsewhere does not come. Raises
    ServerEnded when one of the servers ends by itself: the next start recovers.
    """
    if tenants is not None and settings.nats_url is not None:
        raise TenantsInvalid(
            "tenants: NATS_URL names a server that Anabranch does not run",
            field="tenants",
            fix="unset NATS_URL, or give that server's users what "
            "docs/how-to/isolate-tenants.md says",
        )
    serving = _serving(
        settings,
        http_port=http_port,
        watches_sessions=watches_sessions,
        takes_spans=takes_spans,
    )
    async with Servers(settings, command=COMMAND, must_own=True, tenants=tenants) as servers:

        async def announce() -> None:
            servers.http_url = serving.http_url
            servers.otlp_url = serving.otlp_url
            servers.relay = serving.relay
            servers.announce()
            if servers.runtime is not None:
                ready(servers.runtime)

        if settings.neo4j_uri is not None:
            await _graph_elsewhere(servers, waiting=waiting)
        running = serving.run(servers, _broker(servers.log), ready=announce)
        await _serve(running, servers)
        ending()
        servers.pause()


async def _graph_elsewhere(servers: Servers, *, waiting: Callable[[str], None]) -> None:
    """Wait until the graph answers. Raises GraphUnavailable."""
    bound_s = _SHARE_OF_START * servers.settings.start_timeout_s
    began, said = time.monotonic(), False
    while True:
        try:
            async with servers.connect_graph():
                return
        except GraphUnavailable as error:
            if time.monotonic() - began >= bound_s:
                raise GraphUnavailable(
                    f"{error.message}; it was waited for {bound_s:g} s",
                    fix=f"{error.fix}; one that starts slowly: raise ANABRANCH_START_TIMEOUT_S",
                ) from error
        if not said:
            said = True
            waiting(without_secrets(servers.graph.uri))
        await asyncio.sleep(_GRAPH_PAUSE_S)


def _serving(
    settings: Settings, *, http_port: int | None, watches_sessions: bool, takes_spans: bool
) -> Serving:
    try:
        from anabranch.service.lifespan import Serving

        return Serving(
            settings,
            http_port=http_port,
            watches_sessions=watches_sessions,
            takes_spans=takes_spans,
        )
    except ModuleNotFoundError as error:
        raise ServiceMissing(
            f"what `anabranch up` runs in is not installed: {error}",
            fix="pip install 'anabranch[service]', or 'anabranch[all]' for everything; without "
            "`up` each command runs the servers for its own duration",
        ) from error


async def _serve(running: Coroutine[None, None, None], servers: Servers) -> None:
    """Run until a signal comes, or a server of ours ends by itself: raises ServerEnded then."""
    serving = asyncio.create_task(running)
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
                f"the NATS server at {without_secrets(servers.log.url)} does not answer: {error}",
                fix="check that it runs, and that NATS_URL names it",
            ) from error
    finally:
        for task in (serving, watching):
            task.cancel()
        await asyncio.gather(serving, watching, return_exceptions=True)


def _broker(address: LogAddress) -> NatsBroker:
    from faststream.nats import NatsBroker, NatsToken

    return NatsBroker(
        address.url,
        logger=None,
        security=NatsToken(address.token) if address.token else None,
        max_reconnect_attempts=-1,
        reconnect_time_wait=_RECONNECT_WAIT_S,
    )


def up_already(settings: Settings, *, options: Sequence[str] = ()) -> Runtime | None:
    """Return the `anabranch up` that runs on the home and has no other `options`, if there is one.

    Raises AlreadyRunning where it runs with others: they would not be heeded.
    """
    home = Home(settings.home)
    running = live_runtime(home)
    if running is None or running.command != COMMAND:
        return None
    if options:
        raise AlreadyRunning(home.folder, pid=running.pid, fix=_instead(options))
    return running


def _instead(options: Sequence[str]) -> str:
    """Return what to do where `up` runs without the options that were asked for."""
    anew = f"`anabranch down`, then `anabranch up --detach {' '.join(options)}`"
    beside = {"--watch-sessions": "`anabranch sessions watch`", "--http": "`anabranch serve`"}
    found = [command for option, command in beside.items() if option in options]
    return f"start it anew: {anew}" + (f"; or run {' and '.join(found)} beside it" if found else "")


async def start_detached(settings: Settings, *, options: Sequence[str] = ()) -> Runtime:
    """Start `anabranch up` with `options` in the background; return once it is ready.

    Raises AlreadyRunning, and ServiceFailed when it ends instead.
    """
    home = Home(settings.home)
    home.prepare()
    running = live_runtime(home)
    if running is not None and running.command == COMMAND:
        raise AlreadyRunning(home.folder, pid=running.pid)
    command = (sys.executable, "-m", "anabranch", COMMAND, "--json", "--home", str(home.folder))
    with home.service_log.open("wb") as log:
        os.fchmod(log.fileno(), 0o600)
        process = await asyncio.create_subprocess_exec(
            *command,
            *options,
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
    """End the `anabranch up` of this home, or its keeper; return its process id once it has ended.

    Processes that joined wait for the next start. Raises NothingRunning; AlreadyRunning when a
    memory owns the home, or a command; HomeBusy when it does not end.
    """
    home = Home(settings.home)
    running = live_runtime(home)
    if running is None:
        raise NothingRunning(home.folder)
    if running.command not in {COMMAND, KEEP}:
        fix = f"end process {running.pid} itself ({running.command}), or wait until it ends"
        raise AlreadyRunning(home.folder, pid=running.pid, fix=fix)
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
        reason, fix = f"{found['type']}: {found['message']}", str(found["fix"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        reason, fix = lines[-1].decode(errors="replace") or f"exit code {code}", None
    message = f"the servers did not start: {reason}"
    return ServiceFailed(message, log=home.service_log, code=code, fix=fix)
