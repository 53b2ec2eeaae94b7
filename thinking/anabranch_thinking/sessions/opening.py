"""A thought's beginning: its root session and its branches, stored together or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_events.event.types import BRANCHES_MAX, SessionOpened
from anabranch_thinking.sessions.journal import Fact
from anabranch_thinking.sessions.receipts import BranchReceipt
from anabranch_thinking.sessions.state import SessionState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anabranch_events import Receipt
    from anabranch_thinking.sessions.journal import Journal

    Forks = Callable[[SessionState], Sequence[Fact]]

TRIES: Final = 4


class Opening(NamedTuple):
    """The root session that a thought begins with."""

    session_id: str
    data: SessionOpened


async def open_and_fork(
    journal: Journal, opening: Opening, forks: Forks
) -> tuple[SessionState, list[Receipt]]:
    """Open a root session and fork it in one batch; return it, and the receipts of the branches.

    A branch names the position of its parent. So the batch is stored right after the last position,
    or not at all. Where others append all the time, and for a tenant, the root is opened first.
    """
    root_id = opening.session_id
    opened = Fact(root_id, opening.data)
    for _ in range(TRIES):
        last = await journal.last_position()
        if last is None:
            break
        root = SessionState(
            root_id, journal.namespace, position=last + 1, root_id=root_id, task=opening.data.task
        )
        facts = [opened, *forks(root)]
        if len(facts) > BRANCHES_MAX:
            break
        expected = dict.fromkeys((fact.session_id for fact in facts), 0)
        receipts = await journal.append_next(facts, root_id=root_id, last=last, expected=expected)
        if receipts is not None:
            return root, receipts[1:]
    await journal.append([opened], root_id=root_id, expected={root_id: 0})
    root = await journal.going(root_id)
    facts = list(forks(root))
    expected = dict.fromkeys((fact.session_id for fact in facts), 0)
    return root, await journal.append(facts, root_id=root_id, expected=expected)


def branch_receipts(
    parent: SessionState, session_ids: Sequence[str], receipts: Sequence[Receipt]
) -> list[BranchReceipt]:
    """Return the receipts of branches that were forked from a parent."""
    return [
        BranchReceipt(
            **vars(receipt),
            session_id=session_id,
            parent_id=parent.session_id,
            root_id=parent.root_id,
            forked_at=parent.position,
        )
        for session_id, receipt in zip(session_ids, receipts, strict=True)
    ]
