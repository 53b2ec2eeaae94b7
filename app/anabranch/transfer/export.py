"""A namespace's events as JSON Lines: a CloudEvent a line with its position, chained or plain."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from anabranch.errors import from_os_error
from anabranch.transfer.exported_line import linked_line, written_line
from anabranch.transfer.manifest import Tally, manifest_line
from anabranch.transfer.marking import Marking
from anabranch_events import Absences

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import IO

    from anabranch.backend.backend import Backend
    from anabranch_events import Recorded

_TOLD_EVERY: Final = 100


class _Export:
    """One export: the namespace's records between two positions, and what is missing of them."""

    def __init__(
        self, backend: Backend, namespace: str, target: IO[bytes], *, after: int, to: int | None
    ) -> None:
        self._backend = backend
        self._namespace = namespace
        self._target = target
        self._after = after
        self._to = to
        self._marking = Marking(backend.log, namespace, after=after)
        self.absences = Absences(backend.log.ledger, after=after)
        self.count = 0

    async def lines(self) -> AsyncIterator[tuple[Recorded, bytes, str | None]]:
        """Yield each record with its line, without a link, and the type of its event."""
        log = self._backend.log
        await self._backend.checked_position(self._after, field="after")
        end = await self._backend.checked_position(
            (await log.bounds()).last if self._to is None else self._to, field="to"
        )
        async with aclosing(log.read_all(after=self._after, to=end)) as records:
            async for recorded in records:
                self.absences.follow(recorded)
                if recorded.namespace == self._namespace:
                    yield recorded, *written_line(recorded, await self._marking.marks(recorded))
                    self.count += 1
        self.absences.end(end)

    def write(self, line: bytes) -> None:
        try:
            self._target.write(line)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise from_os_error(error, self._backend.settings.home) from error

    async def finish(self) -> int:
        """Return how many lines were written. Raises LogDamaged where events were missing."""
        self._target.flush()
        await self.absences.refuse()
        return self.count


async def export_lines(
    backend: Backend,
    namespace: str,
    target: IO[bytes],
    *,
    after: int = 0,
    to: int | None = None,
) -> int:
    """Write the namespace's events to `target`, a line each; return how many lines.

    Raises LogDamaged, with all that there is written, where the log lacks events.
    """
    export = _Export(backend, namespace, target, after=after, to=to)
    async for _, line, _ in export.lines():
        export.write(line + b"\n")
    return await export.finish()


async def export_chained(
    backend: Backend,
    namespace: str,
    target: IO[bytes],
    *,
    after: int = 0,
    to: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write the same lines, each with its link, and a manifest; return how many.

    `progress` gets the positions reached, now and then. `verify_lines` checks the result. Raises
    LogDamaged as `export_lines` does: the manifest then lists what is missing.
    """
    export = _Export(backend, namespace, target, after=after, to=to)
    tally = Tally()
    async for recorded, line, event_type in export.lines():
        link = tally.add(line, position=recorded.position, event_type=event_type)
        export.write(linked_line(line, link) + b"\n")
        if progress is not None and export.count % _TOLD_EVERY == 0:
            progress(recorded.position)
    await export.absences.settle()
    export.write(manifest_line(tally.manifest(namespace, missing=export.absences.found)))
    return await export.finish()
