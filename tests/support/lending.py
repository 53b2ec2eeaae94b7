"""Embedded graphs on loan: to start a server costs more than most tests of a memory do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, Self

from anabranch_store import EmbeddedGraph
from anabranch_store.embedded.admin import admin_of
from anabranch_store.embedded.databases import FIRST
from tests.support.rounds import HOMES_ENGINE

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from anabranch_store import GraphAddress
    from anabranch_store.embedded.engine import EngineName
    from tests.support.graph_template import GraphTemplate


class _Loan(NamedTuple):
    server: EmbeddedGraph
    database: str


class Lender:
    """Lends servers to the homes of a test; each is one home's alone until `take_back`.

    A home that is opened again finds its server as it left it.
    """

    def __init__(self, folder: Path, template: GraphTemplate) -> None:
        self._folder = folder
        self._template = template
        self._servers: list[EmbeddedGraph] = []
        self._lent: dict[Path, _Loan] = {}

    async def lend(self, folder: Path) -> GraphAddress:
        """Return where the graph of a home's folder is served, an empty one the first time."""
        if folder not in self._lent:
            server = await self._free_server()
            self._lent[folder] = _Loan(server, FIRST)
            await asyncio.to_thread(_place, folder, server)
        loan = self._lent[folder]
        return loan.server.address.model_copy(update={"database": loan.database})

    def point_to(self, folder: Path, database: str) -> None:
        """Make `database` the one that is served when the home is opened again."""
        self._lent[folder] = self._lent[folder]._replace(database=database)

    async def take_back(self) -> None:
        """Empty the servers that were lent."""
        lent = [loan.server for loan in self._lent.values()]
        self._lent.clear()
        for server in lent:
            await self._empty(server)

    async def close(self) -> None:
        """End the servers."""
        while self._servers:
            await self._servers.pop().__aexit__(None, None, None)

    async def _free_server(self) -> EmbeddedGraph:
        if len(self._servers) == len(self._lent):
            folder = self._folder / f"graph{len(self._servers)}"
            server = EmbeddedGraph(folder, brief=True, engine=HOMES_ENGINE)
            await server.__aenter__()
            self._servers.append(server)
            await self._empty(server)
        return self._servers[len(self._lent)]

    async def _empty(self, server: EmbeddedGraph) -> None:
        admin = admin_of(server.address)
        for database in await admin.databases():
            await admin.server(f"drop database {database}")
        await self._template.copy_to(server, FIRST)


def _place(folder: Path, server: EmbeddedGraph) -> None:
    """Let a home's folder hold the server's files, as if the home had started it."""
    folder.mkdir(mode=0o700, parents=True)
    (folder / "databases").symlink_to(server.folder / "databases")


class BorrowedGraph:
    """The part of `EmbeddedGraph` that a home uses, on a server that the lender started."""

    address: GraphAddress

    def __init__(
        self,
        lender: Lender,
        folder: Path,
        *,
        brief: bool = False,
        engine: EngineName = HOMES_ENGINE,
        ports: tuple[int, int] | None = None,
    ) -> None:
        del brief, engine, ports
        self.running = True
        self._lender = lender
        self._folder = folder

    async def __aenter__(self) -> Self:
        self.address = await self._lender.lend(self._folder)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the server as it is: the home may be opened again."""

    async def point_to(self, database: str) -> None:
        """Serve another database from now on."""
        self._lender.point_to(self._folder, database)
        self.address = self.address.model_copy(update={"database": database})
