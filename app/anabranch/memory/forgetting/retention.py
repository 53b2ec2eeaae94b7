"""Retention of a namespace: its policy, what outlived it, and the taking out of that.

Ages count by the log's clock from the append of an insight. Insights out of a tool's transcript
have the age that their source says. No clock of a producer, or of this machine, counts.
"""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from anabranch.importers.readers.catalogue import READERS
from anabranch.past.as_of import position_of
from anabranch_events.event.types import RetentionRule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from anabranch.backend.backend import Backend
    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment
    from anabranch_events import Log
    from anabranch_thinking import SessionReceipt
    from anabranch_thinking.settling.retention import Outlived, OutlivedOf, Policy

_READS_AT_ONCE: Final = 32


class RetentionPolicy(BaseModel):
    """A namespace's policy of retention, and who set it when; without rules all is kept."""

    model_config = ConfigDict(frozen=True)
    rules: tuple[RetentionRule, ...] = ()
    position: int | None = None
    set_by: str | None = None
    set_at: datetime | None = None


class RuleOutcome(BaseModel):
    """A rule, the insights it is for, and those it takes out: by their age, and by their number."""

    model_config = ConfigDict(frozen=True)
    rule: RetentionRule
    held: int
    aged: int
    beyond_count: int


class RetentionApplied(BaseModel):
    """The outcome of applying a policy: how many insights expired, or would for a dry run.

    `outcomes` has what was found for each rule before anything was taken out.
    """

    model_config = ConfigDict(frozen=True)
    expired: int
    recorded: bool
    outcomes: tuple[RuleOutcome, ...]


class MemoryRetention:
    """The retention of a memory's insights, as `memory.retention`."""

    def __init__(self, namespace: OpenNamespace, *, agent: str | None = None) -> None:
        self._namespace = namespace
        self._agent = agent

    async def set(self, rules: Sequence[RetentionRule | Mapping[str, object]]) -> SessionReceipt:
        """Set the whole policy, in place of an earlier one; without rules all is kept.

        A rule is for the insights of its `kind`, one without a kind for those of all other kinds.
        It keeps them for `age_days` since the log stored them, and of them the latest `count`.
        Those out of a tool's transcript are as old as it says.
        Nothing is taken out yet: the consolidator does that, and `apply`. Raises InputInvalid.
        """
        from anabranch_thinking.settling.retention import set_policy

        return await set_policy(self._namespace.sessions_of(self._agent), rules)

    async def show(self, *, as_of: Moment | None = None) -> RetentionPolicy:
        """Return the policy, now or at a moment, and who set it when.

        Raises PositionFromFuture.
        """
        from anabranch_thinking.settling.retention import policy_of

        namespace = self._namespace
        until = None if as_of is None else await position_of(namespace.backend, as_of)
        found = await policy_of(namespace.sessions, as_of=until)
        if found is None:
            return RetentionPolicy()
        return RetentionPolicy(
            rules=found.rules, position=found.position, set_by=found.set_by, set_at=found.set_at
        )

    async def apply(
        self, *, dry_run: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> RetentionApplied:
        """Take out the insights that outlived the policy, each by an event that says why.

        Recall leaves them out from then on; as of an earlier position they are there, and with
        `include_retired`. Those that they superseded do not hold again. Run again, a run that
        was killed goes on. A `dry_run` only counts. `progress` is called with how many expired,
        and how many will. Raises WaitTimedOut where the graph is far behind.
        """
        from anabranch_thinking.settling.retention import policy_of

        namespace = self._namespace
        policy = await policy_of(namespace.sessions)
        await namespace.caught_up()
        outcomes: tuple[RuleOutcome, ...] = ()
        if policy is not None:
            bounded = await _bounded(namespace.backend, namespace.name, policy)
            outcomes = tuple(one.outcome for one in bounded)
        expired = sum(map(_leaving, outcomes))
        if expired and not dry_run:
            expired = await _expire(namespace, planned=expired, progress=progress)
        return RetentionApplied(expired=expired, recorded=not dry_run, outcomes=outcomes)


async def _expire(
    namespace: OpenNamespace,
    *,
    planned: int,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Take out what outlived the policy of each moment; return how many insights that were."""
    from anabranch_thinking.settling.chain import Overtaken
    from anabranch_thinking.settling.retention import Retention, policy_of

    taking_out = Retention(namespace.sessions, outlived_of_graph(namespace.backend))
    expired = 0
    while True:
        policy = await policy_of(namespace.sessions)
        if policy is None:
            return expired
        try:
            found = await taking_out.expire_next(policy)
        except Overtaken:
            continue  # By the consolidator: what is left is looked up again.
        if not found:
            return expired
        expired += len(found)
        if progress is not None:
            progress(expired, max(expired, planned))


def outlived_of_graph(backend: Backend) -> OutlivedOf:
    """Return a finder of the insights that outlived a policy, by the graph."""

    async def find(namespace: str, policy: Policy, *, last: int, limit: int) -> Sequence[Outlived]:
        from anabranch_thinking.settling.retention import Outlived

        reached = max(last, policy.position)
        await backend.wait_for(
            reached, projection="graph", timeout_s=backend.settings.wait_timeout_s
        )
        found: list[Outlived] = []
        for one in await _bounded(backend, namespace, policy):
            rule, wanted = one.outcome.rule, min(_leaving(one.outcome), limit - len(found))
            if wanted > 0:
                rows = await _oldest(backend, one.parameters, limit=wanted)
                found += [Outlived(row["insight_id"], _reason(rule, row["aged"])) for row in rows]
        return found

    return find


class _Bounded(NamedTuple):
    """The outcome of a rule by now, and the parameters of the statements that find its insights."""

    outcome: RuleOutcome
    parameters: dict[str, Any]


async def _bounded(backend: Backend, namespace: str, policy: Policy) -> list[_Bounded]:
    graph, now = await backend.graph(), await backend.log.clock()
    found: list[_Bounded] = []
    for rule in policy.rules:
        parameters = await _parameters(backend.log, namespace, policy, rule, now=now)
        [row] = await graph.read("insights/count_bounded", **parameters)
        held, aged = row["held"], row["aged"]
        beyond = 0 if rule.count is None else max(0, held - rule.count)
        outcome = RuleOutcome(rule=rule, held=held, aged=aged, beyond_count=max(0, beyond - aged))
        found.append(_Bounded(outcome, parameters))
    return found


async def _parameters(
    log: Log, namespace: str, policy: Policy, rule: RetentionRule, *, now: datetime
) -> dict[str, Any]:
    before = None if rule.age_days is None else now - timedelta(days=rule.age_days)
    return {
        "namespace": namespace,
        "kind": rule.kind,
        "others": list(policy.kinds),
        "tools": list(READERS),
        "before": None if before is None else before.isoformat(),
        "until": 0 if before is None else await log.position_at(before),
    }


async def _oldest(
    backend: Backend, parameters: Mapping[str, Any], *, limit: int
) -> list[dict[str, Any]]:
    """Return the oldest insights, by the times by which their age counts."""
    graph = await backend.graph()
    imported, appended = [
        await graph.read("insights/oldest", **parameters, imported=one, limit=limit)
        for one in (True, False)
    ]
    if not imported or not appended:
        return [*imported, *appended]
    stored = await _stored_at(backend.log, sorted({row["position"] for row in appended}))
    merged = heapq.merge(
        ((datetime.fromisoformat(row["time"]), row["position"], row) for row in imported),
        ((stored[row["position"]], row["position"], row) for row in appended),
        key=lambda one: one[:2],
    )
    return [row for _, _, row in merged][:limit]


async def _stored_at(log: Log, positions: Sequence[int]) -> dict[int, datetime]:
    """Return when the records at some positions were stored."""
    found: dict[int, datetime] = {}
    for start in range(0, len(positions), _READS_AT_ONCE):
        some = positions[start : start + _READS_AT_ONCE]
        times = await asyncio.gather(*(log.stored_after(one - 1) for one in some))
        found |= {
            one: time or datetime.max.replace(tzinfo=UTC)
            for one, time in zip(some, times, strict=True)
        }
    return found


def _leaving(found: RuleOutcome) -> int:
    """Return the number of insights a rule takes out: both bounds take the oldest ones."""
    return found.aged + found.beyond_count


def _reason(rule: RetentionRule, aged: bool) -> str:
    of = "" if rule.kind is None else f" of the kind {rule.kind}"
    if aged:
        return f"older than {rule.age_days:g} days{of}"
    return f"beyond the latest {rule.count}{of}"
