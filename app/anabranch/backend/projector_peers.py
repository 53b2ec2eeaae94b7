"""Asking the processes that project how they are, and answering when asked."""

from __future__ import annotations

import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

import nats.errors
from pydantic import TypeAdapter, ValidationError

from anabranch.views import ProjectorView

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from anabranch.home.servers import Servers
    from anabranch_events import Log

PROJECTIONS: Final = "anabranch.home.projections."
"""`Servers.projectors` follows. Each process that projects answers a request there."""
_ANSWER_S: Final = 2.0
_OTHERS_S: Final = 0.3
_PROJECTORS: Final = TypeAdapter(dict[str, ProjectorView])


class HasProjectors(Protocol):
    """An object that knows the work of this process for each projection."""

    @property
    def projectors(self) -> Mapping[str, ProjectorView]:
        """By the projection's name."""
        ...


@asynccontextmanager
async def answering(servers: Servers, log: Log, having: HasProjectors) -> AsyncGenerator[None]:
    """Answer whoever asks, for as long as this is open."""

    async def answer(message: Msg) -> None:
        with contextlib.suppress(nats.errors.Error):
            await message.respond(_PROJECTORS.dump_json(dict(having.projectors)))

    subscription = await log.connection.subscribe(PROJECTIONS + servers.projectors, cb=answer)
    try:
        yield
    finally:
        with contextlib.suppress(nats.errors.Error, OSError):
            await subscription.unsubscribe()


async def ask_projectors(servers: Servers, log: Log) -> list[dict[str, ProjectorView]]:
    """Return what each process that projects says; an empty list when none answers in time.

    Where several may share the graph, it listens a little longer than to the first.
    """
    return await _answers(
        log.connection, PROJECTIONS + servers.projectors, several=servers.shared is not None
    )


async def _answers(
    client: Client, subject: str, *, several: bool
) -> list[dict[str, ProjectorView]]:
    found: list[dict[str, ProjectorView]] = []
    wait_s = _ANSWER_S
    # That nobody answers any more ends it, whatever the reason.
    with contextlib.suppress(nats.errors.Error, OSError):
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox)
        try:
            await client.publish(subject, reply=inbox)
            while several or not found:
                message = await subscription.next_msg(timeout=wait_s)
                if message.headers:  # The server's word that nobody listens.
                    break
                with contextlib.suppress(ValidationError):
                    found.append(_PROJECTORS.validate_json(message.data))
                    wait_s = _OTHERS_S
        finally:
            await subscription.unsubscribe()
    return found
