"""An example of the body of each operation that has one: the document shows it."""

from __future__ import annotations

from typing import Any, Final

_SESSION: Final = "0199b7a2-5a10-7c3e-9a55-6f1f0d6f3a01"
_INSIGHT: Final = "0199b7a2-6b3f-7d11-8c07-1b7f6a8e2c02"
_OTHER: Final = "0199b7a2-7c4e-7e22-9d18-2c806b9f3d03"

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "remember": {
        "text": "The Danube delta is fed by three anabranches",
        "kind": "fact",
        "tags": ["rivers"],
        "entities": ["Danube"],
    },
    "remember_all": {"insights": ["Otters hold hands", {"text": "Beavers dam", "tags": ["dams"]}]},
    "recall": {"query": "What feeds the Danube delta?", "k": 5},
    "recall_all": {
        "questions": [{"query": "What feeds the delta?"}, {"query": "Who builds dams?", "k": 3}]
    },
    "context": {"query": "What feeds the Danube delta?", "tokens": 500},
    "update": {"text": "The Danube delta is fed by four anabranches"},
    "retract": {"reason": "a later survey says otherwise"},
    "forget": {"receipt": "ticket-118"},
    "forget_all": {"session_id": _SESSION, "receipt": "ticket-118", "dry_run": True},
    "seal_namespace": {},
    "cite": {"insight_ids": [_INSIGHT], "outcome": "confirmed"},
    "open_session": {"task": "Plan a trip to the delta", "role": "planner"},
    "branch": {"task": "Find a hotel", "role": "focus"},
    "complete": {"result": "Booked", "insights": ["Hotels by the delta fill up in May"]},
    "note": {"key": "budget", "value": 8700},
    "clear_note": {"key": "budget"},
    "hand_off": {"summary": "The flights are booked, the hotel is not", "to_agent": "booker"},
    "fail": {"error": "the airline's site does not answer"},
    "cancel": {"reason": "the trip is off"},
    "close": {"reason": "done"},
    "claim": {"resource": "the gate's key", "ttl_s": 60},
    "renew_claim": {"resource": "the gate's key", "token": 48, "ttl_s": 60},
    "release_claim": {"resource": "the gate's key", "token": 48},
    "start_thought": {
        "task": "Which route to the delta is the best?",
        "branches": ["By boat", {"task": "By train", "role": "critical"}],
        "join": "all",
        "labels": ["eu"],
    },
    "cancel_thought": {"reason": "the trip is off"},
    "associate": {"from_id": _INSIGHT, "to_id": _OTHER, "kind": "explains", "weight": 0.7},
    "sever": {"from_id": _INSIGHT, "to_id": _OTHER, "kind": "explains"},
    "consolidate": {},
    "settle": {"dry_run": True},
    "synthesise": {"entity": "Danube"},
    "resolve_conflict": {"decision": "measured again", "holds": _INSIGHT},
    "set_retention": {"rules": [{"age_days": 365}, {"kind": "observation", "count": 10000}]},
    "apply_retention": {"dry_run": True},
    "append": {
        "specversion": "1.0",
        "id": _OTHER,
        "source": "https://example.com/planner",
        "type": "anabranch.session.opened.v1",
        "subject": _SESSION,
        "time": "2026-01-31T12:00:00Z",
        "namespace": "default",
        "data": {"task": "Plan a trip to the delta"},
    },
    "cypher": {
        "query": "MATCH (s:Session {namespace: $namespace}) RETURN s.task AS task LIMIT 5",
    },
}
