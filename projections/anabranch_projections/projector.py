"""The projector: events into the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_projections.batch import Batch, dead_letter, put_aside
from anabranch_projections.effects import Folding
from anabranch_projections.errors import ProjectionHalted
from anabranch_projections.following import Follower

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_events import Log, Recorded
    from anabranch_store import Graph, Step

GRAPH: Final = "graph"


class Projector(Follower[Folding]):
    """Follows the log and folds it into the graph of sessions, insights and associations.

    An event that cannot be read or that the store refuses becomes a DeadLetter node, in the
    transaction that moves the checkpoint past it. With `halt` ProjectionHalted is raised instead.
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

    async def _steps(self, batch: Batch[Folding]) -> list[Step]:
        if self._halt and batch.letters:
            letter = batch.letters[0]
            raise ProjectionHalted(position=letter["position"], reason=letter["reason"])
        return [*batch.content.steps(), *put_aside(batch.letters)]

    def _give_up(self, record: Recorded, error: Exception) -> list[Step]:
        if self._halt:
            raise ProjectionHalted(position=record.position, reason=str(error)) from error
        return list(put_aside([dead_letter(record, error)]))
