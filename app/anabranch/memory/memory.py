"""A memory, open for work: sessions branch and learn, recall answers, the log is replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from anabranch.backend.backend import Connection
from anabranch.memory.recall import Asking
from anabranch.memory.session import Session, session_of
from anabranch.settings import Settings
from anabranch_events.event.types import Priority
from anabranch_thinking import (
    BranchTask,
    Consolidation,
    EventListener,
    Executor,
    InsightReceipt,
    Sessions,
    Thought,
    consolidate_thought,
    think,
)
from anabranch_thinking.thoughts.think import CONCURRENCY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from anabranch_events import Event


class Memory(Asking):
    """Memory for sessions that branch; make it by `open`, use it within `async with`.

    Reads see what this memory has written before, and what was in the log when it was opened.
    """

    def __init__(self, settings: Settings, *, command: str = "memory") -> None:
        self.settings = settings
        self.namespace = settings.namespace
        self.connection = Connection(settings, command=command)

    @classmethod
    def open(
        cls,
        home: Path | str | None = None,
        *,
        namespace: str | None = None,
        agent: str | None = None,
        settings: Settings | None = None,
    ) -> Self:
        """Return the memory in the folder `home`; what is not given, the settings say.

        Entering it starts its servers or joins those that run. Raises InputInvalid; entering
        raises HomeUnwritable, HomeFull, HomeBusy, HomeMismatched and what the servers raise.
        """
        base = Settings.read() if settings is None else settings
        return cls(base.changed(home=home, namespace=namespace, agent=agent))

    async def __aenter__(self) -> Self:
        await self.connection.__aenter__()
        self.sessions = Sessions(
            self.connection.log,
            namespace=self.namespace,
            agent=self.settings.agent,
            lookup=self.producers,
            listener=self.connection.saw,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.__aexit__()

    async def open_session(
        self,
        task: str,
        *,
        role: str | None = None,
        priority: Priority | str = Priority.NORMAL,
        attributes: Mapping[str, object] | None = None,
    ) -> Session:
        """Begin a root session."""
        async with self.connection.explained():
            receipt = await self.sessions.open_session(
                task, role=role, priority=priority, attributes=attributes
            )
        return Session(
            self,
            session_id=receipt.session_id,
            root_id=receipt.session_id,
            position=receipt.position,
        )

    async def session(self, session_id: str) -> Session:
        """Return the session that has this id. Raises SessionNotFound."""
        async with self.connection.explained():
            return session_of(self, await self.sessions.state(session_id))

    async def remember(
        self,
        text: str,
        *,
        session_id: str | None = None,
        kind: str = "observation",
        confidence: float = 1.0,
        tags: Sequence[str] = (),
        entities: Sequence[str] | None = None,
        supersedes: Sequence[str] = (),
    ) -> InsightReceipt:
        """Record one thing learned; without a session one is opened for it.

        The insights in `supersedes` are retired by this one. Raises InputInvalid,
        SessionNotFound, SessionEnded and InsightNotFound.
        """
        async with self.connection.explained():
            return await self.sessions.remember(
                text,
                session_id=session_id,
                kind=kind,
                confidence=confidence,
                tags=tags,
                entities=entities,
                supersedes=supersedes,
            )

    async def think(
        self,
        task: str,
        *,
        branches: Sequence[BranchTask | str] = (),
        count: int | None = None,
        executor: Executor | None = None,
        session_id: str | None = None,
        concurrency: int = CONCURRENCY,
        on_event: EventListener | None = None,
    ) -> Thought:
        """Fan a task out over branches that run in parallel, join them, and consolidate.

        Without branches there are `count`, by the roles focus, pattern recognition, creative
        synthesis, risk analysis and meta-cognition in turn. Without an executor each branch asks
        memory what it knows from its role's side. With `session_id` the thought happens in that
        session. `on_event` is told of every event appended.
        """
        async with self.connection.explained():
            await self.ready(None, self.settings.wait_timeout_s)
            return await think(
                self.sessions,
                task,
                branches=branches or None,
                count=count,
                executor=executor,
                recall=self.asked,
                embedder=self.connection.embedder,
                session_id=session_id,
                concurrency=concurrency,
                on_event=self._telling(on_event),
            )

    async def consolidate(self, root_id: str) -> Consolidation:
        """Synthesise what the branches of a thought found; every insight used is cited.

        Raises SessionNotFound, and NothingLearned where there is nothing to cite.
        """
        tree = await self.session_tree(root_id)
        async with self.connection.explained():
            return await consolidate_thought(
                self.sessions,
                tree[0].root_id,
                session_ids=[view.session_id for view in tree if view.parent_id],
                embedder=self.connection.embedder,
                recall=self.asked,
            )

    def _telling(self, listener: EventListener | None) -> EventListener:
        """Return a listener that notes what was appended, and tells `listener` too."""

        def told(event: Event, position: int) -> None:
            self.connection.saw(event, position)
            if listener is not None:
                listener(event, position)

        return told
