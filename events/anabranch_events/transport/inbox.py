"""The inbox of a connection: one subscription for the answers to all its requests."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from nats.aio.msg import Msg

    from anabranch_events.transport.client import QuickClient

STATUS: Final = "Status"
NO_RESPONDERS: Final = "503"


class Unanswered(Exception):
    """Nobody answered a request: it may have been carried out, or not."""


class NobodyListens(Unanswered):
    """The server says that a request reached nobody."""


class Forbidden(Exception):
    """The server does not let us send on `subject`."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"the server does not let us send on {subject}")
        self.subject = subject


class Inbox:
    """Pending requests by their reply subjects; each answer goes to its request."""

    def __init__(self, client: QuickClient) -> None:
        self._client = client
        self._prefix = ""
        self._numbers = itertools.count(1)
        self._pending: dict[str, PendingRequest] = {}

    async def open(self) -> None:
        """Listen on the connection; the driver listens again after it was lost."""
        self._prefix = f"{self._client.new_inbox()}."
        await self._client.listen(f"{self._prefix}*", self._receive)

    @contextlib.contextmanager
    def expect(
        self, is_last: Callable[[Msg], bool] | None = None
    ) -> Generator[PendingRequest, None, None]:
        """Give a reply subject to ask with, and collect the answers on it.

        Without `is_last` the first answer is the last.
        """
        number = str(next(self._numbers))
        pending = self._pending[number] = PendingRequest(self._prefix + number, is_last)
        try:
            yield pending
        finally:
            del self._pending[number]

    def sent(self, reply: str, subject: str) -> None:
        """Note the subject of a pending request."""
        pending = self._pending.get(reply[len(self._prefix) :])
        if pending is not None and reply == pending.reply:
            pending.subject = subject

    def forbid(self, subject: str) -> bool:
        """Fail the requests sent on a forbidden subject; tell whether there was any.

        The driver gives the subject in lower case.
        """
        asked = [one for one in self._pending.values() if one.subject.lower() == subject]
        for pending in asked:
            pending.forbid()
        return bool(asked)

    def give_up(self) -> None:
        """Fail all pending requests: no answer will come."""
        for pending in self._pending.values():
            pending.give_up()

    def _receive(
        self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None
    ) -> None:
        pending = self._pending.get(subject[len(self._prefix) :])
        if pending is not None:
            pending.add(self._client.message(subject, reply, data, headers))


class PendingRequest:
    """A request that waits for one answer, or for several up to the last."""

    __slots__ = ("_forbidden", "_found", "_is_last", "_messages", "reply", "subject")

    def __init__(self, reply: str, is_last: Callable[[Msg], bool] | None) -> None:
        self.reply = reply
        self.subject = ""
        self._forbidden = False
        self._found: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._messages: list[Msg] = []
        self._is_last = is_last

    async def answers(self, timeout_s: float) -> list[Msg]:
        """Return all answers up to the last. Raises Unanswered, and Forbidden."""
        try:
            async with asyncio.timeout(timeout_s):
                found = await self._found
        except TimeoutError:
            raise Unanswered(f"no answer within {timeout_s:.1f} s") from None
        if self._forbidden:
            raise Forbidden(self.subject)
        if not found:
            raise Unanswered("the connection was lost")
        if _nobody_listens(self._messages[-1]):
            raise NobodyListens("nobody listens on the subject: is JetStream enabled?")
        return self._messages

    def add(self, message: Msg) -> None:
        """Take an answer."""
        self._messages.append(message)
        if not self._found.done() and (
            self._is_last is None or _nobody_listens(message) or self._is_last(message)
        ):
            self._found.set_result(True)

    def forbid(self) -> None:
        """Fail: the server forbids the subject."""
        self._forbidden = True
        self.give_up()

    def give_up(self) -> None:
        """Fail: no more answers will come."""
        if not self._found.done():
            self._found.set_result(False)


def _nobody_listens(message: Msg) -> bool:
    """Tell whether a request reached nobody, by the server's word; an answer is never empty."""
    headers = message.headers
    return not message.data and headers is not None and headers.get(STATUS) == NO_RESPONDERS
