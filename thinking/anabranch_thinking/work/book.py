"""The book of open joins: a fold of the log, the same for every joiner that reads it.

It holds the forks whose branches go to workers, until they are joined and the last of them has
ended. A fold that begins before the oldest of them gives the same book. Ids are those of a
namespace: nobody keeps others from using them in another one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from anabranch_events.event.types import (
    BranchCancelled,
    BranchCompleted,
    BranchCreated,
    BranchDeadLettered,
    BranchFailed,
    BranchHedged,
    BranchStarted,
    ConsolidationRecorded,
    JoinTerms,
    NamespaceDeleted,
    Priority,
    SessionClosed,
    SessionHandedOff,
    Then,
)
from anabranch_thinking.join import BranchEnd
from anabranch_thinking.sessions.state import Status
from anabranch_thinking.work.hedging import Hedging, Kind, Paces
from anabranch_thinking.work.open_join import Forked, Key, OpenJoin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from anabranch_events import Event


class JoinBook:
    """All open joins, by their ids, in the order of their forks."""

    def __init__(self, hedging: Hedging | None = None) -> None:
        self._hedging = hedging or Hedging()
        self.paces = Paces(self._hedging.samples_min)
        self.running: dict[Key, Forked] = {}
        """The branches in work that may get a second copy."""
        self.joins: dict[Key, OpenJoin] = {}
        self._by_branch: dict[Key, Key] = {}
        self._by_parent: dict[Key, set[Key]] = {}

    def take(self, event: Event, position: int) -> list[OpenJoin]:  # noqa: C901, PLR0912 - one case an event type.
        """Take in an event; return the joins that it touched."""
        session = event.namespace, event.session_id
        match event.data:
            case BranchCreated(join=JoinTerms() as terms) as data:
                return [self._opened(event, data, terms, position)]
            case BranchStarted() as data:
                return self._begun(session, data.worker)
            case BranchHedged():
                return self._begun(session, None)
            case BranchCompleted() as data:
                self._note_pace(session, data.duration_ms)
                return self.end(session, BranchEnd(Status.COMPLETED, data.result))
            case BranchFailed() as data:
                if data.will_retry:
                    self.running.pop(session, None)  # Nobody has it until it begins again.
                    return []
                return self.end(session, BranchEnd(Status.FAILED))
            case BranchCancelled():
                return self.end(session, BranchEnd(Status.CANCELLED))
            case BranchDeadLettered():
                return self.end(session, BranchEnd(Status.DEAD_LETTERED))
            case SessionClosed():
                return self.end(session, BranchEnd(Status.CLOSED))
            case SessionHandedOff() as data:
                return self._handed_off(session, data.to)
            case NamespaceDeleted() as data:
                self._forget_namespace(data.namespace)
                return []
            case ConsolidationRecorded() as data:
                return self._consolidated((event.namespace, data.consolidation_id))
            case _:
                return []

    def settle(self, join: OpenJoin) -> None:
        """Forget a finished join with all below it; one of a branch stays until that is joined.

        The findings below a branch belong to the branch's thought.
        """
        if join.finished and join.parent not in self._by_branch:
            self._forget(join)

    def _forget(self, join: OpenJoin) -> None:
        self.joins.pop(join.key, None)
        others = self._by_parent.get(join.parent, set())
        others.discard(join.key)
        if not others:
            self._by_parent.pop(join.parent, None)
        for branch in join.branches.values():
            self._by_branch.pop(branch.key, None)
            self.running.pop(branch.key, None)
            for below in tuple(self._of_parent(branch.key)):
                if below.finished:
                    self._forget(below)

    def below(self, join: OpenJoin, *, without: AbstractSet[str] = frozenset()) -> list[str]:
        """Return the branches of a join and of all known joins below it, in their order.

        Those who handed a branch off stand before its receiver; some are left out.
        """
        found = [one for one in self.branches_below(join) if one.session_id not in without]
        there = [(*one.givers, *(() if one.lost else (one.session_id,))) for one in found]
        return [each for ids in there for each in ids]

    def branches_below(self, join: OpenJoin) -> list[Forked]:
        """Return the branches of a join and of all known joins below it, also those lost."""
        found: list[Forked] = []
        waiting = [join]
        while waiting:
            one = waiting.pop(0)
            found += one.branches.values()
            waiting += [
                each for branch in one.branches.values() for each in self._of_parent(branch.key)
            ]
        return found

    def lose(self, session: Key) -> list[OpenJoin]:
        """Note that the log holds a branch no more: it has failed. Return the joins touched."""
        found = self._branch(session)
        if found is None or found[1].lost:
            return []
        found[1].lost = True
        if found[1].end is not None:
            found[1].end = BranchEnd(Status.FAILED)
            return [found[0]]
        return self.end(session, BranchEnd(Status.FAILED))

    def fill(self, join: OpenJoin) -> None:
        """Note the branches of a fork that never came as lost."""
        kind = Kind(join.namespace, None, None)
        for session_id in join.unread:
            branch = Forked(session_id, Priority.NORMAL, None, kind)
            branch.lost, branch.end = True, BranchEnd(Status.FAILED)
            join.branches[session_id] = branch
            join.ended += 1
            self._by_branch[branch.key] = join.key

    def _forget_namespace(self, namespace: str) -> None:
        """Forget the joins of a namespace that was deleted."""
        for join in [one for one in self.joins.values() if one.namespace == namespace]:
            self._forget(join)

    def checkpoint(self, position: int) -> int:
        """Return the position from which on a joiner must read to know all open joins."""
        return min([position, *(join.position - 1 for join in self.joins.values())])

    def _of_parent(self, session: Key) -> Iterator[OpenJoin]:
        for key in sorted(self._by_parent.get(session, ())):
            yield self.joins[key]

    def _opened(
        self, event: Event, data: BranchCreated, terms: JoinTerms, position: int
    ) -> OpenJoin:
        join = self.joins.get((event.namespace, terms.join_id))
        if join is None:
            join = OpenJoin(
                terms, event.namespace, data.parent_id, data.root_id, position, data.forked_at
            )
            self.joins[join.key] = join
            self._by_parent.setdefault(join.parent, set()).add(join.key)
        if event.session_id not in join.branches and not join.whole:
            kind = Kind(event.namespace, data.role, data.executor)
            branch = Forked(
                event.session_id,
                data.priority,
                data.executor,
                kind,
                data.labels,
                position=position,
            )
            join.branches[event.session_id] = branch
            self._by_branch[branch.key] = join.key
        return join

    def _branch(self, session: Key) -> tuple[OpenJoin, Forked] | None:
        key = self._by_branch.get(session)
        join = None if key is None else self.joins.get(key)
        return None if join is None else (join, join.branches[session[1]])

    def holds(self, session: Key) -> bool:
        """Tell whether a session is a branch of an open join."""
        return session in self._by_branch

    def going(self, session: Key) -> Forked | None:
        """Return a branch of an open join that has not ended; None for any other session."""
        found = self._branch(session)
        return None if found is None or found[1].end is not None else found[1]

    def slow(self) -> list[Forked]:
        """Return the branches in work that are slow for their kind, and have no second copy.

        A branch that waits for forks of its own is not slow.
        """
        now = time.monotonic()
        found: list[Forked] = []
        limits_s: dict[tuple[Kind, str], float | None] = {}
        for one in self.running.values():
            if one.hedged or self._by_parent.get(one.key):
                continue
            key = one.kind, one.worker
            if key not in limits_s:
                limits_s[key] = self.paces.slow_after_s(*key)
            limit_s = limits_s[key]
            if limit_s is not None and one.begun is not None and now - one.begun > limit_s:
                found.append(one)
        return found

    def is_hedged(self, session: Key) -> bool:
        """Tell whether a branch in work has a second copy, or a task for one."""
        found = self.running.get(session)
        return found is not None and found.hedged

    def _begun(self, session: Key, worker: str | None) -> list[OpenJoin]:
        """Note that a worker has a branch, or with None that there is a second copy of it."""
        found = self._branch(session)
        if found is None or found[1].end is not None:
            return []
        branch = found[1]
        branch.hedged = worker is None
        if worker is not None:
            branch.worker, branch.begun = worker, time.monotonic()
        if branch.priority in self._hedging.priorities:
            self.running[session] = branch
        return []

    def _note_pace(self, session: Key, duration_ms: float) -> None:
        found = self._branch(session)
        if found is not None:
            self.paces.note(found[1].kind, found[1].worker, duration_ms)

    def end(self, session: Key, end: BranchEnd) -> list[OpenJoin]:
        """Note how a session has ended; return the joins that it touches."""
        touched: list[OpenJoin] = []
        self.running.pop(session, None)
        found = self._branch(session)
        if found is not None and found[1].end is None:
            found[1].end = end
            found[0].ended += 1
            touched.append(found[0])
        for join in self._of_parent(session):
            join.parent_end = end.status
            touched.append(join)
        return touched

    def _handed_off(self, session: Key, to: str) -> list[OpenJoin]:
        """Put the receiver in the place of a branch that was handed off.

        One that is a branch already, read or not, cannot be that of two: so a circle ends.
        """
        found = self._branch(session)
        if found is None or found[1].end is not None:
            return self.end(session, BranchEnd(Status.HANDED_OFF))
        join, branch = found
        if to in {session[1], *branch.givers, *join.unread} or self.holds((session[0], to)):
            return self.end(session, BranchEnd(Status.HANDED_OFF))
        below = self._called_off(session)
        self.running.pop(session, None)
        receiver = Forked(to, branch.priority, branch.executor, branch.kind, branch.labels)
        receiver.givers = (*branch.givers, branch.session_id)
        join.branches = {
            one.session_id: one
            for one in (receiver if one is branch else one for one in join.branches.values())
        }
        del self._by_branch[session]
        self._by_branch[receiver.key] = join.key
        return [join, *below]

    def _called_off(self, session: Key) -> list[OpenJoin]:
        """Note that nobody waits for what a session forked: its receiver forks anew."""
        below = [*self._of_parent(session)]
        for join in below:
            join.parent_end = Status.HANDED_OFF
        return below

    def _consolidated(self, consolidation: Key) -> list[OpenJoin]:
        join = self.joins.get(consolidation)
        if join is None or join.terms.then is not Then.KEEP:
            return []
        join.joined = True
        return [join]
