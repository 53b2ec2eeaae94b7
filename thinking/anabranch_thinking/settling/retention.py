"""Retention: a namespace's policy, as an event, and the insights that it takes out, an event each.

The insights that outlived a policy are found by whoever has the graph. It must have reached the
last batch, so each is taken out once, also after a kill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from anabranch_events.errors import SessionNotFound
from anabranch_events.event.types import InsightExpired, RetentionSet, SessionOpened
from anabranch_thinking.sessions.journal import Fact, checked
from anabranch_thinking.sessions.receipts import SessionReceipt
from anabranch_thinking.settling.chain import Chain, own_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from anabranch_events.event.types import RetentionRule
    from anabranch_thinking.sessions.sessions import Sessions

AT_ONCE: Final = 500
"""The number of insights that one batch takes out."""
_POLICY: Final = "retention"
_TASK: Final = "Keep what the retention policy allows"


class Outlived(NamedTuple):
    """An insight that a policy no longer keeps, and by which bound."""

    insight_id: str
    reason: str


class OutlivedOf(Protocol):
    """Finds the insights that outlived a policy, the oldest first, at most `limit`.

    It answers by a graph that has reached the position `last`, and with nothing while there is
    none.
    """

    async def __call__(
        self, namespace: str, policy: Policy, *, last: int, limit: int
    ) -> Sequence[Outlived]:
        """Return insights that hold."""
        ...


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy of a namespace: its rules, and the event that set them."""

    rules: tuple[RetentionRule, ...]
    position: int
    set_by: str | None
    set_at: datetime

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that have a rule of their own: the general one is not for them."""
        return tuple(rule.kind for rule in self.rules if rule.kind is not None)


def policy_session(namespace: str) -> str:
    """Return the id of the session whose events set the policy of a namespace."""
    return own_session(namespace, _POLICY)


async def policy_of(sessions: Sessions, *, as_of: int | None = None) -> Policy | None:
    """Return a namespace's policy, now or as of a position; None where none was ever set."""
    try:
        events = await sessions.events(policy_session(sessions.namespace))
    except SessionNotFound:
        return None
    for position, event in reversed(events):
        if isinstance(event.data, RetentionSet) and (as_of is None or position <= as_of):
            return Policy(event.data.rules, position, event.agent, event.time)
    return None


async def set_policy(
    sessions: Sessions,
    rules: Sequence[RetentionRule | Mapping[str, object]],
    *,
    event_id: str | None = None,
) -> SessionReceipt:
    """Set a namespace's policy, in place of an earlier one. Raises InputInvalid.

    Where an event with `event_id` has set one before, nothing is stored: its receipt is returned.
    """
    data = checked(RetentionSet, rules=tuple(rules))
    session_id = policy_session(sessions.namespace)

    async def attempt() -> SessionReceipt:
        if event_id is not None and (found := await _set_before(sessions, session_id, event_id)):
            return found
        facts = [Fact(session_id, data, event_id=event_id)]
        try:
            position = (await sessions.state(session_id)).position
        except SessionNotFound:
            position = 0
            facts.insert(0, Fact(session_id, checked(SessionOpened, task=_TASK)))
        receipts = await sessions.append(facts, root_id=session_id, expected={session_id: position})
        return SessionReceipt(**vars(receipts[-1]), session_id=session_id)

    return await sessions.settle(attempt)


async def _set_before(sessions: Sessions, session_id: str, event_id: str) -> SessionReceipt | None:
    """Return the receipt of the event with this id; None where the session has none."""
    try:
        events = await sessions.events(session_id)
    except SessionNotFound:
        return None
    for position, event in events:
        if event.id == event_id:
            return SessionReceipt(event_id=event_id, position=position, session_id=session_id)
    return None


class Retention:
    """The taking out of one namespace's insights, a bounded batch after another."""

    def __init__(self, sessions: Sessions, outlived_of: OutlivedOf) -> None:
        self._sessions = sessions
        self._outlived_of = outlived_of
        self._chain = Chain(sessions, task=_TASK, key="expired", name=_POLICY)

    async def expire_next(self, policy: Policy) -> Sequence[Outlived]:
        """Take out the next insights; return them, none where all that is left is kept.

        Each batch is looked up by itself, so that one sees what was retracted since the last.
        Raises Overtaken: then another one took some out meanwhile.
        """
        head = await self._chain.head()
        batch = await self._outlived_of(
            self._sessions.namespace, policy, last=head.last, limit=AT_ONCE
        )
        if batch:
            facts = [
                checked(
                    InsightExpired,
                    insight_id=one.insight_id,
                    reason=one.reason,
                    policy=policy.position,
                )
                for one in batch
            ]
            await self._chain.append(head, facts, noted=policy.position)
        return batch
