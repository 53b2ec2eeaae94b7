"""The commands as NATS request and reply: `anabranch.commands.<namespace>.<command>`.

Requests are read, and errors answered, in one place: FastStream's own way answers neither a body
that it cannot read nor a handler that fails.
"""

# FastStream reads the annotations of the handlers: what they name is imported for good.
# ruff: noqa: TC002

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from faststream.middlewares import BaseMiddleware
from faststream.nats import NatsResponse, NatsRouter
from faststream.nats.annotations import NatsMessage
from nats.errors import Error as NatsError
from pydantic import BaseModel, ValidationError

from anabranch.api.admission import HELD_MAX, Gate
from anabranch.api.idempotency import Ids, Repetition
from anabranch.api.problem import PROBLEM_TYPE, Problem, other_namespace, request_invalid
from anabranch.api.requests import Branch, Complete, LearnedInsight, OpenSession, Recall, Remember
from anabranch.errors import AnswerTooLarge
from anabranch_events import Event, Receipt, decode_unchanged, traced
from anabranch_events.errors import AnabranchError, InputInvalid, SessionEnded
from anabranch_events.event.binary_mode import structured
from anabranch_events.event.registry import CATALOGUE
from anabranch_events.transport.client import settled
from anabranch_recall import Recollection
from anabranch_thinking import BranchReceipt, CompletionReceipt, InsightReceipt, SessionReceipt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from faststream._internal.basic_types import AsyncFuncAny
    from faststream._internal.types import BrokerMiddleware
    from faststream.message import StreamMessage
    from faststream.nats.subscriber.usecases import ConcurrentCoreSubscriber
    from nats.aio.client import Client

    from anabranch.api.requests import Writing
    from anabranch.memory.namespaces import NamespaceMemories, NamespaceMemory
    from anabranch_thinking import Sessions

PREFIX: Final = "anabranch.commands."
QUEUE: Final = "anabranch"
EXPECTED: Final = "Anabranch-Expected"
KEY: Final = "Nats-Msg-Id"
PAYLOAD_MAX: Final = 1024 * 1024
ANSWERS: Final[Mapping[str, type[BaseModel]]] = {
    "append": Receipt,
    "open_session": SessionReceipt,
    "branch": BranchReceipt,
    "complete": CompletionReceipt,
    "remember": InsightReceipt,
    "recall": Recollection,
}
"""What each command answers."""
_DRAIN_TIMEOUT_S: Final = 20.0
_PAUSE_S: Final = 0.02
_log = logging.getLogger("anabranch")


class CommandService:
    """Answers commands for every namespace; `router` is what a broker includes.

    Without `memories` it only describes itself, for the AsyncAPI document.
    """

    def __init__(
        self,
        memories: NamespaceMemories | None = None,
        *,
        middlewares: Sequence[BrokerMiddleware[Any, Any]] = (),
    ) -> None:
        self.payload_max = PAYLOAD_MAX
        self._memories = memories
        self._gate = Gate()
        self.router = NatsRouter(middlewares=(self._answering(), *middlewares))
        self._subscribers = [self._subscriber(*one) for one in self._handlers()]

    def _subscriber(
        self, handler: Callable[..., Awaitable[BaseModel]], decoder: Callable[..., Any]
    ) -> ConcurrentCoreSubscriber:
        subscriber = self.router.subscriber(
            f"{PREFIX}{{namespace}}.{handler.__name__}",
            queue=QUEUE,
            title=handler.__name__,
            decoder=decoder,
            # More than the gate holds: it is the gate that turns away, with an answer.
            max_workers=2 * HELD_MAX,
        )
        subscriber(handler)
        return subscriber

    def _handlers(self) -> list[tuple[Callable[..., Awaitable[BaseModel]], Callable[..., Any]]]:
        return [
            (self.append, _event_in),
            (self.open_session, _reading(OpenSession)),
            (self.branch, _reading(Branch)),
            (self.complete, _reading(Complete)),
            (self.remember, _reading(Remember)),
            (self.recall, _reading(Recall)),
        ]

    async def append(self, event: Event, message: NatsMessage) -> Receipt:
        """Append one CloudEvent to the session that is its subject.

        The body is a structured CloudEvents 1.0 document (or its data, with `ce-` headers, in
        binary mode). The header `Anabranch-Expected` makes it conditional on the session's last
        position, 0 for a new session: then it is stored once for ever. Without it an event that is
        sent again within ten minutes is answered with the receipt it had.
        """
        memory = self._memory(message)
        if event.namespace != memory.namespace:
            raise other_namespace(event.namespace, subject=memory.namespace)
        expected = _expected(message.headers)
        receipt = await memory.connection.log.append(event, expected=expected)
        memory.connection.saw(event, receipt.position)
        return receipt

    async def open_session(self, request: OpenSession, message: NatsMessage) -> SessionReceipt:
        """Begin a root session. With `Nats-Msg-Id` the same request opens it once, for ever."""
        sessions, _ = self._told(request, message)
        return await sessions.open_session(
            request.task,
            role=request.role,
            priority=request.priority,
            attributes=request.attributes,
        )

    async def branch(self, request: Branch, message: NatsMessage) -> BranchReceipt:
        """Fork a session as it is now. With `Nats-Msg-Id` the same request forks once, for ever."""
        sessions, repetition = self._told(request, message)
        forked = await repetition.branched() if repetition else None
        return forked or await sessions.branch(
            request.parent_id, request.task, role=request.role, priority=request.priority
        )

    async def complete(self, request: Complete, message: NatsMessage) -> CompletionReceipt:
        """End a session with its result and what it learned, as one event.

        With `Nats-Msg-Id` the same request is answered alike for ever, and not with SessionEnded.
        """
        sessions, repetition = self._told(request, message)
        learned = [
            one.draft() if isinstance(one, LearnedInsight) else one for one in request.insights
        ]
        try:
            return await sessions.complete(request.session_id, request.result, insights=learned)
        except SessionEnded as ended:
            if repetition is None:
                raise
            return await repetition.completed(request.session_id, ended)

    async def remember(self, request: Remember, message: NatsMessage) -> InsightReceipt:
        """Record one thing learned; without a session one is opened for it.

        With `Nats-Msg-Id` the same request is stored once: for ever where it opens its session,
        within ten minutes where it names one.
        """
        sessions, repetition = self._told(request, message)
        try:
            return await sessions.remember(
                request.text,
                session_id=request.session_id,
                kind=request.kind,
                confidence=request.confidence,
                tags=request.tags,
                entities=request.entities,
                supersedes=request.supersedes,
            )
        except SessionEnded as ended:
            if repetition is None or request.session_id is None:
                raise
            return await repetition.remembered(request.session_id, ended)

    async def recall(self, request: Recall, message: NatsMessage) -> Recollection:
        """Ask memory a question; get ranked insights, each with the reason why.

        To read what was just written, give the position of its receipt as `after`.
        """
        memory = self._memory(message)
        if request.after is not None:
            await memory.connection.checked_position(request.after, field="after")
        return await memory.recall(
            request.query,
            k=request.k,
            scope=request.scope,
            session_id=request.session_id,
            as_of=request.as_of,
            after=request.after,
            include_retired=request.include_retired,
            wait_s=request.wait_s,
        )

    async def settle(self, client: Client) -> None:
        """Return once the NATS server knows what is asked for here; `client` is the broker's."""
        self.payload_max = client.max_payload
        await settled(client)

    async def drain(self) -> None:
        """Take no more requests, and answer those that were taken, within a bound.

        FastStream's own stop would drop what waits.
        """
        deadline = asyncio.get_running_loop().time() + _DRAIN_TIMEOUT_S
        for subscriber in self._subscribers:
            subscription: Any = subscriber.subscription
            if subscription is not None:
                # A server that has gone takes nothing back, and sends nothing.
                with suppress(TimeoutError, NatsError):
                    async with asyncio.timeout_at(deadline):
                        await subscription.drain()
                subscriber.subscription = None
        idle = 0
        # A request changes hands between tasks: twice idle in a row is idle.
        while idle < 2 and asyncio.get_running_loop().time() < deadline:
            idle = 0 if self._busy() else idle + 1
            await asyncio.sleep(_PAUSE_S)

    def _busy(self) -> bool:
        return any(
            one.receive_stream.statistics().current_buffer_used
            or one.limiter.value < one.max_workers
            for one in self._subscribers
        )

    def _memory(self, message: NatsMessage) -> NamespaceMemory:
        assert self._memories is not None  # noqa: S101 - what describes itself is not run.
        return self._memories.of(message.path["namespace"])

    def _told(self, request: Writing, message: NatsMessage) -> tuple[Sessions, Repetition | None]:
        """Return the sessions for one request, and with a key what finds an earlier one."""
        memory = self._memory(message)
        key = message.headers.get(KEY)
        if key is None:
            return memory.sessions.told_by(agent=request.agent), None
        command = message.raw_message.subject.rpartition(".")[2]
        ids = Ids(memory.namespace, command, key, request)
        repetition = Repetition(memory.connection.log, namespace=memory.namespace, ids=ids)
        return memory.sessions.told_by(agent=request.agent, ids=ids), repetition

    def _answering(self) -> type[BaseMiddleware[Any, Any]]:
        service = self

        class Answering(BaseMiddleware[Any, Any]):
            """Gives every request an answer, and its trace to what it stores."""

            async def consume_scope(
                self, call_next: AsyncFuncAny, msg: StreamMessage[Any]
            ) -> NatsResponse:
                try:
                    return await service.answered(call_next, msg)
                except AnabranchError as error:
                    return _refused(error)
                except Exception as error:  # noqa: BLE001 - whoever asked gets an answer.
                    _log.error("a command met an unexpected %r", error)
                    return _refused(error)

        return Answering

    async def answered(self, call_next: AsyncFuncAny, message: StreamMessage[Any]) -> NatsResponse:
        """Do what was asked once there is room for it. Raises what the command raises."""
        async with self._gate.passed(len(message.body)):
            with traced(message.headers.get("traceparent")):
                answer: BaseModel = await call_next(message)
        document = answer.model_dump_json().encode()
        if len(document) > self.payload_max:
            raise AnswerTooLarge(len(document), size_max=self.payload_max)
        return NatsResponse(document, headers=_of_type("application/json"))


def _refused(error: Exception) -> NatsResponse:
    problem = Problem.of(error)
    headers = {
        **_of_type(PROBLEM_TYPE),
        # By these the tools of NATS know an error when they see one.
        "Nats-Service-Error-Code": str(problem.status),
        "Nats-Service-Error": problem.type.rpartition(":")[2],
    }
    return NatsResponse(problem.document(), headers=headers)


def _of_type(content_type: str) -> dict[str, str]:
    # FastStream sets one in lower case by itself, empty; names of headers are told apart by case.
    return {"Content-Type": content_type, "content-type": content_type}


def _reading(model: type[BaseModel]) -> Callable[[NatsMessage], Awaitable[BaseModel]]:
    async def read(message: NatsMessage) -> BaseModel:
        try:
            return model.model_validate_json(message.body)
        except ValidationError as error:
            raise request_invalid(error) from error

    return read


async def _event_in(message: NatsMessage) -> Event:
    """Return the event of a request. Raises EventInvalid, and EventUnknown: it is to be applied."""
    event = decode_unchanged(structured(message.headers, message.body))
    if event.opaque and event.type not in CATALOGUE.known:
        raise event.unknown()
    return event


def _expected(headers: Mapping[str, str]) -> int | None:
    given = headers.get(EXPECTED)
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= 19):
        raise InputInvalid(
            f"{EXPECTED}: is no position",
            field=EXPECTED,
            fix="give the session's last position, or 0 for a new session",
        )
    return int(given)
