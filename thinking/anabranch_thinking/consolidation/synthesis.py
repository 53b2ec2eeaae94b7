"""An extractive synthesis: the insights of several branches, grouped, ordered and cited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anabranch_thinking.consolidation.points import Point, across_sessions, likeness
from anabranch_thinking.sessions.findings import lead

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from anabranch_thinking.consolidation.points import Likeness

METHOD: Final = "extractive"
STATEMENTS_MAX: Final = 2000
GROUPS_MAX: Final = 40
RELATED_MAX: Final = 4
LINE_LENGTH_MAX: Final = 600
OPPOSED_MAX: Final = 20
OPPOSED_LENGTH_MAX: Final = 200
BRANCHES: Final = ("branch", "branches")
SESSIONS: Final = ("session", "sessions")
"""The noun for the sessions that have seen something, and its plural."""


@dataclass(frozen=True, slots=True)
class Group:
    """Points that belong together: the strongest, those that add nothing, and the others."""

    lead: Point
    same: tuple[Point, ...] = ()
    related: tuple[Point, ...] = ()

    @property
    def points(self) -> tuple[Point, ...]:
        """All of them, in the order in which the text cites them."""
        return (self.lead, *self.same, *self.related)

    @property
    def support(self) -> int:
        """The number of branches that have seen it."""
        return len({point.session_id for point in self.points})

    @property
    def confidence(self) -> float:
        """The mean over its points."""
        return sum(one.confidence for one in self.points) / len(self.points)


@dataclass(frozen=True, slots=True)
class Synthesis:
    """The text, the groups behind it, and the ids of the insights it cites: [1] is the first."""

    text: str
    groups: tuple[Group, ...]
    sources: tuple[str, ...]


def synthesise(
    task: str,
    points: Sequence[Point],
    *,
    vectors: Sequence[Sequence[float]] | None = None,
    root_id: str | None = None,
    seen_by: tuple[str, str] = BRANCHES,
    opposed: Sequence[tuple[str, str]] = (),
    near: Likeness | None = None,
) -> Synthesis:
    """Group, order and cite `points`, of which there is at least one; `root_id` is no branch.

    Points belong together when they are near in meaning (where `vectors` are given, one a point),
    share their stems, or stand on the same evidence. Groups that more branches have seen come
    first. The same points in the same order give the same synthesis. Of more than 2,000 points the
    first of the most confident are read. `opposed` are pairs of insights that disagree; where both
    are read they stand side by side at the end. `near` is the likeness of all points, where it is
    known.
    """
    chosen = sorted(range(len(points)), key=lambda index: -points[index].confidence)
    kept = sorted(chosen[:STATEMENTS_MAX])
    read = [points[index] for index in kept]
    if near is None or len(read) < len(points):
        chosen_vectors = None if vectors is None else [vectors[index] for index in kept]
        near = likeness(read, vectors=chosen_vectors)
    groups = _groups(read, near)
    cited = tuple(point for group in groups for point in group.points)
    heading = _heading(task, read, groups, given=len(points), root_id=root_id, seen_by=seen_by)
    lines = [*_lines(groups, seen_by), *against(cited, opposed)]
    return Synthesis(
        text="\n".join([heading, "", *lines]),
        groups=groups,
        sources=tuple(point.insight_id for point in cited),
    )


def _groups(points: Sequence[Point], near: Likeness) -> tuple[Group, ...]:
    """Let the point that most others belong to lead a group, and go on with the rest.

    A point joins the nearest of the leads it belongs to, so that groups do not chain.
    """
    together, same, strength = near.together, near.same, near.strength
    backing = (together & across_sessions(points, points)).sum(axis=1)
    order = sorted(
        range(len(points)),
        key=lambda index: (
            -int(backing[index]),
            -points[index].confidence,
            len(points[index].sources),
            index,
        ),
    )
    members: dict[int, list[int]] = {}
    for index in order:
        leads = [lead for lead in members if together[index, lead]]
        if leads:
            members[max(leads, key=lambda lead: float(strength[index, lead]))].append(index)
        else:
            members[index] = []
    groups = [_group(points, same, lead, others) for lead, others in members.items()]
    return tuple(sorted(groups, key=lambda group: (-group.support, -group.confidence)))


def _group(
    points: Sequence[Point],
    same_as: NDArray[np.bool_],
    lead_index: int,
    others: Sequence[int],
) -> Group:
    """Separate points that repeat the lead, or stand on nothing new, from the others."""
    shown = set(points[lead_index].sources)
    same: list[Point] = []
    related: list[Point] = []
    for index in others:
        point = points[index]
        nothing_new = bool(point.sources) and point.sources <= shown
        if same_as[index, lead_index] or nothing_new:
            same.append(point)
        else:
            related.append(point)
            shown |= point.sources
    return Group(lead=points[lead_index], same=tuple(same), related=tuple(related))


def _heading(
    task: str,
    points: Sequence[Point],
    groups: Sequence[Group],
    *,
    given: int,
    root_id: str | None,
    seen_by: tuple[str, str],
) -> str:
    sessions = {point.session_id for point in points}
    branches = len(sessions - {root_id})
    thinkers = [_counted(branches, *seen_by)] if branches else []
    thinkers += ["the root"] if root_id in sessions else []
    of_all = f" of {given}" if given > len(points) else ""
    return (
        f"On “{lead(task, length_max=200)}”: {_counted(len(points), 'insight')}{of_all} of "
        f"{' and '.join(thinkers)}, in {_counted(len(groups), 'group')}."
    )


def against(cited: Sequence[Point], opposed: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the pairs that disagree, side by side, by the numbers that the text cites them with."""
    places = {point.insight_id: place for place, point in enumerate(cited, start=1)}
    pairs = {
        tuple(sorted(map(places.__getitem__, pair))) for pair in opposed if places.keys() >= {*pair}
    }
    for one, other in sorted(pairs)[:OPPOSED_MAX]:
        first, second = (
            " ".join(lead(cited[place - 1].text, length_max=OPPOSED_LENGTH_MAX).split())
            for place in (one, other)
        )
        yield f"In conflict: “{first}” [{one}], and “{second}” [{other}]"


def _lines(groups: Sequence[Group], seen_by: tuple[str, str]) -> list[str]:
    lines: list[str] = []
    cited = 0
    for number, group in enumerate(groups[:GROUPS_MAX], start=1):
        seen = group.support - 1
        also = f" (also seen by {_counted(seen, *seen_by)})" if seen else ""
        again = f" {_citation(cited + 2, len(group.same))}" if group.same else ""
        lines.append(f"{number}. {_one_line(group.lead.text)} [{cited + 1}]{again}{also}")
        cited += 1 + len(group.same)
        for point in group.related[:RELATED_MAX]:
            cited += 1
            lines.append(f"   - {_one_line(point.text)} [{cited}]")
        more = len(group.related) - RELATED_MAX
        if more > 0:
            lines.append(f"   - and {more} more {_citation(cited + 1, more)}")
            cited += more
    rest = sum(len(group.points) for group in groups[GROUPS_MAX:])
    if rest:
        groups_left = _counted(len(groups) - GROUPS_MAX, "smaller group")
        lines.append(f"And {groups_left} {_citation(cited + 1, rest)}.")
    return lines


def _citation(first: int, count: int) -> str:
    return f"[{first}]" if count == 1 else f"[{first}-{first + count - 1}]"


def _one_line(text: str) -> str:
    return " ".join(lead(text, length_max=LINE_LENGTH_MAX).split())


def _counted(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
