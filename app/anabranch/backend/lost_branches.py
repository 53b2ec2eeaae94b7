"""Branches of thoughts whose process is gone: they are ended, with the reason.

At each start of a backend, and every few seconds while it owns the servers.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from anabranch.errors import AnabranchError
from anabranch.home.running_thoughts import lost_thoughts
from anabranch_thinking import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from anabranch_events import Log
    from anabranch_thinking import EventListener

_PAUSE_S: Final = 5.0
_log: Final = logging.getLogger("anabranch")


async def end_lost_branches(folder: Path, log: Log, *, listener: EventListener) -> None:
    """End the sessions of every thought in `folder` whose process is gone.

    A thought that cannot be ended now is left for the next time: its record stays.
    """
    for thought in lost_thoughts(folder):
        with thought:
            try:
                if thought.namespace:  # Else nothing was noted before the process ended.
                    sessions = Sessions(log, namespace=thought.namespace, listener=listener)
                    await sessions.fail_all(
                        thought.session_ids,
                        f"lost: process {thought.process} worked on it and is gone, or gave it up",
                    )
            except AnabranchError as error:
                _log.warning("a thought whose process is gone is not ended yet: %s", error)
            else:
                thought.remove()


@asynccontextmanager
async def ending_lost_branches(
    folder: Path, log: Log, *, listener: EventListener
) -> AsyncGenerator[None]:
    """End what was lost before, and go on looking for what is lost from now on."""
    await end_lost_branches(folder, log, listener=listener)

    async def watch() -> None:
        while True:
            await asyncio.sleep(_PAUSE_S)
            try:
                await end_lost_branches(folder, log, listener=listener)
            except AnabranchError as error:
                _log.warning("the records of running thoughts cannot be read: %s", error)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
