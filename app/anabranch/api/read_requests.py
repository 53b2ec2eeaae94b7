"""The requests of the operations that only read: frozen, and strict about what they hold."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from anabranch.api.moment import Moment
from anabranch.api.requests import Reading, Request
from anabranch.memory.reads.lanes import SPAN_MAX
from anabranch.past.diff import ITEMS_MAX
from anabranch_events.event.identifiers import Identifier, Json, Name, Position
from anabranch_recall.question import ASSOCIATED_MAX, SPREAD_MAX

PAGE_MAX: Final = 1000
EVENTS_MAX: Final = 1000
QUERY_LENGTH_MAX: Final = 65_536
_SPEED_MAX: Final = 1e6

PageSize = Annotated[int, Field(ge=1, le=PAGE_MAX)]


class PastReading(Reading):
    """A request that reads a moment."""

    as_of: Moment | None = Field(
        default=None, description="Answer with what was known at a position, or a time."
    )


class Page(PastReading):
    """A request for one page of a list."""

    limit: PageSize = Field(default=100, description="How many at most.")
    cursor: Position | None = Field(
        default=None, description="The `next` of the page before; without it the first page."
    )


class ListSessions(Page):
    """List sessions, the newest first."""

    root_id: Identifier | None = Field(default=None, description="Only those of one thought.")
    status: Name | None = Field(default=None, description="Only those of one status.")


class ShowLanes(Reading):
    """Show sessions and their insights as columns, to draw many at once."""

    span: Annotated[int, Field(ge=1, le=SPAN_MAX)] = Field(
        default=SPAN_MAX, description="How many positions a page spans."
    )
    cursor: Position | None = Field(
        default=None, description="The `next` of the page before; without it the first page."
    )


class SessionTree(PastReading):
    """Show the whole thought that a session belongs to."""

    session_id: Identifier


class ListAssociations(Page):
    """List the associations of an insight."""

    insight_id: Identifier


class Associations(PastReading):
    """Follow the associations of an insight."""

    insight_id: Identifier
    spread: Annotated[int, Field(ge=1, le=SPREAD_MAX)] = Field(
        default=1, description="Over so many associations."
    )
    include_retired: bool = Field(default=False, description="Also what no longer holds.")
    limit: Annotated[int, Field(ge=1, le=ASSOCIATED_MAX)] = Field(
        default=ASSOCIATED_MAX, description="How many at most."
    )


class ListConflicts(Page):
    """List the conflicts of a namespace."""

    only_open: bool = Field(default=True, description="Leave out those that are resolved.")


class ShowConflict(Reading):
    """Show the conflict that was opened at a position."""

    position: Position


class About(PastReading):
    """Tell what is known about a name."""

    name: Name = Field(description="Who or what it is about.")
    limit: PageSize = Field(default=100, description="How many insights at most.")


class ShowRetention(PastReading):
    """Show the policy of retention."""


class ListConsolidations(Page):
    """List the consolidations of a namespace."""

    root_id: Identifier | None = Field(default=None, description="Only those of one thought.")


class Cypher(PastReading):
    """Query the graph, read only."""

    query: Annotated[str, Field(min_length=1, max_length=QUERY_LENGTH_MAX)] = Field(
        description="One statement that only reads; filter by `$namespace`."
    )
    parameters: dict[Name, Json] = Field(default={}, description="The query's parameters.")


class ListEvents(Request):
    """List events in the order of their positions."""

    cursor: Position = Field(default=0, description="Only events after this position.")
    to: Position | None = Field(default=None, description="Only events up to this position.")
    session_id: Identifier | None = Field(default=None, description="Only those of one session.")
    limit: Annotated[int, Field(ge=1, le=EVENTS_MAX)] = Field(
        default=100, description="How many at most."
    )


class GetEvent(Request):
    """Show the event at a position."""

    position: Position


class Diff(Request):
    """Tell the change between two moments."""

    after: Moment = Field(description="The earlier moment, which is not included.")
    to: Moment = Field(description="The later moment.")
    items_max: Annotated[int, Field(ge=1, le=PAGE_MAX)] = Field(
        default=ITEMS_MAX, description="How many of each kind are listed at most."
    )


class GetStatus(Request):
    """Tell the state of the log and the graph."""


class ListDeadLetters(Reading):
    """List the events that could not be applied."""

    limit: PageSize = Field(default=100, description="How many at most.")
    cursor: Position | None = Field(
        default=None, description="The `next` of the page before; without it the first page."
    )
    discarded: bool = Field(default=False, description="Also those that were discarded.")


class ListTasks(Reading):
    """List the branches that wait for a worker, or are in work."""

    status: Name | None = Field(
        default=None, description="Only those of one status; `dead_lettered` ones are put aside."
    )
    limit: PageSize = Field(default=100, description="How many at most.")


class ListWorkers(Request):
    """List the workers of the namespace that answer."""


class FollowEvents(Request):
    """Follow the events of a namespace, of one session, or of one thought, as they happen."""

    after: Position | None = Field(
        default=None,
        description="Begin after this position; without it, and without `Last-Event-ID`, at the "
        "log's end.",
    )
    session_id: Identifier | None = Field(default=None, description="Only those of one session.")
    root_id: Identifier | None = Field(
        default=None, description="Only those of one thought: the root session, and its branches."
    )


class ReplayEvents(Request):
    """Read events again, in order."""

    after: Position = Field(default=0, description="Only events after this position.")
    to: Position | None = Field(default=None, description="Only events up to this position.")
    session_id: Identifier | None = Field(default=None, description="Only those of one session.")
    speed: Annotated[float, Field(gt=0, le=_SPEED_MAX)] | None = Field(
        default=None,
        description="With the pauses they happened with, so many times faster; at once without.",
    )
