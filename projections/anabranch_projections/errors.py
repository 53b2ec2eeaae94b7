"""The projections' errors, in the tree whose root is `anabranch_events.errors`.

::

    AnabranchError
    ├── Conflict
    │   ├── GraphNotEmpty        a rebuild wants a fresh graph
    │   └── ProjectionHalted     a rebuild met an event that cannot be applied
    └── Unavailable
        └── WaitTimedOut         (of the log's tree) the position was not reached in time
"""

from __future__ import annotations

from anabranch_events.errors import Conflict, WaitTimedOut

__all__ = ["GraphNotEmpty", "ProjectionHalted", "WaitTimedOut"]


class GraphNotEmpty(Conflict):
    """A rebuild was asked to fill a graph that a projection has written to already."""

    def __init__(self, *, position: int) -> None:
        super().__init__(
            f"the graph to fill holds events up to position {position} already",
            fix="rebuild into an empty graph",
        )
        self.position = position


class ProjectionHalted(Conflict):
    """An event cannot be applied; `position` says which, `reason` why. Nothing after it was."""

    def __init__(self, *, position: int, reason: str) -> None:
        super().__init__(
            f"the event at position {position} cannot be applied: {reason}",
            fix="look at it with `anabranch events show`, or rebuild with --skip to leave such out",
        )
        self.position = position
        self.reason = reason
