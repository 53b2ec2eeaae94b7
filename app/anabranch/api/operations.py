"""The operations of a memory: one table of name, request, answer and function.

Every surface walks it: the commands over NATS do, and others may. An operation gets its request
checked, and a context that says in whose name it is asked and which request it may repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from anabranch.api.idempotency import Ids, Repetition
from anabranch.api.problem import other_namespace
from anabranch.api.requests import Branch, Complete, OpenSession, Recall, Remember
from anabranch.memory.recall import recall as recall_in
from anabranch_events import Event, Receipt
from anabranch_events.errors import SessionEnded
from anabranch_recall import Recollection
from anabranch_thinking import BranchReceipt, CompletionReceipt, InsightReceipt, SessionReceipt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import BaseModel

    from anabranch.api.requests import Writing
    from anabranch.memory.namespaces import OpenNamespace
    from anabranch_thinking import Sessions


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of one request.

    `key` makes it one that may be sent again: the same key with the same content is the same
    request. `expected` is the last position that an append expects of its session.
    """

    namespace: OpenNamespace
    key: str | None = None
    expected: int | None = None

    def writing(self, name: str, request: Writing) -> tuple[Sessions, Repetition | None]:
        """Return the sessions in the name of the request's agent, and what finds an earlier one."""
        sessions, namespace = self.namespace.sessions, self.namespace.name
        if self.key is None:
            return sessions.for_command(agent=request.agent), None
        ids = Ids(namespace, name, self.key, request)
        repetition = Repetition(self.namespace.backend.log, namespace=namespace, ids=ids)
        return sessions.for_command(agent=request.agent, ids=ids), repetition


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
        request.parent_id, request.task, role=request.role, priority=request.priority
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


async def recall(context: Context, request: Recall) -> Recollection:
    """Ask memory a question; get ranked insights, each with the reason why.

    To read what was just written, give the position of its receipt as `after`.
    """
    namespace = context.namespace
    if request.after is not None:
        await namespace.backend.checked_position(request.after, field="after")
    return await recall_in(
        namespace,
        request.query,
        k=request.k,
        scope=request.scope,
        session_id=request.session_id,
        as_of=request.as_of,
        after=request.after,
        include_retired=request.include_retired,
        wait_s=request.wait_s,
    )


OPERATIONS: Final = (
    Operation("append", Event, Receipt, append),
    Operation("open_session", OpenSession, SessionReceipt, open_session),
    Operation("branch", Branch, BranchReceipt, branch),
    Operation("complete", Complete, CompletionReceipt, complete),
    Operation("remember", Remember, InsightReceipt, remember),
    Operation("recall", Recall, Recollection, recall),
)
"""Every operation, in the order in which the references list them."""
