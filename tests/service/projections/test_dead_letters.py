"""Events that cannot be applied are put aside, in any batches, and settled by hand."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import orjson
import pytest

from anabranch_events import Event, Log, encode, new_event
from anabranch_events.event import types
from anabranch_projections import DeadLetters, ProjectionHalted, Projector, RetryOutcome, rebuild
from anabranch_projections.errors import DeadLetterNotFound
from anabranch_store import Graph, Step
from anabranch_store.errors import CommitUnknown, TransactionUndone
from tests.support.graphs import ask, empty
from tests.support.histories import insight, session
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only, neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events.event.types import EventData
    from anabranch_store import Plan

pytestmark = [neo4j_in_full_only, two_stores]


def _said(data: EventData, number: int, *, namespace: str = "default") -> Event:
    return new_event(data, session_id=session(number), namespace=namespace)


def _forked(parent: int, *, root: int = 1, depth: int = 1) -> types.BranchCreated:
    return types.BranchCreated(
        parent_id=session(parent), root_id=session(root), forked_at=1, depth=depth, task="Branch"
    )


def _learned(number: int) -> types.InsightRecorded:
    return types.InsightRecorded(insight_id=insight(number), text=f"Gauge {number}")


_DONE = types.BranchCompleted(result="High", insights=(types.Insight(**_learned(5).model_dump()),))
_AGAIN = types.BranchCompleted(result="Low", insights=(types.Insight(**_learned(6).model_dump()),))
HISTORY = [
    _said(_forked(1), 2),  # 1: before its parent
    _said(types.SessionOpened(task="Root"), 1),
    _said(_forked(1), 3),
    _said(_forked(2, depth=2), 4),  # 4: its parent is a dead letter
    _said(_forked(3, depth=3), 5),  # 5: too deep
    _said(_forked(3, root=3, depth=2), 6),  # 6: another root
    _said(types.SessionOpened(task="Again"), 3),  # 7: begins twice
    _said(types.BranchStarted(worker="w"), 3),
    _said(_DONE, 3),
    _said(_AGAIN, 3),  # 10: ends twice
    _said(types.BranchStarted(worker="late", attempt=2), 3),  # 11: starts after its end
    _said(_learned(7), 3),
    _said(_learned(8), 9),
    _said(_forked(1), 7, namespace="other"),  # 14: its parent is in another namespace
    _said(_forked(3, depth=2), 8),
]
LETTERS = [
    (1, "ParentUnknown"),
    (4, "ParentUnknown"),
    (5, "BranchMisplaced"),
    (6, "BranchMisplaced"),
    (7, "SessionOpenedBefore"),
    (10, "SessionEndedBefore"),
    (11, "SessionEndedBefore"),
    (14, "ParentUnknown"),
]


async def _letters(graph: Graph) -> list[tuple[int, str]]:
    rows = await ask(
        graph.address,
        "MATCH (d:DeadLetter) RETURN d.position AS position, d.error AS error ORDER BY position",
    )
    return [(row["position"], row["error"]) for row in rows]


async def test_letters_come_by_pages(log: Log, graph: Graph) -> None:
    """A page has those after a position, so many at most, also where some were discarded."""
    for event in HISTORY:
        await log.append(event)
    await Projector(log, graph).run(to=len(HISTORY))
    letters = DeadLetters(log, graph, namespace="default")
    await letters.discard([5])

    pages = [
        [one.position for one in await letters.page(beyond=beyond, limit=3)]
        for beyond in (0, 6, 11)
    ]
    whole = await letters.page(beyond=1, limit=2, discarded=True)

    assert pages == [[1, 4, 6], [7, 10, 11], []]
    assert [one.position for one in whole] == [4, 5]


async def test_a_broken_rule_leaves_nothing_but_a_dead_letter(log: Log, graph: Graph) -> None:
    """Each rule puts its event aside, with all its effects, and the line moves on."""
    for event in HISTORY:
        await log.append(event)

    await Projector(log, graph).run(to=len(HISTORY))

    assert await _letters(graph) == LETTERS
    found = await ask(
        graph.address,
        "MATCH (s:Session) WHERE s.opened IS NOT NULL RETURN s.id AS id, s.status AS status, "
        "s.result AS result, s.task AS task ORDER BY id",
    )
    assert [tuple(row.values()) for row in found] == [
        (session(1), "open", None, "Root"),
        (session(3), "completed", "High", "Branch"),
        (session(8), "pending", None, "Branch"),
    ]
    insights = await ask(graph.address, "MATCH (i:Insight) RETURN i.id AS id ORDER BY id")
    assert [row["id"] for row in insights] == [insight(5), insight(7), insight(8)]


async def test_the_verdicts_do_not_depend_on_batches_or_replays(log: Log, graph: Graph) -> None:
    """One by one, all at once, and again from an older checkpoint: the same graph."""
    for event in HISTORY:
        await log.append(event)
    last = len(HISTORY)
    await Projector(log, graph).run(to=last)
    at_once = await graph.digest()

    await empty(graph.address)
    for _, position in pairwise(range(last + 1)):
        await Projector(log, graph).run(to=position)
    one_by_one = await graph.digest()
    for back in (0, 2, 6, 9):
        await ask(graph.address, "MATCH (c:Checkpoint) SET c.position = $back RETURN c", back=back)
        await Projector(log, graph).run(to=last)

    assert one_by_one == at_once
    assert await graph.digest() == at_once


async def test_a_rebuild_stops_at_a_broken_rule_and_names_the_way_on(
    log: Log, graph: Graph
) -> None:
    """The error says the position and the commands; with skip the digest is that of running."""
    for event in HISTORY:
        await log.append(event)
    await Projector(log, graph).run(to=len(HISTORY))
    running = await graph.digest()
    await empty(graph.address)

    with pytest.raises(ProjectionHalted, match="position 1 ") as halted:
        await rebuild(log, graph)
    rebuilt = await rebuild(log, graph, skip=True)

    assert "--skip" in halted.value.fix
    assert "anabranch dead-letters show 1" in halted.value.fix
    assert (rebuilt.digest, rebuilt.dead_letters) == (running.digest, len(LETTERS))


async def _aside(graph: Graph, event: Event, position: int) -> None:
    """Make of an event what a projector that did not know its type would have made."""
    row = {
        "position": position,
        "namespace": event.namespace,
        "session_id": event.session_id,
        "error": "EventUnknown",
        "reason": "unknown",
        "projection": "graph",
        "put_aside_at": "2026-11-27T00:00:00Z",
    }
    move = {"projection": "graph", "expected": position - 1, "position": position}
    await graph.write(
        [
            Step("projection/put_aside", {"rows": [row]}),
            Step("projection/move_checkpoint", {**move, "time": "2026-11-27T00:00:00Z"}),
        ]
    )


@in_full_only
async def test_what_an_older_version_put_aside_is_applied_by_retry(log: Log, graph: Graph) -> None:
    """Parent and branch, letters both, are applied in order; the digest is a rebuild's."""
    events = [
        _said(types.SessionOpened(task="Root"), 1),
        _said(_forked(1), 2),
        _said(_learned(1), 3),
    ]
    for event in events:
        await log.append(event)
    await _aside(graph, events[0], 1)
    await _aside(graph, events[1], 2)
    await Projector(log, graph).run(to=3)
    letters = DeadLetters(log, graph, namespace="default")

    child_first = await letters.retry([2])
    attempts = (await letters.get(2)).attempts
    found = await letters.retry()
    retried = await graph.digest()
    await empty(graph.address)

    assert [(one.applied, one.error) for one in child_first] == [(False, "ParentUnknown")]
    assert attempts == 2
    assert [(one.position, one.applied) for one in found] == [(1, True), (2, True)]
    assert (await rebuild(log, graph)).digest == retried.digest


async def test_a_retry_beside_a_running_projector_is_applied(log: Log, graph: Graph) -> None:
    """While events come in and are committed the letter finds its turn, once."""
    opened, learned = _said(types.SessionOpened(task="Root"), 1), _said(_learned(0), 1)
    await log.append(opened)
    await log.append(learned)
    await Projector(log, graph).run(to=1)
    await _aside(graph, learned, 2)
    projector = Projector(log, graph)
    running = asyncio.create_task(projector.run())
    tried: list[RetryOutcome] = []

    async def retry() -> None:
        await projector.wait_for(50, timeout_s=PATIENCE_S)
        tried.extend(await DeadLetters(log, graph, namespace="default").retry())

    retrying = asyncio.create_task(retry())
    last = 2
    while last < 50 or not retrying.done():
        last = (await log.append(_said(_learned(last), 2 + last % 5))).position
        if last > 100:  # A slow machine gets no more to do than a quick one.
            await projector.wait_for(last - 100, timeout_s=PATIENCE_S)
    await retrying
    await projector.wait_for(last, timeout_s=PATIENCE_S)
    running.cancel()
    retried = await graph.digest()
    await empty(graph.address)

    assert [(one.position, one.applied) for one in tried] == [(2, True)]
    assert (await rebuild(log, graph)).digest == retried.digest


async def test_a_retry_that_comes_too_late_asks_for_a_rebuild(log: Log, graph: Graph) -> None:
    """An event on which later ones have built is not applied out of its place."""
    events = [_said(_learned(1), 1), _said(_learned(1), 2), _said(_learned(2), 1)]
    for event in events:
        await log.append(event)
    await _aside(graph, events[0], 1)
    await Projector(log, graph).run(to=3)
    before = await graph.digest()

    found = await DeadLetters(log, graph, namespace="default").retry()

    assert [(one.applied, one.error) for one in found] == [(False, "RetryTooLate")]
    assert await _letters(graph) == [(1, "RetryTooLate")]
    rows = await ask(
        graph.address, "MATCH (i:Insight {id: $id}) RETURN i.recorded AS at", id=insight(1)
    )
    assert rows == [{"at": 2}]
    assert before.position == 3


async def test_a_discarded_letter_is_kept_and_no_longer_waits(log: Log, graph: Graph) -> None:
    """It is not listed, not counted, not retried by all, and survives a replay as it is."""
    raw = orjson.loads(encode(_said(_learned(1), 1)))
    subject = f"anabranch.events.default.{session(1)}"
    await log.connection.jetstream().publish(
        subject, orjson.dumps({**raw, "type": "anabranch.tea.brewed.v9"})
    )
    await Projector(log, graph).run(to=1)
    letters = DeadLetters(log, graph, namespace="default")
    before = await graph.digest()

    await letters.discard([1])
    await ask(graph.address, "MATCH (c:Checkpoint) SET c.position = 0 RETURN c")
    await Projector(log, graph).run(to=1)

    assert await letters.all() == []
    assert (await letters.all(discarded=True))[0].discarded_at is not None
    assert await graph.read("projection/count_dead_letters") == [{"dead_letters": 0}]
    assert await letters.retry() == []
    assert await graph.digest() == before
    with pytest.raises(DeadLetterNotFound):
        await letters.discard([1, 2])
    with pytest.raises(DeadLetterNotFound):
        await DeadLetters(log, graph, namespace="other").get(1)


class _Troubled(Graph):
    """A real graph whose server has passing troubles first."""

    errors: list[Exception]

    async def write_if(
        self, guard: Step, steps: Sequence[Step] | Plan, *, writer: str | None = None
    ) -> bool:
        if self.errors:
            raise self.errors.pop()
        return await super().write_if(guard, steps, writer=writer)


@pytest.mark.parametrize("error", [CommitUnknown, TransactionUndone])
async def test_a_passing_reason_never_makes_a_dead_letter(
    log: Log, graph: Graph, error: type[CommitUnknown], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a server undoes a good event's transaction, the event is applied at last."""
    monkeypatch.setattr("anabranch_projections.run.backoff.PAUSE_MAX_S", 0.01)
    await log.append(_said(_learned(1), 1))
    async with _Troubled.connect(graph.address) as troubled:
        assert isinstance(troubled, _Troubled)
        troubled.errors = [error("again", fix="wait") for _ in range(30)]

        await Projector(log, troubled).run(to=1)

    assert await _letters(graph) == []
    assert await ask(graph.address, "MATCH (i:Insight) RETURN i.text AS text") == [
        {"text": "Gauge 1"}
    ]


async def test_what_a_foreign_constraint_refuses_is_put_aside(
    log: Log, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds up nothing behind it, and is applied once the constraint is gone."""
    monkeypatch.setattr("anabranch_projections.run.backoff.PAUSE_MAX_S", 0.01)
    await empty(graph.address)
    named = types.InsightRecorded(insight_id=insight(1), text="High", entities=("weir",))
    again = types.InsightRecorded(insight_id=insight(2), text="Low", entities=("weir",))
    for event in (_said(named, 1), _said(again, 2, namespace="other"), _said(_learned(3), 3)):
        await log.append(event)
    await ask(graph.address, "CREATE CONSTRAINT theirs FOR (e:Entity) REQUIRE e.name IS UNIQUE")
    try:
        await Projector(log, graph).run(to=3)
    finally:
        await ask(graph.address, "DROP CONSTRAINT theirs")

    found = await _letters(graph)
    tried = await DeadLetters(log, graph, namespace="other").retry()
    texts = await ask(graph.address, "MATCH (i:Insight) RETURN i.text AS text ORDER BY text")
    assert found == [(2, "ConstraintBroken")]
    assert [one.applied for one in tried] == [True]
    assert [row["text"] for row in texts] == ["Gauge 3", "High", "Low"]
