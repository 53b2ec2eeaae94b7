"""Import of the sessions that agent tools write here, for as long as the service of `up` lives."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch.backend.backend import Backend

_log: Final = logging.getLogger("anabranch")


@asynccontextmanager
async def following_sessions(backend: Backend) -> AsyncGenerator[None]:
    """Follow every tool's own places into the namespace of the settings, until it is left."""
    task = asyncio.create_task(_follow(backend), name="following sessions")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _follow(backend: Backend) -> None:
    """Import until it is cancelled; an error that no retry can mend ends it, and is logged."""
    try:
        await _imported(backend)
    except Exception:  # noqa: BLE001 - whatever it is, the service goes on and says so.
        _log.exception(
            "sessions are not followed any more; `anabranch sessions import` has the rest"
        )


async def _imported(backend: Backend) -> None:
    from anabranch.home.folder import Home
    from anabranch.importers.drift import note_unknown_records
    from anabranch.importers.files.databases import copy_below
    from anabranch.importers.following import Following
    from anabranch.importers.importer import ImportOptions
    from anabranch.importers.inventory import located_here

    home = Home(backend.settings.home)
    copy_below(home)
    options = ImportOptions(backend.settings.namespace)
    following = Following(backend.log, options, located_here, saw=backend.saw)
    async for one in following.imported():
        if one.error is not None:
            _log.warning("%s: %s; it is tried again", one.source.path, one.error.message)
        note_unknown_records(home, one.tally.unknown)
