"""Events as JSON Lines: a CloudEvent a line with its position, out of one log and into another."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from anabranch.errors import EventInvalid, InputInvalid, from_os_error
from anabranch.transfer.exported_line import linked_line, read_line, written_line
from anabranch.transfer.manifest import Tally, is_manifest, manifest_line
from anabranch_events import Event, decode_unchanged
from anabranch_events.event.types import BranchCreated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import IO

    from anabranch.memory.memory import Memory
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


async def export_events(
    memory: Memory, target: IO[bytes], *, after: int = 0, to: int | None = None
) -> int:
    """Write the namespace's events to `target`, a line each; return how many lines."""
    count = 0
    async for recorded in memory.replay(after=after, to=to):
        line, _ = written_line(recorded)
        _write(memory, target, line + b"\n")
        count += 1
    target.flush()
    return count


async def export_chained(
    memory: Memory,
    target: IO[bytes],
    *,
    after: int = 0,
    to: int | None = None,
    tell: Callable[[int], None] | None = None,
) -> int:
    """Write what `export_events` writes, each line with its link, and a manifest; return how many.

    `tell` is called with the positions reached, now and then. `verify_lines` checks the result.
    """
    tally = Tally()
    count = 0
    async for recorded in memory.replay(after=after, to=to):
        line, event_type = written_line(recorded)
        link = tally.add(line, position=recorded.position, event_type=event_type)
        _write(memory, target, linked_line(line, link) + b"\n")
        count += 1
        if tell is not None and count % _TOLD_EVERY == 0:
            tell(recorded.position)
    _write(memory, target, manifest_line(tally.manifest(memory.namespace)))
    target.flush()
    return count


def _write(memory: Memory, target: IO[bytes], line: bytes) -> None:
    try:
        target.write(line)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise from_os_error(error, memory.settings.home) from error


async def import_events(
    memory: Memory, lines: Iterable[bytes], *, tell: Callable[[], None] | None = None
) -> Imported:
    """Append exported events, in their order; those whose id the log has already are left out.

    So an import that was killed is simply run again. What points at positions of the old log
    (where a branch was forked) points at the same events in this one; an event of an older version
    or of an unknown type is appended as it was written. Raises EventInvalid naming the first line
    that is no event; what stands before its batch is in the log by then. `tell` is called now and
    then.
    """
    importing = _Importing(memory)
    for number, line in enumerate(lines, start=1):
        if tell is not None and number % _TOLD_EVERY == 0:
            tell()
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
        position=(await memory.connection.log.bounds()).last,
    )


class _Importing:
    """One import: what the log had, what waits to be appended, and where old positions went."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: dict[str, dict[str, int]] = {}
        self._waiting: dict[str, tuple[int, Event]] = {}
        self._old: list[int] = []
        self._new: list[int] = []
        self.imported = 0
        self.skipped = 0
        self.unreadable = 0
        self.complete = True

    async def take_line(self, line: bytes, number: int) -> None:
        found, event = _event_of(line, number, namespace=self._memory.namespace)
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
        receipts = await self._memory.connection.log.append_all(events)
        for (position, event), receipt in zip(waiting.values(), receipts, strict=True):
            self._known[event.session_id][event.id] = receipt.position
            self._moved(position, receipt.position)
            self._memory.connection.saw(event, receipt.position)
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
            read = self._memory.connection.log.read(session_id, namespace=self._memory.namespace)
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
