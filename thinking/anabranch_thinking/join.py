"""The join of a fork: when its branches have brought enough, and which of them count.

A pure function of the terms and of the branches' ends. So the joiner over workers, the runner in
one process, and a client that waits all agree.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import JoinKind
from anabranch_thinking.sessions.state import Status

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Join:
    """The condition on which branches are joined; `late_kept` lets the others go on."""

    kind: JoinKind = JoinKind.ALL
    needed: int = 1
    late_kept: bool = False

    @classmethod
    def of(cls, value: Join | str | int, *, branches: int, late_kept: bool = False) -> Join:
        """Return the join that `value` names: `all`, `first`, `majority`, or a number of results.

        Raises InputInvalid for another one, and for more results than there are branches.
        """
        if isinstance(value, Join):
            return value
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            if 1 <= value <= branches:
                return cls(JoinKind.QUORUM, value, late_kept)
            raise InputInvalid(
                f"join: {value} results cannot come of {branches} branches",
                field="join",
                fix=f"ask for 1 to {branches} results",
            )
        if value in {JoinKind.ALL, JoinKind.FIRST, JoinKind.MAJORITY}:
            return cls(JoinKind(value), 1, late_kept)
        raise InputInvalid(
            f"join: {value!r} is no join",
            field="join",
            fix="say all, first, majority, or the number of results that are enough",
        )


ALL: Final = Join()
LATE: Final = "the join was decided without it"


@dataclass(frozen=True, slots=True)
class BranchEnd:
    """The end of one branch, as far as a join reads it."""

    status: Status
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision of a join: the branches that count, and why it was decided."""

    counted: tuple[str, ...]
    reason: str
    met: bool


def decide(
    join: Join, ends: Mapping[str, BranchEnd | None], *, overdue: bool = False
) -> Verdict | None:
    """Return the verdict on branches of which some have ended; None while it is open.

    `ends` has the branches in the order in which they were forked, those that ended first do not
    stand first. An `overdue` join is decided with what there is.
    """
    results = {
        session_id: end.result or ""
        for session_id, end in ends.items()
        if end is not None and end.status is Status.COMPLETED
    }
    going = sum(end is None for end in ends.values())
    found = _chosen(join, ends, results, going=going)
    if found is not None:
        return found
    if overdue:
        ended = len(ends) - going
        return Verdict(
            tuple(results),
            f"its deadline has passed: {ended} of {len(ends)} branches had ended",
            met=False,
        )
    return None


def _chosen(
    join: Join,
    ends: Mapping[str, BranchEnd | None],
    results: Mapping[str, str],
    *,
    going: int,
) -> Verdict | None:
    match join.kind:
        case JoinKind.ALL:
            if going:
                return None
            # A failed branch may have remembered something before: that was learned all the same.
            return Verdict(tuple(ends), "its branches have joined", met=bool(results))
        case JoinKind.MAJORITY:
            return _majority(results, going=going, total=len(ends))
        case JoinKind.FIRST | JoinKind.QUORUM:
            needed = join.needed if join.kind is JoinKind.QUORUM else 1
            if len(results) >= needed:
                return Verdict(
                    tuple(results), f"{len(results)} of its branches have joined", met=True
                )
            if len(results) + going < needed or not going:
                reason = f"{len(results)} of its branches completed, {needed} were asked for"
                return Verdict(tuple(results), reason, met=False)
            return None


def _majority(results: Mapping[str, str], *, going: int, total: int) -> Verdict | None:
    counted = Counter(result.strip() for result in results.values())
    best, votes = counted.most_common(1)[0] if counted else ("", 0)
    if votes * 2 > total:
        agreeing = tuple(one for one, result in results.items() if result.strip() == best)
        return Verdict(agreeing, f"{votes} of {total} branches agree", met=True)
    if (votes + going) * 2 <= total or not going:
        reason = f"no majority: at most {votes} of {total} branches agree"
        return Verdict(tuple(results), reason, met=False)
    return None
