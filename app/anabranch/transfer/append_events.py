"""A producer's own events into the log: CloudEvents, a line each, of any namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from anabranch.errors import EventInvalid
from anabranch.transfer.check import event_of
from anabranch.transfer.imports import refuse_damaged
from anabranch.transfer.known import Known, refuse_another
from anabranch.transfer.manifest import is_manifest
from anabranch.transfer.stored_before import stored_before
from anabranch.transfer.whole_forks import has_room
from anabranch_events.event.identifiers import RESERVED_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anabranch.backend.backend import Backend
    from anabranch_events import Event

_TOLD_EVERY: Final = 100


class Appended(BaseModel):
    """The outcome of an append of lines: the events it stored, and those the log had already."""

    model_config = ConfigDict(frozen=True)
    appended: int
    skipped: int
    position: int


async def append_events(
    backend: Backend, lines: Iterable[bytes], *, progress: Callable[[], None] | None = None
) -> Appended:
    """Append events as `MemoryTransfer.append_lines` says."""
    await refuse_damaged(backend.log)
    appending = _Appending(backend)
    with stored_before(lambda: appending.appended):
        for number, line in enumerate(lines, start=1):
            if progress is not None and number % _TOLD_EVERY == 0:
                progress()
            if line.strip() and not is_manifest(line):
                await appending.take_line(line, number)
        await appending.append()
    return Appended(
        appended=appending.appended,
        skipped=appending.skipped,
        position=(await backend.log.bounds()).last,
    )


class _Appending:
    """One append of lines: the events that wait to be stored, and those the log has."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known: dict[str, Known] = {}
        self._waiting: dict[str, Event] = {}
        self.appended = 0
        self.skipped = 0

    async def take_line(self, line: bytes, number: int) -> None:
        try:
            await self.take(event_of(line))
        except EventInvalid as error:
            raise EventInvalid(
                f"line {number}: {error.message}", field=error.field, fix=error.fix
            ) from error

    async def take(self, event: Event) -> None:
        if event.namespace == RESERVED_NAMESPACE:
            raise EventInvalid(
                f"namespace: {event.namespace!r} is reserved",
                field="namespace",
                fix="leave the line out; `anabranch namespace delete` ends a namespace",
            )
        last = next(reversed(self._waiting.values()), None)
        if event.id in self._waiting or not has_room(len(self._waiting), last, event):
            await self.append()
        known = (await self._of(event).events(event.session_id)).get(event.id)
        if known:
            refuse_another(event, known[0])
            self.skipped += 1
            return
        self._waiting[event.id] = event

    async def append(self) -> None:
        """Append what waits: all of it or none."""
        events, self._waiting = [*self._waiting.values()], {}
        if not events:
            return
        receipts = await self._backend.log.append_all(events)
        for event, receipt in zip(events, receipts, strict=True):
            await self._of(event).add(event, receipt.position)
            self._backend.saw(event, receipt.position)
        self.appended += len(events)

    def _of(self, event: Event) -> Known:
        if event.namespace not in self._known:
            self._known[event.namespace] = Known(self._backend.log, event.namespace)
        return self._known[event.namespace]
