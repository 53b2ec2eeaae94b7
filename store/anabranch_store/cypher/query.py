"""A user's query: read only, with a bound on its time, its rows and its bytes."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Any, Final, LiteralString, cast

import orjson
from pydantic import BaseModel, ConfigDict

from anabranch_store.bolt import driver as neo4j
from anabranch_store.bolt.driver_errors import driver_errors
from anabranch_store.bolt.parameters import as_given, in_utc
from anabranch_store.bolt.values import jsonable
from anabranch_store.cypher.guard import checked_query
from anabranch_store.cypher.mistake_place import placed
from anabranch_store.embedded.admin import admin_of
from anabranch_store.errors import (
    AnabranchError,
    CypherInvalid,
    GraphUnavailable,
    InputInvalid,
    QueryTimedOut,
    QueryTooLarge,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from neo4j import AsyncDriver, AsyncSession, AsyncTransaction

    from anabranch_store.address import GraphAddress
    from anabranch_store.bolt.product import Product

TIMEOUT_MAX_S: Final = 60.0
_ANSWER_S: Final = 0.6
_GOODBYE_S: Final = 0.2
_FETCH: Final = 500

_log: Final = logging.getLogger(__name__)


class QueryResult(BaseModel):
    """The result of a query: each row by column, in values that JSON can hold.

    `truncated` says that there was more than the caps let through. The embedded graph names no
    columns when there are no rows. It has the length of its rows, and iterating gives them.
    """

    model_config = ConfigDict(frozen=True)
    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    truncated: bool

    def __iter__(self) -> Iterator[dict[str, Any]]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # A model gives its fields, a result its rows.
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class QueryBounds(BaseModel):
    """The bounds of a query: its time, its rows and its bytes."""

    model_config = ConfigDict(frozen=True)
    timeout_s: float
    rows_max: int
    bytes_max: int

    def checked(self) -> QueryBounds:
        """Return these bounds. Raises InputInvalid for one that is none."""
        for field, value in self:
            if not value > 0:
                raise InputInvalid(
                    f"{field} is {value}: it must be more than 0", field=field, fix=f"raise {field}"
                )
        if self.timeout_s > TIMEOUT_MAX_S:
            raise InputInvalid(
                f"a query may run {TIMEOUT_MAX_S:.0f} s at most, not {self.timeout_s}",
                field="timeout_s",
                fix=f"lower timeout_s to {TIMEOUT_MAX_S:.0f}",
            )
        return self


class QueryRunner:
    """Users' queries on one graph, over connections that only read."""

    def __init__(
        self,
        driver: AsyncDriver,
        address: GraphAddress,
        product: Product,
    ) -> None:
        self._driver = driver
        self._address = address
        self._product = product
        self._ending: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close the connections; queries that ran out of time get a moment to be ended."""
        if self._ending:
            _, late = await asyncio.wait(self._ending, timeout=_GOODBYE_S)
            for task in late:
                task.cancel()
        await self._driver.close()

    async def run(
        self, cypher: str, parameters: Mapping[str, Any], bounds: QueryBounds
    ) -> QueryResult:
        """Run `cypher` within `bounds`. Raises the errors of Graph.query.

        It only reads: where its connection was lost, it is asked once more over another one.
        """
        bounds = bounds.checked()
        cypher = checked_query(cypher)
        until = asyncio.get_running_loop().time() + bounds.timeout_s + _ANSWER_S
        try:
            try:
                return await self._answer(cypher, parameters, bounds, until=until)
            except GraphUnavailable:
                return await self._answer(cypher, parameters, bounds, until=until)
        except (TimeoutError, QueryTimedOut) as error:
            raise _timed_out(bounds) from error

    async def _answer(
        self, cypher: str, parameters: Mapping[str, Any], bounds: QueryBounds, *, until: float
    ) -> QueryResult:
        """Run a query over one connection; on the embedded graph a mark of its own can end it."""
        mark = f"anabranch {secrets.token_hex(8)}"
        is_embedded = self._address.admin_url is not None
        comment = f"/* {mark} */"
        marked = f"{cypher}\n{comment}" if is_embedded else cypher
        session = self._driver.session(
            database=self._address.database,
            default_access_mode=neo4j.READ_ACCESS,
            fetch_size=min(_FETCH, bounds.rows_max + 1),
        )
        begun = ended = False
        try:
            async with asyncio.timeout_at(until):
                with driver_errors(self._address.uri):
                    transaction = await session.begin_transaction(timeout=bounds.timeout_s)
                    begun = True
                    result = await self._collect(transaction, marked, parameters, bounds)
            ended = await _closed_in_time(session)
        except CypherInvalid as error:
            if not is_embedded:
                raise
            raise CypherInvalid(placed(error.message, cypher, comment=comment)) from error
        finally:
            if not ended:
                session.cancel()
                await session.close()
            if begun and not ended:
                self._end_on_server(mark)
        return result

    async def _collect(
        self,
        transaction: AsyncTransaction,
        cypher: str,
        parameters: Mapping[str, Any],
        bounds: QueryBounds,
    ) -> QueryResult:
        rows: list[dict[str, Any]] = []
        size = 0
        try:
            # The text is a user's; checked_query and the server's own rights stand before it.
            text: LiteralString = cast("Any", cypher)
            try:
                result = await transaction.run(text, as_given(in_utc(parameters)))
            except (OverflowError, TypeError, ValueError) as error:
                raise _unfit(error) from error
            columns = tuple(result.keys())
            async for record in result:
                row = {column: jsonable(record[column]) for column in columns}
                size += len(orjson.dumps(row))
                if len(rows) == bounds.rows_max or size > bounds.bytes_max:
                    return QueryResult(columns=columns, rows=rows, truncated=True)
                rows.append(row)
        except neo4j.Neo4jError as error:
            if (found := _fault_of_the_query(error, self._product)) is not None:
                raise found from error
            raise
        return QueryResult(columns=columns, rows=rows, truncated=False)

    def _end_on_server(self, mark: str) -> None:
        """Have the embedded graph end the query: there it outlives its connection."""
        if self._address.admin_url is not None:
            task = asyncio.create_task(_end_query(self._address, mark))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


def _unfit(error: Exception) -> InputInvalid:
    """Return the error for a parameter that the driver cannot send."""
    said = "a whole number is past 64 bits" if isinstance(error, OverflowError) else str(error)
    return InputInvalid(
        f"parameters: {said}",
        field="parameters",
        fix="give numbers of 64 bits, texts, times, lists, and maps with texts as keys",
    )


def _fault_of_the_query(error: neo4j.Neo4jError, product: Product) -> InputInvalid | None:
    """Return what is wrong with the query where the server calls it a fault of its own.

    The embedded graph has no code for many mistakes. Neo4j before 2026 has none for an argument
    that is out of range. It calls a query that needs too much memory a failure that passes.
    """
    code, said = str(error.code or ""), str(error.message)
    if code.endswith("OutOfMemoryError"):
        return QueryTooLarge(f"the query needs more memory than it may have: {said}")
    if isinstance(error, neo4j.DatabaseError) and (
        product.name == "arcadedb" or code.startswith("Neo.DatabaseError.Statement.")
    ):
        return CypherInvalid(said)
    return None


async def _closed_in_time(session: AsyncSession) -> bool:
    """Close `session`; False when the server would rather go on sending."""
    try:
        async with asyncio.timeout(_GOODBYE_S):
            await session.close()
    except (TimeoutError, neo4j.Neo4jError, neo4j.DriverError, OSError):
        return False
    return True


async def _end_query(address: GraphAddress, mark: str) -> None:
    """End the query that carries `mark`. One that computes without rows does not listen."""
    try:
        if not await admin_of(address).end_queries(mark):
            _log.warning("the embedded graph still works on a query whose answer nobody awaits")
    except AnabranchError as error:
        _log.warning("a query whose answer nobody awaits may still run: %s", error.message)


def _timed_out(bounds: QueryBounds) -> QueryTimedOut:
    return QueryTimedOut(
        f"the query ran longer than {bounds.timeout_s:g} s",
        fix="ask for less (MATCH fewer, LIMIT), or allow it more time",
    )
