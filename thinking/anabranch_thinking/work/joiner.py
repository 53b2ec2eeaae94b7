"""The joiner: it follows the log, and joins what was forked.

One joiner is at work at a time, by a pin that the server moves when its holder falls silent. The
pin is no fence: each effect of a join is one conditional batch, and of two joiners one makes it.
Everything else that it does may be done twice: tasks are put into the queue, late branches are
cancelled, signals are sent.
"""

from __future__ import annotations

import asyncio
import logging
from importlib import import_module
from typing import TYPE_CHECKING, Final

import orjson

from anabranch_events import PinLost
from anabranch_events.errors import LogRewound, Unavailable
from anabranch_thinking.work.turn import Turn

if TYPE_CHECKING:
    from anabranch_events import Bucket
    from anabranch_thinking.work.fabric import Fabric
    from anabranch_thinking.work.hedging import Hedging

NAME: Final = "joiner"
BUCKET: Final = "ANABRANCH_WORK"
CONSOLIDATING: Final = "anabranch_thinking.consolidation.consolidate"
"""The module that a join needs, and that takes numpy: the joiner has it before its first join."""
_PAUSE_S: Final = 0.3
_log: Final = logging.getLogger("anabranch")


class Joiner:
    """A place among the joiners of a log; `run` waits for its turn, and joins while it lasts."""

    def __init__(self, fabric: Fabric, *, hedging: Hedging | None = None) -> None:
        self.active = False
        """True while this joiner is the one at work."""
        self._fabric = fabric
        self._hedging = hedging
        self._bucket: Bucket | None = None
        self._identity = ""
        self._opened: set[str] = set()

    async def run(self) -> None:
        """Join until cancelled. An outage of the log is waited out."""
        pinned = self._fabric.log.pinned(NAME)
        while True:
            try:
                async with pinned.taken(self._checkpoint):
                    self.active = True
                    await asyncio.to_thread(import_module, CONSOLIDATING)
                    turn = Turn(
                        self._fabric,
                        open_queue=self._open,
                        note=self._note,
                        hedging=self._hedging,
                    )
                    await turn.run(pinned, after=await self._checkpoint())
            except PinLost as lost:
                _log.debug("the joiner's place went to another: %s", lost)
            except LogRewound:
                await self._note(0)
            except Unavailable as error:
                _log.debug("the joiner waits for the log: %s", error)
                await asyncio.sleep(_PAUSE_S)
            finally:
                self.active = False

    async def _checkpoint(self) -> int:
        """Return where to begin: what was noted of this log, or its beginning."""
        log = self._fabric.log
        if self._bucket is None:
            await self._fabric.queue.ensure()
            self._bucket = await log.bucket(BUCKET)
        self._identity = await log.identity()
        noted = await self._bucket.get(NAME)
        found = orjson.loads(noted) if noted else {}
        if found.get("log") != self._identity:
            return 0
        return min(int(found["position"]), (await log.bounds()).last)

    async def _note(self, position: int) -> None:
        assert self._bucket is not None  # noqa: S101 - the checkpoint was read before.
        found = {"log": self._identity, "position": position}
        await self._bucket.put(NAME, orjson.dumps(found))

    async def _open(self, namespace: str) -> None:
        """Make the consumers of a namespace, for workers that may not."""
        if namespace not in self._opened:
            await self._fabric.queue.open(namespace)
            self._opened.add(namespace)
