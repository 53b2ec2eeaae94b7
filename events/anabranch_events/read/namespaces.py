"""The namespaces of the log, by the subjects that the server counts: no event is read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_events.event.identifiers import RESERVED_NAMESPACE
from anabranch_events.jetstream import direct_get
from anabranch_events.jetstream.api import STREAM, Refused, stored_subjects, translated
from anabranch_events.jetstream.stream import SUBJECT_PREFIX

if TYPE_CHECKING:
    from datetime import datetime

    from anabranch_events.transport.connection import Connection

_AT_ONCE: Final = 64


class Namespace(NamedTuple):
    """A part of the log: its sessions and events, and its newest event."""

    name: str
    sessions: int
    events: int
    last: int
    stored_at: datetime


async def namespaces(connection: Connection) -> list[Namespace]:
    """Return the namespaces that have events, by name. Raises LogUnavailable, LogRefused."""
    try:
        subjects = await stored_subjects(connection, STREAM, f"{SUBJECT_PREFIX}*.*")
    except Refused as refused:
        raise translated(refused) from refused
    counts: dict[str, list[int]] = {}
    for subject, events in subjects.items():
        counts.setdefault(subject.rsplit(".", 2)[1], []).append(events)
    counts.pop(RESERVED_NAMESPACE, None)
    names = sorted(counts)
    found: list[Namespace] = []
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        newest = await asyncio.gather(*(_newest(connection, name) for name in some))
        found += [
            Namespace(name, len(counts[name]), sum(counts[name]), *last)
            for name, last in zip(some, newest, strict=True)
            if last is not None
        ]
    return found


async def _newest(connection: Connection, name: str) -> tuple[int, datetime] | None:
    """Return the place and the time of a namespace's last event; None: it was deleted just now."""
    message = await direct_get.get(connection, {"last_by_subj": f"{SUBJECT_PREFIX}{name}.*"})
    if message is None:
        return None
    record = direct_get.recorded(message)
    return record.position, record.stored_at
