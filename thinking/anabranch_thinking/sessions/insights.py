"""The commands on insights: recorded, cited, linked, disputed, retired.

Learning something is work, which a session that has ended takes no more of. The upkeep of insights
(citing, linking, retiring, forgetting) is stored on a session that may have ended long ago.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Unpack
from uuid import UUID, uuid5

from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import (
    AssociationFormed,
    AssociationSevered,
    ConflictOpened,
    ConflictResolved,
    EventData,
    InsightCited,
    InsightForgotten,
    InsightRecorded,
    InsightRetracted,
    InsightSuperseded,
    Outcome,
    SessionForgotten,
    SessionOpened,
    WorkingMemoryCleared,
    WorkingMemorySet,
)
from anabranch_recall import entities as entities_in
from anabranch_thinking.errors import InsightNotFound
from anabranch_thinking.sessions.findings import (
    InsightDraft,
    InsightFields,
    as_drafts,
    as_insight,
    draft_of,
)
from anabranch_thinking.sessions.journal import Fact, Journal, as_ids, checked, checked_id
from anabranch_thinking.sessions.receipts import InsightReceipt, InsightsReceipt, SessionReceipt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from anabranch_events import Receipt

REMEMBERED_MAX: Final = 999
"""An atomic batch holds 1,000 events, and the first may open a session."""

REQUESTED: Final = "requested"
RELATED: Final = "related"

REMEMBER_TASK: Final = "Remember"
"""The task of a session opened for one insight. It repeats nothing that may be forgotten."""

RESERVED: Final = "anabranch."
"""The start of the keys of notes that are ours, beside those of agents; none is handed off."""

USAGE_NOTE: Final = f"{RESERVED}usage"
"""The note in working memory on the tokens that a model took."""


class LocatedInsight(NamedTuple):
    """An insight with its session and its thought."""

    insight_id: str
    session_id: str
    root_id: str | None


class Insights(Journal):
    """The commands on insights, and on a session's working memory."""

    async def remember(
        self,
        insight: InsightDraft | str,
        *,
        session_id: str | None = None,
        supersedes: Sequence[str] = (),
        **fields: Unpack[InsightFields],
    ) -> InsightReceipt:
        """Record one thing learned; without a session one is opened for it, in the same batch.

        `fields` are those of an InsightDraft, for a text. The insights in `supersedes` are retired
        by this one, in the same batch, whose last event the receipt names. Raises InputInvalid,
        SessionNotFound, SessionEnded and InsightNotFound.
        """
        draft = draft_of(insight, fields)
        owner, receipts, ids = await self._learned(
            [draft], session_id=session_id, supersedes=as_ids(supersedes, field="supersedes")
        )
        return InsightReceipt(**vars(receipts[-1]), session_id=owner, insight_id=ids[0])

    async def remember_all(
        self, insights: Sequence[InsightDraft | str], *, session_id: str | None = None
    ) -> InsightsReceipt:
        """Record several things learned, at most 999, in one batch: all of them or none.

        Each is a text or an InsightDraft. Without a session one is opened for them, in the same
        batch. Raises InputInvalid, SessionNotFound and SessionEnded.
        """
        drafts = as_drafts(insights)
        if not 1 <= len(drafts) <= REMEMBERED_MAX:
            raise InputInvalid(
                f"insights: there are {len(drafts)}, one call takes 1 to {REMEMBERED_MAX}",
                field="insights",
                fix=f"remember 1 to {REMEMBERED_MAX} insights at a time",
            )
        owner, receipts, ids = await self._learned(drafts, session_id=session_id)
        return InsightsReceipt(**vars(receipts[-1]), session_id=owner, insight_ids=ids)

    async def supersede(
        self,
        insight_id: str,
        *,
        by: str,
        session_id: str | None = None,
        reason: str | None = None,
        valid_until: datetime | None = None,
    ) -> SessionReceipt:
        """Replace the insight `insight_id` by the insight `by`.

        One that has ended takes no other's place: of two that supersede each other the later one
        stands. Raises InputInvalid where both are the same.
        """
        data = checked(
            InsightSuperseded,
            insight_id=insight_id,
            by=by,
            reason=reason,
            valid_until=valid_until,
        )
        if data.by == data.insight_id:
            raise InputInvalid(
                f"by: insight {data.by} cannot supersede itself",
                field="by",
                fix="record a new insight that takes its place, or retract it",
            )
        return await self._keep_up(data, [data.insight_id, data.by], session_id=session_id)

    async def retract(
        self,
        insight_id: str,
        *,
        reason: str,
        session_id: str | None = None,
        valid_until: datetime | None = None,
    ) -> SessionReceipt:
        """Retract an insight: it no longer holds."""
        data = checked(
            InsightRetracted, insight_id=insight_id, reason=reason, valid_until=valid_until
        )
        return await self._keep_up(data, [data.insight_id], session_id=session_id)

    async def forget(
        self, insight_id: str, *, receipt: str = REQUESTED, session_id: str | None = None
    ) -> SessionReceipt:
        """Have the insight erased; `receipt` names the request."""
        data = checked(InsightForgotten, insight_id=insight_id, receipt=receipt)
        return await self._keep_up(data, [data.insight_id], session_id=session_id)

    async def forget_derived(
        self, derived: Sequence[LocatedInsight], *, forgotten: Receipt, receipt: str = REQUESTED
    ) -> None:
        """Have insights erased that are derived from one that was forgotten, each in its session.

        The graph forgets them with it. By these events whoever reads the log knows it too. A call
        that is repeated stores none of them twice.
        """
        await self._forget_all(
            (one, str(uuid5(UUID(forgotten.event_id), one.insight_id)), receipt) for one in derived
        )

    async def forget_all(
        self, insights: Iterable[LocatedInsight], *, receipt: str = REQUESTED
    ) -> Receipt | None:
        """Have many insights erased, each in its session; return the last receipt."""
        return await self._forget_all((one, None, receipt) for one in insights)

    async def forget_sessions(
        self, root_ids: Mapping[str, str], *, receipt: str = REQUESTED
    ) -> Receipt | None:
        """Have the words of sessions erased; return the last receipt.

        `root_ids` has the sessions, each with the root of its thought. Their insights are not
        touched, nor their ends: see `forget_all` and `cancel_all`.
        """
        data = checked(SessionForgotten, receipt=receipt)
        return await self._append_many(
            (root_id, Fact(session_id, data)) for session_id, root_id in root_ids.items()
        )

    async def _forget_all(
        self, insights: Iterable[tuple[LocatedInsight, str | None, str]]
    ) -> Receipt | None:
        facts: list[tuple[str, Fact]] = []
        for one, event_id, receipt in insights:
            data = checked(InsightForgotten, insight_id=one.insight_id, receipt=receipt)
            fact = Fact(one.session_id, data, event_id=event_id)
            facts.append((one.root_id or one.session_id, fact))
        return await self._append_many(facts)

    async def _append_many(self, rooted: Iterable[tuple[str, Fact]]) -> Receipt | None:
        """Append facts of several thoughts, each with its root; return the last receipt."""
        of_thought: dict[str, list[Fact]] = {}
        for root_id, fact in rooted:
            of_thought.setdefault(root_id, []).append(fact)
        last: Receipt | None = None
        for root_id, facts in of_thought.items():
            for start in range(0, len(facts), REMEMBERED_MAX):
                receipts = await self.append(facts[start : start + REMEMBERED_MAX], root_id=root_id)
                last = receipts[-1]
        return last

    async def cite(
        self,
        insight_ids: Sequence[str],
        *,
        outcome: Outcome | str = Outcome.USED,
        session_id: str | None = None,
        recall_id: str | None = None,
    ) -> SessionReceipt:
        """Cite recalled insights as used, confirmed or rejected."""
        data = checked(
            InsightCited,
            insight_ids=as_ids(insight_ids, field="insight_ids"),
            outcome=outcome,
            recall_id=recall_id,
        )
        return await self._keep_up(data, data.insight_ids, session_id=session_id)

    async def associate(
        self,
        from_id: str,
        to_id: str,
        *,
        kind: str = RELATED,
        weight: float = 0.5,
        reason: str | None = None,
        session_id: str | None = None,
    ) -> SessionReceipt:
        """Link two insights."""
        data = checked(
            AssociationFormed,
            from_id=from_id,
            to_id=to_id,
            kind=kind,
            weight=weight,
            reason=reason,
        )
        return await self._keep_up(data, [data.from_id, data.to_id], session_id=session_id)

    async def sever(
        self,
        from_id: str,
        to_id: str,
        *,
        kind: str = RELATED,
        reason: str | None = None,
        session_id: str | None = None,
    ) -> SessionReceipt:
        """Unlink two insights."""
        data = checked(AssociationSevered, from_id=from_id, to_id=to_id, kind=kind, reason=reason)
        return await self._keep_up(data, [data.from_id, data.to_id], session_id=session_id)

    async def open_conflict(
        self, insight_id: str, other_id: str, *, subject: str, session_id: str | None = None
    ) -> SessionReceipt:
        """Open a conflict between two insights about `subject`."""
        data = checked(ConflictOpened, insights=(insight_id, other_id), subject=subject)
        return await self._keep_up(data, data.insights, session_id=session_id)

    async def resolve_conflict(
        self, insight_id: str, other_id: str, *, decision: str, session_id: str | None = None
    ) -> SessionReceipt:
        """Resolve the conflict of two insights by `decision`."""
        data = checked(ConflictResolved, insights=(insight_id, other_id), decision=decision)
        return await self._keep_up(data, data.insights, session_id=session_id)

    async def note(self, session_id: str, key: str, value: object) -> SessionReceipt:
        """Set `key` in the session's working memory to `value`, which JSON can hold.

        Keys that begin with `anabranch.` are notes of ours: they are refused.
        """
        fact = checked(WorkingMemorySet, key=key, value=value)
        if fact.key.startswith(RESERVED):
            raise InputInvalid(
                f"key: begins with {RESERVED}, which stands for notes of Anabranch itself",
                field="key",
                fix="give the note another key",
            )
        return await self._work(session_id, fact)

    async def note_usage(self, session_id: str, usage: Mapping[str, object]) -> SessionReceipt:
        """Note the tokens that a model took for a session, where no agent's note can stand."""
        fact = checked(WorkingMemorySet, key=USAGE_NOTE, value={**usage})
        return await self._work(session_id, fact)

    async def clear_note(self, session_id: str, key: str) -> SessionReceipt:
        """Drop `key` from the session's working memory."""
        return await self._work(session_id, checked(WorkingMemoryCleared, key=key))

    async def _learned(
        self,
        drafts: Sequence[InsightDraft],
        *,
        session_id: str | None,
        supersedes: Sequence[str] = (),
    ) -> tuple[str, list[Receipt], tuple[str, ...]]:
        """Record insights in one batch; the last of them takes the place of `supersedes`.

        Returns their session, the receipts of insights and retirements, and the insights' ids.
        """
        learned = [as_insight(one, insight_id=self.new_id(), extract=entities_in) for one in drafts]
        recorded = [checked(InsightRecorded, **vars(one)) for one in learned]
        retired = [
            checked(InsightSuperseded, insight_id=old, by=learned[-1].insight_id)
            for old in supersedes
        ]
        await self._must_exist([fact.insight_id for fact in retired])
        opened: list[EventData] = []
        if session_id is None:
            owner = root_id = self.new_id()
            opened = [checked(SessionOpened, task=REMEMBER_TASK)]
        else:
            state = await self.going(session_id)
            owner, root_id = state.session_id, state.root_id
        receipts = await self.append(
            [Fact(owner, data) for data in (*opened, *recorded, *retired)],
            root_id=root_id,
            expected={owner: 0} if opened else None,
        )
        ids = tuple(one.insight_id for one in learned)
        return owner, receipts[len(opened) :], ids

    async def _work(self, session_id: str, data: EventData) -> SessionReceipt:
        state = await self.going(session_id)
        receipts = await self.append([Fact(state.session_id, data)], root_id=state.root_id)
        return _in_session(receipts[0], state.session_id)

    async def _keep_up(
        self, data: EventData, insight_ids: Sequence[str], *, session_id: str | None
    ) -> SessionReceipt:
        """Append upkeep to `session_id`, or else to the session that produced the first insight."""
        owners = await self._must_exist(insight_ids)
        owner = session_id or owners.get(insight_ids[0])
        if owner is None:
            raise InputInvalid(
                "session_id: is missing, and nobody here knows the insight's own session",
                field="session_id",
                fix="name the session that does this",
            )
        state = await self.state(owner)
        receipts = await self.append([Fact(state.session_id, data)], root_id=state.root_id)
        return _in_session(receipts[0], state.session_id)

    async def _must_exist(self, insight_ids: Sequence[str]) -> dict[str, str]:
        """Return the session of each insight, where that can be known at all."""
        if self._lookup is None or not insight_ids:
            return {}
        wanted = [checked_id(insight_id, field="insight_id") for insight_id in insight_ids]
        found = dict(await self._lookup(wanted))
        for insight_id in wanted:
            if insight_id not in found:
                raise InsightNotFound(insight_id, namespace=self.namespace)
        return found


def _in_session(receipt: Receipt, session_id: str) -> SessionReceipt:
    return SessionReceipt(**vars(receipt), session_id=session_id)
