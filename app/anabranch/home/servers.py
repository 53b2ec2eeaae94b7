"""The servers a memory works on: its own over the home, those of the home's owner, or outside ones.

The first process to open a home owns it: it holds the owner's lock, runs the servers and writes the
runtime file. Others read the file and join over loopback, and each holds the joined lock. An owner
that leaves while others are joined hands the home to a keeper, a detached process that ends after
the last of them. The locks end with their processes. An owner that was killed leaves a free lock
and a stale file, and those who joined start a keeper. Every owner starts the servers on the ports
and with the passwords of the one before, if it can. A process that joined reads the file again at
each reconnection.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import signal
import time
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, Self, TypeVar

from anabranch.errors import AlreadyRunning, HomeBusy, OwnerGone
from anabranch.home.absences import Absences
from anabranch.home.addresses import graph_agreed, log_agreed
from anabranch.home.folder import Home, Lock, held
from anabranch.home.keeper import COMMAND as KEEP
from anabranch.home.keeper import start_keeper
from anabranch.home.managed_servers import OwnServers
from anabranch.home.passing import clear_passing
from anabranch.home.runtime_file import (
    LogAddress,
    Runtime,
    live_runtime,
    named_graph,
    named_log,
    ports_before,
    read_runtime,
)
from anabranch.home.stand_by import stand_by
from anabranch_events import new_id
from anabranch_events.transport.address import without_secrets
from anabranch_store.errors import GraphUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from anabranch.home.keeper import KeeperLine
    from anabranch.home.runtime_file import RelayAddress
    from anabranch.settings import Settings
    from anabranch_events import Log, Tenant
    from anabranch_events.errors import AnabranchError
    from anabranch_store import Graph, GraphAddress

_PAUSE_S: Final = 0.05
_WATCH_PAUSE_S: Final = 0.5
_LINGER_S: Final = 2.0
"""The time a keeper waits for the next to join: starting the servers takes about as long."""
_log = logging.getLogger("anabranch")
_T = TypeVar("_T")


def would_start(settings: Settings) -> bool:
    """Tell whether opening the servers would start some: the settings lack one, and none runs."""
    if named_log(settings) and named_graph(settings):
        return False
    return not held(Home(settings.home).owner_lock)


class Servers:
    """Where the log and the graph are, for as long as this is open.

    `role` says how this process stands to the home: its `owner`, one who `joined`, or `outside`
    when both servers are elsewhere. `must_own` is for the process that shall keep them running;
    `owner` is the owner's lock, where the process before passed it on.
    """

    log: LogAddress
    graph: GraphAddress

    def __init__(
        self,
        settings: Settings,
        *,
        command: str = "memory",
        must_own: bool = False,
        tenants: Sequence[Tenant] | None = None,
        owner: Lock | None = None,
    ) -> None:
        self.settings = settings
        self.home = Home(settings.home)
        self.role: Literal["owner", "joined", "outside"] = "outside"
        self.runtime: Runtime | None = None
        self.http_url: str | None = None
        self.otlp_url: str | None = None
        self.relay: RelayAddress | None = None
        self._command = command
        self._must_own = must_own
        self._tenants = tenants
        self._instance = new_id()
        self._started_at = datetime.now(UTC)
        self._own_servers: OwnServers | None = None
        self._read_at = 0
        self._owner = Lock(self.home.owner_lock) if owner is None else owner
        self._joined = Lock(self.home.joined_lock)
        self._paused = False
        self._keeper: KeeperLine | None = None
        self._absences = Absences(self.home, bound_s=settings.start_timeout_s)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.role, self.runtime = "outside", None
        log, graph = named_log(self.settings), named_graph(self.settings)
        if log and graph and not self._must_own:
            self.log, self.graph = log, graph
            return self
        try:
            await self._own_or_join()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def instance(self) -> str:
        """A name of this process as the home's owner; the runtime file has it too."""
        return self._instance

    @property
    def projects(self) -> bool:
        """True where this process folds the log into the graph: the owner of the home does."""
        return self.role == "owner"

    @property
    def shared(self) -> str | None:
        """A name for the graph where processes elsewhere may fold the same log into it."""
        if not (self.settings.nats_url and self.settings.neo4j_uri):
            return None
        target = f"{self.settings.neo4j_uri} {self.settings.neo4j_database or ''}"
        return hashlib.sha256(target.encode()).hexdigest()[:16]

    @property
    def projectors(self) -> str:
        """A name for the processes that fold the log into this graph; unique where unshared."""
        return self.shared or (self.runtime.instance if self.runtime else self._instance)

    def connect_log(self) -> Log:
        """Return the log on its server, to be entered."""
        from anabranch_events import Log

        return Log.connect(
            self.log.url,
            token=self.log.token,
            timeout_s=self.settings.request_timeout_s,
            durability=self.log.durability,
            explain=self.explained,
            locate=self.locate_log,
            absence=self._absences.reason if self.role == "joined" else None,
        )

    def connect_graph(self, address: GraphAddress | None = None) -> Graph:
        """Return the graph that is served, or the one at `address`, to be entered.

        One on another server is nowhere else when it does not answer, and no owner is waited for.
        """
        from anabranch_store import Graph

        ours = address is None or address.uri == self.graph.uri
        return Graph.connect(
            address or self.graph,
            timeout_s=self.settings.request_timeout_s,
            explain=self.explained,
            locate=self.locate_graph if ours else None,
            paused=self._absences.paused if ours and self.role == "joined" else None,
        )

    def locate_log(self) -> tuple[str, str | None] | None:
        """Return where the log is by now, and its token; None where no other owner can move it."""
        if self.role != "joined":
            return None
        self.refresh()
        return self.log.url, self.log.token

    def locate_graph(self, address: GraphAddress) -> GraphAddress | None:
        """Return where the graph at `address` is by now; None where no other owner can move it."""
        if self.role != "joined":
            return None
        self.refresh()
        return self.graph.model_copy(update={"database": address.database})

    def explained(self, error: AnabranchError) -> AnabranchError:
        """Return why a server did not answer, or refused us: `error`, or that the owner has gone.

        Log and graph ask this wherever they translate an error of their driver.
        """
        return OwnerGone(self.home.folder) if self._owner_gone() else error

    def _owner_gone(self) -> bool:
        if self.role != "joined" or self.runtime is None:
            return False
        current = live_runtime(self.home)
        return current is None or current.instance != self.runtime.instance

    def announce(self) -> None:
        """As owner, say in the runtime file that others may join now."""
        if self.role != "owner":
            return
        self.runtime = Runtime(
            instance=self._instance,
            pid=os.getpid(),
            command=self._command,
            started_at=self._started_at,
            log_url=without_secrets(self.log.url),
            graph_uri=self.graph.uri,
            http_url=self.http_url,
            otlp_url=self.otlp_url,
            relay=self.relay,
            log=None if self.settings.nats_url else self.log,
            graph=None if self.settings.neo4j_uri else self.graph,
        )
        self.runtime.write(self.home)
        self.home.resume()

    def pause(self) -> None:
        """As owner, end by an operator's wish: who joined waits, and starts no servers."""
        self._paused = True

    def refresh(self) -> None:
        """As one who joined, read where the servers are by now.

        A rebuild moves the graph, and another owner may have others.
        """
        if self.role != "joined" or self.runtime is None:
            return
        try:
            written = self.home.runtime.stat().st_mtime_ns
        except OSError:
            return
        if written == self._read_at:
            return
        current = live_runtime(self.home)
        if current is not None:
            self._read_at = written
            self._follow(current)

    def _follow(self, owner: Runtime) -> None:
        """Work on the servers of `owner` from now on. Raises HomeMismatched."""
        self.log = log_agreed(owner, named_log(self.settings), self.home)
        self.graph = graph_agreed(owner, named_graph(self.settings), self.home)
        self.runtime = owner

    async def point_to(self, database: str) -> None:
        """As owner of the embedded graph, serve another database from now on, and say so."""
        if self._own_servers is not None:
            self.graph = await self._own_servers.point_to(database)
            self.announce()

    async def watch(self) -> None:
        """As owner, wait until a server of ours ends by itself. Raises ServerEnded then."""
        if self._own_servers is not None:
            await self._own_servers.watch()
        await asyncio.Event().wait()

    async def left(self) -> None:
        """As keeper, wait until nobody is joined for a while; then nobody can join any more."""
        alone_since = time.monotonic()
        while True:
            await asyncio.sleep(_WATCH_PAUSE_S)
            if not self._joined.take():
                alone_since = time.monotonic()
                continue
            if time.monotonic() - alone_since >= _LINGER_S:
                return
            self._joined.release()

    async def patiently(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Call `ask`, again for the time limit of a request while an owner is being replaced.

        It must not do harm twice, and look up where the graph is each time. Raises OwnerGone.
        """
        deadline = time.monotonic() + self.settings.request_timeout_s
        while True:
            try:
                return await ask()
            except (OwnerGone, GraphUnavailable) as error:
                if self.role == "joined" and self._absences.paused():
                    deadline = time.monotonic() + self.settings.request_timeout_s
                if self.role != "joined" or time.monotonic() >= deadline:
                    found = self.explained(error)
                    if found is error:
                        raise
                    raise found from None
            await asyncio.sleep(_PAUSE_S)
            self.refresh()

    async def while_they_run(self, work: Callable[[], Coroutine[None, None, _T]]) -> _T:
        """Do `work` for as long as the servers run, and begin again with those of another owner.

        A projection waits for a server that is away for as long as it takes: so the owner is
        watched. Raises OwnerGone where none follows within the time that servers take to start,
        and ServerEnded.
        """
        while True:
            try:
                return await self._while_they_run(work())
            except OwnerGone:
                await self._followed()

    async def _followed(self) -> None:
        """Wait for the owner after ours. Raises OwnerGone."""
        deadline = time.monotonic() + (
            self.settings.start_timeout_s
            if self.settings.take_over
            else self.settings.request_timeout_s
        )
        while self._owner_gone():
            if not self._absences.paused() and time.monotonic() >= deadline:
                raise OwnerGone(self.home.folder)
            await asyncio.sleep(_PAUSE_S)
            self.refresh()

    async def _watch_owner(self) -> None:
        """Wait until servers end: by themselves (ServerEnded), or with their owner (OwnerGone)."""
        if self.role != "joined":
            await self.watch()
        owner = self.runtime.instance if self.runtime else None
        while True:
            current = live_runtime(self.home)
            if current is None or current.instance != owner:
                raise OwnerGone(self.home.folder)
            await asyncio.sleep(_WATCH_PAUSE_S)

    async def _while_they_run(self, work: Coroutine[None, None, _T]) -> _T:
        working = asyncio.ensure_future(work)
        watching = asyncio.ensure_future(self._watch_owner())
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                watching.result()
            return await working
        finally:
            working.cancel()
            watching.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    async def _own_or_join(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.settings.start_timeout_s
        asked: str | None = None
        while True:
            if self._taken():
                self._stack.callback(self._owner.release)
                await self._own()
                return
            found = read_runtime(self.home)
            if found and self._must_own and found.command == self._command:
                raise AlreadyRunning(self.home.folder, pid=found.pid)
            if found and self._must_own and found.command == KEEP and found.instance != asked:
                asked = self._ask_to_leave(found)
            if found and not self._must_own and self._join(found):
                return
            if loop.time() >= deadline:
                raise self._busy(found)
            await asyncio.sleep(_PAUSE_S)

    def _taken(self) -> bool:
        """Say whether we own the home now. Nothing is written while somebody else does."""
        if self._owner.descriptor is None and held(self.home.owner_lock):
            return False
        self.home.prepare()
        return self._owner.take()

    def _ask_to_leave(self, keeper: Runtime) -> str:
        """Have the keeper make room for us; return its instance."""
        if held(self.home.owner_lock):  # Then the file is its own, and the process id too.
            with suppress(ProcessLookupError):
                os.kill(keeper.pid, signal.SIGTERM)
        return keeper.instance

    def _busy(self, found: Runtime | None) -> AlreadyRunning | HomeBusy:
        if found and self._must_own:
            return AlreadyRunning(self.home.folder, pid=found.pid)
        return HomeBusy(
            f"the owner of {self.home.folder} is still starting or ending after "
            f"{self.settings.start_timeout_s:g} s",
            fix="try again in a moment; `anabranch doctor` says who owns the home",
        )

    def _join(self, found: Runtime) -> bool:
        """Join the owner that wrote `found`; say whether it still stands."""
        joined = Lock(self.home.joined_lock, shared=True)
        if not joined.take():
            return False
        again = read_runtime(self.home)
        if again is None or again.instance != found.instance or not held(self.home.owner_lock):
            joined.release()
            return False
        self._stack.callback(joined.release)
        self._follow(found)
        self.role = "joined"
        if self.settings.take_over:
            watching = asyncio.create_task(stand_by(self.home, self.settings))
            self._stack.push_async_callback(_ended, watching)
        return True

    async def _own(self) -> None:
        self.home.retire_runtime()
        clear_passing(self.home)
        self.role = "owner"
        with Lock(self.home.joined_lock, shared=True) as made:
            made.take()  # Those who join later need no room for the file.
        self._stack.callback(self._let_keeper_begin)
        self._stack.callback(self._joined.release)
        own = OwnServers(
            self.home,
            self.settings,
            brief=not self._must_own,
            tenants=self._tenants,
            ports=ports_before(self.home),
        )
        self._own_servers = await self._stack.enter_async_context(own)
        self.log, self.graph = own.log, own.graph
        self._stack.push_async_callback(self._let_joiners_leave)

    async def _let_joiners_leave(self) -> None:
        """Take the runtime file away, so that nobody joins; leave who did to the owner after us.

        A pause is an operator's: who joined gets time to leave, and waits afterwards.
        """
        self.home.retire_runtime()
        if self._joined.take():
            return
        if self._paused:
            self.home.pause()
        if self._paused and self._command == KEEP:
            return
        if self._paused or not self.settings.take_over:
            await self._joined.wait(self.settings.close_timeout_s)
        elif self._own_servers is not None and self._own_servers.running:
            await self._call_keeper()

    async def _call_keeper(self) -> None:
        """Start a keeper, and wait until it has loaded its modules, or nobody needs it any more."""
        try:
            self._keeper = start_keeper(self.home, self.settings, owner=self._owner)
        except OSError as error:
            _log.warning("nobody takes the servers of %s over: %s", self.home.folder, error)
            return
        deadline = time.monotonic() + self.settings.start_timeout_s
        while not self._joined.take():
            if self._keeper.answered or time.monotonic() >= deadline:
                return
            await asyncio.sleep(_PAUSE_S)

    def _let_keeper_begin(self) -> None:
        """Our servers have ended: its own may start."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
