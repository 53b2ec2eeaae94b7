"""Standing by for the owner of a home: when it was killed, its servers go on in a keeper."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from anabranch.home.folder import Home, Lock, held
from anabranch.home.keeper import start_keeper
from anabranch_events.errors import AnabranchError

if TYPE_CHECKING:
    from anabranch.settings import Settings

_WATCH_PAUSE_S: Final = 0.5
_PAUSE_MAX_S: Final = 8.0
_log = logging.getLogger("anabranch")


async def stand_by(home: Home, settings: Settings) -> None:
    """Start a keeper whenever nobody owns the home, for as long as this runs.

    Of all who stand by, the one that gets the owner's lock starts it, and passes it the lock. One
    that does not last is followed by another after a longer pause.
    """
    pause_s = _WATCH_PAUSE_S
    while True:
        await asyncio.sleep(pause_s)
        try:
            began = _replace_owner(home, settings)
        except (AnabranchError, OSError) as error:
            _log.warning("the servers of %s have ended, and none start: %s", home.folder, error)
            began = True
        pause_s = min(2 * pause_s, _PAUSE_MAX_S) if began else _WATCH_PAUSE_S


def _replace_owner(home: Home, settings: Settings) -> bool:
    """Start a keeper if nobody owns the home, and no operator paused it; say whether we did."""
    if held(home.owner_lock) or home.paused.exists():
        return False
    with Lock(home.owner_lock) as owner:
        if not owner.take():
            return False
        home.retire_runtime()
        start_keeper(home, settings, owner=owner).close()
    _log.warning("the owner of %s has gone: another process takes its place", home.folder)
    return True
