"""Every event type has its effect in the graph, the same on every store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple

from anabranch_events.event import types
from anabranch_events.event.identifiers import RESERVED_NAMESPACE
from anabranch_events.event.registry import EVENT_TYPES
from anabranch_events.event.types import EventData, Insight, Outcome, Priority
from anabranch_projections import PositionedEvent, fold
from tests.support.graphs import ask, empty
from tests.support.histories import at, consolidation, insight, moment, session
from tests.support.rounds import neo4j_in_full_only

if TYPE_CHECKING:
    from anabranch_store import Graph


class Case(NamedTuple):
    """Events in log order, the last of the type in question, and what a query then returns."""

    events: list[PositionedEvent]
    query: LiteralString
    rows: list[dict[str, Any]]


def _recorded(position: int, number: int, **fields: Any) -> PositionedEvent:
    data = {"insight_id": insight(number), "text": f"Text {number}", **fields}
    return at(position, types.InsightRecorded.model_validate(data))


_OPENED = at(1, types.SessionOpened(task="Root"))
_CREATED = at(
    2,
    types.BranchCreated(
        parent_id=session(1),
        root_id=session(1),
        forked_at=1,
        depth=1,
        task="Branch",
        role="critic",
        priority=Priority.HIGH,
        executor="local",
        deadline=moment(100),
        attributes={"b": 1, "a": [None]},
    ),
    of=session(2),
    agent="ada",
)
_STARTED = at(3, types.BranchStarted(worker="w1", attempt=2), of=session(2), agent="bob")
_BRANCH: LiteralString = (
    "MATCH (s:Session {namespace: 'default', id: '00000000-0000-7000-8001-000000000002'}) "
)
_ASSOCIATIONS: LiteralString = (
    "MATCH (a:Insight)-[r:ASSOCIATED_WITH]->(b:Insight) "
    "RETURN a.id AS source, b.id AS target, r.kind AS kind, r.weight AS weight, "
    "r.formed_weight AS formed_weight, r.reason AS reason, r.recorded AS recorded, "
    "r.recorded_at AS recorded_at, r.retired AS retired, r.citations AS citations, "
    "r.cited AS cited, r.last_cited AS last_cited ORDER BY recorded"
)
_ASSOCIATION = {
    "source": insight(1),
    "target": insight(2),
    "kind": "similar",
    "weight": 0.5,
    "formed_weight": 0.5,
    "reason": "both about tea",
    "recorded": 3,
    "recorded_at": moment(3),
    "retired": None,
    "citations": 0,
    "cited": None,
    "last_cited": None,
}
_FORMED = at(
    3,
    types.AssociationFormed(
        from_id=insight(1), to_id=insight(2), kind="similar", weight=0.5, reason="both about tea"
    ),
)
_CLAIMED = at(
    2, types.ResourceClaimed(resource="the pump", holder=session(1), ttl_s=60.0), of=session(3)
)
_CONFLICTS: LiteralString = (
    "MATCH (a:Insight)-[r:CONFLICTS_WITH]->(b:Insight) "
    "RETURN a.id AS one, b.id AS other, r.recorded AS recorded, r.retired AS retired, "
    "r.subject AS subject, r.decision AS decision"
)
_CONFLICT = at(3, types.ConflictOpened(insights=(insight(2), insight(1)), subject="How hot"))

CASES: dict[type[EventData], Case] = {
    types.SessionOpened: Case(
        [
            at(
                1,
                types.SessionOpened(
                    task="Root",
                    role="lead",
                    priority=Priority.LOW,
                    attributes={"b": 1, "a": [None]},
                ),
                agent="ada",
            )
        ],
        "MATCH (a:Agent {namespace: 'default'})-[r:RAN]->(s:Session) "
        "RETURN properties(s) AS session, a.name AS agent, r.recorded AS ran",
        [
            {
                "session": {
                    "namespace": "default",
                    "id": session(1),
                    "task": "Root",
                    "role": "lead",
                    "agent": "ada",
                    "status": "open",
                    "priority": "low",
                    "depth": 0,
                    "root_id": session(1),
                    "opened": 1,
                    "opened_at": moment(1),
                    "updated": 1,
                    "attributes": '{"a":[null],"b":1}',
                },
                "agent": "ada",
                "ran": 1,
            }
        ],
    ),
    types.BranchCreated: Case(
        [_OPENED, _CREATED],
        "MATCH (s:Session)-[b:BRANCHED_FROM]->(p:Session) "
        "RETURN properties(s) AS session, b.forked_at AS forked_at, p.id AS parent",
        [
            {
                "session": {
                    "namespace": "default",
                    "id": session(2),
                    "task": "Branch",
                    "role": "critic",
                    "agent": "ada",
                    "status": "pending",
                    "priority": "high",
                    "depth": 1,
                    "root_id": session(1),
                    "parent_id": session(1),
                    "forked_at": 1,
                    "opened": 2,
                    "opened_at": moment(2),
                    "updated": 2,
                    "executor": "local",
                    "deadline": moment(100),
                    "attributes": '{"a":[null],"b":1}',
                },
                "forked_at": 1,
                "parent": session(1),
            }
        ],
    ),
    types.BranchStarted: Case(
        [_CREATED, _STARTED],
        _BRANCH + "MATCH (a:Agent)-[r:RAN]->(s) RETURN s.status AS status, s.worker AS worker, "
        "s.attempt AS attempt, s.agent AS agent, a.name AS ran, r.recorded AS recorded ORDER BY ran",
        [
            {
                "status": "running",
                "worker": "w1",
                "attempt": 2,
                "agent": "bob",
                "ran": ran,
                "recorded": recorded,
            }
            for ran, recorded in (("ada", 2), ("bob", 3))
        ],
    ),
    types.BranchHedged: Case(
        [_CREATED, _STARTED, at(4, types.BranchHedged(worker="w2", attempt=2), of=session(2))],
        _BRANCH + "RETURN s.status AS status, s.worker AS worker, s.attempt AS attempt",
        [{"status": "running", "worker": "w1", "attempt": 2}],
    ),
    types.BranchCompleted: Case(
        [
            _CREATED,
            at(
                4,
                types.BranchCompleted(
                    result="Green tea wants 70 degrees",
                    insights=(Insight(insight_id=insight(1), text="Text", entities=("Tea",)),),
                    duration_ms=12.5,
                    attempt=2,
                ),
                of=session(2),
            ),
        ],
        "MATCH (s:Session)-[p:PRODUCED]->(i:Insight)-[m:MENTIONS]->(e:Entity) "
        "RETURN s.status AS status, s.result AS result, s.ended AS ended, s.ended_at AS ended_at, "
        "s.duration_ms AS duration_ms, s.attempt AS attempt, p.recorded AS produced, "
        "i.text AS text, i.root_id AS root_id, e.name AS entity",
        [
            {
                "status": "completed",
                "result": "Green tea wants 70 degrees",
                "ended": 4,
                "ended_at": moment(4),
                "duration_ms": 12.5,
                "attempt": 2,
                "produced": 4,
                "text": "Text",
                "root_id": session(1),
                "entity": "Tea",
            }
        ],
    ),
    types.BranchFailed: Case(
        [
            _CREATED,
            at(4, types.BranchFailed(error="Out of tea", attempt=1), of=session(2)),
            at(5, types.BranchFailed(error="Cold", attempt=2, will_retry=True), of=session(3)),
        ],
        "MATCH (s:Session) WHERE s.error IS NOT NULL RETURN s.status AS status, s.error AS error, "
        "s.attempt AS attempt, s.ended AS ended, s.ended_at AS ended_at ORDER BY attempt",
        [
            {
                "status": "failed",
                "error": "Out of tea",
                "attempt": 1,
                "ended": 4,
                "ended_at": moment(4),
            },
            {"status": "pending", "error": "Cold", "attempt": 2, "ended": None, "ended_at": None},
        ],
    ),
    types.BranchCancelled: Case(
        [_CREATED, _STARTED, at(4, types.BranchCancelled(reason="Enough"), of=session(2))],
        _BRANCH + "RETURN s.status AS status, s.ended AS ended, s.ended_reason AS reason",
        [{"status": "cancelled", "ended": 4, "reason": "Enough"}],
    ),
    types.BranchDeadLettered: Case(
        [_CREATED, at(4, types.BranchDeadLettered(reason="Tried", attempt=5), of=session(2))],
        _BRANCH + "RETURN s.status AS status, s.ended AS ended, s.ended_reason AS reason, "
        "s.attempt AS attempt",
        [{"status": "dead_lettered", "ended": 4, "reason": "Tried", "attempt": 5}],
    ),
    types.InsightRecorded: Case(
        [
            _OPENED,
            _recorded(
                2,
                1,
                kind="fact",
                confidence=0.75,
                tags=["a", "b"],
                entities=["Tea", "Uji", "Tea"],
                valid_from=moment(-5),
                valid_until=moment(50),
                sources=["https://example.org/tea"],
            ),
            _recorded(3, 2, entities=["Tea"]),
        ],
        "MATCH (s:Session)-[p:PRODUCED]->(i:Insight)-[m:MENTIONS]->(e:Entity) "
        "RETURN properties(i) AS insight, s.id AS session, p.recorded AS produced, "
        "m.recorded AS mentioned, e.name AS entity, e.mentions AS mentions "
        "ORDER BY i.recorded, e.name LIMIT 2",
        [
            {
                "insight": {
                    "namespace": "default",
                    "id": insight(1),
                    "session_id": session(1),
                    "root_id": session(1),
                    "text": "Text 1",
                    "kind": "fact",
                    "confidence": 0.75,
                    "tags": ["a", "b"],
                    "entities": ["Tea", "Uji"],
                    "sources": ["https://example.org/tea"],
                    "current": True,
                    "recorded": 2,
                    "recorded_at": moment(2),
                    "valid_from": moment(-5),
                    "valid_until": moment(50),
                },
                "session": session(1),
                "produced": 2,
                "mentioned": 2,
                "entity": entity,
                "mentions": mentions,
            }
            for entity, mentions in (("Tea", 2), ("Uji", 1))
        ],
    ),
    types.InsightSuperseded: Case(
        [
            _recorded(1, 1),
            _recorded(2, 2),
            at(
                3,
                types.InsightSuperseded(
                    insight_id=insight(1), by=insight(2), reason="newer", valid_until=moment(3)
                ),
            ),
            at(4, types.InsightRetracted(insight_id=insight(1), reason="too late")),
        ],
        "MATCH (n:Insight)-[r:SUPERSEDES]->(o:Insight) RETURN n.id AS new, n.retired AS new_retired, "
        "r.recorded AS recorded, o.retired AS retired, o.retired_reason AS reason, "
        "o.valid_until AS valid_until, o.text AS text",
        [
            {
                "new": insight(2),
                "new_retired": None,
                "recorded": 3,
                "retired": 3,
                "reason": "newer",
                "valid_until": moment(3),
                "text": "Text 1",
            }
        ],
    ),
    types.InsightRetracted: Case(
        [
            _recorded(1, 1),
            at(2, types.InsightRetracted(insight_id=insight(1), reason="Not so")),
        ],
        "MATCH (i:Insight) RETURN i.retired AS retired, i.retired_reason AS reason, i.text AS text",
        [{"retired": 2, "reason": "Not so", "text": "Text 1"}],
    ),
    types.InsightCited: Case(
        [
            _recorded(1, 1),
            _recorded(2, 2),
            _FORMED,
            at(
                4,
                types.InsightCited(
                    insight_ids=(insight(1), insight(2), insight(2)), outcome=Outcome.CONFIRMED
                ),
            ),
            at(5, types.InsightCited(insight_ids=(insight(1),), outcome=Outcome.USED)),
            at(
                6,
                types.InsightCited(insight_ids=(insight(2), insight(1)), outcome=Outcome.REJECTED),
            ),
        ],
        "MATCH (a:Insight)-[r:ASSOCIATED_WITH]->(b:Insight) RETURN a.citations AS of_one, "
        "a.confirmations AS confirming_one, a.cited AS one_cited, b.citations AS of_other, b.cited AS other_cited, "
        "r.weight AS weight, r.citations AS citations, r.cited AS cited, r.last_cited AS last_cited",
        [
            {
                "of_one": 2,
                "confirming_one": 1,
                "one_cited": 6,
                "of_other": 1,
                "other_cited": 6,
                "weight": (0.5 + 0.1 * (1.0 - 0.5)) * 0.9,
                "citations": 1,
                "cited": 6,
                "last_cited": moment(4),
            }
        ],
    ),
    types.AssociationFormed: Case(
        [
            _FORMED,
            at(
                5,
                types.AssociationFormed(
                    from_id=insight(1), to_id=insight(2), kind="similar", weight=0.25
                ),
            ),
        ],
        _ASSOCIATIONS,
        [
            {**_ASSOCIATION, "retired": 5},
            {
                **_ASSOCIATION,
                "weight": 0.25,
                "formed_weight": 0.25,
                "reason": None,
                "recorded": 5,
                "recorded_at": moment(5),
            },
        ],
    ),
    types.AssociationSevered: Case(
        [
            _FORMED,
            at(
                4,
                types.AssociationSevered(from_id=insight(1), to_id=insight(2), kind="other"),
            ),
            at(
                7,
                types.AssociationSevered(from_id=insight(1), to_id=insight(2), kind="similar"),
            ),
        ],
        _ASSOCIATIONS,
        [{**_ASSOCIATION, "retired": 7}],
    ),
    types.ConsolidationRecorded: Case(
        [
            _OPENED,
            _recorded(2, 1),
            at(
                3,
                types.ConsolidationRecorded(
                    consolidation_id=consolidation(1),
                    root_id=session(1),
                    sessions=(session(1), session(1)),
                    sources=(insight(1), insight(1)),
                    text="Tea in short",
                    method="by hand",
                ),
            ),
        ],
        "MATCH (i:Insight)<-[:DERIVED_FROM]-(c:Consolidation)-[:CONSOLIDATES]->(s:Session) "
        "RETURN properties(c) AS consolidation, i.id AS source, s.id AS session",
        [
            {
                "consolidation": {
                    "namespace": "default",
                    "id": consolidation(1),
                    "root_id": session(1),
                    "text": "Tea in short",
                    "method": "by hand",
                    "recorded": 3,
                    "recorded_at": moment(3),
                },
                "source": insight(1),
                "session": session(1),
            }
        ],
    ),
    types.ConflictOpened: Case(
        [_CONFLICT],
        _CONFLICTS,
        [
            {
                "one": insight(1),
                "other": insight(2),
                "recorded": 3,
                "retired": None,
                "subject": "How hot",
                "decision": None,
            }
        ],
    ),
    types.ConflictResolved: Case(
        [
            _CONFLICT,
            at(4, types.ConflictResolved(insights=(insight(1), insight(2)), decision="70 degrees")),
        ],
        _CONFLICTS,
        [
            {
                "one": insight(1),
                "other": insight(2),
                "recorded": 3,
                "retired": 4,
                "subject": "How hot",
                "decision": "70 degrees",
            }
        ],
    ),
    types.WorkingMemorySet: Case(
        [
            _OPENED,
            at(2, types.WorkingMemorySet(key="plan", value=1)),
            at(3, types.WorkingMemorySet(key="plan", value={"b": "é", "a": 2.5})),
        ],
        "MATCH (s:Session)-[:NOTED]->(n:Note) RETURN n.session_id = s.id AS own, n.key AS key, "
        "n.value AS value, n.recorded AS recorded, s.updated AS updated",
        [{"own": True, "key": "plan", "value": '{"a":2.5,"b":"é"}', "recorded": 3, "updated": 3}],
    ),
    types.WorkingMemoryCleared: Case(
        [
            at(1, types.WorkingMemorySet(key="plan", value=1)),
            at(2, types.WorkingMemorySet(key="mood", value=None)),
            at(3, types.WorkingMemoryCleared(key="plan")),
        ],
        "MATCH (s:Session) OPTIONAL MATCH (s)-[:NOTED]->(n:Note) "
        "RETURN n.key AS key, n.value AS value, n.recorded AS recorded, s.updated AS updated",
        [{"key": "mood", "value": "null", "recorded": 2, "updated": 3}],
    ),
    types.SessionHandedOff: Case(
        [
            _OPENED,
            at(
                2,
                types.SessionHandedOff(
                    to=session(2), summary="Half done", working_memory={"plan": [1]}
                ),
            ),
        ],
        "MATCH (s:Session)-[h:HANDED_OFF_TO]->(t:Session)-[:NOTED]->(n:Note {key: 'plan'}) "
        "RETURN s.status AS status, "
        "s.ended AS ended, h.recorded AS recorded, h.summary AS summary, t.id AS to, "
        "n.value AS plan, t.opened AS opened",
        [
            {
                "status": "handed_off",
                "ended": 2,
                "recorded": 2,
                "summary": "Half done",
                "to": session(2),
                "plan": "[1]",
                "opened": None,
            }
        ],
    ),
    types.SessionClosed: Case(
        [_OPENED, at(2, types.SessionClosed(reason="Done"))],
        "MATCH (s:Session) RETURN s.status AS status, s.ended AS ended, s.ended_at AS ended_at, "
        "s.ended_reason AS reason",
        [{"status": "closed", "ended": 2, "ended_at": moment(2), "reason": "Done"}],
    ),
    types.ResourceClaimed: Case(
        [_OPENED, _CLAIMED],
        "MATCH (s:Session) RETURN s.id AS id",
        [{"id": session(1)}],
    ),
    types.ResourceReleased: Case(
        [
            _OPENED,
            _CLAIMED,
            at(
                3,
                types.ResourceReleased(resource="the pump", holder=session(1), token=2),
                of=session(3),
            ),
        ],
        "MATCH (s:Session) RETURN s.id AS id",
        [{"id": session(1)}],
    ),
    types.SessionForgotten: Case(
        [_OPENED, at(2, types.SessionForgotten(receipt="Request 7"))],
        "MATCH (s:Session) RETURN s.task AS task, s.forgotten AS forgotten, "
        "s.forgotten_receipt AS receipt",
        [{"task": "(forgotten)", "forgotten": 2, "receipt": "Request 7"}],
    ),
    types.InsightExpired: Case(
        [
            _recorded(1, 1),
            _recorded(2, 2),
            at(3, types.InsightSuperseded(insight_id=insight(1), by=insight(2))),
            at(4, types.InsightExpired(insight_id=insight(2), reason="Old", policy=1)),
        ],
        "MATCH (i:Insight) RETURN i.text AS text, i.retired AS retired, "
        "i.retired_reason AS reason, i.current AS current ORDER BY i.recorded",
        [
            {"text": "Text 1", "retired": 3, "reason": "superseded", "current": False},
            {"text": "Text 2", "retired": 4, "reason": "Old", "current": False},
        ],
    ),
    types.RetentionSet: Case(
        [_OPENED, at(2, types.RetentionSet(rules=(types.RetentionRule(age_days=30),)))],
        "MATCH (s:Session) RETURN s.task AS task",
        [{"task": "Root"}],
    ),
    types.InsightForgotten: Case(
        [
            _recorded(1, 1, entities=["Tea", "Ann"], tags=["a"], sources=["s"]),
            _recorded(2, 2, entities=["Tea"]),
            at(3, types.InsightForgotten(insight_id=insight(1), receipt="Request 7")),
        ],
        "MATCH (i:Insight {namespace: 'default', id: '00000000-0000-7000-8002-000000000001'}) "
        "MATCH (e:Entity) RETURN properties(i) AS insight, e.name AS entity, e.mentions AS mentions",
        [
            {
                "insight": {
                    "namespace": "default",
                    "id": insight(1),
                    "session_id": session(1),
                    "kind": "observation",
                    "confidence": 1.0,
                    "recorded": 1,
                    "recorded_at": moment(1),
                    "current": False,
                    "retired": 3,
                    "retired_reason": "forgotten",
                    "final": 3,
                    "final_reason": "forgotten",
                    "forgotten": 3,
                    "forgotten_receipt": "Request 7",
                },
                "entity": "Tea",
                "mentions": 1,
            }
        ],
    ),
    types.NamespaceSealed: Case(
        [
            _OPENED,
            at(2, types.NamespaceSealed(namespace="acme"), namespace=RESERVED_NAMESPACE),
        ],
        "MATCH (n) WHERE n.namespace IS NOT NULL RETURN n.namespace AS namespace, n.id AS id",
        [{"namespace": "default", "id": session(1)}],
    ),
    types.NamespaceDeleted: Case(
        [
            _OPENED,
            _recorded(2, 1, entities=["Tea"]),
            at(
                3,
                types.InsightRecorded(insight_id=insight(2), text="Kept", entities=("Tea",)),
                namespace="other",
            ),
            at(4, types.NamespaceDeleted(namespace="default"), namespace=RESERVED_NAMESPACE),
        ],
        "MATCH (n) WHERE n.namespace IS NOT NULL "
        "RETURN n.namespace AS namespace, head(labels(n)) AS label, "
        "coalesce(n.id, n.name) AS key ORDER BY label",
        [
            {"namespace": "other", "label": "Entity", "key": "Tea"},
            {"namespace": "other", "label": "Insight", "key": insight(2)},
            {"namespace": "other", "label": "Session", "key": session(1)},
        ],
    ),
}


def test_every_registered_type_has_its_case() -> None:
    """A new event type needs a case here, which says what it does to the graph."""
    assert set(CASES) == set(EVENT_TYPES.values())


@neo4j_in_full_only
async def test_every_event_has_its_effect(graph: Graph) -> None:
    """Folded in one batch, the events of each case leave exactly what the case says."""
    found = {}

    for data_class, case in CASES.items():
        await empty(graph.address)
        await graph.write(fold(case.events))
        found[data_class] = await ask(graph.address, case.query)

    assert found == {data_class: case.rows for data_class, case in CASES.items()}
