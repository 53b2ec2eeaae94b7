"""Events before they are appended: positions are given where they are known, in the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pydantic import JsonValue

    from anabranch_events.event.types import EventData


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A text of which an insight holds the beginning, as it is kept in the object store."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The beginning of a session: a branch where its parent is in the log, else a root session."""

    session_id: str
    event_id: str
    parent_id: str | None
    task: str
    role: str | None
    attributes: Mapping[str, JsonValue]
    time: datetime
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A branch's agent began; a root session has no such event."""

    session_id: str
    event_id: str
    worker: str
    time: datetime
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Any other event of a session; `wholes` are stored before it."""

    session_id: str
    event_id: str
    data: EventData
    time: datetime
    agent: str
    wholes: tuple[Whole, ...] = field(default=())


AnyDraft: TypeAlias = Opening | Start | Draft
