"""The servers a memory works on: its own over the home, those of the home's owner, or outside ones.

The first process to open a home owns it: it holds the owner's lock, runs the servers and writes the
runtime file. Others read the file and join over loopback, and each holds the joined lock, so that
the owner can wait for them before it ends. The locks end with their processes: an owner that was
killed leaves a free lock and a stale file, and whoever comes next takes the home over.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, Self, TypeVar

from anabranch.errors import AlreadyRunning, HomeBusy, OwnerGone
from anabranch.home.addresses import graph_agreed, log_agreed
from anabranch.home.folder import Home, Lock, held
from anabranch.home.managed_servers import OwnServers
from anabranch.home.runtime_file import LogAddress, Runtime, named_graph, named_log, read_runtime
from anabranch_events import new_id
from anabranch_events.transport.address import without_secrets

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from anabranch.settings import Settings
    from anabranch_events import Log, Tenant
    from anabranch_events.errors import AnabranchError
    from anabranch_store import Graph, GraphAddress

_PAUSE_S: Final = 0.05
_WATCH_PAUSE_S: Final = 0.5
_T = TypeVar("_T")


class Servers:
    """Where the log and the graph are, for as long as this is open.

    `role` says how this process stands to the home: its `owner`, one who `joined`, or `outside`
    when both servers are elsewhere. `must_own` is for the process that shall keep them running.
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
    ) -> None:
        self.settings = settings
        self.home = Home(settings.home)
        self.role: Literal["owner", "joined", "outside"] = "outside"
        self.runtime: Runtime | None = None
        self.http_url: str | None = None
        self._command = command
        self._must_own = must_own
        self._tenants = tenants
        self._instance = new_id()
        self._started_at = datetime.now(UTC)
        self._own_servers: OwnServers | None = None
        self._read_at = 0
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        log, graph = named_log(self.settings), named_graph(self.settings)
        if log and graph and not self._must_own:
            self.log, self.graph = log, graph
            return self
        self.home.prepare()
        try:
            await self._own_or_join()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def projects(self) -> bool:
        """Whether this process folds the log into the graph: who runs a server of the home does."""
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
        """A name for the processes that fold the log into this very graph; one where none share it."""
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
        )

    def connect_graph(self, address: GraphAddress | None = None) -> Graph:
        """Return the graph that is served, or the one at `address`, to be entered."""
        from anabranch_store import Graph

        return Graph.connect(
            address or self.graph,
            timeout_s=self.settings.request_timeout_s,
            explain=self.explained,
        )

    def explained(self, error: AnabranchError) -> AnabranchError:
        """Return why a server did not answer, or refused us: `error`, or that the owner has gone.

        Log and graph ask this wherever they translate an error of their driver.
        """
        if self.role != "joined" or self.runtime is None:
            return error
        current = read_runtime(self.home) if held(self.home.owner_lock) else None
        if current is not None and current.instance == self.runtime.instance:
            return error
        return OwnerGone(self.home.folder)

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
            log=None if self.settings.nats_url else self.log,
            graph=None if self.settings.neo4j_uri else self.graph,
        )
        self.runtime.write(self.home)

    def refresh(self) -> None:
        """As one who joined, read where the graph is by now: a rebuild moves it."""
        if self.role != "joined" or self.runtime is None:
            return
        try:
            written = self.home.runtime.stat().st_mtime_ns
        except OSError:
            return
        if written == self._read_at:
            return
        current = read_runtime(self.home)
        if current is not None and current.instance == self.runtime.instance:
            self._read_at = written
            self.runtime = current
            self.graph = current.graph or self.graph

    def point_to(self, database: str) -> None:
        """As owner of the embedded graph, serve another database from now on, and say so."""
        if self._own_servers is not None:
            self.graph = self._own_servers.point_to(database)
            self.announce()

    async def watch(self) -> None:
        """As owner, wait until a server of ours ends by itself. Raises ServerEnded then."""
        if self._own_servers is not None:
            await self._own_servers.watch()

    async def watch_owner(self) -> None:
        """Wait until the servers end: by themselves (ServerEnded), or with their owner (OwnerGone)."""
        await self.watch()
        while self.role == "joined" and self.runtime is not None:
            current = read_runtime(self.home) if held(self.home.owner_lock) else None
            if current is None or current.instance != self.runtime.instance:
                raise OwnerGone(self.home.folder)
            await asyncio.sleep(_WATCH_PAUSE_S)
        await asyncio.Event().wait()

    async def while_they_run(self, work: Coroutine[None, None, _T]) -> _T:
        """Do `work` for as long as the servers run.

        A projection waits for a server that is away, but one of a home comes back at another
        address. Raises OwnerGone or ServerEnded.
        """
        working = asyncio.ensure_future(work)
        watching = asyncio.ensure_future(self.watch_owner())
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
        owner = Lock(self.home.owner_lock)
        while True:
            if owner.take():
                self._stack.callback(owner.release)
                await self._own()
                return
            found = read_runtime(self.home)
            if found and self._must_own and found.command == self._command:
                raise AlreadyRunning(self.home.folder, pid=found.pid)
            if found and not self._must_own and self._join(found):
                return
            if loop.time() >= deadline:
                raise self._busy(found)
            await asyncio.sleep(_PAUSE_S)

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
        self.log = log_agreed(found, named_log(self.settings), self.home)
        self.graph = graph_agreed(found, named_graph(self.settings), self.home)
        self.runtime, self.role = found, "joined"
        return True

    async def _own(self) -> None:
        self.home.runtime.unlink(missing_ok=True)
        self.role = "owner"
        joined = Lock(self.home.joined_lock)
        self._stack.callback(joined.release)
        own = OwnServers(self.home, self.settings, brief=not self._must_own, tenants=self._tenants)
        self._own_servers = await self._stack.enter_async_context(own)
        self.log, self.graph = own.log, own.graph
        self._stack.push_async_callback(self._let_joiners_leave, joined)

    async def _let_joiners_leave(self, joined: Lock) -> None:
        """Take the runtime file away, so that nobody joins, and wait for who did, up to a bound."""
        self.home.runtime.unlink(missing_ok=True)
        await joined.wait(self.settings.close_timeout_s)
