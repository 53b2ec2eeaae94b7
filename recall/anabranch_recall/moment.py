"""The recall index as the ranker reads it: columns of a namespace, cut at a position."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias

import numpy as np

from anabranch_recall.text.subject import with_subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"
Rows: TypeAlias = "NDArray[np.int64]"
Mask: TypeAlias = "NDArray[np.bool_]"

NEVER: Final = int(np.iinfo(np.int64).max)
"""The position or time that stands for no end."""


class Columns(NamedTuple):
    """One value an insight, in the order in which insights were recorded.

    `session`, `kind`, `agent` and `subject` are codes; `before` is the row of the insight before
    it in its session, -1 for the first. `substance` is between 0 for a fragment and 1. Times are
    milliseconds since 1970, `day` is in days. `alive` is false where the text was forgotten.
    """

    position: NDArray[np.int64]
    recorded_at: NDArray[np.int64]
    session: NDArray[np.int32]
    kind: NDArray[np.int32]
    agent: NDArray[np.int32]
    subject: NDArray[np.int32]
    confidence: NDArray[np.float32]
    day: NDArray[np.int32]
    valid_from: NDArray[np.int64]
    valid_until: NDArray[np.int64]
    retired: NDArray[np.int64]
    before: NDArray[np.int32]
    length: NDArray[np.int32]
    substance: NDArray[np.float32]
    asks: NDArray[np.bool_]
    alive: NDArray[np.bool_]
    scale: NDArray[np.float32]


class Postings(NamedTuple):
    """The rows that have a term, ascending, and how often each has it."""

    rows: Rows
    counts: NDArray[np.int64]


class Document(NamedTuple):
    """An insight in its own words; `subject` is empty where none was given."""

    text: str
    names: tuple[str, ...]
    tags: tuple[str, ...]
    subject: str

    @property
    def said(self) -> str:
        """The text as it is read and embedded, with its subject."""
        return with_subject(self.text, self.subject)


class LinkThen(NamedTuple):
    """An association as it stood at a position: its weight decays from `since` (milliseconds)."""

    one: str
    other: str
    kind: str
    weight: float
    since: int
    position: int


class ConflictThen(NamedTuple):
    """An open conflict of an insight: the other one, and the position that opened it."""

    other: str
    position: int


class Consolidations(NamedTuple):
    """The consolidations that were recorded, in order.

    `rows` has the insights that each cites, from its place in `starts` up to that of the next one.
    There -1 is one that is not there. `restated` says that it is of one fact that all of them say,
    `erased` that its text was forgotten.
    """

    rows: Rows
    starts: Rows
    restated: Mask
    erased: Mask


class Moment(Protocol):
    """A namespace's index as of a position: nothing that was recorded later is in it.

    An insight that ended later is judged by the position of its end, which `retired` holds.
    """

    @property
    def position(self) -> int:
        """The position up to which the log counts."""
        ...

    @property
    def columns(self) -> Columns:
        """The columns, up to the position."""
        ...

    def term(self, stem: str) -> Postings:
        """Return the insights that have a stem."""
        ...

    def named(self, name: str) -> Postings:
        """Return the insights that mention a name; the count is 2 where it opens the text."""
        ...

    def tagged(self, tag: str) -> Rows:
        """Return the insights that carry a tag."""
        ...

    def code(self, column: str, value: str) -> int:
        """Return the code of a session, kind, agent or subject; -1 for one that never occurred."""
        ...

    def value(self, column: str, code: int) -> str:
        """Return what a code of a column stands for."""
        ...

    def similarities(self, vector: NDArray[np.float32], rows: Rows | None) -> Floats:
        """Return the cosine of each of `rows`, or of all, to `vector`, from one byte a number."""
        ...

    def look_ahead(self, vectors: Sequence[NDArray[np.float32]]) -> None:
        """Go through the vectors once for several questions; `similarities` knows them then."""
        ...

    def exact_similarities(self, vector: NDArray[np.float32], rows: Rows) -> Floats:
        """Return the cosine of each of `rows` to `vector` from the vectors as they were made."""
        ...

    def document(self, row: int) -> Document:
        """Return what was written."""
        ...

    def insight_ids(self, rows: Rows) -> list[str]:
        """Return the ids of insights."""
        ...

    def row(self, insight_id: str) -> int | None:
        """Return the row of an insight, None when it is not there yet."""
        ...

    def links(self, insight_id: str) -> Sequence[LinkThen]:
        """Return the associations of an insight as they stood, in the order they were formed."""
        ...

    def conflicts(self, insight_id: str) -> Sequence[ConflictThen]:
        """Return the conflicts of an insight that were open, the oldest first."""
        ...

    def consolidations(self) -> Consolidations:
        """Return the consolidations that were recorded."""
        ...

    def windows(self, session_id: str, scope: str) -> Mapping[str, int]:
        """Return the last position that counts, for each session that a scope reaches."""
        ...

    def ended(self, session_id: str, scope: str) -> Mapping[int, int]:
        """Return where insights ended by the events that a scope sees, by row."""
        ...

    def sessions_in_role(self, roles: Sequence[str]) -> Sequence[str]:
        """Return the sessions that had begun in one of `roles`."""
        ...

    def ended_validity(self) -> Mapping[int, int]:
        """Return until when insights held in the world, where their end said so, by row."""
        ...


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def milliseconds(moment: datetime) -> int:
    """Return a time as whole milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def moment_of(milliseconds_since: int) -> datetime:
    """Return the time that so many milliseconds since 1970 stand for."""
    return _EPOCH + milliseconds_since * _MILLISECOND


def day_text(day: int) -> str:
    """Return a day since 1970 as an ISO date."""
    return (_EPOCH + timedelta(days=day)).date().isoformat()
