"""The names that a memory had for more in earlier builds, and where its parts have it now."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from anabranch_events.earlier_names import warn

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW: Final[Mapping[str, str]] = {
    "connection": "_namespace.backend",
    "dead_letters": "graph.dead_letters",
    "diff": "past.diff",
    "digest": "graph.digest",
    "event_at": "past.event",
    "history": "past.history",
    "position_of": "past.position_of",
    "rebuild": "graph.rebuild",
}


def earlier(memory: object, name: str) -> Any:
    """Return what `name` stands for, with a warning that says its name now."""
    now = NOW.get(name)
    if now is None:
        raise AttributeError(f"{type(memory).__name__!r} object has no attribute {name!r}")
    called = "anabranch_events.Log.connect" if name == "connection" else f"Memory.{now}"
    warn(f"Memory.{name}", called, stacklevel=4)
    return attrgetter(now)(memory)
