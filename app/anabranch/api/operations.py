"""The operations of a memory: one table of name, request, answer and function.

Every surface walks it: the commands over NATS do, and others may. An operation gets its request
checked, and a context that says in whose name it is asked and which request it may repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict

from anabranch.api import lookups, session_operations, settling, upkeep
from anabranch.api import read_requests as asked
from anabranch.api.problem import other_namespace
from anabranch.api.requests import (
    ApplyRetention,
    Associate,
    Branch,
    Cancel,
    Cite,
    ClearNote,
    Close,
    Complete,
    Consolidate,
    Fail,
    Forget,
    ForgetAll,
    Get,
    HandOff,
    Note,
    OpenSession,
    Recall,
    RecallAll,
    RecallContext,
    Remember,
    RememberAll,
    ResolveConflict,
    Retract,
    SealNamespace,
    SetRetention,
    Settle,
    Sever,
    ShowHistory,
    ShowSession,
    Synthesise,
    Update,
)
from anabranch.memory.context import context as context_in
from anabranch.memory.forgetting.retention import RetentionApplied
from anabranch.memory.reads.conflicts import ConflictDetails
from anabranch.memory.reads.insights import get_insight, update_insight
from anabranch.memory.reads.profiles import Profile
from anabranch.memory.recall import answered
from anabranch.memory.recall import recall as recall_in
from anabranch.memory.settling import SettledMemory
from anabranch.past.history import History
from anabranch.views import InsightDetails, SealedNamespace, SessionView, SubjectForgotten
from anabranch_events import Event, Receipt
from anabranch_events.errors import SessionEnded
from anabranch_recall import RecalledContext, Recollection
from anabranch_thinking import (
    BranchReceipt,
    CompletionReceipt,
    Consolidation,
    ForgetReceipt,
    HandOffReceipt,
    InsightReceipt,
    InsightsReceipt,
    SessionReceipt,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anabranch.api.context import Context
    from anabranch.memory.recall import AskedFields, AskedOne


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; the docstring of `run` is what the references say of it."""

    name: str
    request: type[BaseModel]
    answer: type[BaseModel]
    run: Callable[[Context, Any], Awaitable[BaseModel]]


async def append(context: Context, event: Event) -> Receipt:
    """Append one CloudEvent to the session that is its subject.

    The body is a structured CloudEvents 1.0 document (or its data, with `ce-` headers, in
    binary mode). The header `Anabranch-Expected` makes it conditional on the session's last
    position, 0 for a new session: then it is stored once for ever. Without it an event that is
    sent again within ten minutes is answered with the receipt it had.
    """
    namespace, backend = context.namespace.name, context.namespace.backend
    if event.namespace != namespace:
        raise other_namespace(event.namespace, subject=namespace)
    receipt = await backend.log.append(event, expected=context.expected)
    backend.saw(event, receipt.position)
    return receipt


async def open_session(context: Context, request: OpenSession) -> SessionReceipt:
    """Begin a root session. With `Nats-Msg-Id` the same request opens it once, for ever."""
    sessions, _ = context.writing("open_session", request)
    return await sessions.open_session(
        request.task,
        role=request.role,
        priority=request.priority,
        attributes=request.attributes,
    )


async def branch(context: Context, request: Branch) -> BranchReceipt:
    """Fork a session as it is now. With `Nats-Msg-Id` the same request forks once, for ever."""
    sessions, repetition = context.writing("branch", request)
    forked = await repetition.branched() if repetition else None
    return forked or await sessions.branch(
        request.parent_id,
        request.task,
        role=request.role,
        priority=request.priority,
        attributes=request.attributes,
    )


async def complete(context: Context, request: Complete) -> CompletionReceipt:
    """End a session with its result and what it learned, as one event.

    With `Nats-Msg-Id` the same request is answered alike for ever, and not with SessionEnded.
    """
    sessions, repetition = context.writing("complete", request)
    try:
        return await sessions.complete(
            request.session_id, request.result, insights=request.insights
        )
    except SessionEnded as ended:
        if repetition is None:
            raise
        return await repetition.completed(request.session_id, ended)


async def remember(context: Context, request: Remember) -> InsightReceipt:
    """Record one thing learned; without a session one is opened for it.

    With `Nats-Msg-Id` the same request is stored once: for ever where it opens its session,
    within ten minutes where it names one.
    """
    sessions, repetition = context.writing("remember", request)
    try:
        return await sessions.remember(
            request.draft(), session_id=request.session_id, supersedes=request.supersedes
        )
    except SessionEnded as ended:
        if repetition is None or request.session_id is None:
            raise
        return await repetition.remembered(request.session_id, ended)


async def remember_all(context: Context, request: RememberAll) -> InsightsReceipt:
    """Record several things learned, in one batch: all of them or none.

    With `Nats-Msg-Id` the same request is stored once, as for `remember`. The receipt's event and
    position are those of the last insight.
    """
    sessions, repetition = context.writing("remember_all", request)
    try:
        return await sessions.remember_all(request.insights, session_id=request.session_id)
    except SessionEnded as ended:
        if repetition is None or request.session_id is None:
            raise
        return await repetition.remembered_all(request.session_id, ended)


async def update(context: Context, request: Update) -> InsightReceipt:
    """Record a new text, and retire the insight whose place it takes, in one batch.

    With `Nats-Msg-Id` the same request is stored once, as for `remember`.
    """
    sessions, repetition = context.writing("update", request)
    try:
        return await update_insight(
            context.namespace,
            request.insight_id,
            request.text,
            sessions=sessions,
            session_id=request.session_id,
            fields=request.fields(),
            anyway=request.anyway,
            repeated=None if repetition is None else repetition.has_made,
        )
    except SessionEnded as ended:
        if repetition is None or request.session_id is None:
            raise
        return await repetition.remembered(request.session_id, ended)


async def get(context: Context, request: Get) -> InsightDetails:
    """Look up an insight by its id, with what became of it.

    To read what was just written, give the position of its receipt as `after`.
    """
    await context.waited(request)
    return await get_insight(context.namespace, request.insight_id)


async def recall(context: Context, request: Recall) -> Recollection:
    """Ask memory a question; get ranked insights, each with the reason why.

    To read what was just written, give the position of its receipt as `after`.
    """
    await _checked(context, request)
    return await recall_in(context.namespace, request.query, **_asked(request))


class Recollections(BaseModel):
    """The answers to several questions, in their order."""

    model_config = ConfigDict(frozen=True)

    answers: list[Recollection]


async def recall_all(context: Context, request: RecallAll) -> Recollections:
    """Ask several questions at once; the answers stand in the order of the questions.

    They wait together, and the index goes through its vectors once for several.
    """
    for one in request.questions:
        await _checked(context, one)
    asked: list[AskedOne] = [{"query": one.query, **_asked(one)} for one in request.questions]
    return Recollections(answers=await answered(context.namespace, asked))


async def context(context: Context, request: RecallContext) -> RecalledContext:
    """Ask memory a question; get what it knows as text for a prompt, within `tokens`.

    Each `[n]` in the text is an insight in `citations`. Cite those that were of use, with the
    answer's `recall_id`.
    """
    await _checked(context, request)
    return await context_in(
        context.namespace, request.query, tokens=request.tokens, **_asked(request)
    )


async def _checked(context: Context, request: Recall | RecallContext) -> None:
    if request.after is not None:
        await context.namespace.backend.checked_position(request.after, field="after")


def _asked(request: Recall | RecallContext) -> AskedFields:
    """Return the arguments of a recall that a request gives."""
    return {
        "k": request.k,
        "scope": request.scope,
        "session_id": request.session_id,
        "as_of": request.as_of,
        "after": request.after,
        "include_retired": request.include_retired,
        "min_similarity": request.min_similarity,
        "wait_s": request.wait_s,
        "timeout_s": request.timeout_s,
        "spread": request.spread if isinstance(request, Recall) else 0,
        "filters": request.filters(),
    }


OPERATIONS: Final = (
    Operation("append", Event, Receipt, append),
    Operation("open_session", OpenSession, SessionReceipt, open_session),
    Operation("branch", Branch, BranchReceipt, branch),
    Operation("complete", Complete, CompletionReceipt, complete),
    Operation("remember", Remember, InsightReceipt, remember),
    Operation("remember_all", RememberAll, InsightsReceipt, remember_all),
    Operation("recall", Recall, Recollection, recall),
    Operation("recall_all", RecallAll, Recollections, recall_all),
    Operation("context", RecallContext, RecalledContext, context),
    Operation("get", Get, InsightDetails, get),
    Operation("update", Update, InsightReceipt, update),
    Operation("retract", Retract, SessionReceipt, upkeep.retract),
    Operation("forget", Forget, ForgetReceipt, upkeep.forget),
    Operation("forget_all", ForgetAll, SubjectForgotten, upkeep.forget_all),
    Operation("seal_namespace", SealNamespace, SealedNamespace, upkeep.seal_namespace),
    Operation("cite", Cite, SessionReceipt, upkeep.cite),
    Operation("associate", Associate, SessionReceipt, upkeep.associate),
    Operation("sever", Sever, SessionReceipt, upkeep.sever),
    Operation("note", Note, SessionReceipt, session_operations.note),
    Operation("clear_note", ClearNote, SessionReceipt, session_operations.clear_note),
    Operation("hand_off", HandOff, HandOffReceipt, session_operations.hand_off),
    Operation("fail", Fail, SessionReceipt, session_operations.fail),
    Operation("cancel", Cancel, SessionReceipt, session_operations.cancel),
    Operation("close", Close, SessionReceipt, session_operations.close),
    Operation("consolidate", Consolidate, Consolidation, lookups.consolidate),
    Operation("settle", Settle, SettledMemory, settling.settle),
    Operation("synthesise", Synthesise, Consolidation, settling.synthesise),
    Operation("about", asked.About, Profile, settling.about),
    Operation(
        "list_conflicts", asked.ListConflicts, settling.ConflictPage, settling.list_conflicts
    ),
    Operation("show_conflict", asked.ShowConflict, ConflictDetails, settling.show_conflict),
    Operation("resolve_conflict", ResolveConflict, SessionReceipt, settling.resolve_conflict),
    Operation("set_retention", SetRetention, SessionReceipt, settling.set_retention),
    Operation("apply_retention", ApplyRetention, RetentionApplied, settling.apply_retention),
    Operation("show_session", ShowSession, SessionView, lookups.show_session),
    Operation("history", ShowHistory, History, lookups.history),
)
"""Every operation, in the order in which the references list them."""
