"""The state of a memory, for the commands of its home: they need not open a graph for it."""

from __future__ import annotations

import contextlib
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import nats.errors

from anabranch.api.problem import Problem
from anabranch.api.subjects import PROBLEM_CODE, STATUS
from anabranch.generations.status import status
from anabranch_events.errors import AnabranchError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nats.aio.msg import Msg

    from anabranch.backend.backend import Backend

_log = logging.getLogger("anabranch")


@asynccontextmanager
async def answering_status(backend: Backend) -> AsyncGenerator[None]:
    """Answer who asks for the state, for as long as this is open.

    A request names the instance of this owner in its subject, and the namespace in its body.
    """
    client = backend.log.connection
    subject = f"{STATUS}{backend.servers.instance}"

    async def answer(message: Msg) -> None:
        document, headers = await _told(backend, message.data.decode())
        with contextlib.suppress(nats.errors.Error):
            await client.publish(message.reply, document, headers=headers)

    subscription = await client.subscribe(subject, cb=answer)
    try:
        yield
    finally:
        with contextlib.suppress(nats.errors.Error, OSError):
            await subscription.unsubscribe()


async def _told(backend: Backend, namespace: str) -> tuple[bytes, dict[str, str]]:
    try:
        found = await status(backend, namespace=namespace)
    except Exception as error:  # noqa: BLE001  Whoever asked gets an answer.
        if not isinstance(error, AnabranchError):
            _log.error("a request for the state met an unexpected %r", error)
        problem = Problem.of(error)
        return problem.document(), {PROBLEM_CODE: str(problem.status)}
    return found.model_dump_json().encode(), {}
