"""Questions to the process of a home that follows the recall index, over the log's connection.

A process that joined the home loads no index and no model of its own: it asks that one. An answer
comes in pieces that a message can hold, each with the number of pieces `left`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final

import nats.errors
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from anabranch_recall import Question, Recollection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

INDEX: Final = "anabranch.home.index."
"""The writer's name follows. A request without a body asks for the index's position."""
_LEFT: Final = "Anabranch-Left"
_PIECE_MAX: Final = 512 * 1024
_AT_ONCE: Final = 64
_LOOK_S: Final = 0.5
_ANSWERS: Final = TypeAdapter(list[Recollection])
_log = logging.getLogger("anabranch")


class IndexQuestions(BaseModel):
    """Questions about one namespace to the index of another process.

    The answers must know the log up to `knowing`, and be by the vectors of `model`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: Annotated[tuple[Question, ...], Field(min_length=1)]
    knowing: int
    model: str | None


class Answering:
    """Answers questions to the index, several at once. Where it cannot, it says so: by nothing."""

    def __init__(
        self,
        client: Client,
        answer: Callable[[IndexQuestions], Awaitable[list[Recollection] | None]],
        position: Callable[[], int],
    ) -> None:
        self._client = client
        self._answer = answer
        self._position = position
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def opened(self, writer: str) -> AsyncGenerator[None]:
        """Answer in the name of `writer` for as long as this is open."""
        subscription = await self._client.subscribe(INDEX + writer, cb=self._take)
        try:
            yield
        finally:
            with contextlib.suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, message: Msg) -> None:
        task = asyncio.create_task(self._answered(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answered(self, message: Msg) -> None:
        document = b""
        try:
            if message.data:
                async with self._room:
                    document = await self._document(message.data)
            else:
                document = str(self._position()).encode()
        finally:  # Also when this process leaves: somebody waits for a word.
            with contextlib.suppress(nats.errors.Error, OSError):
                await self._send(message.reply, document)

    async def _document(self, body: bytes) -> bytes:
        try:
            found = await self._answer(IndexQuestions.model_validate_json(body))
        except ValidationError:  # From another version of ours.
            return b""
        except Exception as error:  # noqa: BLE001 - the graph answers, whatever it is.
            _log.warning("a question to the recall index failed: %r", error)
            return b""
        return b"" if found is None else _ANSWERS.dump_json(found)

    async def _send(self, reply: str, document: bytes) -> None:
        size = min(_PIECE_MAX, self._client.max_payload)
        starts = range(0, max(1, len(document)), size)
        for left, start in zip(reversed(range(len(starts))), starts, strict=True):
            piece = document[start : start + size]
            await self._client.publish(reply, piece, headers={_LEFT: str(left)})


class IndexElsewhere:
    """The index that another process follows under the name `writer`.

    `gone` tells whether that process has left: then no answer comes any more.
    """

    def __init__(self, client: Client, writer: str, *, gone: Callable[[], bool]) -> None:
        self._client = client
        self._writer = writer
        self._gone = gone

    async def recall(self, asked: IndexQuestions, *, timeout_s: float) -> list[Recollection] | None:
        """Return the answers in order, None where there are none. Raises TimeoutError."""
        document = await self._asked(asked.model_dump_json().encode(), timeout_s)
        return _ANSWERS.validate_json(document) if document else None

    async def position(self, *, timeout_s: float) -> int | None:
        """Return the position of the index, None where nobody answers."""
        try:
            document = await self._asked(b"", timeout_s)
        except TimeoutError:
            return None
        return int(document) if document else None

    async def _asked(self, body: bytes, timeout_s: float) -> bytes:
        try:
            inbox = self._client.new_inbox()
            subscription = await self._client.subscribe(inbox)
            try:
                await self._client.publish(INDEX + self._writer, body, reply=inbox)
                async with asyncio.timeout(timeout_s):
                    return await self._collected(subscription)
            finally:
                await subscription.unsubscribe()
        except TimeoutError:
            raise
        except (nats.errors.Error, OSError):  # The graph, asked next, knows why and what to do.
            return b""

    async def _collected(self, subscription: Subscription) -> bytes:
        pieces: list[bytes] = []
        while True:
            try:
                message = await subscription.next_msg(timeout=_LOOK_S)
            except TimeoutError:
                if self._gone():
                    return b""
                continue
            left = (message.headers or {}).get(_LEFT)
            if left is None:  # The server's word that nobody listens.
                return b""
            pieces.append(message.data)
            if left == "0":
                return b"".join(pieces)
