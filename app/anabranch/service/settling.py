"""Settling of memory while it is quiet, for as long as the service of `up` lives."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from anabranch.memory.forgetting.retention import outlived_of_graph
from anabranch.memory.settling import vectors_of_graph

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch.backend.backend import Backend
    from anabranch.memory.namespaces import Namespaces

_log: Final = logging.getLogger("anabranch")


@asynccontextmanager
async def settling_memory(backend: Backend, namespaces: Namespaces) -> AsyncGenerator[None]:
    """Settle every namespace of the log, until it is left."""
    task = asyncio.create_task(_settle(backend, namespaces), name="settling memory")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _settle(backend: Backend, namespaces: Namespaces) -> None:
    from anabranch_thinking.settling.consolidator import Consolidator  # It imports numpy.

    consolidator = Consolidator(
        backend.log,
        lambda name: namespaces.of(name).sessions,
        vectors_of=vectors_of_graph(backend),
        outlived_of=outlived_of_graph(backend),
    )
    try:
        await consolidator.run()
    except Exception:  # noqa: BLE001 - whatever it is, the service goes on and says so.
        _log.exception("memory is not settled any more; `anabranch consolidate` does it by hand")
