"""The service of `anabranch serve`: HTTP over a running home, or over one of its own."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from anabranch.backend.backend import Backend
from anabranch.errors import ServiceMissing
from anabranch.generations.erasing import erasing_files
from anabranch.home.folder import Home

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch.http.access.bind import Bind
    from anabranch.http.door import Door
    from anabranch.settings import Settings


async def run_http(settings: Settings, bind: Bind, *, ready: Callable[[str], None]) -> None:
    """Answer HTTP requests until SIGTERM or Ctrl-C; `ready` gets the address once it works.

    Raises BindRefused, PortTaken, ServiceMissing, what opening a memory raises, and ServerEnded
    when one of the home's servers ends by itself.
    """
    door = _door(settings, bind)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    backend = Backend(settings, command="serve")
    async with backend, erasing_files(backend), door.opened(backend):
        ready(door.url)
        waits = [asyncio.ensure_future(one) for one in (ended.wait(), backend.servers.watch())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if waits[1].done():
                waits[1].result()
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


def _door(settings: Settings, bind: Bind) -> Door:
    try:
        from anabranch.http.access.token_access import token_access
        from anabranch.http.door import Door

        return Door(bind, home=Home(settings.home), tokens=token_access(settings))
    except ModuleNotFoundError as error:
        raise ServiceMissing(
            f"what `anabranch serve` runs in is not installed: {error}",
            fix="pip install 'anabranch[service]', or 'anabranch[all]' for everything",
        ) from error
