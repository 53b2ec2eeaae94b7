"""Telling a producer beforehand what will be applied, and what is wrong with the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from pydantic import BaseModel, ConfigDict

from anabranch.errors import EventInvalid
from anabranch.transfer.exported_line import is_exported, read_line
from anabranch.transfer.manifest import is_manifest
from anabranch_events import Event, decode
from anabranch_events.event.sealing import block_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Checked(BaseModel):
    """The check of one line; `field` and `reason` say what is wrong with one that is not valid."""

    model_config = ConfigDict(frozen=True)
    line: int
    valid: bool
    type: str | None = None
    field: str | None = None
    reason: str | None = None


def checked_lines(lines: Iterable[bytes]) -> Iterator[Checked]:
    """Yield for each line whether it is an event that a log would take and a projection apply.

    A line is a structured CloudEvent, or one of an export; blank lines and manifests are passed
    over. An id that was there before is no good: the log would store the first only.
    """
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or is_manifest(line):
            continue
        try:
            event = event_of(line)
        except EventInvalid as error:
            yield Checked(line=number, valid=False, field=error.field, reason=error.message)
            continue
        before = seen.setdefault(event.id, number)
        yield Checked(
            line=number,
            valid=before == number,
            type=event.type,
            field=None if before == number else "id",
            reason=None if before == number else f"id: line {before} has the same one",
        )


def event_of(line: bytes) -> Event:
    """Return the event of a line. Raises EventInvalid, also for an unknown type."""
    event = decode(_document(line))
    if event.opaque:
        raise event.unknown()
    return event


def sealed_line() -> EventInvalid:
    """Return the error for a line of a sealed namespace: an export holds no keys."""
    return EventInvalid(
        "is sealed, and its keys are not in the export",
        field="sealing",
        fix="move a sealed namespace by a snapshot of the log and its stream of keys",
    )


def _document(line: bytes) -> bytes:
    """Return the CloudEvent of a line, without what an export added."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    if not isinstance(fields, dict) or not is_exported(fields):
        return line
    document = read_line(line).document
    if document is not None and block_of(document):
        raise sealed_line()
    if document is None:
        raise EventInvalid("is kept as a message that is no event", field="message", fix="leave it")
    return document
