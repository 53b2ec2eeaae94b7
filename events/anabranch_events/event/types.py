"""Every event type, in the order of a session's life, with the facts it carries.

A stored event never changes. A new meaning is a new class with the next version in its type.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from anabranch_events.event.identifiers import (
    GivenMoment,
    Identifier,
    Json,
    Label,
    Name,
    Namespace,
    Position,
    Text,
)

BRANCHES_MAX = 1000
LABELS_MAX = 16
INSIGHTS_MAX = 1000
RULES_MAX = 100
CITED_MAX = 64


class Priority(StrEnum):
    """The urgency of a session's work."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class JoinKind(StrEnum):
    """The condition on which the branches of a fork are joined."""

    ALL = "all"
    FIRST = "first"
    QUORUM = "quorum"
    MAJORITY = "majority"


class Then(StrEnum):
    """The effect of a join on the session whose branches it joins.

    `close`, `keep` and `complete` consolidate what the branches found: the session is then closed,
    left open, or completed with it. `return` only ends the waiting for the branches.
    """

    CLOSE = "close"
    KEEP = "keep"
    COMPLETE = "complete"
    RETURN = "return"


class Outcome(StrEnum):
    """The use of a recalled insight."""

    USED = "used"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class Facts(BaseModel):
    """A frozen group of facts: the base of event data and insights.

    `content` names the fields that say something: what is erased when it must be forgotten. All
    others are ids, times, numbers, and names of kinds, roles, agents and workers.
    """

    content: ClassVar[frozenset[str]] = frozenset()

    # A validator is made when the first event of its type comes: most processes meet few types.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class EventData(Facts):
    """The facts of one event; `event_type` is the type its envelope carries.

    None is not written, except where `keeps_none`: there None may be a user's own value.
    """

    event_type: ClassVar[str]
    keeps_none: ClassVar[bool] = False


Labels = Annotated[tuple[Label, ...], Field(max_length=LABELS_MAX)]
"""The labels that a branch wants, or that a worker has."""


class SessionOpened(EventData):
    """A root session began."""

    event_type: ClassVar[str] = "anabranch.session.opened.v1"
    keeps_none: ClassVar[bool] = True
    content: ClassVar[frozenset[str]] = frozenset({"task", "attributes"})
    task: Text
    role: Name | None = None
    priority: Priority = Priority.NORMAL
    attributes: dict[Name, Json] = {}


class JoinTerms(Facts):
    """The terms on which workers run the branches of one fork, and on which they are joined.

    `branches` is the number of branches in the fork, `needed` that of the results a quorum has.
    Those that end later are cancelled, or kept with `late_kept`. `budget` is the number of branches
    that each of them may fork in its turn. `traceparent` is the fork in its trace (W3C Trace
    Context), where it belongs to one.
    """

    join_id: Identifier
    branches: Annotated[int, Field(ge=1, le=BRANCHES_MAX)]
    kind: JoinKind = JoinKind.ALL
    needed: Annotated[int, Field(ge=1, le=BRANCHES_MAX)] = 1
    deadline: GivenMoment | None = None
    late_kept: bool = False
    then: Then = Then.CLOSE
    timeout_s: Annotated[float, Field(gt=0)] = 600.0
    retries: Annotated[int, Field(ge=0, le=100)] = 0
    budget: Annotated[int, Field(ge=0)] = 0
    traceparent: Name | None = None


class BranchCreated(EventData):
    """A session was forked from its parent at a position.

    `labels` are those that it would have its worker have; without any it is anybody's.
    """

    event_type: ClassVar[str] = "anabranch.branch.created.v1"
    content: ClassVar[frozenset[str]] = frozenset({"task", "attributes"})
    parent_id: Identifier
    root_id: Identifier
    forked_at: Position
    depth: Annotated[int, Field(ge=1)]
    task: Text
    role: Name | None = None
    priority: Priority = Priority.NORMAL
    executor: Name | None = None
    labels: Labels | None = None
    deadline: GivenMoment | None = None
    attributes: dict[Name, Json] | None = None
    join: JoinTerms | None = None


class BranchStarted(EventData):
    """A worker took the branch."""

    event_type: ClassVar[str] = "anabranch.branch.started.v1"
    worker: Name
    attempt: Annotated[int, Field(ge=1)] = 1


class BranchHedged(EventData):
    """A second worker began the branch beside the one that has it: the first result counts.

    `attempt` is the attempt that it runs beside.
    """

    event_type: ClassVar[str] = "anabranch.branch.hedged.v1"
    worker: Name
    attempt: Annotated[int, Field(ge=1)] = 1


class Insight(Facts):
    """One thing learned, as a short text that carries its subject.

    `subject` is who or what it is about, or who said it, where the text does not name it. `kind` is
    a word of the producer's own. One that only repeats other insights is `derived`: it
    names them in `sources`, and recall leaves it out.
    """

    content: ClassVar[frozenset[str]] = frozenset(
        {"text", "subject", "tags", "entities", "sources"}
    )
    insight_id: Identifier
    text: Text
    subject: Name | None = None
    kind: Name = "observation"
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0
    tags: tuple[Name, ...] = ()
    entities: tuple[Name, ...] = ()
    valid_from: GivenMoment | None = None
    valid_until: GivenMoment | None = None
    sources: tuple[Name, ...] = ()


class BranchCompleted(EventData):
    """The branch ended with a result and the insights it produced."""

    event_type: ClassVar[str] = "anabranch.branch.completed.v1"
    content: ClassVar[frozenset[str]] = frozenset({"result"})
    result: Text
    insights: Annotated[tuple[Insight, ...], Field(max_length=INSIGHTS_MAX)] = ()
    duration_ms: Annotated[float, Field(ge=0)] = 0
    attempt: Annotated[int, Field(ge=1)] = 1


class BranchFailed(EventData):
    """An attempt at the branch ended without a result."""

    event_type: ClassVar[str] = "anabranch.branch.failed.v1"
    content: ClassVar[frozenset[str]] = frozenset({"error"})
    error: Text
    attempt: Annotated[int, Field(ge=1)] = 1
    will_retry: bool = False


class BranchCancelled(EventData):
    """The branch was cancelled."""

    event_type: ClassVar[str] = "anabranch.branch.cancelled.v1"
    content: ClassVar[frozenset[str]] = frozenset({"reason"})
    reason: Text


class BranchDeadLettered(EventData):
    """The branch failed too often and was put aside."""

    event_type: ClassVar[str] = "anabranch.branch.dead_lettered.v1"
    content: ClassVar[frozenset[str]] = frozenset({"reason"})
    reason: Text
    attempt: Annotated[int, Field(ge=1)] = 1


class InsightRecorded(Insight, EventData):
    """Something was learned."""

    event_type: ClassVar[str] = "anabranch.insight.recorded.v1"


class InsightSuperseded(EventData):
    """A newer insight took its place."""

    event_type: ClassVar[str] = "anabranch.insight.superseded.v1"
    content: ClassVar[frozenset[str]] = frozenset({"reason"})
    insight_id: Identifier
    by: Identifier
    reason: Text | None = None
    valid_until: GivenMoment | None = None


class InsightRetracted(EventData):
    """The insight no longer holds."""

    event_type: ClassVar[str] = "anabranch.insight.retracted.v1"
    content: ClassVar[frozenset[str]] = frozenset({"reason"})
    insight_id: Identifier
    reason: Text
    valid_until: GivenMoment | None = None


class InsightCited(EventData):
    """Recalled insights were used, confirmed or rejected."""

    event_type: ClassVar[str] = "anabranch.insight.cited.v1"
    insight_ids: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=CITED_MAX)]
    outcome: Outcome
    recall_id: Identifier | None = None


class AssociationFormed(EventData):
    """Two insights were linked."""

    event_type: ClassVar[str] = "anabranch.association.formed.v1"
    content: ClassVar[frozenset[str]] = frozenset({"reason"})
    from_id: Identifier
    to_id: Identifier
    kind: Name
    weight: Annotated[float, Field(ge=0, le=1)]
    reason: Text | None = None

    @model_validator(mode="after")
    def _two_insights(self) -> Self:
        if self.from_id == self.to_id:
            raise PydanticCustomError(
                "same",
                "is from_id too: an association links two different insights",
                {"field": "to_id", "fix": "name another insight in to_id"},
            )
        return self


class AssociationSevered(EventData):
    """Two insights were unlinked."""

    event_type: ClassVar[str] = "anabranch.association.severed.v1"
    content: ClassVar[frozenset[str]] = frozenset({"reason"})
    from_id: Identifier
    to_id: Identifier
    kind: Name
    reason: Text | None = None


class ConsolidationRecorded(EventData):
    """Branches were synthesised; `sources` are the insights the text was derived from."""

    event_type: ClassVar[str] = "anabranch.consolidation.recorded.v1"
    content: ClassVar[frozenset[str]] = frozenset({"text"})
    consolidation_id: Identifier
    root_id: Identifier
    sessions: tuple[Identifier, ...]
    sources: tuple[Identifier, ...]
    text: Text
    method: Name = "extractive"


class _TwoInsights(EventData):
    insights: tuple[Identifier, Identifier]

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.insights[0] == self.insights[1]:
            raise PydanticCustomError(
                "same",
                "are one and the same: a conflict is between two different insights",
                {"field": "insights", "fix": "name another insight in insights"},
            )
        return self


class ConflictOpened(_TwoInsights):
    """Two insights disagree."""

    event_type: ClassVar[str] = "anabranch.conflict.opened.v1"
    content: ClassVar[frozenset[str]] = frozenset({"subject"})
    subject: Text


class ConflictResolved(_TwoInsights):
    """Two insights no longer disagree."""

    event_type: ClassVar[str] = "anabranch.conflict.resolved.v1"
    content: ClassVar[frozenset[str]] = frozenset({"decision"})
    decision: Text


class WorkingMemorySet(EventData):
    """A session noted something for itself."""

    event_type: ClassVar[str] = "anabranch.working_memory.set.v1"
    keeps_none: ClassVar[bool] = True
    content: ClassVar[frozenset[str]] = frozenset({"key", "value"})
    key: Name
    value: Json


class WorkingMemoryCleared(EventData):
    """A session dropped a note."""

    event_type: ClassVar[str] = "anabranch.working_memory.cleared.v1"
    content: ClassVar[frozenset[str]] = frozenset({"key"})
    key: Name


class ResourceClaimed(EventData):
    """A session claimed a resource for a while, or claimed it for longer.

    It is stored on the resource's own line, under an id that follows from its name. Without `token`
    the claim is new, and its own position is its token; with it an earlier claim goes on. It ends
    by itself `ttl_s` after the append, by the server's clock.
    """

    event_type: ClassVar[str] = "anabranch.resource.claimed.v1"
    content: ClassVar[frozenset[str]] = frozenset({"resource"})
    resource: Name
    holder: Identifier
    ttl_s: Annotated[float, Field(gt=0)]
    token: Position | None = None


class ResourceReleased(EventData):
    """A session gave its claim on a resource back."""

    event_type: ClassVar[str] = "anabranch.resource.released.v1"
    content: ClassVar[frozenset[str]] = frozenset({"resource"})
    resource: Name
    holder: Identifier
    token: Position


class SessionHandedOff(EventData):
    """The session passed its task and working memory to another."""

    event_type: ClassVar[str] = "anabranch.session.handed_off.v1"
    keeps_none: ClassVar[bool] = True
    content: ClassVar[frozenset[str]] = frozenset({"summary", "working_memory"})
    to: Identifier
    summary: Text
    working_memory: dict[Name, Json] = {}


class SessionClosed(EventData):
    """The session ended."""

    event_type: ClassVar[str] = "anabranch.session.closed.v1"
    content: ClassVar[frozenset[str]] = frozenset({"reason"})
    reason: Text


class InsightForgotten(EventData):
    """The insight was erased on request; `receipt` names the request."""

    event_type: ClassVar[str] = "anabranch.insight.forgotten.v1"
    insight_id: Identifier
    receipt: Text


class InsightExpired(EventData):
    """The insight is out by retention: recall leaves it out, and it says nothing against it.

    An insight that it superseded does not hold again. `policy` is the position of the policy.
    """

    event_type: ClassVar[str] = "anabranch.insight.expired.v1"
    content: ClassVar[frozenset[str]] = frozenset({"reason"})
    insight_id: Identifier
    reason: Text
    policy: Position


class RetentionRule(Facts):
    """A bound on the insights of a kind, or without one on those of all kinds without their own.

    They are kept for `age_days` days, and of them the latest `count`.
    """

    kind: Name | None = None
    age_days: Annotated[float, Field(gt=0, le=36_525)] | None = None
    count: Annotated[int, Field(ge=1)] | None = None


class RetentionSet(EventData):
    """A namespace's policy of retention was set, in place of an earlier one; without rules none."""

    event_type: ClassVar[str] = "anabranch.retention.set.v1"
    rules: Annotated[tuple[RetentionRule, ...], Field(max_length=RULES_MAX)]

    @model_validator(mode="after")
    def _each_kind_once(self) -> Self:
        kinds = [rule.kind for rule in self.rules]
        if len({*kinds}) < len(kinds):
            raise PydanticCustomError(
                "same",
                "have one kind twice: which of both should count?",
                {"field": "rules", "fix": "give one rule a kind, with both bounds"},
            )
        if any(rule.age_days is None and rule.count is None for rule in self.rules):
            raise PydanticCustomError(
                "unbounded",
                "have one without a bound",
                {"field": "rules", "fix": "give each rule age_days, count or both"},
            )
        return self


class SessionForgotten(EventData):
    """The session was erased on request; `receipt` names the request.

    That is its task and attributes, notes, result, errors, reasons and hand-offs. Its insights are
    forgotten by events of their own.
    """

    event_type: ClassVar[str] = "anabranch.session.forgotten.v1"
    receipt: Text


class NamespaceDeleted(EventData):
    """The namespace ended for ever; its events are taken out of the log. It is a reserved event."""

    event_type: ClassVar[str] = "anabranch.namespace.deleted.v1"
    namespace: Namespace


class NamespaceSealed(EventData):
    """The namespace is sealed for ever: its content is encrypted. It is a reserved event."""

    event_type: ClassVar[str] = "anabranch.namespace.sealed.v1"
    namespace: Namespace
