"""A fork whose branches go to workers, and its branches, as the book of open joins has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from anabranch_events.event.types import JoinKind, JoinTerms, Priority
from anabranch_thinking.join import BranchEnd, Verdict, decide
from anabranch_thinking.sessions.forks import fork_ids
from anabranch_thinking.sessions.state import Status
from anabranch_thinking.work.waiting import join_of

if TYPE_CHECKING:
    from anabranch_thinking.work.hedging import Kind

Key = tuple[str, str]
"""A namespace, and the id of a session or a join in it."""


@dataclass(slots=True)
class Forked:
    """A branch of an open join."""

    session_id: str
    priority: Priority
    executor: str | None
    kind: Kind
    labels: tuple[str, ...] | None = None
    end: BranchEnd | None = None
    worker: str = ""
    """The worker that has it, or had it last."""
    begun: float | None = None
    """When its last claim was read, by this process's clock."""
    hedged: bool = False
    """True once there is a second copy, or a task for one."""
    position: int = 0
    """Where it was forked; 0 for one that took a branch over."""
    givers: tuple[str, ...] = ()
    """The sessions that had the branch before, and handed it off."""
    lost: bool = False
    """True once the log holds it no more."""

    @property
    def key(self) -> Key:
        """The branch's place in a book."""
        return self.kind.namespace, self.session_id


@dataclass(slots=True)
class OpenJoin:
    """A fork whose branches are not joined yet, or not all ended."""

    terms: JoinTerms
    namespace: str
    parent_id: str
    root_id: str
    position: int
    forked_at: int
    branches: dict[str, Forked] = field(default_factory=dict[str, Forked])
    joined: bool = False
    """True once the join has had its effect, or has none to have."""
    parent_end: Status | None = None
    ended: int = 0

    @property
    def key(self) -> Key:
        """The join's place in a book."""
        return self.namespace, self.terms.join_id

    @property
    def parent(self) -> Key:
        """The place of the session that forked."""
        return self.namespace, self.parent_id

    @property
    def whole(self) -> bool:
        """True once all branches of the fork have been read; they stand one after another."""
        return len(self.branches) >= self.terms.branches

    @property
    def present(self) -> list[str]:
        """The branches that the log holds, as far as is known."""
        return [one.session_id for one in self.branches.values() if not one.lost]

    @property
    def unread(self) -> list[str]:
        """The branches of the fork that were not read yet."""
        if self.whole:
            return []
        givers = {giver for one in self.branches.values() for giver in one.givers}
        ids = fork_ids(self.terms.join_id, self.terms.branches)
        return [one for one in ids if one not in self.branches and one not in givers]

    @property
    def going(self) -> list[Forked]:
        """The branches that have not ended."""
        return [one for one in self.branches.values() if one.end is None]

    @property
    def finished(self) -> bool:
        """True when nothing is left to be done about it."""
        if not self.whole or self.ended < len(self.branches):
            return False
        return self.joined or self.parent_end is not None

    @property
    def closed(self) -> bool:
        """True when the parent's end is the join's own, or came after it could have been."""
        ended = self.parent_end in {Status.CLOSED, Status.COMPLETED}
        return ended and self.verdict(datetime.now(UTC)) is not None

    @property
    def called_off(self) -> bool:
        """True when the branches are wanted no more: their parent has ended."""
        return self.parent_end is not None and not (self.terms.late_kept and self.closed)

    def verdict(self, now: datetime) -> Verdict | None:
        """Return the join's decision; None while it is open."""
        if not self.whole:
            return None
        overdue = self.terms.deadline is not None and now >= self.terms.deadline
        if self.terms.kind is JoinKind.ALL and self.ended < len(self.branches) and not overdue:
            return None
        ends = {session_id: one.end for session_id, one in self.branches.items()}
        return decide(join_of(self.terms), ends, overdue=overdue)
