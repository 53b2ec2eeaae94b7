"""A projection's position in the graph, moved by compare-and-set: one writer wins.

It is in the same transaction as the rows, and so it fences. Of two projectors that read the same
records one moves the checkpoint, and the other's rows roll back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import InputInvalid, Unavailable
from anabranch_projections.fold.positioned import timestamp
from anabranch_projections.run.backoff import Backoff
from anabranch_store import Step
from anabranch_store.errors import (
    CommitUnknown,
    ConstraintBroken,
    GraphFull,
    QueryTimedOut,
    TransactionUndone,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_store import Graph, Plan

ATTEMPTS_MAX: Final = 3
LAST_ATTEMPTS_MAX: Final = 10


class Fenced(Exception):
    """Another process has moved the checkpoint, or holds it."""

    def __init__(self) -> None:
        super().__init__("another projector has moved the checkpoint, or a retry holds it")


class Refused(Exception):
    """The store does not take these rows, at any number of tries; the cause gives the reason."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Checkpoint:
    """The checkpoint of one projection in one graph.

    `retries` counts the transactions that were tried again.
    """

    def __init__(self, graph: Graph, projection: str) -> None:
        self._graph = graph
        self._projection = projection
        self._backoff = Backoff(projection)
        self.retries = 0

    async def read(self) -> int:
        """Return the position the projection has reached; wait while the graph is away."""
        position = await self._read()
        self._backoff.over()
        return position

    async def _read(self) -> int:
        """Read the position. That says nothing of writes, whose pauses go on to grow."""
        while True:
            try:
                return await self._graph.checkpoint(self._projection)
            except Unavailable as error:
                await self._backoff.pause(error)

    async def move(
        self,
        steps: Sequence[Step] | Plan,
        *,
        expected: int,
        position: int,
        last: bool,
        wait: bool = True,
    ) -> None:
        """Apply `steps` and move from `expected` to `position`, both or neither.

        When nobody knows whether a commit holds, the checkpoint decides. Waits out outages, unless
        `wait` is False: then GraphUnavailable is raised once the store answers nothing at all.
        Raises Fenced when the checkpoint stands elsewhere, or is held.

        Raises Refused when the store refuses the rows, or fails on them again and again while it
        answers otherwise. With `last` there is no smaller batch to try: it asks longer before it
        gives up, and never gives up for a reason that passes.
        """
        move = guard(self._projection, expected=expected, position=position)
        attempts = LAST_ATTEMPTS_MAX if last else ATTEMPTS_MAX
        while True:
            try:
                moved = await self._graph.write_if(move, steps, writer=self._projection)
            except (Unavailable, GraphFull) as error:
                self.retries += 1
                await self._backoff.pause(error)
                if await self._stands_at(position, expected=expected, wait=wait):
                    return
                attempts -= _weight(error, last=last)
                if attempts <= 0:
                    raise Refused(error) from error
            except (InputInvalid, ArithmeticError, TypeError, ValueError) as error:
                # The driver raises Python's own errors for a value that has no form on the wire.
                raise Refused(error) from error
            else:
                self._backoff.over()
                if not moved:
                    raise Fenced
                return

    async def _stands_at(self, position: int, *, expected: int, wait: bool) -> bool:
        """Tell whether a commit of unknown outcome holds. Raises Fenced when a rival moved on."""
        found = await (self._read() if wait else self._graph.checkpoint(self._projection))
        if found not in {position, expected}:
            raise Fenced
        return found == position


def guard(projection: str, *, expected: int, position: int) -> Step:
    """Return the statement that moves a checkpoint, if it stands where it is expected."""
    return Step(
        "projection/move_checkpoint",
        {
            "projection": projection,
            "expected": expected,
            "position": position,
            "time": timestamp(datetime.now(UTC)),
        },
    )


def hold(projection: str, *, seconds: float) -> Step:
    """Return the statement that holds a checkpoint now, and for `seconds` after."""
    until = timestamp(datetime.now(UTC) + timedelta(seconds=seconds))
    return Step("checkpoint/hold", {"projection": projection, "until": until})


def _weight(error: Exception, *, last: bool) -> int:
    """Return how many attempts a failure takes: none where it does not speak against the rows.

    A server that undid a transaction, or was cut off while it committed, has taken the rows. That
    they take it too long is worth a try with fewer. A constraint refuses some of them for good,
    unless a rival's write stood there for a moment. One event is tried thrice, more are halved.
    """
    if isinstance(error, GraphFull):
        return 0
    if isinstance(error, ConstraintBroken):
        return LAST_ATTEMPTS_MAX // 3 + 1 if last else ATTEMPTS_MAX
    if last and isinstance(error, (TransactionUndone, CommitUnknown, QueryTimedOut)):
        return 0
    return 1
