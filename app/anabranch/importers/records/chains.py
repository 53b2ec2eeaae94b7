"""The tree that records with parents form, taken apart into lines of talk.

A transcript is mostly a chain: each record hangs on the one before. Only where that is not so
must a place be remembered, so that memory grows with the turns a talk took, not with its length.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REMEMBERED: Final = 8192
_ROOT: Final = -1


class Node(msgspec.Struct, frozen=True, gc=False):
    """A record in its file's order. `speaks`: that it was said makes a side line one of its own."""

    id: str
    parent: str | None
    speaks: bool
    restarts: bool = False
    """Without a parent: talk begins anew, instead of going on after the record before."""


@dataclass(slots=True)
class _Run:
    """Records of which each hangs on the one before; the first hangs on the record at `parent`."""

    start: int
    parent: int
    end: int = 0
    speaking: list[int] = field(default_factory=list[int])


END: Final = "~end"
"""The id of a node that is no record: it says on what the next record would have hung."""


class Span(NamedTuple):
    """The records from `start` up to before `end` belong to a line."""

    start: int
    end: int
    line: int


@dataclass(frozen=True, slots=True)
class Side:
    """A line that left another and was abandoned; its records end before `end`."""

    line: int
    parent: int
    start: int
    end: int


@dataclass(slots=True)
class Lines:
    """Which record belongs to which line: 0 is the one that lives, others were abandoned."""

    spans: list[Span]
    sides: dict[int, Side]

    def at(self, place: int) -> int:
        """Return the line of the record at `place` in the order of the nodes."""
        found = bisect_right(self.spans, place, key=lambda span: span.start) - 1
        return self.spans[found].line if found >= 0 else 0


def lines_of(nodes: Callable[[], Iterable[Node]]) -> Lines:
    """Part a transcript's records into lines. `nodes` gives them from the start, perhaps twice.

    The last record is on the line that lives. Records beside that line are abandoned if they hold
    something that was said: a rewind, an edited prompt, another answer. Those that hold nothing of
    that sort, such as the results of parallel calls, are part of it.
    """
    runs = _runs(nodes)
    return _Parting(runs).lines() if runs else Lines([], {})


def _runs(nodes: Callable[[], Iterable[Node]]) -> list[_Run]:
    runs: list[_Run] = []
    awaited: dict[str, list[_Run]] = {}
    recent: OrderedDict[str, int] = OrderedDict()
    before: str | None = None
    place = -1
    for place, node in enumerate(nodes()):
        if not runs or not _goes_on(node, before):
            run = _Run(place, _parent_of(node, place, recent))
            if runs and node.parent is not None and node.parent not in recent:
                awaited.setdefault(node.parent, []).append(run)
            if runs:
                runs[-1].end = place
            runs.append(run)
        if node.speaks:
            runs[-1].speaking.append(place)
        recent[node.id] = place
        if len(recent) > REMEMBERED:
            recent.popitem(last=False)
        before = node.id
    if runs:
        runs[-1].end = place + 1
    if awaited:
        _resolve(awaited, nodes)
    return runs


def _parent_of(node: Node, place: int, recent: OrderedDict[str, int]) -> int:
    """Return the place of a record's parent; where that is not known it follows the one before."""
    if node.parent is None:
        return _ROOT if node.restarts else place - 1
    return recent.get(node.parent, place - 1)


def _goes_on(node: Node, before: str | None) -> bool:
    """Tell whether a record hangs on the one before it, or on none and so follows it."""
    return node.parent == before or (node.parent is None and not node.restarts)


def _resolve(awaited: dict[str, list[_Run]], nodes: Callable[[], Iterable[Node]]) -> None:
    """Find the places of parents that stand far back; whose parent is nowhere follows on."""
    for place, node in enumerate(nodes()):
        for run in awaited.pop(node.id, ()):
            if place < run.start:
                run.parent = place
        if not awaited:
            return


class _Parting:
    """Takes runs apart into spans, from the line that lives outwards."""

    def __init__(self, runs: list[_Run]) -> None:
        self._runs = runs
        self._starts = [run.start for run in runs]
        self._hanging: dict[int, list[_Run]] = {}
        for run in runs[1:]:
            self._hanging.setdefault(self._run_at(run.parent), []).append(run)
        self._spans: list[Span] = []
        self._sides: dict[int, Side] = {}

    def lines(self) -> Lines:
        """Return the spans in order, and the lines that were abandoned."""
        todo = [(0, _ROOT, [(run.start, run.end) for run in self._roots()])]
        while todo:
            line, parent, parts = todo.pop()
            todo += self._take(line, parent, parts)
        self._spans.sort()
        return Lines(_joined(self._spans), self._sides)

    def _roots(self) -> list[_Run]:
        return [run for run in self._runs if run.parent == _ROOT]

    def _take(
        self, line: int, parent: int, parts: list[tuple[int, int]]
    ) -> list[tuple[int, int, list[tuple[int, int]]]]:
        """Give the subtree of `parts` to `line`, except for what was abandoned in it."""
        subtree = self._subtree(parts)
        last = max(end for _, end in subtree)
        path = self._path(last - 1, {start for start, _ in parts})
        for start, end in path:
            self._spans.append(Span(start, end, line))
        if line:
            self._sides[line] = Side(line, parent, min(start for start, _ in parts), last)
        later: list[tuple[int, int, list[tuple[int, int]]]] = []
        for side in self._beside(path, parts):
            whole = self._subtree([side])
            if any(self._speaks(start, end) for start, end in whole):
                number = side[0] + 1  # A line is known by where it begins; 0 is the live one.
                later.append((number, line, [side]))
            else:
                self._spans += [Span(start, end, line) for start, end in whole]
        return later

    def _speaks(self, start: int, end: int) -> bool:
        speaking = self._runs[self._run_at(start)].speaking
        found = bisect_right(speaking, start - 1)
        return found < len(speaking) and speaking[found] < end

    def _subtree(self, parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return `parts` of runs and every run that hangs on them, directly or not."""
        found: list[tuple[int, int]] = []
        todo = list(parts)
        while todo:
            start, end = todo.pop()
            found.append((start, end))
            todo += [
                (run.start, run.end)
                for run in self._hanging.get(self._run_at(start), ())
                if start <= run.parent < end
            ]
        return found

    def _path(self, leaf: int, starts: set[int]) -> list[tuple[int, int]]:
        """Return the parts of runs from where the line begins down to `leaf`."""
        found: list[tuple[int, int]] = []
        end = leaf + 1
        while True:
            run = self._runs[self._run_at(end - 1)]
            begun = [start for start in starts if run.start <= start < end]
            found.append((begun[0] if begun else run.start, end))
            if begun or run.parent == _ROOT:
                return found[::-1]
            end = run.parent + 1

    def _beside(
        self, path: list[tuple[int, int]], parts: list[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        """Return what hangs on a path and is not on it, in the order of the file."""
        on_path = set(path)
        starts = {start for start, _ in path}
        found = [part for part in parts if part[0] not in starts]
        for start, end in path:
            run = self._runs[self._run_at(start)]
            if end < run.end:
                found.append((end, run.end))
            found += [
                (hanging.start, hanging.end)
                for hanging in self._hanging.get(self._run_at(start), ())
                if start <= hanging.parent < end and hanging.start not in starts
            ]
        return sorted(set(found) - on_path)

    def _run_at(self, place: int) -> int:
        return bisect_right(self._starts, place) - 1


def _joined(spans: list[Span]) -> list[Span]:
    """Join neighbours of one line."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].line == span.line:
            found[-1] = Span(found[-1].start, span.end, span.line)
        else:
            found.append(span)
    return found
