"""The operations as routes: each is read, run and answered in the same way."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations.
from starlette.responses import Response  # noqa: TC002 - As above.

from anabranch.api.claims import refuse_key
from anabranch.api.context import Context
from anabranch.api.expected import EXPECTED, expected_in
from anabranch.api.fixes import OPERATORS
from anabranch.api.idempotency import checked_key
from anabranch.api.thoughts import StartThought
from anabranch.errors import InputInvalid, MediaRefused, NotPermitted
from anabranch.http import answers
from anabranch.http.metrics import count_request
from anabranch.http.places import EVERYWHERE, PLACES, UNTAGGED, reads
from anabranch.http.reading import MEDIA, NAMESPACE, event_in, from_body, from_query, media_of, only
from anabranch_events import Event, traced

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anabranch.api.admission import Gate
    from anabranch.api.operations import Operation
    from anabranch.http.access.callers import Access, Caller
    from anabranch.http.places import Place
    from anabranch.http.thinking import ServiceThinking
    from anabranch.memory.namespaces import Namespaces, OpenNamespace
    from anabranch.past.namespace_graphs import NamespaceGraphs

KEY: Final = "Idempotency-Key"
_NAMESPACE: Final = "anabranch.namespace"
_QUERIES_AT_ONCE: Final = 4


class Desk:
    """Reads requests, and runs operations on the namespaces that callers may see.

    Without `namespaces` it only describes itself, for the document.
    """

    def __init__(
        self,
        namespaces: Namespaces | None,
        *,
        gate: Gate,
        access: Access,
        default: str,
        thinking: ServiceThinking | None = None,
        graphs: NamespaceGraphs | None = None,
    ) -> None:
        self._namespaces = namespaces
        self._gate = gate
        self._default = default
        self._thinking = thinking
        self._graphs = graphs
        self._queries = asyncio.Semaphore(_QUERIES_AT_ONCE)
        self.access = access

    def endpoint(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        """Return the function that answers requests for an operation."""
        place = PLACES[operation.name]

        async def answer(request: Request) -> Response:
            return await self.told(
                request, operation.name, lambda: self._answer(operation, place, request)
            )

        answer.__name__ = operation.name
        return answer

    async def told(
        self, request: Request, name: str, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Return what `work` answers, or the problem it met; count it, and note who asked."""
        began = time.perf_counter()
        try:
            answer = await work()
        except Exception as error:  # noqa: BLE001 - whoever asked gets an answer.
            answer = answers.refused(error)
        count_request(name, status=answer.status_code, seconds=time.perf_counter() - began)
        self.access.note(
            caller_of(request),
            operation=name,
            namespace=request.scope.get(_NAMESPACE, request.query_params.get(NAMESPACE, "")),
            status=answer.status_code,
        )
        return answer

    def namespace(self, request: Request, *, writing: bool) -> OpenNamespace:
        """Return the namespace that a request names. Raises NotPermitted and InputInvalid."""
        caller = caller_of(request)
        caller.need("write" if writing else "read")
        given = request.query_params.getlist(NAMESPACE)
        if len(given) > 1:
            raise InputInvalid(
                f"{NAMESPACE}: stands {len(given)} times in the address",
                field=NAMESPACE,
                fix="give it once",
            )
        name = caller.namespace(given[0] if given else None, default=self._default)
        assert self._namespaces is not None  # noqa: S101 - what describes itself is not run.
        request.scope[_NAMESPACE] = name
        return self._namespaces.of(name)

    async def _answer(self, operation: Operation, place: Place, request: Request) -> Response:
        reading = reads(operation.name)
        namespace = self.namespace(request, writing=not reading)
        if operation.name in EVERYWHERE:
            check_everywhere(caller_of(request), operation.name)
        body = await request.body()
        asked = _request_in(operation, request, body)
        context = Context(
            namespace,
            key=_key_of(request, operation.name),
            expected=expected_in(only(request.headers, EXPECTED)),
            graphs=None if caller_of(request).everywhere else self._graphs,
        )
        if place.method == "GET" and operation.name not in UNTAGGED:
            return await self._tagged(operation, context, asked, request)
        if self._thinking is not None and isinstance(asked, StartThought):
            self._thinking.check(asked.executors)
        spending = self.access.spending(caller_of(request), operation.name, asked)
        async with spending, self._admitted(operation, len(body)):
            with traced(request.headers.get("traceparent")):
                answer = await operation.run(context, asked)
        if self._thinking is not None and isinstance(asked, StartThought):
            self._thinking.attend(namespace.name, asked.executors)
        return answers.answered(answer)

    async def _tagged(
        self, operation: Operation, context: Context, asked: Any, request: Request
    ) -> Response:
        """Answer with the position as ETag, or say that nothing happened since the client's."""
        backend = context.namespace.backend
        async with self._admitted(operation, 0):
            given = request.headers.getlist("if-none-match")
            held = answers.Held(given)
            if given:
                tag = answers.tag_of((await backend.log.bounds()).last)
                if held.has(tag):
                    return answers.unchanged({"ETag": tag})
            position = await answers.position_known(backend)
            headers = {} if position is None else {"ETag": answers.tag_of(position)}
            answer = await operation.run(context, asked)
            return (
                answers.unchanged(headers)
                if held.any
                else answers.answered(answer, headers=headers)
            )

    @asynccontextmanager
    async def _admitted(self, operation: Operation, size: int) -> AsyncGenerator[None]:
        async with self._gate.passed(size):
            if operation.name != "cypher":
                yield
                return
            async with self._queries:
                yield


def caller_of(request: Request) -> Caller:
    """Return the caller that the edge has found."""
    found: Caller = request.scope["anabranch.caller"]
    return found


def check_everywhere(caller: Caller, name: str) -> None:
    """Raise NotPermitted for one who may not see and do everything everywhere."""
    if not caller.everywhere:
        raise NotPermitted(
            f"{name} shows every namespace, and the key is not one for all of them",
            fix=f"ask {OPERATORS} for a key made with `--scope admin --all-namespaces`; recall, "
            "sessions and events keep to the namespaces of a key",
        )


def _request_in(operation: Operation, request: Request, body: bytes) -> Any:
    """Return the operation's request, checked. Raises InputInvalid."""
    place = PLACES[operation.name]
    if place.method == "GET":
        return from_query(operation.request, request.query_params, request.path_params)
    unknown = next((name for name in request.query_params if name != NAMESPACE), None)
    if unknown is not None:
        raise InputInvalid(
            f"{unknown[:100]}: is not known in this address",
            field=unknown[:100],
            fix="put it into the body, or leave it out",
        )
    if operation.request is Event:
        return event_in(request.headers, body)
    media = media_of(request.headers)
    if body and media not in MEDIA:
        raise MediaRefused(media)
    return from_body(operation.request, body, request.path_params)


def _key_of(request: Request, name: str) -> str | None:
    key = only(request.headers, KEY)
    if key is None or reads(name):
        return None
    refuse_key(name, header=KEY)
    return checked_key(key, field=KEY)
