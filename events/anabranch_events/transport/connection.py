"""One connection to a NATS server: requests that fail fast when it is lost, and its events."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import TYPE_CHECKING, Final, Literal, NoReturn, Protocol, Self, TypeAlias, TypeVar

import nats.errors

from anabranch_events.errors import (
    AnabranchError,
    Explain,
    LogRefused,
    LogUnavailable,
    ServerOutdated,
)
from anabranch_events.transport import address
from anabranch_events.transport.client import QuickClient
from anabranch_events.transport.inbox import Forbidden, Inbox, Unanswered
from anabranch_events.transport.standstill import stood_still

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime
    from types import TracebackType

    from nats.aio.msg import Msg

    from anabranch_events.transport.client import Outbound

SERVER_VERSION_MIN: Final = (2, 14)
RECONNECT_PAUSE_S: Final = 0.1
RETRY_PAUSE_S: Final = 0.05
FIRST_PATIENCE_S: Final = 2.0
PENDING_BYTES_MAX: Final = 8 * 1024 * 1024
PING_S: Final = 0.6
PINGS_MISSED_MAX: Final = 2
NOTICED_S: Final = PING_S * (PINGS_MISSED_MAX + 1)
"""The time until a silent server, frozen or cut off, counts as gone."""

CLOSE_TIMEOUT_S: Final = 2.0
RECONNECT_TIMEOUT_S: Final = 2.0
_FORBIDDEN: Final = re.compile(r'permissions violation for publish to "(.+)"', re.IGNORECASE)
_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
Locate: TypeAlias = "Callable[[], tuple[str, str | None] | None]"
"""The address and token of the server by now; None where they are the same."""
Absence: TypeAlias = 'Callable[[], Literal["paused", "handed over"] | None]'
"""Why a server is away: paused by its operator, handed over to another owner, or by no plan."""


class View(Protocol):
    """A tenant's part of the log, as far as a connection has to know it."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces it holds; none for the whole log."""
        ...

    async def bounds(self) -> tuple[int, int]:
        """Return the positions of the first and the last event."""
        ...

    async def clock(self) -> datetime:
        """Return the server's time by now."""
        ...

    async def reach(self, position: int) -> None:
        """Wait until the view has reached a position."""
        ...

    async def reach_last_of(self, suffix: str) -> int:
        """Wait for the last message of `<namespace>.<session>`; return its position, or 0."""
        ...


class Connection:
    """An open connection. It reconnects by itself, for as long as it lives.

    `client` is the nats-py client. `timeout_s` bounds every call in all, repetitions included.
    `explain` gets each error of a server that does not answer or refuses us, and returns the one to
    raise. `locate` is asked before each reconnection: a server may come back elsewhere. `absence`
    tells why a server is away: while it is paused, calls wait on; a plan is no warning in the
    program's log. Raises InputInvalid for a `url` that is no address.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None,
        timeout_s: float,
        explain: Explain | None = None,
        locate: Locate | None = None,
        absence: Absence | None = None,
    ) -> None:
        self._servers = address.servers(url)
        self.url = address.without_secrets(url)
        self.timeout_s = timeout_s
        self.client = QuickClient()
        self.view: View | None = None
        """A tenant's part of the log; None on a connection with all rights."""
        self._token = token
        self._explain = explain
        self._locate = locate
        self._absence: Absence = absence or _unplanned
        self._lost_as_planned = False
        self._connected = asyncio.Event()
        self._closing = False
        self._error: Exception | None = None
        self._inbox = Inbox(self.client)
        self._lost_callbacks: set[Callable[[], None]] = set()
        self._forbidden_callbacks: set[Callable[[str], bool]] = set()

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self.timeout_s):
                await self._connect()
                await self._inbox.open()
        except (TimeoutError, OSError, nats.errors.Error) as error:
            await self._close()
            self.fail(error)
        except BaseException:
            await self._close()
            raise
        self._connected.set()
        self.client.locate = self._located
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        self._release()
        await self._close()

    @property
    def connected(self) -> bool:
        """True while the server is there: it has answered a ping within `NOTICED_S`."""
        return self._connected.is_set()

    async def _connect(self) -> None:
        """Connect, without trying for long; from then on reconnect for ever."""
        await self.client.connect(
            self._servers,
            token=self._token,
            name="anabranch",
            error_cb=self._note_error,
            disconnected_cb=self._note_lost,
            reconnected_cb=self._note_found,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=RECONNECT_PAUSE_S,  # type: ignore[arg-type]  # seconds, any number
            connect_timeout=self.timeout_s,  # type: ignore[arg-type]  # seconds, any number
            ping_interval=PING_S,  # type: ignore[arg-type]  # seconds, any number
            max_outstanding_pings=PINGS_MISSED_MAX,
            pending_size=PENDING_BYTES_MAX,
            flush_timeout=self.timeout_s,
        )
        self.client.options["allow_reconnect"] = True
        self.client.options["max_reconnect_attempts"] = -1
        self.client.options["connect_timeout"] = min(self.timeout_s, RECONNECT_TIMEOUT_S)
        version = self.client.connected_server_version
        if (version.major, version.minor) < SERVER_VERSION_MIN:
            raise ServerOutdated(
                f"the nats-server at {self.url} is {version.major}.{version.minor}",
                fix="run nats-server {}.{} or newer".format(*SERVER_VERSION_MIN),
            )

    async def _close(self) -> None:
        """Close; abort when the rest cannot be sent, to a frozen server or one that is gone."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.client.close()
        except OSError:  # A TimeoutError is one too.
            self.client.abort()
        await self.client.end_reconnecting()

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        timeout_s: float,
    ) -> Msg:
        """Send one request and return its answer. Raises Unanswered, LogRefused."""

        async def send(reply: str) -> None:
            await self.publish(subject, payload, reply=reply, headers=headers)

        return (await self.converse(send, is_last=None, timeout_s=timeout_s))[-1]

    async def converse(
        self,
        send: Callable[[str], Awaitable[None]],
        *,
        is_last: Callable[[Msg], bool] | None,
        timeout_s: float,
    ) -> list[Msg]:
        """Let `send` ask with the reply subject it is given; return all answers up to the last.

        Without `is_last` the first answer is the last. Raises Unanswered, and LogRefused at once
        where the server forbids to send on the subject.
        """
        with self._inbox.expect(is_last) as pending:
            await send(pending.reply)
            try:
                return await pending.answers(timeout_s)
            except Forbidden as forbidden:
                raise self.refused(forbidden) from forbidden

    async def publish(
        self,
        subject: str,
        payload: bytes,
        *,
        reply: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send a message. Raises Unanswered when the connection is lost."""
        if not self._connected.is_set():
            raise Unanswered("the connection is lost")  # nats-py would keep it and send it late.
        self._inbox.sent(reply, subject)
        try:
            await self.client.publish(subject, payload, reply=reply, headers=headers)
        except (OSError, nats.errors.Error) as error:
            raise Unanswered(f"sending failed: {error!r}") from error

    async def publish_all(self, messages: Sequence[Outbound], *, ask: bool = False) -> None:
        """Send many messages at once; some `ask`, with the reply subject of a pending request.

        Raises Unanswered when the connection is lost.
        """
        if not self._connected.is_set():
            raise Unanswered("the connection is lost")
        for subject, reply, _, _ in messages if ask else ():
            self._inbox.sent(reply, subject)
        try:
            await self.client.publish_all(messages)
        except (OSError, nats.errors.Error) as error:
            raise Unanswered(f"sending failed: {error!r}") from error

    async def settle(self) -> None:
        """Return once the server has taken in everything sent so far, subscriptions included.

        The driver's `flush` lets its question overtake the messages to be flushed. Raises
        LogUnavailable.
        """

        async def once(timeout_s: float) -> None:
            with self._inbox.expect() as pending:
                await self.publish(pending.reply, b"")
                await pending.answers(timeout_s)

        await self.attempt(once)

    async def attempt(self, once: Callable[[float], Awaitable[_T]]) -> _T:
        """Call `once` with a time limit, again while it raises Unanswered, for `timeout_s` in all.

        Only for requests that may be sent twice. A leader that steps down keeps its answers to
        itself, so the first try is a short one. Each next try is twice as long. A process that
        stood still meanwhile has not waited: it begins anew, once. Raises LogUnavailable, or
        LogRefused.
        """
        deadline = until = time.monotonic() + self.timeout_s
        patience_s = min(self.timeout_s / 2, FIRST_PATIENCE_S)
        anew = False
        while True:
            began = time.monotonic()
            try:
                await self.wait_connected(deadline)
                limit_s = min(patience_s, deadline - time.monotonic())
                until = time.monotonic() + limit_s
                return await once(limit_s)
            except Unanswered as error:
                stood = not anew and stood_still(until)
                anew = anew or stood
                if stood or self._absence() == "paused":
                    deadline = time.monotonic() + self.timeout_s
                if time.monotonic() + RETRY_PAUSE_S >= deadline:
                    self.fail(error)
            if time.monotonic() - began >= patience_s:
                patience_s = min(2 * patience_s, self.timeout_s / 2)
            await asyncio.sleep(RETRY_PAUSE_S)

    async def wait_connected(self, deadline: float) -> None:
        """Return once the connection stands. Raises Unanswered at `deadline` (monotonic)."""
        if self._connected.is_set():
            return
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._connected.wait()
        except TimeoutError:
            raise Unanswered("the connection is lost") from None

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Have `callback` called whenever the connection is lost, until `forget_lost`."""
        self._lost_callbacks.add(callback)

    def forget_lost(self, callback: Callable[[], None]) -> None:
        """Call `callback` no more."""
        self._lost_callbacks.discard(callback)

    def on_forbidden(self, callback: Callable[[str], bool]) -> None:
        """Have `callback` asked for each subject that the server forbids, until `forget_forbidden`.

        It is given the subject, in lower case, and tells whether it had sent on it.
        """
        self._forbidden_callbacks.add(callback)

    def forget_forbidden(self, callback: Callable[[str], bool]) -> None:
        """Ask `callback` no more."""
        self._forbidden_callbacks.discard(callback)

    def refused(self, forbidden: Forbidden) -> LogRefused:
        """Return the error for a subject on which the server does not let us send."""
        return LogRefused(
            f"the NATS server at {self.url} refuses us: {forbidden}",
            fix="keep to the namespaces and the role of this user: the tenants file, or "
            "the server's configuration, says what it may",
        )

    def fail(self, cause: Exception) -> NoReturn:
        """Raise the error for a server that cannot be used. One that is explained stands alone."""
        found = self._unavailable(cause)
        explained = found if self._explain is None else self._explain(found)
        raise explained from (cause if explained is found else None)

    def unavailable(self, cause: Exception) -> AnabranchError:
        """Return the error for a server that cannot be used, because of `cause`."""
        found = self._unavailable(cause)
        return found if self._explain is None else self._explain(found)

    def _unavailable(self, cause: Exception) -> LogUnavailable | LogRefused:
        # While the connection stands, the driver's last error may be an old one.
        known = self._error or (None if self.client.is_connected else self.client.last_error)
        reasons = f"{cause} {known}".lower()
        if "authorization" in reasons or "permissions violation" in reasons:
            return LogRefused(
                f"the NATS server at {self.url} refuses us: {known or cause}",
                fix="check the token or password in NATS_URL, and the user's permissions",
            )
        why = known if isinstance(known, OSError) and str(known) else cause
        said = str(why) or ("it took too long" if isinstance(why, TimeoutError) else repr(why))
        return LogUnavailable(
            f"the NATS server at {self.url} does not answer: {said}",
            fix="check that it runs, with JetStream, and that NATS_URL names it",
        )

    def _located(self) -> tuple[str, str | None] | None:
        found = None if self._locate is None else self._locate()
        if found is not None:
            self.url = address.without_secrets(found[0])
        return found

    def _release(self) -> None:
        """Fail all pending requests: no answer will come."""
        self._connected.clear()
        self._inbox.give_up()

    async def _note_error(self, error: Exception) -> None:
        forbidden = _FORBIDDEN.search(str(error))
        if forbidden is None or not self._forbid(forbidden[1]):
            self._error = error
        _LOG.debug("the connection to %s: %r", self.url, error)

    def _forbid(self, subject: str) -> bool:
        """Fail the requests on a forbidden subject; tell whether there was any."""
        told = [sent(subject) for sent in (self._inbox.forbid, *self._forbidden_callbacks)]
        return any(told)

    async def _note_lost(self) -> None:
        if self._closing:
            return
        if self._connected.is_set():
            self._lost_as_planned = self._absence() is not None
            _LOG.log(self._telling, "lost the connection to %s", self.url)
        self.client.forget_unsent()
        self._release()
        for callback in tuple(self._lost_callbacks):
            callback()

    async def _note_found(self) -> None:
        _LOG.log(self._telling, "found the connection to %s again", self.url)
        self._error = None
        self._connected.set()

    @property
    def _telling(self) -> int:
        """The level at which a loss of the connection is logged."""
        return logging.INFO if self._lost_as_planned else logging.WARNING


def _unplanned() -> None:
    """Return that nobody planned for a server to be away."""
