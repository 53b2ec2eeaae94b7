"""Backoff in an outage: pauses that grow, and one line in the log when it begins and ends."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Final

LOGGER: Final = logging.getLogger("anabranch.projections")
PAUSE_S: Final = 0.1
PAUSE_MAX_S: Final = 5.0


class Backoff:
    """The backoff of one projection during a spell of failures of one kind."""

    def __init__(self, projection: str) -> None:
        self._projection = projection
        self._failures = 0
        self._began = 0.0

    async def pause(self, error: BaseException) -> None:
        """Note a failure and wait: longer each time, and never equally long for two rivals."""
        if self._failures == 0:
            self._began = time.monotonic()
            LOGGER.warning(
                "projection %s waits: %s",
                self._projection,
                error,
                extra={"projection": self._projection, "error": type(error).__name__},
            )
        pause_s = min(PAUSE_S * 2**self._failures, PAUSE_MAX_S)
        self._failures = min(self._failures + 1, 16)
        await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret.

    def over(self) -> None:
        """Note that it works again."""
        if self._failures == 0:
            return
        waited_s = time.monotonic() - self._began
        self._failures = 0
        LOGGER.info(
            "projection %s goes on after %.1f s",
            self._projection,
            waited_s,
            extra={"projection": self._projection, "waited_s": waited_s},
        )
