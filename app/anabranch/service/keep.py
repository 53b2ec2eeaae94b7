"""The keeper: it owns a home while others are joined, after their owner left or was killed.

`anabranch.home.keeper` starts it as a process of its own; it runs the servers and the projections,
and takes no commands. `anabranch up` takes its place, `anabranch down` ends it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from typing import TYPE_CHECKING, Final

from anabranch.backend.backend import Backend
from anabranch.backend.gc_tuning import collect_seldom
from anabranch.errors import AnabranchError
from anabranch.generations.erasing import erasing_files
from anabranch.home.folder import Home, Lock
from anabranch.home.keeper import COMMAND, READY
from anabranch.settings import Settings

if TYPE_CHECKING:
    from anabranch.home.servers import Servers

_log: Final = logging.getLogger("anabranch")


async def keep(settings: Settings, *, owner: Lock, line: socket.socket) -> None:
    """Own the home, with the lock `owner`, until nobody is joined or SIGTERM comes.

    The servers are started once the other end of `line` is closed. Raises ServerEnded when one of
    them ends by itself: those who joined start another keeper.
    """
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await _told_to_begin(line)
    home = Home(settings.home)
    with Lock(home.joined_lock) as joined:
        if joined.take():
            owner.release()
            return
    # Nobody asks a keeper: the recall index is left to those who joined.
    settings = settings.changed(ranker="graph")
    backend = Backend(settings, command=COMMAND, owner=owner)
    async with backend, erasing_files(backend):
        await _kept(backend.servers, ended)


async def _told_to_begin(line: socket.socket) -> None:
    """Say that all is loaded; return when the other end is closed."""
    loop = asyncio.get_running_loop()
    line.setblocking(False)
    with line:
        try:
            await loop.sock_sendall(line, READY)
            while await loop.sock_recv(line, len(READY)):
                pass
        except OSError:
            return


async def _kept(servers: Servers, ended: asyncio.Event) -> None:
    """Wait until all have left, a server ends (ServerEnded), or `ended` is set: a pause then."""
    waits = [asyncio.ensure_future(one) for one in (servers.left(), servers.watch(), ended.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if ended.is_set():
            servers.pause()
        elif waits[1].done():
            waits[1].result()
    finally:
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def main() -> int:
    """Keep the home of the environment's settings; the arguments are two descriptors."""
    logging.basicConfig(format="%(asctime)s %(process)d %(message)s", level=logging.WARNING)
    settings = Settings.read()
    owner = Lock.passed(Home(settings.home).owner_lock, int(sys.argv[1]))
    line = socket.socket(fileno=int(sys.argv[2]))
    line.set_inheritable(False)
    collect_seldom()
    try:
        asyncio.run(keep(settings, owner=owner, line=line))
    except AnabranchError as error:
        _log.error("%s. To fix it: %s", error.message, error.fix)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
