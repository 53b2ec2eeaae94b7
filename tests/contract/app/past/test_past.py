"""A memory as of a position gives the same as a graph of that position, and so for diffs."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Literal, LiteralString

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from anabranch import Memory
from anabranch.errors import HistoryNotFound
from anabranch.memory.memory import namespace_of
from anabranch.views import SessionView
from anabranch_events.errors import SessionNotFound
from anabranch_events.event.content import FORGOTTEN
from anabranch_events.event.types import InsightCited, Outcome
from anabranch_projections import PositionedEvent, fold
from anabranch_projections.fold.rules import JUDGED, verdicts
from anabranch_projections.run.batch import dead_letter, put_aside
from anabranch_recall import Question, Scope
from anabranch_store import Graph, GraphRanker, create_database, drop_database
from anabranch_thinking import SessionState
from tests.support.graphs import ask, empty
from tests.support.histories import (
    consolidation,
    identifier,
    insight,
    moment,
    session,
    thoughts,
)
from tests.support.patience import PATIENCE_S
from tests.support.properties import OnThisLoop, held
from tests.support.rounds import FULL, in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anabranch.settings import Settings
    from anabranch_events import Event, Recorded
    from anabranch_store import EmbeddedGraph, GraphAddress

pytestmark = [pytest.mark.timeout(1800), in_full_only]

HELD: Final = (
    "MATCH (i:Insight {namespace: $namespace}) WHERE i.recorded <= $as_of "
    "AND (i.retired IS NULL OR i.retired > $as_of) RETURN i.id AS id ORDER BY id"
)
LINKED: Final = (
    "MATCH (a:Insight {namespace: $namespace})-[r:ASSOCIATED_WITH|CONFLICTS_WITH]->(b:Insight) "
    "WHERE r.recorded <= $as_of AND (r.retired IS NULL OR r.retired > $as_of) "
    "RETURN type(r) AS type, a.id AS one, b.id AS other, r.recorded AS recorded ORDER BY recorded, one"
)
WEIGHED: Final = (
    "MATCH (a:Insight {namespace: $namespace})-[r:ASSOCIATED_WITH]->(b:Insight) "
    "RETURN a.id AS one, b.id AS other, r.recorded AS recorded, r.weight AS weight, "
    "r.citations AS citations ORDER BY recorded, one"
)
STATUS: Final = (
    "MATCH (s:Session {namespace: $namespace}) WHERE s.opened IS NOT NULL "
    "RETURN s.id AS id, s.status AS status, s.updated AS updated ORDER BY id"
)


class Past:
    """A memory with a growing random history, and a graph beside it for any earlier moment."""

    def __init__(self, memory: Memory, then: Graph) -> None:
        self.memory = memory
        self.then = then
        self.records: list[Recorded] = []
        self.events: list[PositionedEvent] = []
        self.namespaces: set[str] = set()

    async def grow(self, history: list[Event]) -> None:
        """Append events, in namespaces that are new, and let the graph reach them."""
        moved = {name: f"{name}{len(self.events)}" for name in "ab"}
        self.namespaces = {*moved.values()}
        await namespace_of(self.memory).backend.log.ingest(
            [event.model_copy(update={"namespace": moved[event.namespace]}) for event in history]
        )
        found = namespace_of(self.memory).backend.log.read_all(after=len(self.events))
        new = [each async for each in found]
        self.records += new
        self.events += [PositionedEvent(each.position, each.decode()) for each in new]
        await self.memory.wait_for(len(self.events), timeout_s=PATIENCE_S)

    @property
    def namespace(self) -> str:
        """The namespace that the memory looks into."""
        return namespace_of(self.memory).name

    def look_into(self, namespace: str) -> None:
        """Let the memory write to and read from another namespace of its home."""
        opened = namespace_of(self.memory)
        opened.name = opened.sessions.namespace = namespace

    async def fold_to(self, position: int) -> None:
        """Fold only the events up to `position` into the graph beside, in one go."""
        events = self.events[:position]
        broken = verdicts([at for at in events if type(at.event.data) in JUDGED], {})
        letters = [dead_letter(self.records[place - 1], error) for place, error in broken.items()]
        await empty(self.then.address)
        await self.then.write(
            [*fold(at for at in events if at.position not in broken), *put_aside(letters)]
        )


@pytest.fixture(params=["embedded", "neo4j"] if FULL else ["embedded"])
async def past(
    request: pytest.FixtureRequest, own_settings: Settings, embedded_graph: EmbeddedGraph
) -> AsyncIterator[Past]:
    """Open a memory on each store in turn, over an empty home."""
    mine = own_settings.changed(embedder="none")
    if request.param == "neo4j":
        server: GraphAddress = request.getfixturevalue("neo4j_address")
        await empty(server)
        mine = mine.model_copy(
            update={
                "neo4j_uri": server.uri,
                "neo4j_username": server.username,
                "neo4j_password": server.password,
            }
        )
    beside = await create_database(embedded_graph.address)
    async with Memory.open(settings=mine) as memory, Graph.connect(beside) as then:
        await then.apply_schema()
        yield Past(memory, then)
    await drop_database(beside)


async def test_as_of_gives_what_a_graph_of_that_position_gives(past: Past) -> None:
    """Sessions, thoughts, digest, recall and Cypher as of P: for random histories and any P."""
    await _over_histories(past, _as_of_holds, many=(5, 1))


async def test_a_diff_is_the_difference_of_the_two_graphs(past: Past) -> None:
    """What was learned between P1 and P2 is what the graph of P2 has and that of P1 has not."""
    await _over_histories(past, _diff_holds, many=(6, 2))


async def test_a_history_misses_nothing(past: Past) -> None:
    """The life of any session, insight or consolidation is every event that says something of it."""
    await _over_histories(past, _history_holds, many=(6, 2))


async def test_what_was_forgotten_is_never_told_again(past: Past) -> None:
    """As of before it was forgotten too, an insight is there without its text, wherever one looks."""
    memory = past.memory
    secret = "Ada lives at the old mill"
    session = await memory.open_session("Talk with Ada")
    kept = await session.remember(secret)
    forgotten = await namespace_of(memory).sessions.forget(
        kept.insight_id, receipt="request 7", session_id=kept.session_id
    )
    then = forgotten.position - 1

    now = await memory.show_session(kept.session_id)
    before = await memory.show_session(kept.session_id, as_of=then)
    life = [
        *await memory.past.history(kept.insight_id, as_of=then),
        *await memory.past.history(kept.session_id, as_of=then),
    ]
    found = await memory.cypher("MATCH (i:Insight) RETURN i.id AS id, i.text AS text", as_of=then)
    learned = await memory.past.diff(0, then)

    for view in (now, before):
        assert [(one.insight_id, one.text) for one in view.insights or ()] == [
            (kept.insight_id, None)
        ]
    assert life
    assert found.rows == [{"id": kept.insight_id, "text": None}]
    assert [one.text for one in learned.insights_recorded] == [None]
    assert secret not in str([now, before, life, found.rows, learned])


async def test_what_was_said_of_the_forgotten_is_not_told_of_then_either(past: Past) -> None:
    """As of before it was forgotten, the link is there without its reason."""
    memory = past.memory
    session = await memory.open_session("Talk with Ben")
    one = await session.remember("Ben lives at the new mill")
    other = await session.remember("Mills have wheels")
    await memory.associate(one.insight_id, other.insight_id, reason="Ben's mill has one")
    forgotten = await memory.forget(one.insight_id)
    then = forgotten.position - 1
    query = "MATCH (i:Insight {id: $id})-[r:ASSOCIATED_WITH]-() RETURN r.kind AS kind, r.reason AS reason"

    found = [
        await memory.cypher(query, {"id": one.insight_id}, as_of=as_of) for as_of in (None, then)
    ]

    assert [each.rows for each in found] == [[{"kind": "related", "reason": None}]] * 2


async def _over_histories(past: Past, check: Any, *, many: tuple[int, int]) -> None:
    call = OnThisLoop(timeout_s=180)
    on_neo4j = past.memory.settings.neo4j_uri is not None

    @seed(20261127)
    @held(many[on_neo4j])
    @given(thoughts(40), st.floats(0, 1), st.floats(0, 1))
    def holds(history: list[Event], one: float, other: float) -> None:
        before = len(past.events)
        call(past.grow(history))
        first, second = sorted((one, other))
        grown = len(past.events) - before
        call(check(past, before + round(first * grown), before + round(second * grown)))

    await asyncio.to_thread(holds)


async def _as_of_holds(past: Past, _: int, position: int) -> None:
    await past.fold_to(position)
    assert (await past.memory.graph.digest(as_of=position)).digest == (
        await past.then.digest()
    ).digest
    for namespace in sorted(past.namespaces):
        past.look_into(namespace)
        for number in (0, 1, 2):
            await _session_holds(past, session(number), position)
        await _cypher_holds(past, position)
        await _recall_holds(past, position)


async def _session_holds(past: Past, session_id: str, position: int) -> None:
    namespace = past.namespace
    state = SessionState(session_id, namespace)
    for at in past.events[:position]:
        if (at.namespace, at.session_id) == (namespace, session_id):
            state = state.after(at.event, position=at.position)
    if not state.exists:
        with pytest.raises(SessionNotFound):
            await past.memory.show_session(session_id, as_of=position)
        return
    silent = await _forgotten(past, "Session")
    if session_id in silent:
        state = state.without_content()
    view = SessionView.of(state, forgotten=await _forgotten(past))
    assert await past.memory.show_session(session_id, as_of=position) == view
    rows = await past.then.read(
        "sessions/list_thought",
        namespace=namespace,
        root_id=state.root_id,
        status=None,
        before=len(past.events) + 1,
        limit=100,
    )
    tree = await past.memory.session_tree(session_id, as_of=position)
    views = [SessionView.model_validate(row) for row in rows]
    assert tree == [_unsaid(one) if one.session_id in silent else one for one in views][::-1]


def _unsaid(view: SessionView) -> SessionView:
    """Return how a session is shown that was forgotten since."""
    said = {"task": view.task, "result": view.result, "error": view.error}
    return view.model_copy(
        update={name: FORGOTTEN for name, text in said.items() if text is not None}
    )


async def _cypher_holds(past: Past, position: int) -> None:
    memory, namespace = past.memory, past.namespace
    for query in (HELD, LINKED):
        expected = await ask(past.then.address, query, namespace=namespace, as_of=position)
        assert (await memory.cypher(query, as_of=position)).rows == expected
    for query in (WEIGHED, STATUS):
        expected = await ask(past.then.address, query, namespace=namespace)
        assert (await memory.cypher(query, as_of=position)).rows == expected


async def _recall_holds(past: Past, position: int) -> None:
    namespace = past.namespace
    forgotten = await _forgotten(past)
    for scope in Scope:
        question = Question(
            text="what is there?",
            namespace=namespace,
            k=100,
            scope=scope,
            session_id=session(0),
            asked_at=moment(1000),  # As of a position it would be that of its last insight.
        )
        reached = await _reach(past.then, question)
        asked = question.model_copy(update={"as_of": position})
        live = await _reach(await namespace_of(past.memory).backend.graph(), asked)
        assert live == reached - forgotten


async def _forgotten(past: Past, label: Literal["Insight", "Session"] = "Insight") -> set[str]:
    """Return every insight, or session, of the namespace that was ever forgotten."""
    rows = await ask(
        (await namespace_of(past.memory).backend.graph()).address,
        f"MATCH (i:{label} {{namespace: $n}}) WHERE i.forgotten IS NOT NULL RETURN i.id AS id",
        n=past.namespace,
    )
    return {row["id"] for row in rows}


async def _reach(graph: Graph, question: Question) -> set[str]:
    """Return every insight that a recall draws on: what it may rank, whatever it is asked."""
    texts = await graph.read(
        "past/read_insights",
        namespace=question.namespace,
        until=2**53,
        ids=[insight(number) for number in range(4)],
        characters=1000,
    )
    ranker = GraphRanker(graph)
    found: set[str] = set()
    for row in texts:
        asked = question.model_copy(update={"text": row["text"] or "nothing"})
        found |= {hit.insight_id for hit in (await ranker.recall(asked)).hits}
    return found


async def _diff_holds(past: Past, before: int, after: int) -> None:
    for namespace in sorted(past.namespaces):
        past.look_into(namespace)
        diff = await past.memory.past.diff(before, after)

        one, other = [await _learned(past, namespace, position) for position in (before, after)]

        for name, facts in other.items():
            gained = facts - one[name]
            assert Counter(_fact(name, item) for item in getattr(diff, name)) == gained, name
            assert diff.sums[name] == gained.total(), name
        moved = await _moved(past, namespace, before, after)
        for name, outcome in (("strengthened", "useful"), ("weakened", "rejected")):
            items = getattr(diff, f"associations_{name}")
            assert diff.sums[f"associations_{name}"] == len(items)
            assert {_fact("associations_", item): getattr(item, outcome) for item in items} == {
                key: counts[outcome] for key, counts in moved.items() if counts[outcome]
            }


def _fact(name: str, item: Any) -> tuple[Any, ...]:
    values = item.model_dump()
    names = {
        "insights": ("insight_id", "position"),
        "associations": ("from_id", "to_id", "kind", "position"),
        "sessions": ("session_id", "status", "position"),
        "consolidations": ("consolidation_id", "position"),
        "conflicts": ("insights", "position"),
    }[name.partition("_")[0]]
    return tuple(values[each] for each in names)


_FACTS: Final[dict[str, LiteralString]] = {
    "insights_recorded": "MATCH (i:Insight {namespace: $n}) WHERE i.recorded IS NOT NULL "
    "RETURN [i.id, i.recorded] AS fact",
    "insights_retired": "MATCH (i:Insight {namespace: $n}) WHERE i.recorded IS NOT NULL "
    "AND i.retired IS NOT NULL "
    "RETURN [i.id, CASE WHEN i.retired > i.recorded THEN i.retired ELSE i.recorded END] AS fact",
    "insights_forgotten": "MATCH (i:Insight {namespace: $n}) WHERE i.recorded IS NOT NULL "
    "AND i.forgotten IS NOT NULL "
    "RETURN [i.id, CASE WHEN i.forgotten > i.recorded THEN i.forgotten ELSE i.recorded END] "
    "AS fact",
    "associations_formed": "MATCH (a:Insight {namespace: $n})-[r:ASSOCIATED_WITH]->(b:Insight) "
    "RETURN [a.id, b.id, r.kind, r.recorded] AS fact",
    "associations_ended": "MATCH (a:Insight {namespace: $n})-[r:ASSOCIATED_WITH]->(b:Insight) "
    "WHERE r.retired IS NOT NULL RETURN [a.id, b.id, r.kind, r.retired] AS fact",
    "sessions_opened": "MATCH (s:Session {namespace: $n}) WHERE s.opened IS NOT NULL "
    "RETURN [s.id, null, s.opened] AS fact",
    "sessions_ended": "MATCH (s:Session {namespace: $n}) WHERE s.opened IS NOT NULL "
    "AND s.ended IS NOT NULL "
    "RETURN [s.id, s.status, CASE WHEN s.ended > s.opened THEN s.ended ELSE s.opened END] AS fact",
    "consolidations_recorded": "MATCH (c:Consolidation {namespace: $n}) "
    "RETURN [c.id, c.recorded] AS fact",
    "conflicts_opened": "MATCH (a:Insight {namespace: $n})-[r:CONFLICTS_WITH]->(b:Insight) "
    "RETURN [[a.id, b.id], r.recorded] AS fact",
    "conflicts_resolved": "MATCH (a:Insight {namespace: $n})-[r:CONFLICTS_WITH]->(b:Insight) "
    "WHERE r.retired IS NOT NULL RETURN [[a.id, b.id], r.retired] AS fact",
}
_CITATIONS: Final = (
    "MATCH (a:Insight {namespace: $n})-[r:ASSOCIATED_WITH]->(b:Insight) "
    "RETURN [a.id, b.id, r.kind, r.recorded] AS key, r.citations AS useful, r.cited AS cited, "
    "coalesce(r.retired, 1000000000) AS end"
)


async def _learned(
    past: Past, namespace: str, position: int
) -> dict[str, Counter[tuple[Any, ...]]]:
    """Return the facts that a graph of `position` holds, by the diff's names for them."""
    await past.fold_to(position)
    return {
        name: Counter(
            tuple(tuple(part) if isinstance(part, list) else part for part in row["fact"])
            for row in await ask(past.then.address, query, n=namespace)
        )
        for name, query in _FACTS.items()
    }


async def _moved(
    past: Past, namespace: str, before: int, after: int
) -> dict[tuple[Any, ...], dict[str, int]]:
    """Return how often each association that the graph of `before` holds was used and rejected.

    The two graphs tell the useful citations and whether there were any; the events the others.
    """
    held: list[dict[tuple[Any, ...], dict[str, Any]]] = []
    for position in (before, after):
        await past.fold_to(position)
        rows = await ask(past.then.address, _CITATIONS, n=namespace)
        held.append({tuple(row["key"]): row for row in rows})
    found: dict[tuple[Any, ...], dict[str, int]] = {}
    for key, old in held[0].items():
        new = held[1][key]
        rejected = sum(
            1
            for at in past.events[before : min(after, new["end"] - 1)]
            if at.namespace == namespace
            and isinstance(at.event.data, InsightCited)
            and at.event.data.outcome is Outcome.REJECTED
            and {*key[:2]} <= {*at.event.data.insight_ids}
        )
        found[key] = {"useful": new["useful"] - old["useful"], "rejected": rejected}
        assert any(found[key].values()) == (new["cited"] != old["cited"])
    return found


async def _history_holds(past: Past, _: int, position: int) -> None:
    things = [session(0), session(1), *map(insight, range(3)), consolidation(0), identifier(9, 9)]
    for namespace in sorted(past.namespaces):
        past.look_into(namespace)
        for thing in things:
            expected = [
                at.position
                for at in past.events[:position]
                if at.namespace == namespace
                and (thing == at.session_id or thing in _ids_in(at.event.data.model_dump()))
            ]
            if not expected:
                with pytest.raises(HistoryNotFound):
                    await past.memory.past.history(thing, as_of=position)
                continue
            life = await past.memory.past.history(thing, as_of=position)
            assert [event.position for event in life] == expected
            assert all(event.happened for event in life)


def _ids_in(value: Any, *, name: str = "") -> set[str]:
    """Return what stands in the fields of an event that hold ids, however deep."""
    if isinstance(value, dict):
        free = {"attributes", "working_memory", "value", "tags", "entities"}
        return {
            one for key, each in value.items() if key not in free for one in _ids_in(each, name=key)
        }
    if isinstance(value, list | tuple):
        return {one for each in value for one in _ids_in(each, name=name)}
    return {value} if isinstance(value, str) and name != "recall_id" else set()
