"""The way past a lost end of the log: a move of its own, behind the batch before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log, new_event, subject
from anabranch_events.event import types
from anabranch_projections import Projector
from anabranch_store import Graph
from anabranch_store.errors import GraphUnavailable
from tests.support.graphs import ask, empty
from tests.support.histories import insight, session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_store import Plan, Step


class _Refusing(Graph):
    """A real graph that refuses the move to one position for a while, and counts all moves."""

    position: int
    refusals: int
    moves: list[tuple[int, int]]

    async def write_if(
        self, guard: Step, steps: Sequence[Step] | Plan, *, writer: str | None = None
    ) -> bool:
        expected, position = guard.parameters["expected"], guard.parameters["position"]
        if position == self.position and self.refusals:
            self.refusals -= 1
            raise GraphUnavailable("not now", fix="wait")
        moved = await super().write_if(guard, steps, writer=writer)
        if moved:
            self.moves.append((expected, position))
        return moved


@pytest.mark.parametrize("graph_address", ["embedded"], indirect=True)
async def test_a_refusal_past_a_lost_end_does_not_apply_the_batch_again(
    log: Log, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint only goes on, and a citation before the end counts once."""
    monkeypatch.setattr("anabranch_projections.run.backoff.PAUSE_MAX_S", 0.01)
    await empty(graph.address)
    learned = types.InsightRecorded(insight_id=insight(1), text="The weir is open")
    cited = types.InsightCited(insight_ids=(insight(1),), outcome=types.Outcome.USED)
    for data in (types.SessionOpened(task="Tides"), learned, cited):
        await log.append(new_event(data, session_id=session(1), namespace="default"))
    lost = new_event(cited, session_id=session(2), namespace="default")
    await log.append(lost)
    stream = log.connection.jetstream()
    await stream.purge_stream("ANABRANCH_EVENTS", subject=subject("default", lost.subject))
    assert log.ledger is not None
    await log.ledger.accept([(4, 4)])

    async with _Refusing.connect(graph.address) as refusing:
        assert isinstance(refusing, _Refusing)
        refusing.position, refusing.refusals, refusing.moves = 4, 15, []
        await Projector(log, refusing).run(to=4)

    assert refusing.moves == [(0, 3), (3, 4)]
    assert await ask(graph.address, "MATCH (i:Insight) RETURN i.citations AS times") == [
        {"times": 1}
    ]
