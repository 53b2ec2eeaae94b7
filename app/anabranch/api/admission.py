"""Admission: the number of requests in work at a time, and of those that may wait."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from anabranch.errors import RequestTooLarge, ServiceBusy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

WORKING_MAX: Final = 32
HELD_MAX: Final = 1_000
HELD_BYTES_MAX: Final = 64 * 1024 * 1024
REQUEST_BYTES_MAX: Final = 8 * 1024 * 1024
REQUEST_TIMEOUT_S: Final = 60.0


class Gate:
    """Lets some requests work while others wait, and turns away what is too much."""

    def __init__(self) -> None:
        self.held = 0
        self.held_bytes = 0
        self._slots = asyncio.Semaphore(WORKING_MAX)

    @asynccontextmanager
    async def passed(self, size: int) -> AsyncGenerator[None]:
        """Work on a request of `size` bytes as soon as there is room, for a bounded time.

        Raises RequestTooLarge, and ServiceBusy.
        """
        if size > REQUEST_BYTES_MAX:
            raise RequestTooLarge(size, size_max=REQUEST_BYTES_MAX)
        if self.held >= HELD_MAX or self.held_bytes + size > HELD_BYTES_MAX:
            raise ServiceBusy(
                f"the service holds {self.held} requests already",
                fix="send again in a moment, with the same Nats-Msg-Id; or start another "
                "`anabranch up` on the same NATS server",
            )
        self.held += 1
        self.held_bytes += size
        limit = asyncio.timeout(REQUEST_TIMEOUT_S)
        try:
            async with limit, self._slots:
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise ServiceBusy(
                f"the request was not done within {REQUEST_TIMEOUT_S:g} s",
                fix="send again in a moment, with the same Nats-Msg-Id",
            ) from None
        finally:
            self.held -= 1
            self.held_bytes -= size
