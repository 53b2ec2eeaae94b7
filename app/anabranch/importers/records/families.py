"""Sessions that share records: which was copied from which, and after which record it left."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_LATE: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Head:
    """The beginning of a session's file; `origin` is the session it says it was copied from."""

    path: Path
    session_id: str
    first_id: str | None = None
    origin: str | None = None
    project: str | None = None
    time: datetime | None = None


H = TypeVar("H", bound=Head)


class Link(NamedTuple):
    """A record's place among others: what it hangs on, and what it says it was copied from."""

    id: str
    parent: str | None
    copied_from: str | None = None
    origin: str | None = None


def families_of(heads: Sequence[H]) -> list[list[H]]:
    """Group sessions that begin with the same record, or of which one names the other."""
    groups: dict[int, list[H]] = {number: [head] for number, head in enumerate(heads)}
    of: dict[str, int] = {}
    for number, head in enumerate(heads):
        names = [f"session {head.session_id}", f"record {head.first_id}"]
        if head.origin:
            names.append(f"session {head.origin}")
        if head.first_id is None:
            del names[1]
        for other in {of[name] for name in names if name in of}:
            if other != number:
                groups[number] += groups.pop(other)
                of = {name: number if group == other else group for name, group in of.items()}
        of |= dict.fromkeys(names, number)
    return [sorted(group, key=lambda head: str(head.path)) for group in groups.values()]


@dataclass(slots=True)
class Member:
    """A session of a family, with its files."""

    session_id: str
    paths: list[Path]
    origins: set[str]
    time: datetime
    ids: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    known: set[int] = field(default_factory=set[int])
    parent: Member | None = None
    left_after: int | None = None

    def own_place(self, others: set[int]) -> int:
        """Return the place of the first record that is not in `others`."""
        for place, (one, _) in enumerate(self.ids):
            if one not in others:
                return place
        return len(self.ids)


class Family(Generic[H]):
    """Sessions that share records, as a tree: forks, and forks of forks.

    `links` gives the records of a file; they are read only where there is more than one file.
    """

    def __init__(self, heads: Sequence[H], *, links: Callable[[H], Iterable[Link]]) -> None:
        self._members: dict[str, Member] = {}
        self._own: dict[Path, set[int]] = {}
        self._told: set[str] = set()
        copies: dict[int, int] = {}
        for head in heads:
            member = self._members.get(head.session_id)
            if member is None:
                time = head.time or _LATE
                member = Member(head.session_id, [], {head.origin} if head.origin else set(), time)
                self._members[head.session_id] = member
            member.paths.append(head.path)
            if len(heads) > 1:
                self._own[head.path] = _take(member, links(head), copies)
        if len(self._members) > 1:
            self._arrange()

    def roots(self) -> Iterator[Member]:
        """Yield the sessions that were copied from none that is here."""
        return (member for member in self._members.values() if member.parent is None)

    @property
    def lone(self) -> bool:
        """True where there is one file: then nothing in it is inherited."""
        return not self._own

    def is_inherited(self, session_id: str, path: Path, record_id: str) -> bool:
        """Tell whether a record stands in the session's origin, or in an earlier file of it."""
        if path not in self._own:
            return False
        member = self._members[session_id]
        parent = member.parent
        number = hash(record_id)
        return number not in self._own[path] or (parent is not None and number in parent.known)

    def leaving(self, session_id: str, record_id: str) -> Iterator[Member]:
        """Yield the sessions that left a session after a record, each once."""
        if len(self._members) > 1:
            number = hash(record_id)
            yield from self._leaving(session_id, lambda member: member.left_after == number)

    def left_over(self, session_id: str) -> Iterator[Member]:
        """Yield the sessions that left a session at a place that was not come by."""
        yield from self._leaving(session_id, lambda _: True)

    def _leaving(self, session_id: str, chosen: Callable[[Member], bool]) -> Iterator[Member]:
        for member in self._members.values():
            parent = member.parent
            if parent is None or parent.session_id != session_id:
                continue
            if member.session_id not in self._told and chosen(member):
                self._told.add(member.session_id)
                yield member

    def _arrange(self) -> None:
        """Find each session's origin: the one with which it shares most, the older first."""
        members = list(self._members.values())
        root = min(members, key=lambda member: _rank(member, self._members))
        arranged = [root]
        waiting = [member for member in members if member is not root]
        waiting.sort(key=lambda member: _rank(member, self._members))
        for member in waiting:
            origin = max(
                arranged,
                key=lambda other: (
                    member.own_place(other.known),
                    other.session_id in member.origins,
                    -arranged.index(other),
                ),
            )
            place = member.own_place(origin.known)
            if place:
                member.parent = origin
                member.left_after = _left_after(member, origin, place)
            arranged.append(member)


def _take(member: Member, links: Iterable[Link], copies: dict[int, int]) -> set[int]:
    """Give a file's records to its session; return those that no earlier file of it has."""
    own: set[int] = set()
    for link in links:
        number = hash(link.copied_from or link.id)
        if link.copied_from:
            copies[hash(link.id)] = number
        if link.origin and link.origin != member.session_id:
            member.origins.add(link.origin)
        above = hash(link.parent) if link.parent else 0
        if number not in member.known:
            member.known.add(number)
            own.add(number)
            member.ids.append((number, copies.get(above, above)))
    return own


def _left_after(member: Member, origin: Member, place: int) -> int:
    """Return the record after which a copy went on by itself."""
    above = member.ids[place][1] if place < len(member.ids) else 0
    return above if above in origin.known else member.ids[place - 1][0]


def _rank(member: Member, members: dict[str, Member]) -> tuple[int, int, datetime, int, str]:
    """Return by what the elder of a family is known: it names few others, more name it."""
    names = sum(origin in members for origin in member.origins)
    named = sum(member.session_id in other.origins for other in members.values())
    return (names, -named, member.time, len(member.ids), member.session_id)
