"""The graph: statements by name, writes in transactions, on Neo4j and the embedded graph alike."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeAlias, TypeVar

from anabranch_store.bolt import driver as neo4j
from anabranch_store.bolt.driver_errors import driver_errors
from anabranch_store.bolt.product import Product, product_of
from anabranch_store.bolt.transactions import (
    STATEMENT_TIMEOUT_S,
    Plan,
    Step,
    read_rows,
    write_steps,
)
from anabranch_store.cypher.query import QueryBounds, QueryResult, QueryRunner
from anabranch_store.errors import CommitUnknown, GraphRefused, GraphUnavailable, SetupInvalid
from anabranch_store.graph.digest import FETCH as DIGEST_FETCH
from anabranch_store.graph.digest import Digest, digest_of, hashes_in, rows_in
from anabranch_store.graph.schema import VectorsInUse, claim_vectors, make_schema, vectors_in_use

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

    from neo4j import AsyncDriver, AsyncSession

    from anabranch_store.address import GraphAddress
    from anabranch_store.errors import Explain
    from anabranch_store.graph.content import Row

_T = TypeVar("_T")
_PAUSE_S: Final = 0.05
_UNSHOWN: Final = logging.NullHandler()
Locate: TypeAlias = "Callable[[GraphAddress], GraphAddress | None]"
"""Where the graph at an address is by now; None where nobody shall wait for it."""

_SCHEMES: Final = frozenset({"bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"})


class Reached(NamedTuple):
    """The positions that the projections have reached, and the model of the vectors, if any."""

    graph: int
    vectors: int
    model: str | None


class Graph:
    """A graph on one server, as its writer. Make it by `connect`, open it by `async with`."""

    def __init__(
        self,
        address: GraphAddress,
        *,
        timeout_s: float,
        explain: Explain | None = None,
        locate: Locate | None = None,
        paused: Callable[[], bool] | None = None,
    ) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._explain = explain
        self._locate = locate
        self._paused = paused
        self._moving = asyncio.Lock()
        self._driver: AsyncDriver | None = None
        self._product: Product | None = None
        self._runner: QueryRunner | None = None

    @classmethod
    def connect(
        cls,
        address: GraphAddress,
        *,
        timeout_s: float = 10.0,
        explain: Explain | None = None,
        locate: Locate | None = None,
        paused: Callable[[], bool] | None = None,
    ) -> Graph:
        """Return the graph at `address`; entering it connects, within `timeout_s`.

        `explain` gets each error of a server that does not answer or refuses us, and returns the
        one to raise. With `locate` a call waits, for `timeout_s`, for a server that is away. It
        is asked for the present address before each repetition; None ends the waiting. While
        `paused` says so, the time is not counted.
        Entering raises GraphUnavailable when nobody answers, GraphRefused for a wrong user or
        password. It raises SetupInvalid for a server that is neither Neo4j nor the embedded graph.
        """
        return cls(address, timeout_s=timeout_s, explain=explain, locate=locate, paused=paused)

    async def __aenter__(self) -> Self:
        try:
            await self._asked(self._connect)
        except ValueError as error:  # The driver found no port or host in it.
            await self._close()
            raise _no_address(self.address.uri) from error
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    @property
    def product(self) -> Product:
        """The server's product; only while the graph is open."""
        if self._product is None:
            raise _not_open()
        return self._product

    @property
    def paused(self) -> bool:
        """True while the server is away because its operator paused it: calls wait for it."""
        return self._paused is not None and self._paused()

    async def apply_schema(self, *, dimension: int | None = None) -> None:
        """Make the constraints and indexes that are not there yet, and wait until they serve.

        The vector index takes vectors of `dimension` numbers. Without, it stays unchanged, or is
        made for the built-in model. Raises VectorsMismatched when the graph holds vectors of
        another dimension.
        """
        await self._asked(
            lambda: make_schema(self._open, self.address, self.product, dimension=dimension)
        )

    async def claim_vectors(self, *, model: str, dimension: int) -> None:
        """Note that the vectors of `model` are written here.

        Raises VectorsMismatched when the graph holds those of another model or dimension.
        """
        wanted = VectorsInUse(model, dimension)
        await self._asked(lambda: claim_vectors(self._open, self.address, wanted))

    async def vectors_in_use(self) -> VectorsInUse | None:
        """Return the model of the graph's vectors, None before its schema was made."""
        return await self._asked(lambda: vectors_in_use(self._open, self.address))

    async def read(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of the statement `statement`, dates and times as Python's own."""
        step = Step(statement, parameters)
        return await self._asked(lambda: read_rows(self._read_session, step))

    async def write(self, steps: Sequence[Step]) -> None:
        """Run `steps` in one transaction: all of them hold, or none.

        A transaction that the server undid is tried again for a while. The reason may be a
        deadlock, a change of leader, or another writer of the same record. When the connection is
        lost while it commits, GraphUnavailable is raised and nobody knows whether it holds.
        """
        await self._asked(lambda: write_steps(self._write_session, None, steps))

    async def write_if(
        self, guard: Step, steps: Sequence[Step] | Plan, *, writer: str | None = None
    ) -> bool:
        """Run `guard` and then `steps` in one transaction, if `guard` returns a row.

        A plan in the place of `steps` asks the graph first, behind the guard.

        Returns False, with nothing written, when it returns none. A guard that compares and sets
        must lock the value before it compares: on Neo4j a SET takes the lock. `writer` is the name
        by which `end_writes` finds the transaction.
        """
        return await self._asked(
            lambda: write_steps(self._write_session, guard, steps, writer=writer)
        )

    async def end_writes(self, writer: str) -> None:
        """Have the server undo the open transactions of `writer`, in any process.

        That of a frozen process would otherwise keep its locks for as long as it is frozen. The
        embedded graph holds no lock before the commit, so there is nothing to end.
        """
        if self.product.name == "neo4j":
            await self.read("projection/end_writes", writer=writer)

    async def query(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout_s: float = 10.0,
        rows_max: int = 10_000,
        bytes_max: int = 16 * 1024 * 1024,
    ) -> QueryResult:
        """Run a user's query: it reads, within the bounds, and can do nothing else.

        Rows past `rows_max`, or past `bytes_max` bytes of JSON, are left out, and the result says
        so. Raises QueryRefused for a write, LOAD CSV, administration or a procedure that is not on
        the list. Raises CypherInvalid for text that does not parse, QueryTimedOut after
        `timeout_s`.
        """
        bounds = QueryBounds(timeout_s=timeout_s, rows_max=rows_max, bytes_max=bytes_max)
        return await self._asked(lambda: self._query_runner.run(cypher, parameters or {}, bounds))

    async def digest(self) -> Digest:
        """Return one hash of all that the events determine, and the position it stands for.

        Raises GraphUnavailable when the graph does not keep still for the time it takes.
        """
        return await self._asked(lambda: digest_of(self._content_session()))

    async def content_hashes(self) -> Counter[int]:
        """Return a hash of each node and each relationship of ours."""
        return await self._asked(lambda: hashes_in(self._content_session()))

    async def rows_beyond(self, known: Counter[int]) -> list[Row]:
        """Return the nodes and relationships of ours that are not among the hashes `known`."""
        return await self._asked(lambda: rows_in(self._content_session(), known))

    async def reached(self) -> Reached:
        """Return the positions of both projections, and the model of the graph's vectors."""
        [row] = await self.read("checkpoint/read_reached")
        return Reached(**row)

    async def checkpoint(self, projection: str) -> int:
        """Return the position up to which `projection` is in the graph, 0 when it has not begun."""
        rows = await self.read("checkpoint/read", projection=projection)
        return int(rows[0]["position"]) if rows else 0

    async def _asked(self, once: Callable[[], Awaitable[_T]]) -> _T:
        """Call `once`, with the driver's errors as ours; again while `locate` has us wait."""
        with driver_errors(self.address.uri, explain=self._explain):
            if self._locate is None:
                return await once()
            return await self._patiently(once, self._locate)

    async def _patiently(self, once: Callable[[], Awaitable[_T]], locate: Locate) -> _T:
        """Call `once`, again for `timeout_s` in all while no server answers as it should.

        A server that starts or ends may refuse its own password. A write that may have been
        committed is not repeated.
        """
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                with driver_errors(self.address.uri):
                    return await once()
            except CommitUnknown:
                raise
            except (GraphUnavailable, GraphRefused):
                found = locate(self.address)
                if self.paused:
                    deadline = time.monotonic() + self._timeout_s
                if found is None or time.monotonic() + _PAUSE_S >= deadline:
                    raise
            await asyncio.sleep(_PAUSE_S)
            await self._turn_to(found)

    async def _turn_to(self, address: GraphAddress) -> None:
        """Go on at `address`: the next call connects there."""
        async with self._moving:
            if address == self.address:
                return
            runner, self._runner = self._runner, None
            left, self.address = self._driver, address
            self._driver = self._made_driver()
            if runner is not None:
                await runner.close()
            if left is not None:
                await left.close()

    async def _connect(self) -> None:
        if self._driver is None:
            self._driver = self._made_driver()
        async with asyncio.timeout(self._timeout_s):
            self._product = product_of(await self._agent())

    def _made_driver(self) -> AsyncDriver:
        return open_driver(
            self.address.uri,
            username=self.address.username,
            password=self.address.password.get_secret_value(),
            timeout_s=self._timeout_s,
        )

    async def _agent(self) -> str:
        """Ask the database itself, so that a missing one shows now."""
        async with self._session(neo4j.READ_ACCESS) as session:
            summary = await (await session.run("RETURN 1")).consume()
        return str(summary.server.agent)

    def _read_session(self) -> AsyncSession:
        return self._session(neo4j.READ_ACCESS)

    def _content_session(self) -> AsyncSession:
        return self._session(neo4j.READ_ACCESS, fetch_size=DIGEST_FETCH)

    def _write_session(self) -> AsyncSession:
        return self._session(neo4j.WRITE_ACCESS)

    def _session(self, access: str, *, fetch_size: int = 1000) -> AsyncSession:
        return self._open.session(
            database=self.address.database, default_access_mode=access, fetch_size=fetch_size
        )

    @property
    def _query_runner(self) -> QueryRunner:
        """The reader's own connections, opened by the first query."""
        if self._runner is None:
            address = self.address
            secret = address.reader_password or address.password
            driver = open_driver(
                address.uri,
                username=address.reader_username or address.username,
                password=secret.get_secret_value(),
                timeout_s=self._timeout_s,
            )
            self._runner = QueryRunner(driver, address, self.product)
        return self._runner

    @property
    def _open(self) -> AsyncDriver:
        if self._driver is None:
            raise _not_open()
        return self._driver

    async def _close(self) -> None:
        runner, self._runner = self._runner, None
        driver, self._driver, self._product = self._driver, None, None
        if runner is not None:
            await runner.close()
        if driver is not None:
            await driver.close()


def open_driver(uri: str, *, username: str, password: str, timeout_s: float) -> AsyncDriver:
    """Return a driver with every wait bounded; it connects when it is first used.

    It logs each connection that it loses. Callers get an error of ours, so a program without any
    logging is not shown that line.
    """
    logging.getLogger("neo4j").addHandler(_UNSHOWN)
    if uri.partition("://")[0] not in _SCHEMES:
        raise _no_address(uri)
    return neo4j.AsyncGraphDatabase.driver(
        uri,
        auth=(username, password),
        user_agent="anabranch",
        telemetry_disabled=True,
        notifications_min_severity="OFF",
        connection_timeout=timeout_s,
        connection_acquisition_timeout=timeout_s * 2,
        connection_write_timeout=STATEMENT_TIMEOUT_S,
        max_connection_pool_size=32,
    )


def _not_open() -> GraphUnavailable:
    return GraphUnavailable("the graph is not open", fix="open it by `async with`")


def _no_address(uri: str) -> SetupInvalid:
    return SetupInvalid(
        f"{uri!r} is not the address of a graph",
        fix="set NEO4J_URI to bolt://HOST:PORT or neo4j://HOST:PORT",
    )
