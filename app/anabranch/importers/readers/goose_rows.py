"""Rows of Goose's database: its sessions, who called whom, and messages as they stand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.databases import rows
from anabranch.importers.records.values import (
    json_of,
    kind_of,
    object_of,
    objects_of,
    said_in,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from datetime import datetime

_MESSAGES: Final = "SELECT * FROM messages WHERE session_id = ? ORDER BY id"
_NAMING: Final = (
    "SELECT session_id, content_json FROM messages "
    "WHERE content_json LIKE '%\"subagent_session_id\"%' ORDER BY id"
)
_MADE_HERE: Final = "msg_"
"""So begin ids that Goose made. Others are those of a model's server, and may come again."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message. Its `mark` is its own within its session, and that of its copies in forks."""

    mark: str
    role: str
    time: datetime | None
    parts: list[dict[str, Any]]
    metadata: dict[str, Any]

    @property
    def text(self) -> str | None:
        """Its text."""
        return said_in(self.parts)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls of tools in it."""
        return self.of_kind("toolRequest")

    @property
    def is_hidden(self) -> bool:
        """True for what only the model is shown: context, summaries, what was said around them."""
        return self.metadata.get("userVisible") is False

    @property
    def is_context(self) -> bool:
        """True for what Goose tells the model before each turn."""
        return self.metadata.get("turnContext") is True

    @property
    def ends_turn(self) -> bool | None:
        """Tell whether an answer ends its turn; None where only what follows tells.

        Releases that do not say what a message took store a text and the calls behind it apart.
        """
        if self.calls:
            return False
        return True if self.metadata.get("usage") else None

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Return its parts of a kind."""
        return [part for part in self.parts if kind_of(part) == kind]


class Rows:
    """The sessions of a database by their ids, the oldest first, and their messages."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.sessions: dict[str, dict[str, Any]] = {
            str(row["id"]): dict(zip(row.keys(), row, strict=True))
            for row in rows(database, "SELECT * FROM sessions ORDER BY created_at, rowid")
        }
        self.named: dict[tuple[str, str], str] = {}
        """The agents that results name, by the session and the call; a copy names them again."""
        self.callers: dict[str, str] = {}
        if any(self.is_agent(session_id) for session_id in self.sessions):
            self._find_callers()

    def is_agent(self, session_id: str) -> bool:
        """Tell whether a session is a sub-agent's."""
        return self.sessions[session_id].get("session_type") == "sub_agent"

    def children(self, session_id: str) -> list[str]:
        """Return the agents that a session called, in their order."""
        return [child for child, caller in self.callers.items() if caller == session_id]

    def key(self, session_id: str) -> str:
        """Return the name of a session: ids are counted anew each day and in each database."""
        return key_of(session_id, self.sessions[session_id].get("created_at"))

    def began(self, session_id: str) -> datetime | None:
        """Return when a session began."""
        return time_of(self.sessions[session_id].get("created_at"))

    def messages(self, session_id: str) -> Iterator[Message]:
        """Yield the messages of a session in their order."""
        seen: set[int] = set()
        for one in rows(self._database, _MESSAGES, session_id):
            row = dict(zip(one.keys(), one, strict=True))
            yield Message(
                mark=_mark(row, seen),
                role=str(row.get("role")),
                time=time_of(row.get("created_timestamp")),
                parts=objects_of(json_of(row.get("content_json"))),
                metadata=object_of(json_of(row.get("metadata_json"))),
            )

    def _find_callers(self) -> None:
        """Find who called each agent: its row says so, in 1.50 and before only the result."""
        by_results: dict[str, str] = {}
        for session_id, content in rows(self._database, _NAMING):
            for part in objects_of(json_of(content)):
                child, call_id = agent_in(part), text_of(part.get("id"))
                if child in self.sessions and child != session_id and call_id:
                    self.named.setdefault((str(session_id), call_id), child)
                    by_results.setdefault(child, str(session_id))
        for session_id, row in self.sessions.items():
            told = text_of(row.get("parent_session_id"))
            caller = told if told in self.sessions else by_results.get(session_id)
            if caller and self.is_agent(session_id) and not self._is_above(session_id, caller):
                self.callers[session_id] = caller

    def _is_above(self, session_id: str, caller: str | None) -> bool:
        """Tell whether a session is among the callers of its own caller: damage makes circles."""
        while caller is not None and caller != session_id:
            caller = self.callers.get(caller)
        return caller is not None


def key_of(session_id: str, created_at: Any) -> str:
    """Return the name of a session by its columns."""
    return f"{session_id}@{created_at}"


def agent_in(part: dict[str, Any]) -> str | None:
    """Return the agent that the result of a call names."""
    return text_of(told_of_agent(part).get("subagent_session_id"))


def told_of_agent(part: dict[str, Any]) -> dict[str, Any]:
    """Return what the result of a call says of an agent."""
    value = object_of(object_of(part.get("toolResult")).get("value"))
    return object_of(value.get("_meta"))


def _mark(row: dict[str, Any], seen: set[int]) -> str:
    """Return a message's id. One that came before has its time too, one without any its content.

    The number of a row is none: a compaction stores all rows anew.
    """
    message_id, created = text_of(row.get("message_id")), row.get("created_timestamp")
    if message_id is None:
        content = hashlib.sha256(f"{row.get('role')}\n{row.get('content_json')}".encode())
        message_id = f"{created}-{content.hexdigest()[:16]}"
    if message_id.startswith(_MADE_HERE):
        return message_id
    for one in (message_id, f"{message_id}@{created}"):
        if hash(one) not in seen:
            seen.add(hash(one))
            return one
    return f"{message_id}@{created}#{len(seen)}"
