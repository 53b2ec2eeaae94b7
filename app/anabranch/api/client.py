"""A client of the operations that a running `anabranch up` offers, by plain request and reply.

It imports neither models nor drivers: a call from the command line should cost little more
than its answer. The service does the same as a memory that is opened here. Where none runs, or it
cannot do what is asked, the answer is None and the caller opens a memory.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch.api.subjects import COMMANDS, IDS, KEY, PROBLEM_CODE, STATUS
from anabranch.errors import AnabranchError, OwnerGone, ServiceBusy
from anabranch.home.folder import Home
from anabranch.home.running import running_up
from anabranch_events.errors import WaitTimedOut
from anabranch_events.event.trace_context import TRACEPARENT, traceparent_here
from anabranch_events.jetstream.api import STREAM
from anabranch_events.transport.inbox import NobodyListens, Unanswered
from anabranch_events.transport.plain_connection import PlainConnection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from anabranch.home.running import RunningUp
    from anabranch.plain_settings import PlainSettings

_CONNECT_TIMEOUT_S: Final = 10.0
_ANSWER_TIMEOUT_S: Final = 65.0
"""A little longer than the service works on one request."""
_WAIT_S: Final = 30.0
"""The default of ANABRANCH_WAIT_TIMEOUT_S: where it is set, no client is used."""
_REFUSED: Final = frozenset({400, 413})
QUESTIONS: Final = frozenset({"recall", "context"})
MEMBERS: Final = frozenset({"field", "actual"})
"""The members of a problem that are attributes of its error."""
ERROR_TREES: Final = (
    "anabranch_events.errors",
    "anabranch.errors",
    "anabranch_projections.errors",
    "anabranch_store.errors",
    "anabranch_thinking.errors",
)


class Answer(dict[str, Any]):
    """A JSON object with its members as attributes: it is shown as the model of it would be."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Client:
    """Asks the `up` that runs on a home, where there is one; `client_of` makes it."""

    def __init__(self, running: RunningUp | None, settings: PlainSettings | None) -> None:
        self._running = running
        self._settings = settings

    @property
    def has_service(self) -> bool:
        """True where there is an `up` to ask."""
        return self._running is not None and self._settings is not None

    async def write(self, operation: str, request: Mapping[str, object]) -> Answer | None:
        """Return the receipt of an operation that stores something.

        Members of `request` that are None are left out. Raises what the operation raises,
        OwnerGone, and ServiceBusy where no answer came: it may have been stored.
        """
        if request.get("supersedes"):
            return None  # The service may not know yet what another process has just recorded.
        agent = request.get("agent") or (self._settings.agent if self._settings else None)

        async def converse(connection: PlainConnection) -> Answer:
            return await self._request(connection, operation, {**request, "agent": agent})

        return await self._connected(converse)

    async def recall(self, request: Mapping[str, object]) -> Answer | None:
        """Return the answer to a question.

        Without `after` it knows what is in the log now, as far as the graph gets there in time.
        """
        return await self._connected(lambda one: self._question(one, "recall", request))

    async def recall_all(self, requests: Sequence[Mapping[str, object]]) -> list[Answer] | None:
        """Return the answers to several questions, each of which knows what `recall` knows."""

        async def converse(connection: PlainConnection) -> Answer:
            async def ask(**waiting: object) -> Answer:
                questions = [_given({**one, **waiting}) for one in requests]
                return await self._request(connection, "recall_all", {"questions": questions})

            return await _knowing(connection, ask, requests[0])

        found = await self._connected(converse)
        return None if found is None else [Answer(one) for one in found.answers]

    async def context(self, request: Mapping[str, object]) -> Answer | None:
        """Return the context of a question, which knows what `recall` knows."""
        return await self._connected(lambda one: self._question(one, "context", request))

    async def run(
        self, operation: str, request: Mapping[str, object], *, key: str | None = None
    ) -> Answer | None:
        """Return the answer of any operation; with `key` it is the same when it is sent again.

        A request that breaks a rule is refused in the words of the service. A question knows what
        `recall` knows. Raises as `write` does.
        """
        asked = {"after": None, "wait_s": None, **request}

        async def converse(connection: PlainConnection) -> Answer:
            if operation in QUESTIONS:
                return await self._question(connection, operation, asked, in_its_words=True)
            return await self._request(connection, operation, request, key=key, in_its_words=True)

        return await self._connected(converse)

    async def status(self) -> Answer | None:
        """Return the state of the memory."""
        running, settings = self._running, self._settings
        if running is None or settings is None:
            return None
        subject, body = f"{STATUS}{running.instance}", settings.namespace.encode()
        return await self._connected(lambda connection: _answer(connection, subject, body))

    async def ids(self, kind: str) -> Answer | None:
        """Return the newest ids of the namespace: of `sessions`, `insights`, or both `things`."""
        running, settings = self._running, self._settings
        if running is None or settings is None:
            return None
        body = orjson.dumps({"namespace": settings.namespace, "kind": kind})
        subject = f"{IDS}{running.instance}"
        return await self._connected(lambda connection: _answer(connection, subject, body))

    async def _question(
        self,
        connection: PlainConnection,
        operation: str,
        request: Mapping[str, object],
        *,
        in_its_words: bool = False,
    ) -> Answer:
        async def ask(**waiting: object) -> Answer:
            asked = {**request, **waiting}
            return await self._request(connection, operation, asked, in_its_words=in_its_words)

        return await _knowing(connection, ask, request)

    async def _request(
        self,
        connection: PlainConnection,
        operation: str,
        request: Mapping[str, object],
        *,
        key: str | None = None,
        in_its_words: bool = False,
    ) -> Answer:
        try:
            body = orjson.dumps(_given(request))
        except orjson.JSONEncodeError as error:
            raise _NotForService from error
        subject = f"{COMMANDS}{self._settings.namespace if self._settings else ''}.{operation}"
        traceparent = traceparent_here()
        headers = {
            **({} if key is None else {KEY: key}),
            **({} if traceparent is None else {TRACEPARENT: traceparent}),
        }
        try:
            return await _answer(connection, subject, body, headers=headers)
        except _Refused as error:
            raise (_error_of(error.problem) if in_its_words else _NotForService()) from error

    async def _connected(
        self, converse: Callable[[PlainConnection], Awaitable[Answer]]
    ) -> Answer | None:
        running = self._running
        if running is None or self._settings is None:
            return None
        async with AsyncExitStack() as stack:
            connection = PlainConnection(
                running.url, token=running.token, timeout_s=_CONNECT_TIMEOUT_S
            )
            try:
                await stack.enter_async_context(connection)
            except AnabranchError:
                return None
            try:
                return await converse(connection)
            except (_NotForService, _Refused, NobodyListens):
                return None
            except Unanswered as error:
                raise self._unanswered(error) from error
        return None

    def _unanswered(self, error: Unanswered) -> AnabranchError:
        """Return why no answer came: the owner has gone, or is busy."""
        assert self._running is not None and self._settings is not None  # noqa: S101, PT018
        current = running_up(Home(self._settings.home))
        if current is None or current.instance != self._running.instance:
            return OwnerGone(self._settings.home)
        return ServiceBusy(
            f"process {self._running.pid} on {self._settings.home} does not answer: {error}",
            fix="try again in a moment; what was to be stored may be stored or not",
        )


class _NotForService(Exception):
    """A request that the service does not take: nothing was stored."""


class _Refused(Exception):
    """A request that breaks a rule, as the `problem` says; a memory says it in its own words."""

    def __init__(self, problem: Answer) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def _given(request: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in request.items() if value is not None}


async def _knowing(
    connection: PlainConnection,
    ask: Callable[..., Awaitable[Answer]],
    request: Mapping[str, object],
) -> Answer:
    """Ask what knows the log as it is now, where the request names no position to wait for.

    Where the graph does not get there in time, the answer knows what it knows.
    """
    wait_s = _WAIT_S if request["wait_s"] is None else request["wait_s"]
    if request["after"] is not None:
        return await ask(wait_s=wait_s)
    try:
        return await ask(wait_s=wait_s, after=await _log_end(connection))
    except WaitTimedOut:
        return await ask(wait_s=0)


async def _log_end(connection: PlainConnection) -> int:
    subject = f"$JS.API.STREAM.INFO.{STREAM}"
    found = orjson.loads(
        (await connection.request(subject, b"", timeout_s=_CONNECT_TIMEOUT_S)).data
    )
    if "error" in found:
        raise _NotForService
    return int(found["state"]["last_seq"])


async def _answer(
    connection: PlainConnection,
    subject: str,
    body: bytes,
    *,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return the answer to a request. Raises the problem that it is, and Unanswered."""
    if len(body) > connection.payload_max:
        raise _NotForService
    message = await connection.request(subject, body, timeout_s=_ANSWER_TIMEOUT_S, headers=headers)
    found: Answer = _shown(orjson.loads(message.data))
    code = message.header(PROBLEM_CODE)
    if code is None:
        return found
    if int(code) in _REFUSED:
        raise _Refused(found)
    raise _error_of(found)


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return Answer({name: _shown(one) for name, one in value.items()})
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return value


def _error_of(problem: Answer) -> AnabranchError:
    """Return the error of the tree that a problem stands for."""
    name = problem.type.rpartition(":")[2]
    kinds = (getattr(import_module(tree), name, None) for tree in ERROR_TREES)
    kind = next((one for one in kinds if one is not None), AnabranchError)
    error: AnabranchError = kind.__new__(kind)
    AnabranchError.__init__(error, problem.detail, fix=problem.fix)
    for member in MEMBERS & problem.keys():
        setattr(error, member, problem[member])
    return error


def client_of(settings: PlainSettings | None) -> Client:
    """Return the client of the `up` on the home of `settings`; it answers None where none runs."""
    running = None if settings is None else running_up(Home(settings.home))
    return Client(running, settings)
