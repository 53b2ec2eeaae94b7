"""The commands as NATS request and reply: `anabranch.commands.<namespace>.<command>`.

Requests are read, and errors answered, in one place: FastStream's own way answers neither a body
that it cannot read nor a handler that fails.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from faststream.middlewares import BaseMiddleware
from faststream.nats import NatsResponse, NatsRouter
from faststream.nats.annotations import NatsMessage
from nats.errors import Error as NatsError
from pydantic import BaseModel, ValidationError

from anabranch.api.admission import HELD_MAX, Gate
from anabranch.api.claims import COMMANDED, refuse_key
from anabranch.api.context import Context
from anabranch.api.expected import EXPECTED, expected_in
from anabranch.api.problem import PROBLEM_TYPE, Problem, request_invalid
from anabranch.api.subjects import COMMANDS, KEY, PROBLEM_CODE
from anabranch.commands.discovery import Discovery
from anabranch.errors import AnswerTooLarge
from anabranch_events import Event, decode_unchanged, traced
from anabranch_events.errors import AnabranchError
from anabranch_events.event.binary_mode import structured
from anabranch_events.event.registry import REGISTRY
from anabranch_events.transport.client import settled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from faststream._internal.basic_types import AsyncFuncAny
    from faststream._internal.types import BrokerMiddleware
    from faststream.message import StreamMessage
    from faststream.nats.subscriber.usecases import ConcurrentCoreSubscriber
    from nats.aio.client import Client

    from anabranch.api.operations import Operation
    from anabranch.memory.namespaces import Namespaces

QUEUE: Final = "anabranch"
PAYLOAD_MAX: Final = 1024 * 1024
_DRAIN_TIMEOUT_S: Final = 20.0
_PAUSE_S: Final = 0.02
_log = logging.getLogger("anabranch")


class CommandService:
    """Answers commands for every namespace; `router` is what a broker includes.

    Without `namespaces` it only describes itself, for the AsyncAPI document.
    """

    def __init__(
        self,
        namespaces: Namespaces | None = None,
        *,
        middlewares: Sequence[BrokerMiddleware[Any, Any]] = (),
    ) -> None:
        self.payload_max = PAYLOAD_MAX
        self._namespaces = namespaces
        self._gate = Gate()
        self._discovery = Discovery(queue=QUEUE)
        self.router = NatsRouter(middlewares=(self._answering(), *middlewares))
        self._subscribers = [self._subscriber(operation) for operation in COMMANDED]

    def _subscriber(self, operation: Operation) -> ConcurrentCoreSubscriber:
        subscriber = self.router.subscriber(
            f"{COMMANDS}{{namespace}}.{operation.name}",
            queue=QUEUE,
            title=operation.name,
            decoder=_event_in if operation.request is Event else _reading(operation.request),
            # More than the gate holds: it is the gate that turns away, with an answer.
            max_workers=2 * HELD_MAX,
        )
        subscriber(self._handler(operation))
        return subscriber

    def _handler(self, operation: Operation) -> Callable[..., Awaitable[BaseModel]]:
        """Return a function whose name, annotations and docstring FastStream takes for its own."""

        async def handle(request: BaseModel, message: NatsMessage) -> BaseModel:
            if KEY in message.headers:
                refuse_key(operation.name, header=KEY)
            return await operation.run(self._context(message), request)

        handle.__name__ = operation.name
        handle.__doc__ = operation.run.__doc__
        handle.__annotations__ = {
            "request": operation.request,
            "message": NatsMessage,
            "return": operation.answer,
        }
        return handle

    async def settle(self, client: Client) -> None:
        """Return once the NATS server knows what is asked for here; `client` is the broker's."""
        self.payload_max = client.max_payload
        await self._discovery.open(client)
        await settled(client)

    async def drain(self) -> None:
        """Take no more requests, and answer those that were taken, within a bound.

        FastStream's own stop would drop what waits
        (findings/faststream_stops_with_requests_that_it_took.sh).
        """
        deadline = asyncio.get_running_loop().time() + _DRAIN_TIMEOUT_S
        await self._discovery.close()
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

    def _context(self, message: NatsMessage) -> Context:
        assert self._namespaces is not None  # noqa: S101 - what describes itself is not run.
        return Context(
            self._namespaces.of(message.path["namespace"]),
            key=message.headers.get(KEY),
            expected=expected_in(message.headers.get(EXPECTED)),
        )

    def _answering(self) -> type[BaseMiddleware[Any, Any]]:
        service = self

        class Answering(BaseMiddleware[Any, Any]):
            """Gives every request an answer, and its trace to what it stores."""

            async def consume_scope(
                self, call_next: AsyncFuncAny, msg: StreamMessage[Any]
            ) -> NatsResponse:
                begun = perf_counter()
                refusal: str | None = None
                try:
                    return await service.answered(call_next, msg)
                except AnabranchError as error:
                    refusal = error.message
                    return _refused(error)
                except Exception as error:  # noqa: BLE001 - whoever asked gets an answer.
                    _log.error("a command met an unexpected %r", error)
                    refusal = type(error).__name__
                    return _refused(error)
                finally:
                    command = msg.raw_message.subject.rpartition(".")[2]
                    seconds = perf_counter() - begun
                    service.counted(command, seconds=seconds, error=refusal)

        return Answering

    def counted(self, command: str, *, seconds: float, error: str | None) -> None:
        """Count a request for those who ask for the statistics of the service."""
        self._discovery.count(command, seconds=seconds, error=error)

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
        PROBLEM_CODE: str(problem.status),
        "Nats-Service-Error": problem.type.rpartition(":")[2],
    }
    return NatsResponse(problem.document(), headers=headers)


def _of_type(content_type: str) -> dict[str, str]:
    # FastStream sets one in lower case by itself, empty; names of headers differ by case.
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
    if event.opaque and event.type not in REGISTRY.known:
        raise event.unknown()
    return event
