"""Exported events into a log: known ids are left out, positions become those of this log."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from anabranch.errors import EventInvalid, InputInvalid
from anabranch.transfer.exported_line import read_line
from anabranch.transfer.manifest import is_manifest
from anabranch_events import Event, decode_unchanged
from anabranch_events.event.types import BranchCreated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anabranch.backend.backend import Backend
    from anabranch.transfer.exported_line import ExportedLine

_BATCH_MAX: Final = 500
_TOLD_EVERY: Final = 100


class Imported(BaseModel):
    """How many events an import appended, how many the log had already.

    `unreadable` counts the messages that were no events where they were exported; none of them is
    appended. `complete` is False when the lines end before the manifest that they should have.
    """

    model_config = ConfigDict(frozen=True)
    imported: int
    skipped: int
    unreadable: int
    complete: bool
    position: int


async def import_events(
    backend: Backend,
    namespace: str,
    lines: Iterable[bytes],
    *,
    progress: Callable[[], None] | None = None,
) -> Imported:
    """Append exported events as `MemoryTransfer.import_lines` says."""
    importing = _Importing(backend, namespace)
    for number, line in enumerate(lines, start=1):
        if progress is not None and number % _TOLD_EVERY == 0:
            progress()
        if is_manifest(line):
            importing.complete = True
        elif line.strip():
            await importing.take_line(line, number)
    await importing.append()
    return Imported(
        imported=importing.imported,
        skipped=importing.skipped,
        unreadable=importing.unreadable,
        complete=importing.complete,
        position=(await backend.log.bounds()).last,
    )


class _Importing:
    """One import: what the log had, what waits to be appended, and where old positions went."""

    def __init__(self, backend: Backend, namespace: str) -> None:
        self._backend = backend
        self._namespace = namespace
        self._known: dict[str, dict[str, int]] = {}
        self._waiting: dict[str, tuple[int, Event]] = {}
        self._old: list[int] = []
        self._new: list[int] = []
        self.imported = 0
        self.skipped = 0
        self.unreadable = 0
        self.complete = True

    async def take_line(self, line: bytes, number: int) -> None:
        found, event = _event_of(line, number, namespace=self._namespace)
        self.complete = found.link is None
        if event is None:
            self.unreadable += 1
        else:
            await self.take(found.position, event)

    async def take(self, position: int, event: Event) -> None:
        known = await self._ids(event.session_id)
        if event.id in self._waiting:
            await self.append()
        if event.id in known:
            self.skipped += 1
            await self.append()
            self._moved(position, known[event.id])
            return
        if isinstance(event.data, BranchCreated):
            await self.append()
        self._waiting[event.id] = (position, self._repointed(event))
        if len(self._waiting) >= _BATCH_MAX:
            await self.append()

    async def append(self) -> None:
        """Append what waits: all of it or none."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        events = [event for _, event in waiting.values()]
        receipts = await self._backend.log.append_all(events)
        for (position, event), receipt in zip(waiting.values(), receipts, strict=True):
            self._known[event.session_id][event.id] = receipt.position
            self._moved(position, receipt.position)
            self._backend.saw(event, receipt.position)
        self.imported += len(events)

    def _moved(self, old: int, new: int) -> None:
        self._old.append(old)
        self._new.append(new)

    def _repointed(self, event: Event) -> Event:
        data = event.data
        if not isinstance(data, BranchCreated):
            return event
        at = bisect_right(self._old, data.forked_at)
        forked_at = self._new[at - 1] if at else 0
        return event.model_copy(update={"data": data.model_copy(update={"forked_at": forked_at})})

    async def _ids(self, session_id: str) -> dict[str, int]:
        """Return the event ids the log has of a session, each with its position."""
        if session_id not in self._known:
            found: dict[str, int] = {}
            read = self._backend.log.read(session_id, namespace=self._namespace)
            async for recorded in read:
                try:
                    found[recorded.decode().id] = recorded.position
                except EventInvalid:
                    continue
            self._known[session_id] = found
        return self._known[session_id]


def _event_of(line: bytes, number: int, *, namespace: str) -> tuple[ExportedLine, Event | None]:
    """Take a line apart and return its event too; None for a message that is none."""
    try:
        found = read_line(line)
        if found.document is None:
            return found, None
        event = decode_unchanged(found.document)
    except EventInvalid as error:
        raise EventInvalid(
            f"line {number}: {error.message}", field=error.field, fix=error.fix
        ) from error
    if event.namespace != namespace:
        raise InputInvalid(
            f"line {number} belongs to namespace {event.namespace!r}, not to {namespace!r}",
            field="namespace",
            fix=f"import it with `--namespace {event.namespace}`",
        )
    return found, event
