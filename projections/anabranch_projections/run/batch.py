"""A batch: consecutive records on their way into the graph together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from anabranch_projections.fold.positioned import PositionedEvent, timestamp
from anabranch_projections.fold.rows import Row, steps
from anabranch_projections.run.elsewhere import Elsewhere
from anabranch_projections.run.ended import Late
from anabranch_projections.run.repeated import Repetition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch_events import Recorded
    from anabranch_store import Step

GRAPH: Final = "graph"
"""The projection that keeps dead letters; its checkpoint's name."""
RECORDS_MAX: Final = 1000
BYTES_MAX: Final = 8 * 1024 * 1024
REASON_LENGTH_MAX: Final = 1000


class Content(Protocol):
    """The content of a batch: a projection's own fold of its events."""

    def add(self, at: PositionedEvent) -> None:
        """Take in the next event."""
        ...


C = TypeVar("C", bound=Content)


class Batch(Generic[C]):
    """Consecutive records, decoded and taken into `content` as they come.

    A record that is no event of ours, or of an unknown type or version, becomes a dead letter, and
    the line moves on.
    """

    def __init__(self, content: C) -> None:
        self.content = content
        self.records: list[Recorded] = []
        self.letters: list[Row] = []
        self._bytes = 0

    @property
    def last(self) -> int:
        """The position of the last record; there must be one."""
        return self.records[-1].position

    @property
    def full(self) -> bool:
        """True when no further record should be added."""
        return len(self.records) >= RECORDS_MAX or self._bytes >= BYTES_MAX

    def add(self, record: Recorded) -> None:
        """Decode a record and take it in."""
        self.records.append(record)
        self._bytes += len(record.raw)
        if isinstance(record, Repetition | Late | Elsewhere):
            return
        try:
            event = record.decode()
        except Exception as error:  # noqa: BLE001 - whatever a foreign message does to the decoder.
            self.letters.append(dead_letter(record, error))
            return
        if event.opaque:
            self.letters.append(dead_letter(record, event.unknown()))
            return
        self.content.add(PositionedEvent(record.position, event))


def reason_of(error: BaseException) -> str:
    """Return the reason of a failure as a text that every store takes."""
    # A reason may quote the message; a lone surrogate in it is no text a store takes.
    return str(error).encode("utf-8", "replace").decode("utf-8")[:REASON_LENGTH_MAX]


def dead_letter(record: Recorded, error: BaseException) -> Row:
    """Return the row that keeps a record which cannot be applied, and why."""
    return {
        "position": record.position,
        "namespace": record.namespace,
        "session_id": record.session_id,
        "error": type(error).__name__,
        "reason": reason_of(error),
        "projection": GRAPH,
        "put_aside_at": timestamp(datetime.now(UTC)),
    }


def put_aside(letters: list[Row]) -> Iterator[Step]:
    """Return the statements that keep dead letters."""
    return steps("projection/put_aside", letters)
