"""A session of the OpenAI Agents SDK over a session of a memory.

`from anabranch.adapters.openai_agents import AnabranchSession`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from anabranch.adapters.bridge import Bridge
from anabranch.adapters.framework import framework
from anabranch.adapters.named_sessions import NamedSessions
from anabranch_events import new_id

with framework("agents", extra="openai-agents"):
    from agents.memory import SessionSettings

if TYPE_CHECKING:
    from agents import TResponseInputItem

    from anabranch.memory.memory import Memory
    from anabranch.memory.session import Session
    from anabranch.sync import Memory as SyncMemory

ROLE: Final = "openai-agents"
_PREFIX: Final = "items/"


class AnabranchSession:
    """A conversation of the OpenAI Agents SDK, kept by an Anabranch session of this name.

    The items stand in the session's working memory, a note for each `add_items`. They are no
    insights: recall does not give them. One program at a time works with a conversation.
    """

    session_id: str
    session_settings: SessionSettings | None

    def __init__(
        self,
        session_id: str,
        memory: Memory | SyncMemory,
        *,
        session_settings: SessionSettings | None = None,
    ) -> None:
        self.session_id = session_id
        self.session_settings = session_settings or SessionSettings()
        self._bridge: Bridge[Memory] = Bridge(memory)
        self._sessions = NamedSessions(self._bridge.memory, role=ROLE)
        self._changing = asyncio.Lock()

    async def session(self) -> Session:
        """Return the Anabranch session, which may remember, recall and branch; open it if need be.

        It belongs to the loop of the memory.
        """
        return await self._bridge.arun(self._sessions.take(self.session_id))

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Return the items in order: all of them, or the last `limit`."""
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        notes = await self._bridge.arun(self._notes())
        items = [item for note in notes.values() for item in note]
        return items if limit is None or limit < 0 else items[max(0, len(items) - limit) :]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Append items, as one event."""
        if items:
            await self._bridge.arun(self._add([*items]))

    async def pop_item(self) -> TResponseInputItem | None:
        """Remove the last item and return it; None where there is none."""
        return await self._bridge.arun(self._pop())

    async def clear_session(self) -> None:
        """Remove all items, the last one first; the Anabranch session stays open."""
        await self._bridge.arun(self._clear())

    async def _notes(self) -> dict[str, list[TResponseInputItem]]:
        """Return the items by note, in the order of the log."""
        session = await self._sessions.find(self.session_id)
        view = None if session is None else await session.show()
        held = {} if view is None else view.working_memory or {}
        return {
            key: cast("list[TResponseInputItem]", note)
            for key, note in held.items()
            if key.startswith(_PREFIX) and isinstance(note, list)
        }

    async def _add(self, items: list[TResponseInputItem]) -> None:
        session = await self._sessions.take(self.session_id)
        await session.note(f"{_PREFIX}{new_id()}", items)

    async def _pop(self) -> TResponseInputItem | None:
        async with self._changing:
            notes = await self._notes()
            if not notes:
                return None
            session = await self._sessions.take(self.session_id)
            key, items = notes.popitem()
            if items[:-1]:
                await session.note(key, items[:-1])
            else:
                await session.clear_note(key)
            return items[-1]

    async def _clear(self) -> None:
        async with self._changing:
            session = await self._sessions.find(self.session_id)
            if session is not None:
                for key in reversed(await self._notes()):
                    await session.clear_note(key)
