"""Events for tests: any valid one, and the few that many tests want."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from hypothesis import strategies as st

from anabranch_events import Event, new_event
from anabranch_events.event.identifiers import LABEL_PATTERN, NAMESPACE_PATTERN, new_id
from anabranch_events.event.registry import EVENT_TYPES
from anabranch_events.event.types import (
    EventData,
    Insight,
    JoinKind,
    JoinTerms,
    Outcome,
    Priority,
    RetentionRule,
    Then,
    WorkingMemorySet,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACE = "default"
STORED_US = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp()) * 1_000_000

_INT64 = st.integers(min_value=-(2**63), max_value=2**63 - 1)
_NO_TEXT: tuple[Literal["Cc"], Literal["Cs"]] = ("Cc", "Cs")
texts = st.text(
    st.characters(exclude_categories=_NO_TEXT, include_characters="\t\n\r"),
    min_size=1,
    max_size=60,
).filter(lambda text: bool(text.strip()))
identifiers = st.uuids().map(str)
moments = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis wants naive bounds
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.timezones(),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | _INT64
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
_units = st.floats(min_value=0, max_value=1)
_attempts = st.integers(min_value=1, max_value=100)
_positions = st.integers(min_value=0, max_value=2**53)


def _optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


_insights = st.builds(
    Insight,
    insight_id=identifiers,
    text=texts,
    subject=_optional(texts),
    kind=texts,
    confidence=_units,
    tags=st.lists(texts, max_size=3),
    entities=st.lists(texts, max_size=3),
    valid_from=_optional(moments),
    valid_until=_optional(moments),
    sources=st.lists(texts, max_size=3),
)
_rules = st.lists(
    st.builds(
        RetentionRule,
        kind=_optional(texts),
        age_days=st.floats(min_value=0.001, max_value=36_525),
        count=_optional(st.integers(min_value=1, max_value=1_000_000)),
    ),
    max_size=3,
    unique_by=lambda rule: rule.kind,
)
_counts = st.integers(min_value=1, max_value=1000)
_joins = st.builds(
    JoinTerms,
    join_id=identifiers,
    branches=_counts,
    kind=st.sampled_from(JoinKind),
    needed=_counts,
    deadline=_optional(moments),
    late_kept=st.booleans(),
    then=st.sampled_from(Then),
    timeout_s=st.floats(min_value=0.001, max_value=1e6),
    retries=st.integers(min_value=0, max_value=100),
    budget=st.integers(min_value=0, max_value=100_000),
)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "attributes": st.dictionaries(texts, values, max_size=3),
    "attempt": _attempts,
    "by": identifiers,
    "confidence": _units,
    "consolidation_id": identifiers,
    "deadline": _optional(moments),
    "depth": _attempts,
    "duration_ms": st.floats(min_value=0, allow_nan=False, allow_infinity=False),
    "entities": st.lists(texts, max_size=3),
    "executor": _optional(texts),
    "forked_at": _positions,
    "from_id": identifiers,
    "insight_id": identifiers,
    "insight_ids": st.lists(identifiers, min_size=1, max_size=4),
    "join": _optional(_joins),
    "labels": _optional(st.lists(st.from_regex(LABEL_PATTERN, fullmatch=True), max_size=3)),
    "namespace": st.from_regex(NAMESPACE_PATTERN, fullmatch=True),
    "outcome": st.sampled_from(Outcome),
    "parent_id": identifiers,
    "policy": _positions,
    "priority": st.sampled_from(Priority),
    "recall_id": _optional(identifiers),
    "role": _optional(texts),
    "root_id": identifiers,
    "rules": _rules,
    "sessions": st.lists(identifiers, max_size=3),
    "sources": st.lists(identifiers, max_size=3),
    "tags": st.lists(texts, max_size=3),
    "holder": identifiers,
    "to": identifiers,
    "token": _positions,
    "ttl_s": st.floats(min_value=0.001, max_value=1e6),
    "to_id": identifiers,
    "valid_from": _optional(moments),
    "valid_until": _optional(moments),
    "value": values,
    "weight": _units,
    "will_retry": st.booleans(),
    "working_memory": st.dictionaries(texts, values, max_size=3),
}
_BRANCH_INSIGHTS = st.lists(_insights, max_size=3)
_TWO_INSIGHTS = st.lists(identifiers, min_size=2, max_size=2, unique=True)


def _data(event_type: str) -> st.SearchStrategy[EventData]:
    """Return any valid data of one type; a field that is not listed is a text."""
    data_class = EVENT_TYPES[event_type]
    strategies = {name: _FIELDS.get(name, texts) for name in data_class.model_fields}
    if "insights" in strategies:
        strategies["insights"] = (
            _TWO_INSIGHTS if event_type.startswith("anabranch.conflict.") else _BRANCH_INSIGHTS
        )
    build: Callable[[dict[str, Any]], EventData] = data_class.model_validate
    fields = st.fixed_dictionaries(strategies)
    if "to_id" in strategies:
        fields = fields.filter(lambda found: found["from_id"] != found["to_id"])
    return fields.map(build)


def events() -> st.SearchStrategy[Event]:
    """Return any valid event of any type."""
    return st.builds(
        new_event,
        st.sampled_from(sorted(EVENT_TYPES)).flatmap(_data),
        session_id=identifiers,
        namespace=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
        agent=_optional(texts),
        correlation_id=_optional(texts),
        causation_id=_optional(texts),
        event_id=identifiers,
        time=moments,
    )


def note(session_id: str, value: object = 1, *, namespace: str = NAMESPACE) -> Event:
    """Return a small event of a session."""
    return new_event(
        WorkingMemorySet.model_validate({"key": "note", "value": value}),
        session_id=session_id,
        namespace=namespace,
        time=datetime(2026, 11, 23, tzinfo=UTC),
    )


def notes(session_id: str, count: int) -> list[Event]:
    """Return small events of one session, numbered from 1."""
    return [note(session_id, number) for number in range(1, count + 1)]


def new_sessions(count: int) -> list[str]:
    """Return ids of sessions that have no event yet."""
    return [new_id() for _ in range(count)]
