"""The requests of the command service: frozen, and strict about what they hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from anabranch_events.event.identifiers import Identifier, Json, Name, Position, Text
from anabranch_events.event.types import INSIGHTS_MAX, Priority
from anabranch_recall import Scope
from anabranch_recall.question import HITS_MAX
from anabranch_thinking import InsightDraft

_WAIT_S_MAX = 30.0
_RETIRED_MAX = 100

Wait = Annotated[float, Field(ge=0, le=_WAIT_S_MAX)]


class Request(BaseModel):
    """What every request is: the namespace is in its subject, never in here."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Writing(Request):
    """A request that stores something."""

    agent: Name | None = Field(default=None, description="In whose name it is stored.")


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


class Complete(Writing):
    """End a session with its result and what it learned."""

    session_id: Identifier
    result: Text = Field(description="What came out.")
    insights: Annotated[tuple[InsightDraft | Text, ...], Field(max_length=INSIGHTS_MAX)] = Field(
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


class Recall(Request):
    """Ask memory a question; get ranked insights, each with the reason why."""

    query: Text = Field(description="The question.")
    k: Annotated[int, Field(ge=1, le=HITS_MAX)] = Field(
        default=10, description="How many insights at most."
    )
    scope: Scope = Scope.NAMESPACE
    session_id: Identifier | None = Field(
        default=None, description="The session around which the other scopes are drawn."
    )
    as_of: Position | AwareDatetime | None = Field(
        default=None, description="Answer with what was known at a position, or a time."
    )
    after: Position | None = Field(
        default=None,
        description="Wait until this position is known: that of a receipt, to read what was written.",
    )
    include_retired: bool = Field(default=False, description="Also what no longer holds.")
    wait_s: Wait = Field(default=5.0, description="How long to wait for that at most.")
