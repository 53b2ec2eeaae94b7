"""The recall index of a home at work: one process follows the log into it, and asks it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Self

from anabranch.home.folder import held
from anabranch_projections.recall_index.damage import Damaged
from anabranch_projections.recall_index.follower import IndexFollower
from anabranch_projections.recall_index.index_folder import LOCK, IndexFolder
from anabranch_projections.recall_index.source import index_source
from anabranch_projections.vectors.cache import VectorCache
from anabranch_recall.index_ranker import IndexRanker

if TYPE_CHECKING:
    from anabranch.home.folder import Home
    from anabranch_events import Log
    from anabranch_recall import Embedder, Ranker

_PAUSE_S: Final = 1.0
_WAIT_S: Final = 1.0
_BEHIND_MAX: Final = 512
_log = logging.getLogger("anabranch")


class Indexing:
    """The recall index of a home, followed for as long as this is open.

    One process follows it: the first that takes the lock of its folder. The others try again every
    second, and have no ranker here meanwhile.
    """

    def __init__(self, home: Home, log: Log, embedder: Embedder | None) -> None:
        self._home = home
        self._event_log = log
        self._embedder = embedder
        self._follower: IndexFollower | None = None
        self._damage: Damaged | None = None
        self._damaged = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._kept_following(), name="recall index")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def position(self) -> int | None:
        """The position that the index has reached; None while another process follows it."""
        return None if self._follower is None else self._follower.position

    async def ranker(self, namespace: str, *, knowing: int) -> Ranker | None:
        """Return the ranker over the index, None where it does not know `knowing` in a moment.

        An index far behind is not waited for.
        """
        follower = self._follower
        if follower is None or knowing - follower.position > _BEHIND_MAX:
            return None
        try:
            async with asyncio.timeout(_WAIT_S):
                await follower.wait_until_known(namespace, knowing)
        except TimeoutError:
            return None
        except Damaged as damage:
            self._damage = damage
            self._damaged.set()
            return None
        return IndexRanker(follower, self._embedder)

    async def _kept_following(self) -> None:
        while True:
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001 - recall goes on by the graph, whatever it is.
                _log.warning("the recall index stopped and begins again: %s", error)
            await asyncio.sleep(_PAUSE_S)

    async def _follow(self) -> None:
        """Follow the log into the index until that fails; return where another process does."""
        if not self._home.folder.exists():  # Servers that are all elsewhere need none.
            self._home.prepare()
        if held(self._home.recall_index / LOCK):
            return
        embedder = self._embedder
        folder = IndexFolder.open(
            self._home.recall_index,
            log=await self._event_log.identity(),
            source=index_source(embedder.model if embedder else None),
            dimension=embedder.dimension if embedder else 1,
        )
        try:
            if folder.writable:
                await self._follow_into(folder)
        finally:
            self._follower = None
            folder.close()

    async def _follow_into(self, folder: IndexFolder) -> None:
        if self._damage is not None:
            folder.begin_anew(str(self._damage))
            self._damage = None
            self._damaged.clear()
        cache = VectorCache(self._event_log, self._embedder) if self._embedder else None
        self._follower = IndexFollower(self._event_log, folder, cache)
        following = asyncio.ensure_future(self._follower.run())
        damaged = asyncio.ensure_future(self._damaged.wait())
        try:
            await asyncio.wait((following, damaged), return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
        finally:
            following.cancel()
            damaged.cancel()
            await asyncio.gather(following, damaged, return_exceptions=True)
