"""The operations on what settles: the settling, syntheses, conflicts, profiles and retention.

None looks at `Nats-Msg-Id`. Asked again, settling, a synthesis, a resolution and retention find
what they have recorded. A policy is set once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from anabranch.memory.consolidation import synthesise as synthesise_in
from anabranch.memory.forgetting.retention import MemoryRetention, RetentionApplied, RetentionPolicy
from anabranch.memory.reads.conflicts import ConflictDetails
from anabranch.memory.reads.conflicts import resolve_conflict as resolve_conflict_in
from anabranch.memory.reads.conflicts import show_conflict as show_conflict_in
from anabranch.memory.reads.links import ConflictView
from anabranch.memory.reads.links import list_conflicts as list_conflicts_in
from anabranch.memory.reads.profiles import Profile
from anabranch.memory.reads.profiles import about as about_in
from anabranch.memory.settling import SettledMemory
from anabranch.memory.settling import settle as settle_in

if TYPE_CHECKING:
    from anabranch.api import read_requests as asked
    from anabranch.api.context import Context
    from anabranch.api.requests import (
        ApplyRetention,
        ResolveConflict,
        SetRetention,
        Settle,
        Synthesise,
    )
    from anabranch_thinking import Consolidation, SessionReceipt


async def settle(context: Context, request: Settle) -> SettledMemory:
    """Settle what was learned: restated, changed, contradicting and related insights.

    With `dry_run` it only says what would be recorded.
    """
    return await settle_in(context.namespace, since=request.since, dry_run=request.dry_run)


async def synthesise(context: Context, request: Synthesise) -> Consolidation:
    """Synthesise what holds of a session, an entity or a period; every insight used is cited."""
    return await synthesise_in(
        context.namespace,
        session_id=request.session_id,
        entity=request.entity,
        since=request.since,
        until=request.until,
        agent=request.agent,
    )


class ConflictPage(BaseModel):
    """Conflicts, by position."""

    model_config = ConfigDict(frozen=True)
    conflicts: list[ConflictView]
    next: int | None = Field(description="The `cursor` of the next page; null at the end.")


async def list_conflicts(context: Context, request: asked.ListConflicts) -> ConflictPage:
    """List the conflicts between insights, now or at a moment; the open ones unless said."""
    await context.waited(request)
    found = await list_conflicts_in(
        context.namespace,
        only_open=request.only_open,
        as_of=request.as_of,
        beyond=request.cursor or 0,
        limit=request.limit,
    )
    more = len(found) == request.limit
    return ConflictPage(conflicts=found, next=found[-1].position if more else None)


async def show_conflict(context: Context, request: asked.ShowConflict) -> ConflictDetails:
    """Show the conflict that was opened at a position: both insights, and who decided what."""
    await context.waited(request)
    return await show_conflict_in(context.namespace, request.position)


async def resolve_conflict(context: Context, request: ResolveConflict) -> SessionReceipt:
    """Resolve a conflict: the decision is kept; with `holds` the other insight is superseded.

    The one that holds is cited as confirmed. The same decision sent again has the same receipt.
    """
    return await resolve_conflict_in(
        context.namespace,
        request.position,
        decision=request.decision,
        holds=request.holds,
        session_id=request.session_id,
        recall_id=request.recall_id,
        agent=request.agent,
    )


async def about(context: Context, request: asked.About) -> Profile:
    """Tell what is known about a name, now or at a moment, with sources and open conflicts."""
    await context.waited(request)
    return await about_in(context.namespace, request.name, as_of=request.as_of, limit=request.limit)


async def show_retention(context: Context, request: asked.ShowRetention) -> RetentionPolicy:
    """Show the policy of retention, now or at a moment, and who set it when."""
    await context.waited(request)
    return await MemoryRetention(context.namespace).show(as_of=request.as_of)


async def set_retention(context: Context, request: SetRetention) -> SessionReceipt:
    """Set the policy of retention, in place of an earlier one; nothing is taken out by this.

    With `Nats-Msg-Id` the same request sets it once, for ever: sent again it leaves the policy that
    was set since.
    """
    from anabranch_thinking.settling.retention import set_policy

    _, repetition = context.writing("set_retention", request)
    sessions = context.namespace.sessions_of(request.agent)
    event_id = None if repetition is None else repetition.first_id
    return await set_policy(sessions, request.rules, event_id=event_id)


async def apply_retention(context: Context, request: ApplyRetention) -> RetentionApplied:
    """Take out the insights that outlived the policy; with `dry_run` only count them."""
    return await MemoryRetention(context.namespace).apply(dry_run=request.dry_run)
