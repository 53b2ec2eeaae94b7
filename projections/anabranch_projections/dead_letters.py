"""Dead letters: events that could not be applied, and their retries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from anabranch_events.errors import AnabranchError, Unavailable
from anabranch_projections.errors import DeadLetterNotFound, RetryTooLate
from anabranch_projections.fold.effects import BatchRows
from anabranch_projections.fold.positioned import PositionedEvent, timestamp
from anabranch_projections.fold.rules import judge
from anabranch_projections.fold.traces import Traces
from anabranch_projections.run.batch import GRAPH, Batch, reason_of
from anabranch_projections.run.checkpoint import hold
from anabranch_projections.run.repeated import passed_by, told_once
from anabranch_projections.vectors.projector import VectorProjector
from anabranch_store import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events import Log, Recorded
    from anabranch_recall import Embedder
    from anabranch_store import Ask, Graph


HOLD_S: Final = 5.0


class DeadLetter(BaseModel):
    """An event that could not be applied: where, why, and the tries since."""

    model_config = ConfigDict(frozen=True)
    position: int
    namespace: str
    session_id: str
    error: str
    reason: str
    projection: str | None
    put_aside_at: datetime | None
    attempts: int
    tried_at: datetime | None
    discarded_at: datetime | None


class RetryOutcome(BaseModel):
    """The outcome of a retried dead letter."""

    model_config = ConfigDict(frozen=True)
    position: int
    applied: bool
    error: str | None = None
    reason: str | None = None


class DeadLetters:
    """The dead letters of one namespace in one graph."""

    def __init__(
        self, log: Log, graph: Graph, *, namespace: str, embedder: Embedder | None = None
    ) -> None:
        self._log = log
        self._graph = graph
        self._namespace = namespace
        self._vectors = VectorProjector(log, graph, embedder) if embedder else None

    async def all(self, *, discarded: bool = False) -> list[DeadLetter]:
        """Return the pending ones, in position order; with `discarded` the discarded ones too."""
        return await self._read(None, discarded=discarded)

    async def page(self, *, beyond: int, limit: int, discarded: bool = False) -> list[DeadLetter]:
        """Return the first of those that `all` returns after a position, `limit` at most."""
        rows = await self._graph.read(
            "dead_letters/page",
            namespace=self._namespace,
            beyond=beyond,
            limit=limit,
            discarded=discarded,
        )
        return [DeadLetter.model_validate(row) for row in rows]

    async def get(self, position: int) -> DeadLetter:
        """Return the one at a position. Raises DeadLetterNotFound."""
        return (await self._all_of([position]))[0]

    async def discard(self, positions: Sequence[int]) -> list[DeadLetter]:
        """Discard dead letters: all of them, or none.

        They stay, so that the graph says which events it does not hold. Raises DeadLetterNotFound.
        """
        await self._all_of(positions)
        parameters = {"positions": [*positions], "namespace": self._namespace, "time": _now()}
        await self._graph.write([Step("dead_letters/discard", parameters)])
        return await self._all_of(positions)

    async def retry(self, positions: Sequence[int] | None = None) -> list[RetryOutcome]:
        """Apply dead letters after all, in position order; without `positions` all pending ones.

        Each is one transaction that applies the event at its own position and takes the letter
        away, while no projector can move the checkpoint. One that fails stays, with the new reason.
        RetryTooLate keeps an event that later ones have built on: the graph would not be that of a
        rebuild. Raises DeadLetterNotFound.
        """
        found = await (self.all() if positions is None else self._all_of(positions))
        since = _LogTraces(
            self._log, self._graph, after=min((one.position for one in found), default=0)
        )
        return [await self._retry(letter, since) for letter in found]

    async def _retry(self, letter: DeadLetter, since: _LogTraces) -> RetryOutcome:
        try:
            batch = await self._decoded(letter.position)
            await self._apply(batch, since)
        except _AlreadyApplied:
            return RetryOutcome(position=letter.position, applied=True)
        except (AnabranchError, ArithmeticError, TypeError, ValueError) as error:
            if isinstance(error, Unavailable):
                raise
            return await self._failed(letter.position, error)
        if self._vectors is not None:
            # Its projection has passed by.
            await self._vectors.write_late(batch.records[0])
        return RetryOutcome(position=letter.position, applied=True)

    async def _decoded(self, position: int) -> Batch[BatchRows]:
        record = await _record(self._log, position)
        if record is None or record.namespace != self._namespace:
            raise DeadLetterNotFound(position, namespace=self._namespace)
        event = record.decode()
        if event.opaque:
            raise event.unknown()
        [record] = await told_once([record], self._log.repeats(after=position - 1))
        record.decode()
        batch = Batch(BatchRows())
        batch.add(record)
        return batch

    async def _apply(self, batch: Batch[BatchRows], since: _LogTraces) -> None:
        """Apply an event while the checkpoint stands still for it, at any position."""
        at = PositionedEvent(batch.last, batch.records[0].decode())
        remove = Step("dead_letters/remove", {"position": at.position})

        async def plan(ask: Ask) -> list[Step]:
            if not await ask(self._question([at.position], discarded=True)):
                raise _AlreadyApplied
            [checkpoint] = await ask(Step("checkpoint/read", {"projection": GRAPH}))
            await since.catch_up(checkpoint["position"])
            error = (await judge(batch.content.judged, ask)).get(at.position)
            if error and passed_by(batch.records[0], error):
                return [remove]
            later = since.traces.later(at)
            if later is not None:
                raise RetryTooLate(at.position, later=later)
            if error:
                raise error
            return [*batch.content.steps(), remove]

        # Before the projector has to wait: inside, only later records are left to read.
        await since.catch_up(await self._graph.checkpoint(GRAPH))
        # The transaction below is the longer one. Where no lock is held before a commit, a busy
        # projector would undo it again and again. A held checkpoint it leaves alone for a moment.
        held = await self._graph.write_if(hold(GRAPH, seconds=HOLD_S), [])
        try:
            held = held and await self._graph.write_if(hold(GRAPH, seconds=0), plan, writer=GRAPH)
        except BaseException:
            await self._graph.write([hold(GRAPH, seconds=0)])
            raise
        if not held:
            # A graph that was emptied meanwhile has neither checkpoint nor letter.
            raise DeadLetterNotFound(at.position, namespace=self._namespace)
        since.traces.add(at)

    async def _failed(self, position: int, error: Exception) -> RetryOutcome:
        found = {"error": type(error).__name__, "reason": reason_of(error)}
        failed = {"position": position, "time": _now(), **found}
        await self._graph.write([Step("dead_letters/fail", failed)])
        return RetryOutcome(position=position, applied=False, **found)

    async def _all_of(self, positions: Sequence[int]) -> list[DeadLetter]:
        found = await self._read(positions, discarded=True)
        missing = set(positions) - {one.position for one in found}
        if missing:
            raise DeadLetterNotFound(min(missing), namespace=self._namespace)
        return found

    async def _read(self, positions: Sequence[int] | None, *, discarded: bool) -> list[DeadLetter]:
        question = self._question(positions, discarded=discarded)
        rows = await self._graph.read(question.statement, **question.parameters)
        return [DeadLetter.model_validate(row) for row in rows]

    def _question(self, positions: Sequence[int] | None, *, discarded: bool) -> Step:
        return Step(
            "dead_letters/list",
            {
                "namespace": self._namespace,
                "positions": None if positions is None else [*positions],
                "discarded": discarded,
            },
        )


class _AlreadyApplied(Exception):
    """Another process has applied it meanwhile; the transaction is dropped."""


class _LogTraces:
    """The traces of the log in the graph after a position, read on as far as the checkpoint."""

    def __init__(self, log: Log, graph: Graph, *, after: int) -> None:
        self._log = log
        self._graph = graph
        self._position = after
        self.traces = Traces()

    async def catch_up(self, position: int) -> None:
        """Read on to where the checkpoint stands."""
        if position <= self._position:
            return
        rows = await self._graph.read("dead_letters/positions", after=self._position)
        aside = {int(row["position"]) for row in rows}
        async for record in self._log.read_all(after=self._position, to=position):
            if record.position not in aside:
                self.traces.add(PositionedEvent(record.position, record.decode()))
        self._position = position


async def _record(log: Log, position: int) -> Recorded | None:
    async for record in log.read_all(after=position - 1, to=position):
        return record
    return None


def _now() -> str:
    return timestamp(datetime.now(UTC))
