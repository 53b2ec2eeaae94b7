"""Taking part in the joining of thoughts: any process that is there for long may do it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anabranch.memory.recall import BranchRecall
from anabranch_events.event.types import Priority
from anabranch_thinking.work.fabric import Fabric
from anabranch_thinking.work.hedging import Hedging
from anabranch_thinking.work.joiner import Joiner

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch.backend.backend import Backend
    from anabranch.memory.namespaces import Namespaces
    from anabranch.settings import Settings
    from anabranch_thinking.sessions.recall import Recall


def fabric_of(namespaces: Namespaces, backend: Backend, *, traces: bool = False) -> Fabric:
    """Return what a worker and a joiner need, for all namespaces of a backend.

    With `traces` there are spans, where they are sent anywhere.
    """

    def recall_of(name: str) -> Recall:
        return BranchRecall(namespaces.of(name))

    return Fabric(
        log=backend.log,
        sessions_of=lambda name: namespaces.of(name).sessions,
        recall_of=recall_of,
        embedder=backend.embedder,
        tracer=backend.tracer if traces else None,
    )


@asynccontextmanager
async def joining(fabric: Fabric, settings: Settings) -> AsyncGenerator[None]:
    """Bid to be the joiner for the length of the block, where we may be it."""
    if not fabric.queue.may_put:
        yield
        return
    joiner = Joiner(fabric, hedging=hedging_of(settings))
    running = asyncio.create_task(joiner.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def hedging_of(settings: Settings) -> Hedging:
    """Return which branches get a second copy when they are slow, by the settings."""
    ordered = tuple(Priority)
    if settings.hedge == "none":
        return Hedging(priorities=frozenset())
    return Hedging(priorities=frozenset(ordered[: ordered.index(Priority(settings.hedge)) + 1]))
