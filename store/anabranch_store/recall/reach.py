"""The reach of a question: its namespace, its scope, and the log up to its position."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch_recall.ends import End, ends_of
from anabranch_recall.filters import NO_FILTERS, Filters
from anabranch_recall.question import Question, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from anabranch_store.graph.graph import Graph

POSITION_MAX: Final = 2**62
_LARGE_KNOWN: Final = 10_000
_LARGE_FOR_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Reach:
    """The eligible insights. `windows` has the last position that counts, by session.

    None is the whole namespace; an empty mapping is nothing at all. `ended` has the position at
    which insights ended, by the events in reach; None is what ended by any in the namespace.
    `valid_at` is the time in the world at which an insight must hold, None for any.
    """

    namespace: str
    until: int
    include_retired: bool
    windows: dict[str, int] | None = None
    ended: dict[str, int] | None = None
    filters: Filters = NO_FILTERS
    valid_at: datetime | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that every statement of recall takes."""
        filters = self.filters
        return {
            "namespace": self.namespace,
            "until": self.until,
            "include_retired": self.include_retired,
            "ended": self.ended,
            "tags": list(filters.tags),
            "kinds": list(filters.kinds) or None,
            "kinds_left_out": list(filters.kinds_left_out),
            "agent": filters.agent,
            "role": filters.role,
            "confidence_min": filters.confidence_min,
            "recorded_since": _text(filters.since),
            "recorded_until": _text(filters.until),
            "valid_at": _text(self.valid_at),
        }

    @property
    def whole(self) -> bool:
        """True for a whole namespace, without filters."""
        return self.windows is None and self.filters == NO_FILTERS

    def window_rows(self) -> list[dict[str, Any]]:
        """Return the windows as rows, in the order of the sessions' ids."""
        return _rows(self.windows or {})


class LargeReaches:
    """Namespaces recently found too large to scan: no need to look each time."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, float]] = {}

    def add(self, reach: Reach) -> None:
        """Note that `reach` is large, if it is a whole namespace."""
        if reach.whole:
            if len(self._found) >= _LARGE_KNOWN:
                self._found.clear()
            self._found[reach.namespace] = (reach.until, monotonic() + _LARGE_FOR_S)

    def has(self, reach: Reach) -> bool:
        """Tell whether `reach` is known to be large: large at an earlier position is large now."""
        until, expires = self._found.get(reach.namespace, (0, 0.0))
        return reach.whole and until <= reach.until and monotonic() < expires


async def reach_of(graph: Graph, question: Question, *, at: datetime) -> Reach:
    """Return the reach of `question`, which is asked at the time `at`.

    A session that was not there at its position sees nothing.
    """
    until = POSITION_MAX if question.as_of is None else question.as_of
    windows, ended = None, None
    if question.scope is not Scope.NAMESPACE:
        windows, seen = await _windows(graph, question, until=until)
        ended = await _ended(graph, question.namespace, seen) if windows else {}
    return Reach(
        question.namespace,
        until,
        question.include_retired,
        windows,
        ended,
        question.filters,
        question.filters.valid_at or (None if question.include_retired else at),
    )


class Asked(NamedTuple):
    """The time at which a question is asked, and how many insights of then were forgotten since."""

    at: datetime
    forgotten_since: int = 0


async def asked_at(graph: Graph, question: Question, *, clock: Callable[[], datetime]) -> Asked:
    """Return when `question` is asked: as of a position that is the time of its last insight."""
    if question.as_of is None:
        return Asked(question.asked_at or clock())
    rows = await graph.read(
        "recall/read_last_moment", namespace=question.namespace, until=question.as_of
    )
    if not rows:
        return Asked(question.asked_at or clock())
    then = datetime.fromisoformat(rows[0]["moment"])
    return Asked(question.asked_at or then, rows[0]["forgotten"])


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


async def _windows(
    graph: Graph, question: Question, *, until: int
) -> tuple[dict[str, int], dict[str, int]]:
    """Return the windows on insights, and those on the events that end them.

    A line sees its own events and, once a branch of it was joined, also those of the branch.
    """
    asked = {"namespace": question.namespace, "session_id": question.session_id, "until": until}
    if question.scope is Scope.THOUGHT:
        rows = await graph.read("recall/read_thought", **asked)
        thought = {row["session_id"]: until for row in rows}
        return thought, thought
    rows = await graph.read("recall/read_lineage", **asked)
    line = lineage(((row["session_id"], row["forks"]) for row in rows), until=until)
    windows = line
    if question.scope is Scope.SESSION:
        windows = {row["session_id"]: until for row in rows if not row["forks"]}
    return windows, await _with_joined(graph, question.namespace, line)


async def _with_joined(graph: Graph, namespace: str, line: dict[str, int]) -> dict[str, int]:
    """Return `line` with the branches that were joined into it, and those joined into them."""
    seen, new = dict(line), line
    while new:
        rows = await graph.read("recall/read_joined", namespace=namespace, windows=_rows(new))
        found = {row["session_id"]: row["until"] for row in rows}
        new = {each: until for each, until in found.items() if until > seen.get(each, 0)}
        seen |= new
    return seen


async def _ended(graph: Graph, namespace: str, seen: dict[str, int]) -> dict[str, int]:
    rows = await graph.read("recall/read_ends", namespace=namespace, windows=_rows(seen))
    return ends_of(End(row["position"], row["id"], row["by"], row["forgotten"]) for row in rows)


def _rows(windows: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {"session_id": session_id, "until": until} for session_id, until in sorted(windows.items())
    ]


def lineage(path: Iterable[tuple[str, Sequence[int]]], *, until: int) -> dict[str, int]:
    """Return the last position that counts for each session from a branch up to its root.

    `path` gives each session with the positions of all forks between it and the branch. The records
    of an ancestor after any of them happened elsewhere.
    """
    return {session_id: min((*forks, until)) for session_id, forks in path}
