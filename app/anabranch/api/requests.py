"""The requests of the command service: frozen, and strict about what they hold."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, ClassVar, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from anabranch.api.choices import OBJECT_OR_TEXT
from anabranch.api.moment import Moment, WorldTime
from anabranch_events.event.identifiers import (
    Identifier,
    Json,
    Name,
    Position,
    Text,
    no_truth,
)
from anabranch_events.event.types import (
    CITED_MAX,
    INSIGHTS_MAX,
    Outcome,
    Priority,
    RetentionRule,
)
from anabranch_recall import Filters, Scope
from anabranch_recall.context import INSIGHTS, TOKENS, TOKENS_MAX
from anabranch_recall.question import HITS_MAX, QUESTIONS_MAX, SPREAD_MAX, TIMEOUT_S_MAX
from anabranch_thinking import InsightDraft
from anabranch_thinking.sessions.insights import RELATED, REMEMBERED_MAX, REQUESTED

if TYPE_CHECKING:
    from anabranch_recall import FilterFields

_WAIT_S_MAX = 30.0
_RETIRED_MAX = 100
_EVENTS_MAX = 1000

Wait = Annotated[float, Field(ge=0, le=_WAIT_S_MAX)]
Learned = Annotated[InsightDraft | Text, OBJECT_OR_TEXT]


class Request(BaseModel):
    """Base of every request. The namespace is in its subject, never in here.

    For a number, 3.0 and "3" are 3; true and false are refused, which pydantic takes for 1 and 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse true and false where the field takes a number."""
        return no_truth(value) if _takes_number(cls, str(info.field_name)) else value


@cache
def _takes_number(model: type[BaseModel], field: str) -> bool:
    types = _types_in(model.model_fields[field].annotation)
    return bool not in types and not types.isdisjoint({int, float})


def _types_in(annotation: object) -> set[object]:
    return {annotation}.union(*(_types_in(one) for one in get_args(annotation)))


class Writing(Request):
    """A request that stores something.

    `later` names the fields that came when keyed requests had been stored already. One with its
    default is no part of the digest by which a request is known again.
    """

    later: ClassVar[frozenset[str]] = frozenset()
    agent: Name | None = Field(default=None, description="In whose name it is stored.")


class Reading(Request):
    """A request that reads; with `after` it waits until the graph has reached that position."""

    after: Position | None = Field(
        default=None,
        description="Wait until this position is known: that of a receipt, to read what was "
        "written.",
    )
    wait_s: Wait = Field(default=5.0, description="How long to wait for that at most.")


class OpenSession(Writing):
    """Begin a root session."""

    task: Text = Field(description="What the session is to think about.")
    role: Name | None = Field(default=None, description="From which side.")
    priority: Priority = Priority.NORMAL
    attributes: dict[Name, Json] = Field(default={}, description="What else is to be kept.")


class Branch(Writing):
    """Fork a session as it is now."""

    parent_id: Identifier = Field(description="The session to fork.")
    task: Text = Field(description="What the branch is to think about.")
    role: Name | None = Field(default=None, description="From which side.")
    priority: Priority = Priority.NORMAL
    attributes: dict[Name, Json] = Field(default={}, description="What else is to be kept.")


class Complete(Writing):
    """End a session with its result and what it learned."""

    session_id: Identifier
    result: Text = Field(description="What came out.")
    insights: Annotated[tuple[Learned, ...], Field(max_length=INSIGHTS_MAX)] = Field(
        default=(), description="What was learned: texts, or objects that say more."
    )


class Remember(Writing, InsightDraft):
    """Record one thing learned; without a session one is opened for it."""

    session_id: Identifier | None = None
    supersedes: Annotated[tuple[Identifier, ...], Field(max_length=_RETIRED_MAX)] = Field(
        default=(), description="The insights that this one replaces."
    )

    def draft(self) -> InsightDraft:
        """Return the insight alone."""
        return InsightDraft.model_validate(self.model_dump(include=set(InsightDraft.model_fields)))


class RememberAll(Writing):
    """Record several things learned, all of them or none; without a session one is opened."""

    insights: Annotated[tuple[Learned, ...], Field(min_length=1, max_length=REMEMBERED_MAX)] = (
        Field(description="What was learned: texts, or objects that say more.")
    )
    session_id: Identifier | None = None


class Get(Reading):
    """Look up an insight by its id."""

    insight_id: Identifier


class Update(Writing):
    """Record a new text, and retire the insight whose place it takes.

    Kind, tags and subject are those of the old one, where they are not given.
    """

    later: ClassVar[frozenset[str]] = frozenset({"anyway"})
    insight_id: Identifier = Field(description="The insight that no longer holds.")
    text: Text = Field(description="What holds now.")
    kind: Name | None = None
    subject: Name | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0
    tags: tuple[Name, ...] | None = None
    entities: tuple[Name, ...] | None = None
    valid_from: WorldTime | None = None
    valid_until: WorldTime | None = None
    sources: tuple[Name, ...] = ()
    session_id: Identifier | None = None
    anyway: bool = Field(
        default=False, description="Also where the insight holds no longer, beside what does."
    )

    def fields(self) -> dict[str, object]:
        """Return the fields of the draft that were given."""
        names = set(InsightDraft.model_fields) - {"text"}
        return self.model_dump(include=names, exclude_none=True)


class _Upkeep(Writing):
    """A request about insights; it is stored in `session_id`, or in the first one's own session."""

    session_id: Identifier | None = None


class Retract(_Upkeep):
    """Say that an insight no longer holds."""

    insight_id: Identifier
    reason: Text = Field(description="Why it no longer holds.")
    valid_until: WorldTime | None = Field(
        default=None, description="When it ceased to hold in the world."
    )


class Forget(_Upkeep):
    """Erase what an insight said."""

    insight_id: Identifier
    receipt: Text = Field(default=REQUESTED, description="The request for it, by its name.")


class SealNamespace(Request):
    """Seal the namespace before its first event."""


class ForgetAll(Writing):
    """Erase a whole subject: exactly one of session_id, entity and producer is given."""

    session_id: Text | None = Field(
        default=None,
        description="A session with all branches below it, by its id or the one its tool knows.",
    )
    entity: Name | None = Field(default=None, description="All that mentions this name.")
    producer: Name | None = Field(
        default=None, description="All that events with this source brought."
    )
    everywhere: bool = Field(
        default=False,
        description="Of an entity: also insights and sessions that only have its name in their words.",
    )
    receipt: Text = Field(default=REQUESTED, description="The request for it, by its name.")
    dry_run: bool = Field(default=False, description="Say what would go, and forget nothing.")


class Cite(_Upkeep):
    """Say that insights were used, confirmed or rejected."""

    insight_ids: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=CITED_MAX)]
    outcome: Outcome = Outcome.USED
    recall_id: Identifier | None = Field(
        default=None, description="The recall or context whose answer they were in."
    )


class Sever(_Upkeep):
    """Unlink two insights."""

    from_id: Identifier
    to_id: Identifier
    kind: Name = RELATED
    reason: Text | None = None


class Associate(Sever):
    """Link two insights."""

    weight: Annotated[float, Field(ge=0, le=1)] = 0.5


class InSession(Writing):
    """Base of the requests on one session."""

    session_id: Identifier


class Note(InSession):
    """Set a note in a session's working memory."""

    key: Name
    value: Json


class ClearNote(InSession):
    """Drop a note from a session's working memory."""

    key: Name


class HandOff(InSession):
    """Pass a session's task and working memory to a new branch of it, and end it."""

    summary: Text = Field(description="What the next one should know.")
    to_agent: Name | None = Field(default=None, description="The agent that takes over.")


class Fail(InSession):
    """End a session without a result, because of an error."""

    error: Text


class Cancel(InSession):
    """Call a session off."""

    reason: Text


class Close(InSession):
    """End a session without a result."""

    reason: Text = "done"


class _Asking(Request):
    """A question to memory."""

    query: Text = Field(description="The question.")
    k: Annotated[int, Field(ge=1, le=HITS_MAX)] = Field(
        default=10, description="How many insights at most."
    )
    scope: Scope | None = Field(
        default=None, description="The lineage where a session is named, or else the namespace."
    )
    session_id: Identifier | None = Field(
        default=None, description="The session around which the other scopes are drawn."
    )
    tags: tuple[Name, ...] = Field(default=(), description="Every one of them it must carry.")
    kinds: tuple[Name, ...] = Field(
        default=(), description="One of them it must be; without any, all but `derived`."
    )
    agent: Name | None = Field(default=None, description="In whose name it was recorded.")
    role: Name | None = Field(default=None, description="The role of its session.")
    confidence_min: Annotated[float, Field(ge=0, le=1)] = 0.0
    since: WorldTime | None = Field(default=None, description="The earliest time of its recording.")
    until: WorldTime | None = Field(default=None, description="The latest time of its recording.")
    valid_at: WorldTime | None = Field(
        default=None, description="When it must hold in the world; by default when it is asked."
    )
    min_similarity: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        default=None, description="Leave out what is less similar than this."
    )
    as_of: Moment | None = Field(
        default=None, description="Answer with what was known at a position, or a time."
    )
    after: Position | None = Field(
        default=None,
        description="Wait until this position is known: that of a receipt, to read what was written.",
    )
    include_retired: bool = Field(default=False, description="Also what no longer holds.")
    wait_s: Wait = Field(default=5.0, description="How long to wait for that at most.")
    timeout_s: Annotated[float, Field(gt=0, le=TIMEOUT_S_MAX)] | None = Field(
        default=None,
        description="How long vectors and lanes may take, in seconds; ten by default.",
    )

    def filters(self) -> FilterFields:
        """Return the filters that were given."""
        given = self.model_dump(include=set(Filters.model_fields), exclude_unset=True)
        return cast("FilterFields", given)


class Recall(_Asking):
    """Ask memory a question; get ranked insights, each with the reason why."""

    spread: Annotated[int, Field(ge=0, le=SPREAD_MAX)] = Field(
        default=0, description="Also what lies up to so many associations beyond the hits."
    )


class RecallContext(_Asking):
    """Ask memory a question; get what it knows as text for a prompt, with citations."""

    k: Annotated[int, Field(ge=1, le=HITS_MAX)] = Field(
        default=INSIGHTS, description="How many insights at most."
    )
    tokens: Annotated[int, Field(ge=1, le=TOKENS_MAX)] = Field(
        default=TOKENS, description="How long the text may be, in tokens of a language model."
    )


class RecallAll(Request):
    """Ask several questions at once."""

    questions: Annotated[tuple[Recall, ...], Field(min_length=1, max_length=QUESTIONS_MAX)]


class Consolidate(Writing):
    """Synthesise what the branches of a thought found."""

    root_id: Identifier = Field(description="Its root session, or any session of it.")


class Settle(Request):
    """Settle what was learned since the last time."""

    since: Position | None = Field(
        default=None, description="Look again at what came after this position."
    )
    dry_run: bool = Field(default=False, description="Only say what would be recorded.")


class Synthesise(Writing):
    """Synthesise one subject: a session, an entity, or a period."""

    session_id: Identifier | None = Field(default=None, description="What this session learned.")
    entity: Name | None = Field(default=None, description="What is known about this name.")
    since: Moment | None = Field(
        default=None, description="The beginning of a period: a position, or a time."
    )
    until: Moment | None = Field(default=None, description="The end of the period.")


class ResolveConflict(Writing):
    """Resolve a conflict between two insights."""

    position: Position = Field(description="The position that opened it.")
    decision: Text = Field(description="What was decided, and why.")
    holds: Identifier | None = Field(
        default=None,
        description="The insight that holds; it supersedes the other one, and is confirmed.",
    )
    session_id: Identifier | None = Field(
        default=None, description="The session that decides; without it that of the insight."
    )
    recall_id: Identifier | None = Field(
        default=None, description="The recall whose answer had the insight that holds."
    )


class SetRetention(Writing):
    """Set the policy of retention."""

    rules: tuple[RetentionRule, ...] = Field(
        description="A bound on the insights of a kind, or without one of all other kinds."
    )


class ApplyRetention(Request):
    """Take out the insights that outlived the policy of retention."""

    dry_run: bool = Field(default=False, description="Only count what would be taken out.")


class ShowSession(Reading):
    """Look up a session with its working memory and its insights."""

    session_id: Identifier
    as_of: Moment | None = Field(
        default=None, description="Show it as it was at a position, or a time."
    )


class ShowHistory(Reading):
    """Look up the life of a session, an insight or a consolidation."""

    thing_id: Identifier = Field(description="The id of a session, an insight or a consolidation.")
    as_of: Moment | None = Field(default=None, description="Up to a position, or a time.")
    limit: Annotated[int, Field(ge=1, le=_EVENTS_MAX)] = Field(
        default=100, description="How many events at most: the last ones."
    )
