"""The projector: events into the graph."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from anabranch_projections.batch import GRAPH, Batch, dead_letter, put_aside
from anabranch_projections.effects import Folding
from anabranch_projections.errors import ProjectionHalted
from anabranch_projections.following import Follower
from anabranch_projections.rules import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_events import Log, Recorded
    from anabranch_projections.errors import RuleBroken
    from anabranch_store import Ask, Graph, Plan, Step


class Projector(Follower[Folding]):
    """Follows the log and folds it into the graph of sessions, insights and associations.

    An event that cannot be read, that breaks a rule or that the store refuses becomes a DeadLetter
    node, in the transaction that moves the checkpoint past it. With `halt` ProjectionHalted is raised instead.
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
    ) -> None:
        super().__init__(log, graph, name=name, on_commit=on_commit, shared=shared)
        self._halt = halt

    def _content(self) -> Folding:
        return Folding()

    async def _steps(self, batch: Batch[Folding]) -> list[Step] | Plan:
        self._halt_at(batch)
        if not batch.content.judged:
            return _applied(batch)

        async def made() -> list[Step]:
            return _applied(batch)

        async def judged(ask: Ask) -> list[Step]:
            # The statements are made while the graph looks for what the rules ask.
            broken: dict[int, RuleBroken]
            applied: list[Step]
            broken, applied = await asyncio.gather(judge(batch.content.judged, ask), made())
            if not broken:
                return applied
            without = _without(batch, broken)
            self._halt_at(without)
            batch.letters = without.letters
            return _applied(without)

        return judged

    def _halt_at(self, batch: Batch[Folding]) -> None:
        if self._halt and batch.letters:
            letter = batch.letters[0]
            raise ProjectionHalted(position=letter["position"], reason=letter["reason"])

    def _give_up(self, record: Recorded, error: Exception) -> list[Step]:
        if self._halt:
            raise ProjectionHalted(position=record.position, reason=str(error)) from error
        return list(put_aside([dead_letter(record, error)]))


def _applied(batch: Batch[Folding]) -> list[Step]:
    return [*batch.content.steps(), *put_aside(batch.letters)]


def _without(batch: Batch[Folding], broken: dict[int, RuleBroken]) -> Batch[Folding]:
    """Fold a batch again, without the events that break a rule: they are put aside."""
    found = Batch(Folding())
    for record in batch.records:
        error = broken.get(record.position)
        if error is None:
            found.add(record)
        else:
            found.letters.append(dead_letter(record, error))
    return found
