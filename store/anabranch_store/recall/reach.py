"""The reach of a question: its namespace, its scope, and the log up to its position."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from anabranch_recall.question import Question, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from anabranch_store.graph.graph import Graph

POSITION_MAX: Final = 2**62
_LARGE_KNOWN: Final = 10_000
_LARGE_FOR_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Reach:
    """The eligible insights. `windows` has the last position that counts, by session.

    None is the whole namespace; an empty mapping is nothing at all.
    """

    namespace: str
    until: int
    include_retired: bool
    windows: dict[str, int] | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that every statement of recall takes."""
        return {
            "namespace": self.namespace,
            "until": self.until,
            "include_retired": self.include_retired,
        }

    def window_rows(self) -> list[dict[str, Any]]:
        """Return the windows as rows, in the order of the sessions' ids."""
        windows = self.windows or {}
        return [
            {"session_id": session_id, "until": until}
            for session_id, until in sorted(windows.items())
        ]


class LargeReaches:
    """Namespaces recently found too large to scan: no need to look each time."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, float]] = {}

    def add(self, reach: Reach) -> None:
        """Note that `reach` is large, if it is a whole namespace."""
        if reach.windows is None:
            if len(self._found) >= _LARGE_KNOWN:
                self._found.clear()
            self._found[reach.namespace] = (reach.until, monotonic() + _LARGE_FOR_S)

    def has(self, reach: Reach) -> bool:
        """Tell whether `reach` is known to be large: large at an earlier position is large now."""
        until, expires = self._found.get(reach.namespace, (0, 0.0))
        return reach.windows is None and until <= reach.until and monotonic() < expires


async def reach_of(graph: Graph, question: Question) -> Reach:
    """Return the reach of `question`; a session that was not there at its position sees nothing."""
    until = POSITION_MAX if question.as_of is None else question.as_of
    windows = None
    if question.scope is not Scope.NAMESPACE:
        windows = await _windows(graph, question, until=until)
    return Reach(question.namespace, until, question.include_retired, windows)


async def _windows(graph: Graph, question: Question, *, until: int) -> dict[str, int]:
    asked = {"namespace": question.namespace, "session_id": question.session_id, "until": until}
    if question.scope is Scope.THOUGHT:
        rows = await graph.read("recall/read_thought", **asked)
        return {row["session_id"]: until for row in rows}
    rows = await graph.read("recall/read_lineage", **asked)
    if question.scope is Scope.SESSION:
        rows = [row for row in rows if not row["forks"]]
    return lineage(((row["session_id"], row["forks"]) for row in rows), until=until)


def lineage(path: Iterable[tuple[str, Sequence[int]]], *, until: int) -> dict[str, int]:
    """Return the last position that counts for each session from a branch up to its root.

    `path` gives each session with the positions of all forks between it and the branch. The records
    of an ancestor after any of them happened elsewhere.
    """
    return {session_id: min((*forks, until)) for session_id, forks in path}
