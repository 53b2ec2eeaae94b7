"""Events before they are appended: positions are given where they are known, in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pydantic import JsonValue

    from anabranch_events.event.types import EventData


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A text of which an insight holds the beginning, as it is kept in the object store."""

    name: str
    data: bytes


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The beginning of a session: a branch where its parent is in the log, else a root session."""

    session_id: str
    event_id: str
    parent_id: str | None
    task: str
    role: str | None
    attributes: Mapping[str, JsonValue]
    time: datetime
    agent: str


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """A branch's agent began; a root session has no such event."""

    session_id: str
    event_id: str
    worker: str
    time: datetime
    agent: str


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Any other event of a session; `wholes` are stored before it."""

    session_id: str
    event_id: str
    data: EventData
    time: datetime
    agent: str
    wholes: tuple[Whole, ...] = ()


AnyDraft: TypeAlias = Opening | Start | Draft
