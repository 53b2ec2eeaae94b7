"""The projections' errors, in the tree whose root is `anabranch_events.errors`.

::

    AnabranchError
    ├── Conflict
    │   ├── GraphNotEmpty        a rebuild wants a fresh graph
    │   ├── ProjectionHalted     a rebuild met an event that cannot be applied
    │   ├── RetryTooLate         later events build on what a dead letter would change
    │   └── RuleBroken           an event contradicts those before it
    │       ├── BranchMisplaced      its root or depth is not that of its parent's branch
    │       ├── IdTaken              another event has its id
    │       ├── ParentUnknown        it was forked from a session that nothing opened before
    │       ├── SessionEndedBefore   its session has ended
    │       └── SessionOpenedBefore  its session has begun already
    ├── NotFound
    │   ├── DeadLetterNotFound   no event at that position was put aside
    │   └── GraphNotBegun        nothing was projected into the graph
    └── Unavailable
        └── WaitTimedOut         (of the log's tree) the position was not reached in time
"""

from __future__ import annotations

from anabranch_events.errors import Conflict, NotFound, WaitTimedOut

__all__ = [
    "BranchMisplaced",
    "DeadLetterNotFound",
    "GraphNotBegun",
    "GraphNotEmpty",
    "IdTaken",
    "ParentUnknown",
    "ProjectionHalted",
    "RetryTooLate",
    "RuleBroken",
    "SessionEndedBefore",
    "SessionOpenedBefore",
    "WaitTimedOut",
]


class GraphNotEmpty(Conflict):
    """A rebuild was asked to fill a graph that is not empty; `reason` tells its content."""

    def __init__(self, *, position: int, reason: str) -> None:
        super().__init__(
            f"the graph to fill is not empty (it is at position {position}) and a rebuild cannot "
            f"go on in it: {reason}",
            fix="rebuild into an empty graph",
        )
        self.reason = reason
        self.position = position


class GraphNotBegun(NotFound):
    """The graph has no checkpoint: nothing was projected into it, or it was emptied."""

    def __init__(self) -> None:
        super().__init__(
            "the graph has no checkpoint, so there is nothing to repair",
            fix="run `anabranch up`: projecting fills the graph from the log's beginning",
        )


class ProjectionHalted(Conflict):
    """The event at `position` cannot be applied, for `reason`. Nothing after it was."""

    def __init__(self, *, position: int, reason: str) -> None:
        super().__init__(
            f"the event at position {position} cannot be applied: {reason}",
            fix=f"look at it with `anabranch events show {position}`, or rebuild with --skip: it is "
            f"put aside then, and `anabranch dead-letters show {position}` tells of it",
        )
        self.position = position
        self.reason = reason


class RuleBroken(Conflict):
    """An event contradicts the log before it: it is put aside, not applied."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message, fix="let its producer say it anew, in a session and an order that allow it"
        )


class IdTaken(RuleBroken):
    """An event has the id of an earlier event of its session and tells something else."""

    def __init__(self, event_id: str) -> None:
        super().__init__(f"another event of its session, stored before, has its id {event_id}")
        self.event_id = event_id


class ParentUnknown(RuleBroken):
    """A branch was forked from a session that no event before it opened."""

    def __init__(self, parent_id: str) -> None:
        super().__init__(f"nothing before it opened its parent, session {parent_id}")
        self.parent_id = parent_id


class BranchMisplaced(RuleBroken):
    """A branch names another root or depth than its parent gives it."""

    def __init__(self, parent_id: str, *, root_id: str, depth: int) -> None:
        super().__init__(
            f"a branch of session {parent_id} has root {root_id} and depth {depth}, not what it says"
        )
        self.parent_id = parent_id


class SessionOpenedBefore(RuleBroken):
    """A session began a second time; the first time counts."""

    def __init__(self, session_id: str, *, position: int) -> None:
        super().__init__(f"session {session_id} was opened at position {position} already")
        self.session_id = session_id
        self.position = position


class SessionEndedBefore(RuleBroken):
    """A session that has ended was started or ended again; the first end counts."""

    def __init__(self, session_id: str, *, position: int) -> None:
        super().__init__(f"session {session_id} ended at position {position} already")
        self.session_id = session_id


class DeadLetterNotFound(NotFound):
    """No event of this namespace at the position was put aside, or it was applied since."""

    def __init__(self, position: int, *, namespace: str) -> None:
        super().__init__(
            f"namespace {namespace!r} has no dead letter at position {position}",
            fix="list them with `anabranch dead-letters list`",
        )
        self.position = position


class RetryTooLate(Conflict):
    """A dead letter can be applied, but not late: events since then build on what it changes."""

    def __init__(self, position: int, *, later: int) -> None:
        super().__init__(
            f"the event at position {position} can be applied, but the one at {later} tells of the "
            "same and is in the graph already",
            fix="run `anabranch rebuild`: it applies every event at its own place",
        )
        self.position = position
        self.later = later
