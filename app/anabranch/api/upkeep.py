"""The operations on insights that exist: retracted, forgotten, cited, linked and unlinked.

With `Nats-Msg-Id` each is stored once within ten minutes. After that it changes nothing more, save
that insights are cited again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.memory.forgetting.insights import forget_insight
from anabranch.memory.forgetting.sealing import seal_namespace as seal
from anabranch.memory.forgetting.whole_subjects import forget_subject

if TYPE_CHECKING:
    from anabranch.api.context import Context
    from anabranch.api.requests import (
        Associate,
        Cite,
        Forget,
        ForgetAll,
        Retract,
        SealNamespace,
        Sever,
    )
    from anabranch.views import SealedNamespace, SubjectForgotten
    from anabranch_thinking import ForgetReceipt, SessionReceipt


async def retract(context: Context, request: Retract) -> SessionReceipt:
    """Say that an insight no longer holds, and why; recall leaves it out from then on."""
    sessions, _ = context.writing("retract", request)
    return await sessions.retract(
        request.insight_id,
        reason=request.reason,
        valid_until=request.valid_until,
        session_id=request.session_id,
    )


async def forget(context: Context, request: Forget) -> ForgetReceipt:
    """Erase what an insight said, from the graph and from every answer.

    Insights derived from it are forgotten too, and words of others about it go: they are listed.
    """
    sessions, _ = context.writing("forget", request)
    return await forget_insight(
        context.namespace,
        request.insight_id,
        receipt=request.receipt,
        sessions=sessions,
        session_id=request.session_id,
        wait=False,
    )


async def forget_all(context: Context, request: ForgetAll) -> SubjectForgotten:
    """Erase a whole subject: a session with its branches, an entity or a producer.

    One that did not come to its end goes on when it is asked again. With `dry_run` it says what
    would go.
    """
    # Ids by the request are no use: a second run appends other events than the first.
    return await forget_subject(
        context.namespace,
        sessions=context.namespace.sessions_of(request.agent),
        session_id=request.session_id,
        entity=request.entity,
        producer=request.producer,
        everywhere=request.everywhere,
        receipt=request.receipt,
        dry_run=request.dry_run,
        wait=False,
    )


async def seal_namespace(context: Context, request: SealNamespace) -> SealedNamespace:
    """Seal the namespace before its first event, for ever: what its events say is encrypted.

    `forget` then drops the keys of all that it erases. One that is sealed already stays so.
    """
    del request
    return await seal(context.namespace.backend, context.namespace.name)


async def cite(context: Context, request: Cite) -> SessionReceipt:
    """Say that insights were used, confirmed or rejected; their associations follow."""
    sessions, _ = context.writing("cite", request)
    return await sessions.cite(
        request.insight_ids,
        outcome=request.outcome,
        session_id=request.session_id,
        recall_id=request.recall_id,
    )


async def associate(context: Context, request: Associate) -> SessionReceipt:
    """Link two insights; recall then finds the one by the other."""
    sessions, _ = context.writing("associate", request)
    return await sessions.associate(
        request.from_id,
        request.to_id,
        kind=request.kind,
        weight=request.weight,
        reason=request.reason,
        session_id=request.session_id,
    )


async def sever(context: Context, request: Sever) -> SessionReceipt:
    """Unlink two insights that were associated."""
    sessions, _ = context.writing("sever", request)
    return await sessions.sever(
        request.from_id,
        request.to_id,
        kind=request.kind,
        reason=request.reason,
        session_id=request.session_id,
    )
