"""A namespace's events as JSON Lines: a CloudEvent a line with its position, chained or plain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch.errors import from_os_error
from anabranch.past.replay import replay
from anabranch.transfer.exported_line import linked_line, written_line
from anabranch.transfer.manifest import Tally, manifest_line
from anabranch.transfer.marking import Marking

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from anabranch.backend.backend import Backend

_TOLD_EVERY: Final = 100


async def export_lines(
    backend: Backend,
    namespace: str,
    target: IO[bytes],
    *,
    after: int = 0,
    to: int | None = None,
) -> int:
    """Write the namespace's events to `target`, a line each; return how many lines."""
    count = 0
    marking = Marking(backend.log, namespace, after=after)
    async for recorded in replay(backend, namespace, after=after, to=to):
        line, _ = written_line(recorded, await marking.marks(recorded))
        _write(backend, target, line + b"\n")
        count += 1
    target.flush()
    return count


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

    `progress` gets the positions reached, now and then. `verify_lines` checks the result.
    """
    tally = Tally()
    count = 0
    marking = Marking(backend.log, namespace, after=after)
    async for recorded in replay(backend, namespace, after=after, to=to):
        line, event_type = written_line(recorded, await marking.marks(recorded))
        link = tally.add(line, position=recorded.position, event_type=event_type)
        _write(backend, target, linked_line(line, link) + b"\n")
        count += 1
        if progress is not None and count % _TOLD_EVERY == 0:
            progress(recorded.position)
    _write(backend, target, manifest_line(tally.manifest(namespace)))
    target.flush()
    return count


def _write(backend: Backend, target: IO[bytes], line: bytes) -> None:
    try:
        target.write(line)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise from_os_error(error, backend.settings.home) from error
