"""An event in words, seen from one thing: the session it belongs to, or one that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_events.event import types

if TYPE_CHECKING:
    from anabranch_events.event.types import EventData, Insight

_LENGTH_MAX: Final = 160
ERASED: Final = "(forgotten since)"
"""The text in the place of one that was forgotten since."""


def happened(
    data: EventData, thing_id: str, *, own: bool, forgotten: frozenset[str] = frozenset()
) -> str | None:
    """Return what an event was to `thing_id`; None where it neither names it nor is its `own`.

    The texts of insights in `forgotten` are left out, and what was said about them: it is never
    shown again. The results of sessions that stand there are left out too.
    """
    found = [] if not own else [_own(data, thing_id, forgotten)]
    found += _named(data, thing_id, own=own, forgotten=forgotten)
    return "; ".join(found) or None


def _named(data: EventData, thing_id: str, *, own: bool, forgotten: frozenset[str]) -> list[str]:
    """Return what an event says of a thing that it names in its data."""
    match data:
        case types.BranchCreated() if not own:
            return _branched(data, thing_id)
        case types.BranchCompleted():
            found = [_learned(one, thing_id, forgotten) for one in data.insights]
            return [words for words in found if words]
        case types.InsightRecorded():
            words = _learned(data, thing_id, forgotten)
            return [words] if words else []
        case types.InsightSuperseded():
            return _superseded(data, thing_id, forgotten)
        case types.InsightRetracted() | types.InsightExpired() if data.insight_id == thing_id:
            ended = "retracted" if isinstance(data, types.InsightRetracted) else "expired"
            return [f"{ended}: {_said(data.reason, forgotten, thing_id)}"]
        case types.InsightForgotten() if data.insight_id == thing_id:
            return [f"forgotten on request {_short(data.receipt)}"]
        case types.InsightCited() if thing_id in data.insight_ids:
            return [data.outcome.value + _company(len(set(data.insight_ids)) - 1)]
        case types.AssociationFormed() if thing_id in {data.from_id, data.to_id}:
            other = data.to_id if data.from_id == thing_id else data.from_id
            return [f"associated with {other}: {data.kind}, weight {data.weight:.2f}"]
        case types.AssociationSevered() if thing_id in {data.from_id, data.to_id}:
            other = data.to_id if data.from_id == thing_id else data.from_id
            return [f"no longer associated with {other}: {data.kind}"]
        case _:
            return _joined(data, thing_id, own=own, forgotten=forgotten)


def _joined(data: EventData, thing_id: str, *, own: bool, forgotten: frozenset[str]) -> list[str]:
    match data:
        case types.ConsolidationRecorded():
            return _consolidated(data, thing_id, forgotten)
        case types.ConflictOpened() if thing_id in data.insights:
            subject = _said(data.subject, forgotten, *data.insights)
            return [f"in conflict with {_other(data.insights, thing_id)}: {subject}"]
        case types.ConflictResolved() if thing_id in data.insights:
            decision = _said(data.decision, forgotten, *data.insights)
            return [f"conflict with {_other(data.insights, thing_id)} resolved: {decision}"]
        case types.SessionHandedOff() if data.to == thing_id and not own:
            return [f"was handed a task: {_short(data.summary)}"]
        case _:
            return []


def _branched(data: types.BranchCreated, thing_id: str) -> list[str]:
    if data.parent_id == thing_id:
        return [f"branched: {_short(data.task)}"]
    if data.root_id == thing_id:
        return [f"its thought branched, from {data.parent_id}: {_short(data.task)}"]
    return []


def _learned(one: Insight, thing_id: str, forgotten: frozenset[str]) -> str | None:
    if one.insight_id == thing_id:
        return f"recorded as {one.kind}: {_said(one.text, forgotten, thing_id)}"
    return f"a source of insight {one.insight_id}" if thing_id in one.sources else None


def _superseded(
    data: types.InsightSuperseded, thing_id: str, forgotten: frozenset[str]
) -> list[str]:
    found: list[str] = []
    if data.insight_id == thing_id:
        reason = data.reason and _said(data.reason, forgotten, data.insight_id, data.by)
        found.append(f"superseded by {data.by}" + (f": {reason}" if reason else ""))
    if data.by == thing_id and data.insight_id != thing_id:
        found.append(f"took the place of {data.insight_id}")
    return found


def _consolidated(
    data: types.ConsolidationRecorded, thing_id: str, forgotten: frozenset[str]
) -> list[str]:
    found: list[str] = []
    if data.consolidation_id == thing_id:
        found.append(
            f"recorded, of {_count(len(set(data.sessions)), 'session')} and "
            f"{_count(len(set(data.sources)), 'insight')}: "
            f"{_said(data.text, forgotten, *data.sources)}"
        )
    if thing_id in data.sessions:
        found.append(f"consolidated in {data.consolidation_id}")
    if thing_id in data.sources:
        found.append(f"a source of consolidation {data.consolidation_id}")
    if data.root_id == thing_id and thing_id not in data.sessions:
        found.append(f"its thought was consolidated in {data.consolidation_id}")
    return found


def _other(pair: tuple[str, str], thing_id: str) -> str:
    return pair[1] if pair[0] == thing_id else pair[0]


def _company(others: int) -> str:
    return f", together with {others} others" if others > 1 else ", with one other" * others


def _short(text: str) -> str:
    line = " ".join(text[: 4 * _LENGTH_MAX].split())
    return line if len(line) <= _LENGTH_MAX else line[: _LENGTH_MAX - 1] + "…"


def _said(text: str, forgotten: frozenset[str], *about: str) -> str:
    """Return a text, unless something that it is about was forgotten."""
    return _short(text) if forgotten.isdisjoint(about) else ERASED


def _own(data: EventData, thing_id: str, forgotten: frozenset[str]) -> str:  # noqa: C901 - one case an event type.
    """Return what an event was to the session it belongs to."""
    match data:
        case types.SessionOpened():
            return f"opened: {_short(data.task)}"
        case types.BranchCreated():
            return f"forked from {data.parent_id} at position {data.forked_at}: {_short(data.task)}"
        case types.BranchStarted():
            return f"taken by {data.worker}, attempt {data.attempt}"
        case types.BranchCompleted():
            about = (thing_id, *(one.insight_id for one in data.insights))
            result = _said(data.result, forgotten, *about)
            return f"completed with {_count(len(data.insights), 'insight')}: {result}"
        case types.BranchFailed():
            again = ", to be tried again" if data.will_retry else ""
            return f"failed{again}: {_short(data.error)}"
        case types.BranchCancelled():
            return f"cancelled: {_short(data.reason)}"
        case types.BranchDeadLettered():
            return f"given up: {_short(data.reason)}"
        case types.SessionHandedOff():
            return f"handed off to {data.to}: {_short(data.summary)}"
        case types.SessionClosed():
            return f"closed: {_short(data.reason)}" if data.reason else "closed"
        case types.WorkingMemorySet():
            return f"noted {data.key}"
        case types.WorkingMemoryCleared():
            return f"dropped the note {data.key}"
        case _:
            return _own_finding(data, forgotten)


def _own_finding(data: EventData, forgotten: frozenset[str]) -> str:  # noqa: C901 - as above.
    """Return what an event about insights was to the session it belongs to."""
    match data:
        case types.InsightRecorded():
            return f"learned: {_said(data.text, forgotten, data.insight_id)}"
        case types.InsightSuperseded():
            return f"superseded {data.insight_id} by {data.by}"
        case types.InsightRetracted():
            reason = _said(data.reason, forgotten, data.insight_id)
            return f"retracted {data.insight_id}: {reason}"
        case types.InsightExpired():
            return f"expired {data.insight_id}: {_said(data.reason, forgotten, data.insight_id)}"
        case types.InsightForgotten():
            return f"forgot {data.insight_id}"
        case types.InsightCited():
            cited = _count(len(set(data.insight_ids)), "insight")
            return f"cited {cited} as {data.outcome.value}"
        case types.AssociationFormed():
            return f"associated {data.from_id} with {data.to_id}: {data.kind}"
        case types.AssociationSevered():
            return f"severed {data.from_id} from {data.to_id}: {data.kind}"
        case types.ConsolidationRecorded():
            text = _said(data.text, forgotten, *data.sources)
            return f"recorded consolidation {data.consolidation_id}: {text}"
        case types.ConflictOpened():
            return f"opened a conflict: {_said(data.subject, forgotten, *data.insights)}"
        case types.ConflictResolved():
            return f"resolved a conflict: {_said(data.decision, forgotten, *data.insights)}"
        case _:
            return _own_work(data)


def _own_work(data: EventData) -> str:
    """Return what an event about work under way, or about all of a line, was to it."""
    match data:
        case types.SessionForgotten():
            return f"forgotten on request {_short(data.receipt)}"
        case types.RetentionSet():
            return f"set retention: {_count(len(data.rules), 'rule')}"
        case types.BranchHedged():
            return f"begun by {data.worker} too, beside attempt {data.attempt}"
        case types.ResourceClaimed():
            again = "claimed again" if data.token else "claimed"
            return f"{again} by {data.holder} for {data.ttl_s:g} s: {_short(data.resource)}"
        case types.ResourceReleased():
            return f"released by {data.holder}: {_short(data.resource)}"
        case types.NamespaceDeleted():
            return f"ended the namespace {data.namespace} for ever"
        case types.NamespaceSealed():
            return f"sealed the namespace {data.namespace} for ever"
        case _:
            return "an event of a type that has no words here"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)
