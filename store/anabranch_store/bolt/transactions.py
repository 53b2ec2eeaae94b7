"""Transactions of our statements, with the failures that are retried and those that must not be."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar

from anabranch_store.bolt import driver as neo4j
from anabranch_store.bolt.driver_errors import LostWhileCommitting
from anabranch_store.bolt.parameters import as_given, checked_numbers
from anabranch_store.bolt.statements import statement as text_of
from anabranch_store.bolt.values import native

if TYPE_CHECKING:
    from collections.abc import Mapping

    from neo4j import AsyncSession, AsyncTransaction

STATEMENT_TIMEOUT_S: Final = 60.0
WRITER: Final = "anabranch_writer"
ONWARD_MAX: Final = 1000
# A server that undid a transaction is there, and takes it once the rival is through.
_UNDONE_FOR_S: Final = 15.0
# A rival that merged the same key is over by then; a foreign constraint stays.
_CONSTRAINT_FOR_S: Final = 0.5
# A broken connection is opened anew; a server that is gone should be noticed soon.
_LOST_FOR_S: Final = 2.0
_STOOD_STILL_S: Final = 1.0
_PAUSE_S: Final = 0.02
_PAUSE_MAX_S: Final = 1.0

T = TypeVar("T")


class Step(NamedTuple):
    """One statement of a transaction, by name, and its parameters.

    The statements in `onward` go over the rows that it returns, one after the other. They go again
    over the rows that the last of them returns, until there are none.
    """

    statement: str
    parameters: Mapping[str, Any]
    onward: tuple[str, ...] = ()


Ask: TypeAlias = Callable[[Step], Awaitable[list[dict[str, Any]]]]
"""Runs a statement within the transaction and returns its rows."""
Plan: TypeAlias = Callable[[Ask], Awaitable[Sequence[Step]]]
"""Decides by questions within a transaction on the statements that follow in it.

It is called again when the transaction is tried again.
"""


class RestartTransaction(Exception):
    """A plan's order to undo its transaction and call it again in a new one."""


async def read_rows(open_session: Callable[[], AsyncSession], step: Step) -> list[dict[str, Any]]:
    """Return the rows of one statement, dates and times as Python's own."""

    async def read(_: _Attempt) -> list[dict[str, Any]]:
        async with open_session() as session, await _begun(session) as transaction:
            return await _rows(transaction, step)

    return await _until_done(read)


async def write_steps(
    open_session: Callable[[], AsyncSession],
    guard: Step | None,
    steps: Sequence[Step] | Plan,
    *,
    writer: str | None = None,
) -> bool:
    """Run `guard` and `steps` in one transaction; False, undone, when the guard has no row.

    `writer` is the transaction's name on the server while it runs.
    """
    metadata = {WRITER: writer} if writer else None

    async def write(attempt: _Attempt) -> bool:
        async with open_session() as session, await _begun(session, metadata) as transaction:
            if guard is not None and not await _rows(transaction, guard):
                await transaction.rollback()
                return False
            for step in await _planned(transaction, steps):
                await _run(transaction, step)
            attempt.committing = True
            await transaction.commit()
        return True

    return await _until_done(write)


class _Attempt:
    """One try at a transaction; `committing` once its commit was sent."""

    def __init__(self) -> None:
        self.committing = False

    def retry_for_s(self, error: neo4j.Neo4jError | neo4j.DriverError) -> float:
        """Return how long trying again after `error` is safe and may help.

        Before the commit is sent every failure leaves nothing. After it only an answer of the
        server says so. A connection that is lost then is never asked about here.
        """
        if isinstance(error, neo4j.Neo4jError):
            # Two transactions that MERGE one key: Neo4j locks, ArcadeDB refuses the second.
            if isinstance(error, neo4j.ConstraintError):
                return _CONSTRAINT_FOR_S
            return _UNDONE_FOR_S if error.is_retryable() else 0
        return _LOST_FOR_S if error.is_retryable() else 0


async def _until_done(work: Callable[[_Attempt], Awaitable[T]]) -> T:
    """Do a transaction, again for a while where a failure passes, and once at least.

    A first try may take long because this process stood still, and its connection died meanwhile.
    """
    begun = time.monotonic()
    pause_s = _PAUSE_S
    first = True
    while True:
        attempt = _Attempt()
        limit = time.monotonic() + STATEMENT_TIMEOUT_S
        try:
            async with asyncio.timeout(STATEMENT_TIMEOUT_S):
                return await work(attempt)
        except RestartTransaction:
            continue
        except (neo4j.Neo4jError, neo4j.DriverError) as error:
            if attempt.committing and isinstance(error, neo4j.DriverError):
                raise LostWhileCommitting(str(error)) from error
            again_for_s = attempt.retry_for_s(error)
            if time.monotonic() - begun >= again_for_s and not (first and again_for_s):
                raise
        except (TimeoutError, OSError) as error:
            if attempt.committing:
                raise LostWhileCommitting("no answer in time") from error
            # So late no wait ends in a process that runs: the answer was not waited for.
            if not first or time.monotonic() <= limit + _STOOD_STILL_S:
                raise
        first = False
        await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - no secret.
        pause_s = min(pause_s * 2, _PAUSE_MAX_S)


async def _begun(session: AsyncSession, metadata: dict[str, Any] | None = None) -> AsyncTransaction:
    """Begin a transaction without waiting for an answer: it comes with the first statement's.

    The driver does so in `execute_query` only. Without its switch there is one more round trip.
    """
    with getattr(session, "_pipelined_begin", nullcontext()):
        return await session.begin_transaction(metadata=metadata)


async def _planned(transaction: AsyncTransaction, steps: Sequence[Step] | Plan) -> Sequence[Step]:
    if not callable(steps):
        return steps

    async def ask(step: Step) -> list[dict[str, Any]]:
        return await _rows(transaction, step)

    return await steps(ask)


async def _run(transaction: AsyncTransaction, step: Step) -> None:
    """Run a step to its end: where it goes onward, in portions of its rows."""
    left = await _rows(transaction, step)
    while step.onward and left:
        portion, left = left[:ONWARD_MAX], left[ONWARD_MAX:]
        found = portion
        for name in step.onward:
            found = await _rows(transaction, Step(name, {"rows": portion}))
        left += found


async def _rows(transaction: AsyncTransaction, step: Step) -> list[dict[str, Any]]:
    result = await transaction.run(
        text_of(step.statement), as_given(checked_numbers(step.parameters))
    )
    columns = result.keys()
    return [
        {name: native(value) for name, value in zip(columns, record, strict=True)}
        async for record in result
    ]
