"""Exported events into a log: known ids are left out, positions become those of this log."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from anabranch.errors import EventInvalid, InputInvalid
from anabranch.transfer.check import sealed_line
from anabranch.transfer.exported_line import read_line
from anabranch.transfer.known import Known, refuse_another
from anabranch.transfer.manifest import is_manifest, verified_lines
from anabranch.transfer.stored_before import stored_before
from anabranch.transfer.whole_forks import has_room
from anabranch_events import Event, decode_unchanged
from anabranch_events.errors import LogDamaged, LogRewound
from anabranch_events.event.sealing import block_of
from anabranch_events.event.types import BranchCreated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anabranch.backend.backend import Backend
    from anabranch.transfer.exported_line import ExportedLine, Fork, Marks
    from anabranch_events import Log, Receipt

_TOLD_EVERY: Final = 100


class Imported(BaseModel):
    """The outcome of an import: the number of events appended, and of those the log had already.

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
    verified: bool = True,
    progress: Callable[[], None] | None = None,
) -> Imported:
    """Append exported events as `MemoryTransfer.import_lines` says."""
    await refuse_damaged(backend.log)
    importing = _Importing(backend, namespace, insists=not verified)
    given = verified_lines(lines) if verified else lines
    with stored_before(lambda: importing.imported):
        for number, line in enumerate(given, start=1):
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


async def refuse_damaged(log: Log) -> None:
    """Raise LogDamaged for a log that is known to lack events: more would hide the loss."""
    known = await log.condition()
    if known.read_to is not None:
        raise LogRewound(position=known.read_to, last=known.last)
    if known.missing:
        missing = (await log.verify()).missing
        if missing:
            raise LogDamaged(missing=missing)


class _Importing:
    """One import: what the log had, what waits to be appended, and where old positions went."""

    def __init__(self, backend: Backend, namespace: str, *, insists: bool) -> None:
        self._backend = backend
        self._insists = insists
        self._known = Known(backend.log, namespace)
        self._namespace = namespace
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
            return
        try:
            await self.take(found.position, event, found.marks)
        except EventInvalid as error:
            raise _on_line(number, error) from error

    async def take(self, position: int, event: Event, marks: Marks) -> None:
        looks_back = marks.again or marks.before or self._forks_at_what_waits(event, marks.fork)
        if looks_back or event.id in self._waiting or not self._has_room(event):
            await self.append()
        of_session = await self._known.events(event.session_id)
        if marks.before is not None and marks.before not in of_session:
            self._refuse_a_gap(event.session_id, marks.before, field="before")
        known = of_session.get(event.id, [])
        if len(known) > marks.again:
            refuse_another(event, known[marks.again])
            self.skipped += 1
            await self.append()
            self._moved(position, known[marks.again].position)
            return
        event = await self._repointed(event, position, marks.fork)
        if known:
            await self._append_again(position, event, number=len(known))
            return
        self._waiting[event.id] = (position, event)

    def _has_room(self, event: Event) -> bool:
        last = next(reversed(self._waiting.values()), None)
        return has_room(len(self._waiting), last and last[1], event)

    def _forks_at_what_waits(self, event: Event, fork: Fork | None) -> bool:
        """Tell whether a branch is forked at an event that has no position in this log yet."""
        if not isinstance(event.data, BranchCreated) or not self._waiting:
            return False
        if fork is not None and fork.event_id in self._waiting:
            return True
        first, _ = next(iter(self._waiting.values()))
        return event.data.forked_at >= first

    async def append(self) -> None:
        """Append what waits: all of it or none."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        events = [event for _, event in waiting.values()]
        receipts = await self._backend.log.append_all(events)
        for (position, event), receipt in zip(waiting.values(), receipts, strict=True):
            await self._appended(position, event, receipt)

    async def _append_again(self, position: int, event: Event, *, number: int) -> None:
        receipt = await self._backend.log.append_again(event, number=number)
        await self._appended(position, event, receipt)

    async def _appended(self, position: int, event: Event, receipt: Receipt) -> None:
        await self._known.add(event, receipt.position)
        self._moved(position, receipt.position)
        self._backend.saw(event, receipt.position)
        self.imported += 1

    def _moved(self, old: int, new: int) -> None:
        self._old.append(old)
        self._new.append(new)

    async def _repointed(self, event: Event, position: int, fork: Fork | None) -> Event:
        """Return the event with positions of this log; one that lies ahead stays unchanged."""
        data = event.data
        if not isinstance(data, BranchCreated) or data.forked_at >= position:
            return event
        forked_at = await self._forked_at(data, fork)
        return event.model_copy(update={"data": data.model_copy(update={"forked_at": forked_at})})

    def _refuse_a_gap(self, session_id: str, event_id: str, *, field: str) -> None:
        """Raise EventInvalid for what follows on an event that the log lacks, unless it insists."""
        if not self._insists:
            raise EventInvalid(
                f"follows on the event {event_id} of session {session_id}, which the log lacks",
                field=field,
                fix="import the part that has it first, or insist with --unverified: "
                "the branch, or the session, then lacks what it knew",
            )

    async def _forked_at(self, data: BranchCreated, fork: Fork | None) -> int:
        """Return the position in this log of the event at which a branch was forked.

        An export of an earlier version does not name it. Then it is the last event before the fork
        in these lines, or the parent's last where that came with other lines.
        """
        if fork is not None:
            found = (await self._known.events(fork.session_id)).get(fork.event_id)
            if found:
                return found[0].position
            self._refuse_a_gap(fork.session_id, fork.event_id, field="fork")
        at = bisect_right(self._old, data.forked_at)
        if at:
            return self._new[at - 1]
        parent = await self._known.events(data.parent_id)
        return max((one.position for each in parent.values() for one in each), default=0)


def _on_line(number: int, error: EventInvalid) -> EventInvalid:
    return EventInvalid(f"line {number}: {error.message}", field=error.field, fix=error.fix)


def _event_of(line: bytes, number: int, *, namespace: str) -> tuple[ExportedLine, Event | None]:
    """Take a line apart and return its event too; None for a message that is none."""
    try:
        found = read_line(line)
        if found.document is None:
            return found, None
        if block_of(found.document):
            raise sealed_line()
        event = decode_unchanged(found.document)
    except EventInvalid as error:
        raise _on_line(number, error) from error
    if event.namespace != namespace:
        raise InputInvalid(
            f"line {number} belongs to namespace {event.namespace!r}, not to {namespace!r}",
            field="namespace",
            fix=f"import it with `--namespace {event.namespace}`",
        )
    return found, event
