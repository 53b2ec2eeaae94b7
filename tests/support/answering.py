"""A command service over a log, in this process or as one that kills itself after it has stored."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from faststream.nats import NatsBroker, NatsToken

from anabranch.backend.backend import SharedBackend
from anabranch.commands.command_service import CommandService
from anabranch.home.servers import Servers
from anabranch.memory.namespaces import Namespaces
from anabranch.settings import Settings
from anabranch_events import Log
from anabranch_store import MiniLM

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@asynccontextmanager
async def answering(
    log: Log, *, url: str, token: str, middlewares: tuple[Any, ...] = ()
) -> AsyncGenerator[CommandService]:
    """Answer commands from `log`; what needs a graph is not asked here."""
    broker = NatsBroker(url, security=NatsToken(token) if token else None, logger=None)
    backend = SharedBackend(Servers(Settings()), log, MiniLM())
    service = CommandService(Namespaces(backend), middlewares=middlewares)
    broker.include_router(service.router)
    await broker.start()
    await service.settle(await broker.connect())
    try:
        yield service
    finally:
        await service.drain()
        await broker.stop()


async def _answer_nothing(url: str, token: str) -> None:
    """Store what the first request wants, and be killed before it is answered."""
    for name in ("append", "append_all"):
        setattr(Log, name, _deadly(getattr(Log, name)))
    async with Log.connect(url, token=token) as log, answering(log, url=url, token=token):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def _deadly(store: Any) -> Any:
    async def stored(*arguments: Any, **options: Any) -> None:
        await store(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return stored


if __name__ == "__main__":
    asyncio.run(_answer_nothing(*sys.argv[1:]))
