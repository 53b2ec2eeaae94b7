"""The newest ids of a namespace, for the completion of a shell: it must not open a memory."""

from __future__ import annotations

import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import nats.errors
import orjson

from anabranch.api.subjects import IDS
from anabranch_events.errors import AnabranchError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nats.aio.msg import Msg

    from anabranch.backend.backend import Backend

LIMIT: Final = 50
_NOUNS: Final = {
    "sessions": ("sessions",),
    "insights": ("insights",),
    "things": ("sessions", "insights"),
}


@asynccontextmanager
async def answering_ids(backend: Backend) -> AsyncGenerator[None]:
    """Answer shells that complete an id, for as long as this is open.

    A request holds `namespace` and `kind`. The answer is `ids`, each with its id and its text.
    """
    client = backend.log.connection

    async def answer(message: Msg) -> None:
        document = orjson.dumps({"ids": await _asked(backend, message.data)})
        with contextlib.suppress(nats.errors.Error):
            await client.publish(message.reply, document)

    subject = f"{IDS}{backend.servers.instance}"
    subscription = await client.subscribe(subject, cb=answer)
    try:
        yield
    finally:
        with contextlib.suppress(nats.errors.Error, OSError):
            await subscription.unsubscribe()


async def _asked(backend: Backend, body: bytes) -> list[dict[str, Any]]:
    """Return the ids that a request asks for, the newest first; none for one that is no request."""
    try:
        asked = orjson.loads(body)
        nouns, namespace = _NOUNS[asked["kind"]], str(asked["namespace"])
        graph = await backend.graph()
        found = [
            row
            for noun in nouns
            for row in await graph.read(f"ids/recent_{noun}", namespace=namespace, limit=LIMIT)
        ]
    except (orjson.JSONDecodeError, KeyError, TypeError, AnabranchError):
        return []
    found.sort(key=lambda row: -int(row["position"]))
    return [{"id": row["id"], "said": row["said"] or ""} for row in found[:LIMIT]]
