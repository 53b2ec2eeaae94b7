"""Sessions that a framework finds again by a name of its own, in any process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from anabranch.memory.memory import Memory
    from anabranch.memory.session import Session

_PAGE: Final = 1000
_OF_ROLE: Final = """
MATCH (s:Session {namespace: $namespace, role: $role})
WHERE s.opened > $after AND ($name IS NULL OR s.task = $name)
RETURN s.id AS id, s.task AS name, s.opened AS opened
ORDER BY opened LIMIT $limit
"""


class Named(NamedTuple):
    """A session's name and id."""

    name: str
    session_id: str


class NamedSessions:
    """The sessions of one role, whose task is the name; the first of a name is the one.

    Where two processes open the same name at once, both take the session with the lower position,
    and the other one is cancelled.
    """

    def __init__(self, memory: Memory, *, role: str) -> None:
        self._memory = memory
        self._role = role
        self._known: dict[str, Session] = {}

    async def find(self, name: str) -> Session | None:
        """Return the session of this name, if there is one."""
        if name not in self._known:
            found = await self._named(name)
            if not found:
                return None
            self._known[name] = await self._memory.session(found[0].session_id)
        return self._known[name]

    async def take(self, name: str) -> Session:
        """Return the session of this name; open it where there is none."""
        found = await self.find(name)
        if found is not None:
            return found
        opened = await self._memory.open_session(name, role=self._role)
        await self._memory.wait_for(opened.position)
        first, *_ = await self._named(name)
        if first.session_id != opened.session_id:
            await opened.cancel("another process opened it first")
            opened = await self._memory.session(first.session_id)
        self._known[name] = opened
        return opened

    async def all(self) -> list[Named]:
        """Return every name once, in the order in which they were opened."""
        return await self._named(None)

    async def _named(self, name: str | None) -> list[Named]:
        found: dict[str, Named] = {}
        after = 0
        while True:
            given = {"role": self._role, "name": name, "after": after, "limit": _PAGE}
            rows = (await self._memory.cypher(_OF_ROLE, given)).rows
            for row in rows:
                found.setdefault(row["name"], Named(row["name"], row["id"]))
                after = row["opened"]
            if not rows or name is not None:
                return list(found.values())
