"""The recall index of a home at work: one process follows the log into it, the others ask it."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Final, Self

from anabranch.backend.erasures import erasures, erasures_text
from anabranch.backend.index_questions import Answering, IndexElsewhere, IndexQuestions
from anabranch.backend.prompted_embedder import of_questions
from anabranch.home.folder import held
from anabranch_events.errors import AnabranchError
from anabranch_projections.recall_index.damage import Damaged
from anabranch_projections.recall_index.writer import LOCK, writer_of
from anabranch_recall.question import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from anabranch.home.folder import Home
    from anabranch_events import Log
    from anabranch_projections import KnownVectors
    from anabranch_projections.recall_index.follower import IndexFollower
    from anabranch_projections.recall_index.index_folder import IndexFolder
    from anabranch_recall import Embedder, Question, Recollection
    from anabranch_recall.index.ranker import IndexRanker

_PAUSE_S: Final = 1.0
_WAIT_S: Final = 1.0
_BEHIND_MAX: Final = 512
_RANKING_S: Final = 1.0
_SILENT_S: Final = 10.0
_POSITION_S: Final = 2.0
_LOSSES_S: Final = 2.0
_log = logging.getLogger("anabranch")


async def _always() -> bool:
    return True


class Indexing:
    """The recall index of a home, followed or asked for as long as this is open.

    One process follows it: the first that takes the lock of its folder. The others ask that one,
    and try the lock again every second. None follows while `wanted` says no.
    """

    def __init__(
        self,
        home: Home,
        log: Log,
        embedder: Embedder | None,
        *,
        known: KnownVectors | None = None,
        wanted: Callable[[], Awaitable[bool]] = _always,
    ) -> None:
        self._home = home
        self._event_log = log
        self._embedder = embedder
        self._known = known
        self._wanted = wanted
        self._follower: IndexFollower | None = None
        self._damage: Damaged | None = None
        self._damaged = asyncio.Event()
        self._silent_until = 0.0
        self._look = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._kept_following(), name="recall index")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def position(self) -> int | None:
        """Return the position that the index has reached; None where no process follows it."""
        if self._follower is not None:
            return self._follower.position
        elsewhere = self._elsewhere()
        return None if elsewhere is None else await elsewhere.position(timeout_s=_POSITION_S)

    async def recall(
        self, questions: Sequence[Question], *, knowing: int
    ) -> list[Recollection] | None:
        """Return the index's answers, which know the log up to `knowing`; None where it cannot.

        The questions are about one namespace.
        """
        ranker = await self.ranker(questions[0].namespace, knowing=knowing)
        if ranker is not None:
            return await ranker.recall_all(questions)
        if self._follower is not None:
            return None
        return await self._asked(questions, knowing)

    async def ranker(self, namespace: str, *, knowing: int) -> IndexRanker | None:
        """Return the ranker over the index, None where it does not know `knowing` in a moment.

        An index far behind is not waited for, and that of another process has none here.
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
        from anabranch_recall.index.ranker import IndexRanker

        return IndexRanker(follower, of_questions(self._embedder))

    async def _asked(
        self, questions: Sequence[Question], knowing: int
    ) -> list[Recollection] | None:
        """Ask the process that follows; one that gave no answer in time is left alone a while."""
        elsewhere = self._elsewhere()
        if elsewhere is None or time.monotonic() < self._silent_until:
            return None
        asked = IndexQuestions(questions=tuple(questions), knowing=knowing, model=self._model)
        lanes_s = max(one.timeout_s or TIMEOUT_S for one in questions)
        try:
            return await elsewhere.recall(asked, timeout_s=lanes_s + _WAIT_S + _RANKING_S)
        except TimeoutError:
            self._silent_until = time.monotonic() + _SILENT_S
            return None

    def _elsewhere(self) -> IndexElsewhere | None:
        folder = self._home.recall_index
        writer = writer_of(folder)
        if writer is None:
            return None

        def gone() -> bool:
            return writer_of(folder) != writer or not held(folder / LOCK)

        return IndexElsewhere(self._event_log.connection, writer, gone=gone)

    async def _answer(self, asked: IndexQuestions) -> list[Recollection] | None:
        if asked.model != self._model:
            return None
        ranker = await self.ranker(asked.questions[0].namespace, knowing=asked.knowing)
        return None if ranker is None else await ranker.recall_all(asked.questions)

    @property
    def _model(self) -> str | None:
        return self._embedder.model if self._embedder else None

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
        if held(self._home.recall_index / LOCK) or not await self._wanted():
            return
        # Only the one that follows pays for the index's libraries.
        from anabranch_projections.recall_index.index_folder import IndexFolder
        from anabranch_projections.recall_index.source import index_source

        losses, log = await asyncio.gather(self._losses(), self._event_log.identity())
        folder = IndexFolder.open(
            self._home.recall_index,
            log=log,
            source=index_source(self._model, losses=losses),
            dimension=self._embedder.dimension if self._embedder else 1,
        )
        try:
            if folder.writer is not None:
                await self._follow_into(folder, folder.writer, losses=losses)
        finally:
            self._follower = None
            folder.close()

    async def _losses(self) -> str:
        """Return what went from the log, as text: accepted losses, and what was erased."""
        ledger = self._event_log.ledger
        if ledger is None:
            return ""
        stretches = [*await ledger.losses(), *await ledger.cuts()]
        found = [f"{first}-{last}" for first, last in stretches]
        if erased := erasures_text(await erasures(self._event_log, self._home)):
            found.append(erased)
        return " ".join(found)

    def look(self) -> None:
        """Look now whether the index has to begin anew."""
        self._look.set()

    async def _lost_more(self, known: str) -> None:
        """Return once other losses are accepted: the index has to begin without them."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOSSES_S):
                    await self._look.wait()
            self._look.clear()
            with suppress(AnabranchError):
                if await self._losses() != known:
                    return

    async def _follow_into(self, folder: IndexFolder, writer: str, *, losses: str) -> None:
        from anabranch_projections.recall_index.follower import IndexFollower
        from anabranch_projections.vectors.cache import VectorCache

        if self._damage is not None:
            folder.begin_anew(str(self._damage))
            self._damage = None
            self._damaged.clear()
        cache = None
        if self._embedder:
            cache = VectorCache(self._event_log, self._embedder, self._known)
        follower = self._follower = IndexFollower(self._event_log, folder, cache)
        answering = Answering(
            self._event_log.connection, self._answer, position=lambda: follower.position
        )
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(answering.opened(writer))
            following = asyncio.ensure_future(follower.run())
            stack.push_async_callback(_ended, following)
            damaged = asyncio.ensure_future(self._damaged.wait())
            stack.push_async_callback(_ended, damaged)
            lost = asyncio.ensure_future(self._lost_more(losses))
            stack.push_async_callback(_ended, lost)
            await asyncio.wait((following, damaged, lost), return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()


async def _ended(task: asyncio.Future[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
