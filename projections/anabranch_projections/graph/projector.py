"""The projector: events into the graph."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from anabranch_events.errors import LogFull, LogUnavailable
from anabranch_projections.errors import ProjectionHalted
from anabranch_projections.fold.effects import BatchRows
from anabranch_projections.fold.rules import judge, judge_by
from anabranch_projections.run.batch import GRAPH, Batch, dead_letter, put_aside
from anabranch_projections.run.elsewhere import Elsewhere, marked_elsewhere
from anabranch_projections.run.follower import Follower
from anabranch_projections.run.repeated import passed_by, told_once
from anabranch_store import RestartTransaction, delete_namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from anabranch_events import Log, Recorded
    from anabranch_projections.errors import RuleBroken
    from anabranch_projections.fold.rows import Row
    from anabranch_store import Ask, Graph, Plan, Step


class Projector(Follower[BatchRows]):
    """The follower that folds the log into the graph of sessions, insights and associations.

    An event becomes a DeadLetter node when it cannot be read, breaks a rule or is refused by the
    store. That happens in the transaction that moves the checkpoint past it. With `halt`
    ProjectionHalted is raised instead.

    LogDamaged is raised where positions have no event, unless `accept_loss` writes them down.
    With `namespaces` the graph gets these, and nothing of any other.
    """

    def __init__(
        self,
        log: Log,
        graph: Graph,
        *,
        name: str = GRAPH,
        on_commit: Callable[[int], None] | None = None,
        shared: str | None = None,
        halt: bool = False,
        accept_loss: bool = False,
        namespaces: Collection[str] | None = None,
    ) -> None:
        super().__init__(log, graph, name=name, on_commit=on_commit, shared=shared)
        self._halt = halt
        self._namespaces = namespaces
        self._repeats = log.repeats()
        self._continuity = log.continuity(accept_loss=accept_loss)

    def _content(self) -> BatchRows:
        return BatchRows()

    async def _begin(self, last: int, *, endless: bool) -> None:
        await self._continuity.begin(after=self.position, last=last, endless=endless)
        if self._repeats.position != self.position:
            self._repeats = self._log.repeats(after=self.position)

    async def _read_up_to(self, to: int) -> None:
        await self._continuity.end(to)

    async def _told_once(self, records: list[Recorded]) -> list[Recorded]:
        await self._continuity.follow(records)
        if self._namespaces is None:
            return await told_once(records, self._repeats)
        marked = [marked_elsewhere(record, self._namespaces) for record in records]
        own = [record for record in marked if not isinstance(record, Elsewhere)]
        told = iter(await told_once(own, self._repeats))
        return [one if isinstance(one, Elsewhere) else next(told) for one in marked]

    async def _move(
        self, batch: Batch[BatchRows], steps: Sequence[Step] | Plan, *, last: bool
    ) -> None:
        await super()._move(batch, steps, last=last)
        if self.announces:
            with contextlib.suppress(LogUnavailable, LogFull):
                await self._continuity.note(batch.records[-1])

    async def _steps(self, batch: Batch[BatchRows]) -> list[Step] | Plan:
        self._halt_at(batch)
        for namespace in batch.content.ended:
            await delete_namespace(self._graph, namespace)  # The rest goes with the batch.
        events = batch.content.judged
        if not events:
            return _applied(batch)
        doubted = False

        async def judged(ask: Ask) -> list[Step]:
            nonlocal doubted
            if not doubted:
                rows: list[Row]
                later: list[Step]
                rows, later = await asyncio.gather(_stood(batch, ask), _later(batch))
                if not await judge_by(rows, events, ask):
                    return later
                doubted = True
                raise RestartTransaction
            without = _without(batch, await judge(events, ask))
            self._halt_at(without)
            batch.letters = without.letters
            return _applied(without)

        return judged

    def _halt_at(self, batch: Batch[BatchRows]) -> None:
        if self._halt and batch.letters:
            letter = batch.letters[0]
            raise ProjectionHalted(position=letter["position"], reason=letter["reason"])

    def _give_up(self, record: Recorded, error: Exception) -> list[Step]:
        if self._halt:
            raise ProjectionHalted(position=record.position, reason=str(error)) from error
        return list(put_aside([dead_letter(record, error)]))


async def _stood(batch: Batch[BatchRows], ask: Ask) -> list[Row]:
    """Update the sessions, as if no rule were broken; return their standing before."""
    return [row for step in batch.content.sessions.first_steps() for row in await ask(step)]


async def _later(batch: Batch[BatchRows]) -> list[Step]:
    """Return the other statements: they are made while the graph is at work on the sessions."""
    return [*batch.content.later_steps(), *put_aside(batch.letters)]


def _applied(batch: Batch[BatchRows]) -> list[Step]:
    return [*batch.content.steps(), *put_aside(batch.letters)]


def _without(batch: Batch[BatchRows], broken: dict[int, RuleBroken]) -> Batch[BatchRows]:
    """Fold a batch again, without the events that break a rule: they are put aside.

    An opening that repeats the one that was applied is only passed by.
    """
    found = Batch(BatchRows())
    for record in batch.records:
        error = broken.get(record.position)
        if error is None:
            found.add(record)
        elif repeated := passed_by(record, error):
            found.add(repeated)
        else:
            found.letters.append(dead_letter(record, error))
    return found
