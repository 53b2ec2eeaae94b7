"""Sessions as recall needs them: where they began, forked and ended, and who ran them.

Also the memory of the rules: an event that breaks one is in no graph, so it is in no index.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anabranch_projections.fold.rules import JUDGED, SessionStanding, verdicts
from anabranch_projections.recall_index.entries import Began, Consolidated, Ended, Ran

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anabranch_projections.fold.positioned import PositionedEvent
    from anabranch_projections.fold.rules import Key


@dataclass(slots=True)
class _Line:
    began: int
    root_id: str
    parent_id: str
    forked_at: int
    role: str


@dataclass(slots=True)
class SessionLines:
    """The sessions of one namespace."""

    _lines: dict[str, _Line] = field(default_factory=dict[str, _Line])
    _thoughts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _roles: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _branches: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _joined: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    _agents: dict[str, str] = field(default_factory=dict[str, str])
    _standing: dict[Key, SessionStanding] = field(
        default_factory=dict[tuple[str, str], SessionStanding]
    )

    def breaks_a_rule(self, at: PositionedEvent) -> bool:
        """Tell if an event breaks a rule of its session's line; learn from one that does not."""
        if type(at.event.data) not in JUDGED:
            return False
        return bool(verdicts([at], self._standing))

    def apply(self, namespace: str, entry: Began | Consolidated | Ended | Ran) -> None:
        """Take in what happened to a session; what was taken in before changes nothing."""
        match entry:
            case Began():
                self._begin(namespace, entry)
            case Ended():
                standing = self._standing_of(namespace, entry.session_id)
                if standing.ended is None:
                    standing.ended = entry.position
            case Ran():
                self._agents[entry.session_id] = entry.agent
            case Consolidated():
                for session_id in entry.session_ids:
                    self._joined.setdefault(session_id, []).append(entry.position)

    def agent(self, session_id: str) -> str:
        """Return who ran a session last, empty when nobody said so."""
        return self._agents.get(session_id, "")

    def parent(self, session_id: str) -> str:
        """Return the parent of a branch, empty where there is none."""
        line = self._lines.get(session_id)
        return "" if line is None else line.parent_id

    def branches(self, session_id: str) -> Sequence[str]:
        """Return the branches of a session."""
        return self._branches.get(session_id, ())

    def windows(self, session_id: str, scope: str, *, until: int) -> dict[str, int]:
        """Return the last position that counts, for each session in a scope.

        `scope` is `session`, `lineage` or `thought`. A session that had not begun reaches nothing.
        """
        line = self._lines.get(session_id)
        if line is None or line.began > until:
            return {}
        if scope == "session":
            return {session_id: until}
        if scope == "thought":
            thought = self._thoughts.get(line.root_id, [])
            return {each: until for each in thought if self._lines[each].began <= until}
        return self._lineage(session_id, until)

    def seen(self, session_id: str, scope: str, *, until: int) -> dict[str, int]:
        """Return the last position up to which a scope sees each session's events.

        A line sees its own and, once a branch of it was joined, those of the branch.
        """
        if scope == "thought":
            return self.windows(session_id, scope, until=until)
        seen = self.windows(session_id, "lineage", until=until)
        new = list(seen)
        while new:
            here = new.pop()
            for branch in tuple(self._branches.get(here, ())):
                joined = [at for at in tuple(self._joined.get(branch, ())) if at <= seen[here]]
                if joined and joined[-1] > seen.get(branch, 0):
                    seen[branch] = joined[-1]
                    new.append(branch)
        return seen

    def in_role(self, roles: Sequence[str], *, until: int) -> list[str]:
        """Return the sessions that had begun in one of `roles`."""
        found = [each for role in dict.fromkeys(roles) for each in self._roles.get(role, [])]
        return [each for each in found if self._lines[each].began <= until]

    def _lineage(self, session_id: str, until: int) -> dict[str, int]:
        windows: dict[str, int] = {}
        here, counts = session_id, until
        while here and here not in windows:
            windows[here] = counts
            line = self._lines.get(here)
            if line is None:
                break
            here, counts = line.parent_id, min(counts, line.forked_at)
        return windows

    def _begin(self, namespace: str, entry: Began) -> None:
        standing = self._standing_of(namespace, entry.session_id)
        if standing.opened is None:
            standing.opened, standing.root_id = entry.position, entry.root_id
            standing.depth = entry.depth
        if entry.session_id in self._lines:
            return
        place = (entry.position, entry.root_id, entry.parent_id, entry.forked_at, entry.role)
        self._lines[entry.session_id] = _Line(*place)
        self._thoughts.setdefault(entry.root_id, []).append(entry.session_id)
        self._branches.setdefault(entry.parent_id, []).append(entry.session_id)
        if entry.role:
            self._roles.setdefault(entry.role, []).append(entry.session_id)

    def _standing_of(self, namespace: str, session_id: str) -> SessionStanding:
        return self._standing.setdefault((namespace, session_id), SessionStanding())

    @property
    def known(self) -> Mapping[str, object]:
        """The sessions that have begun, by id."""
        return self._lines
