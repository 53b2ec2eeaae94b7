"""The sessions that clients opened through this server, and have not ended yet."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from anabranch.errors import AnabranchError, InputInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from anabranch.mcp.access import Access
    from anabranch.mcp.caller import Caller

CLIENT_SESSION: Final = "client_session"
"""The attribute of a session with the id of the client's own one."""
OPEN_MAX: Final = 4_096
"""So many are kept account of; the oldest stay open when their client goes."""
_LIVE: Final = frozenset({"open", "pending", "running"})
_ENDED_REASON: Final = "the client went"
_log = logging.getLogger("anabranch")


class OwnSessions:
    """Opens sessions for callers, and keeps account of them.

    A caller's session is tied to the client's own: the same task of the same client session is the
    same session until it has ended. `instance` stands for the client where it does not name one;
    without it such a caller's requests stand alone, each for itself. With `parent_id` sessions are
    branches of that one.
    """

    def __init__(
        self, access: Access, *, instance: str | None, parent_id: str | None = None
    ) -> None:
        self._access = access
        self._instance = instance
        self._parent_id = parent_id
        self._open: dict[str, tuple[str | None, str]] = {}
        self.choosing = asyncio.Lock()

    def key(self, caller: Caller, name: str = "") -> str:
        """Return the key of a request of this caller, which makes it safe to be sent again."""
        return _key(f"{caller.line or self._instance or uuid4()}\n{name}")

    def request_key(self, number: object) -> str | None:
        """Return the key of the request with this number, None where no client stands behind it.

        The same content under another number is another request.
        """
        if self._instance is None or number is None:
            return None
        return _key(f"{self._instance}\nrequest {number!r}")

    def account(self) -> list[list[str | None]]:
        """Return what is open: for each session its id, the line of work, and the task."""
        return [[one, line, task] for one, (line, task) in self._open.items()]

    def restore(self, account: Iterable[Iterable[str | None]]) -> None:
        """Go on with an account that another server has kept for this client."""
        for session_id, line, task in account:
            self._open[str(session_id)] = (line, str(task))

    async def open(self, caller: Caller, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Open a session, or return the one that this caller has open for the task.

        It is a branch where the server has a parent, and for a sub-agent of a client that has a
        session open.
        """
        parent_id = self._parent_id or self._spawner(caller)
        given = dict(request)
        if caller.session is not None:
            given["attributes"] = {CLIENT_SESSION: caller.session}
        if parent_id is None:
            return {"parent_id": None, **await self._begun("open_session", caller, given)}
        return await self.branch(caller, {**given, "parent_id": parent_id})

    async def branch(self, caller: Caller, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Fork a session, or return the branch that was forked by the same request and lives."""
        return await self._begun("branch", caller, request)

    async def _begun(
        self, operation: str, caller: Caller, request: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        number = 0
        while True:
            key = self.key(caller, str(number or ""))
            begun = await self._access.run(operation, request, key=key)
            view = await self._access.run("show_session", {"session_id": begun["session_id"]})
            if view["status"] in _LIVE:
                self.opened(caller, begun["session_id"], request["task"])
                return begun
            number += 1

    def opened(self, caller: Caller, session_id: str, task: str) -> None:
        """Note that a caller has opened a session; one who is not known has none."""
        if caller.line is None and self._instance is None:
            return
        self._open[session_id] = (caller.line, task)
        if len(self._open) > OPEN_MAX:
            self.ended(next(iter(self._open)))

    def ended(self, session_id: str) -> None:
        """Note that a session has ended."""
        self._open.pop(session_id, None)

    def only(self, caller: Caller) -> str | None:
        """Return the one session that this caller has open, None where there is none.

        Raises InputInvalid where there are several.
        """
        own = {one: task for one, (line, task) in self._open.items() if line == caller.line}
        if len(own) > 1:
            named = "; ".join(f"{one} ({task[:60]})" for one, task in own.items())
            raise InputInvalid(
                f"session_id: several sessions are open: {named}",
                field="session_id",
                fix="name the one in which it was learned",
            )
        return next(iter(own), None)

    async def close(self) -> None:
        """Close what is still open, the last first; what cannot be closed is left."""
        for session_id in reversed(list(self._open)):
            await self._close(session_id)
        self._open.clear()

    async def close_line(self, line: str) -> None:
        """Close what one line of work has left open, the last first."""
        own = [one for one, (named, _) in self._open.items() if named == line]
        for session_id in reversed(own):
            await self._close(session_id)
            self.ended(session_id)

    async def _close(self, session_id: str) -> None:
        request = {"session_id": session_id, "reason": _ENDED_REASON}
        try:
            await self._access.run("close", request, key=_key(f"{session_id}\nclose"))
        except AnabranchError as error:
            _log.info("the session %s was not closed: %s", session_id, error.message)

    def _spawner(self, caller: Caller) -> str | None:
        """Return the first session of the client that a sub-agent works for."""
        if caller.thread is None:
            return None
        return next((one for one, (line, _) in self._open.items() if line == caller.session), None)


def _key(line: str) -> str:
    return f"mcp-{hashlib.sha256(line.encode()).hexdigest()[:40]}"
