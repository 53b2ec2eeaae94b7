"""The event types under the name of earlier builds; they lie in `anabranch_events.event.types`."""

from __future__ import annotations

from anabranch_events.earlier_names import earlier_names
from anabranch_events.event import types

__getattr__ = earlier_names(
    __name__, {name: types.__name__ for name in vars(types) if not name.startswith("_")}
)
