"""Records of other namespaces than a graph is for: they have no effect on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events import Recorded, ended_by

if TYPE_CHECKING:
    from collections.abc import Collection


class Elsewhere(Recorded, frozen=True, gc=False):
    """A record of a namespace that the graph is not for."""


def marked_elsewhere(record: Recorded, namespaces: Collection[str]) -> Recorded:
    """Return the record, marked unless it is of one of the namespaces, or ends one."""
    if record.namespace in namespaces or ended_by(record) in namespaces:
        return record
    return Elsewhere.of(record)
