"""An event as a line for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson
from rich.text import Text

from anabranch.terminal.short_id import short_id
from anabranch_events.errors import EventInvalid

if TYPE_CHECKING:
    from anabranch.transfer.check import Checked
    from anabranch_events import Recorded
    from anabranch_events.event.types import EventData

_TELLING: Final = ("text", "result", "task", "summary", "error", "reason", "decision", "subject")
_LENGTH_MAX: Final = 200


def event_line(recorded: Recorded) -> Text:
    """Return position, time, session, type and what the event says."""
    line = Text(f"{recorded.position:>7} ", style="cyan")
    line.append(f"{recorded.stored_at:%Y-%m-%d %H:%M:%S} ", style="dim")
    line.append(f"{short_id(recorded.session_id)} ", style="dim")
    try:
        event = recorded.decode()
    except EventInvalid as error:
        return line.append(f"cannot be read: {error.message}", style="red")
    if event.opaque:
        line.append(f"{event.type:<22} ", style="bold yellow")
        line.append("opaque ", style="yellow")
        return line.append(_short(_data_text(recorded)), style="dim")
    kind = event.type.removeprefix("anabranch.").rpartition(".")[0]
    line.append(f"{kind:<22} ", style="bold")
    return line.append(said(event.data))


def opaque_note(recorded: Recorded) -> str | None:
    """Return the note for people on an event of an unknown type; None for any other."""
    try:
        event = recorded.decode()
    except EventInvalid:
        return None
    return f"{event.unknown().message}: it is kept, not applied" if event.opaque else None


def checked_line(found: Checked) -> Text:
    """Return in a line whether a producer's line holds an event that will be applied."""
    line = Text(f"{found.line:>7} ", style="cyan")
    if found.valid:
        return line.append("valid   ", style="green").append(found.type or "")
    return line.append("invalid ", style="red").append(found.reason or "")


def _data_text(recorded: Recorded) -> str:
    """Return the data of an event that was read, as JSON."""
    return orjson.dumps(orjson.loads(recorded.document).get("data")).decode()


def said(data: EventData) -> str:
    """Return what an event says in a line: its telling text, or else all of it."""
    values = data.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    for name in _TELLING:
        if isinstance(values.get(name), str):
            return _short(values[name])
    return _short(orjson.dumps(values).decode())


def _short(text: str) -> str:
    line = " ".join(text[: 2 * _LENGTH_MAX].split())
    return line if len(line) <= _LENGTH_MAX else line[: _LENGTH_MAX - 1] + "…"
