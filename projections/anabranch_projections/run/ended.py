"""Records of a namespace that ended before them: they have no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events import Recorded, ended_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Late(Recorded, frozen=True, gc=False):
    """A record whose namespace had ended: a writer had asked before the end, or never asks."""


class EndedFold:
    """The ends of namespaces as a reading of the log meets them; each end holds from there on."""

    def __init__(self, ended: Mapping[str, int]) -> None:
        self._ended = dict(ended)

    def marked(self, records: Iterable[Recorded]) -> list[Recorded]:
        """Return the records in their order, with those marked that come too late."""
        return [self._marked(record) for record in records]

    def _marked(self, record: Recorded) -> Recorded:
        namespace = ended_by(record)
        if namespace is not None:
            self._ended.setdefault(namespace, record.position)
        if record.position <= self._ended.get(record.namespace, record.position):
            return record
        return Late.of(record)
