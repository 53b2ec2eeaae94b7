"""Health: whether the log and the graph can be reached."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from anabranch.errors import AnabranchError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from anabranch.backend.backend import Backend

_TIMEOUT_S: Final = 3.0


class Part(BaseModel):
    """One server that the service needs; `reason` says why it cannot be used."""

    model_config = ConfigDict(frozen=True)
    ok: bool
    position: int | None = None
    reason: str | None = None


class Health(BaseModel):
    """Health: whether the log and the graph can be reached."""

    model_config = ConfigDict(frozen=True)
    ok: bool
    log: Part
    graph: Part


async def health_of(backend: Backend) -> Health:
    """Ask the log for its end and the graph for its checkpoint, within a few seconds."""

    async def end_of_log() -> int:
        return (await backend.log.bounds()).last

    async def end_of_graph() -> int:
        return await (await backend.graph()).checkpoint("graph")

    log, graph = await asyncio.gather(_part(end_of_log()), _part(end_of_graph()))
    return Health(ok=log.ok and graph.ok, log=log, graph=graph)


async def _part(asking: Coroutine[None, None, int]) -> Part:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return Part(ok=True, position=await asking)
    except AnabranchError as error:
        return Part(ok=False, reason=error.message)
    except TimeoutError:
        return Part(ok=False, reason=f"no answer within {_TIMEOUT_S:g} s")
