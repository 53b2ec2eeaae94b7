"""Lines of one session, live and abandoned: the line of a record, their opening and end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch.importers.records.chains import lines_of
from anabranch.importers.records.model import Ended, Opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from anabranch.importers.records.chains import Node
    from anabranch.importers.records.model import Record

REWOUND: Final = "rewound: the talk went on from an earlier place"


class Course:
    """Follows a session's records in their order: each belongs to the line that `line` names.

    `nodes` must give exactly the records that `at` is called with, and may end with one more.
    """

    def __init__(self, key: str, nodes: Callable[[], Iterable[Node]]) -> None:
        self._lines = lines_of(nodes)
        self._key = key
        self._names = {0: key}
        self._place = -1
        self._number = 0
        self.line = key

    @property
    def branches(self) -> bool:
        """True where talk was abandoned; else all records are on one line."""
        return bool(self._lines.sides)

    def skip(self) -> None:
        """Pass over a record that cannot be read."""
        self._place += 1

    def at(self, record_id: str, time: datetime | None) -> Iterator[Record]:
        """Go on to the next record; yield the opening of its line if it is the first on it."""
        self._place += 1
        self._number = self._lines.at(self._place)
        if self._number not in self._names:
            name = f"{self._key}~{record_id}"
            self._names[self._number] = name
            over = self._lines.sides[self._number].parent
            yield Opened(
                key=name,
                source_id=None,
                kind="abandoned",
                parent=self._names.get(over, self._key),
                time=time,
            )
        self.line = self._names[self._number]

    def left(self, time: datetime | None, *, reason: str = REWOUND) -> Iterator[Record]:
        """Yield the end of the record's line if it was abandoned and this was its last record."""
        if self._number and self._place == self._lines.sides[self._number].end - 1:
            yield Ended(line=self.line, how="cancelled", reason=reason, time=time)
