"""Progress of a rebuild: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from anabranch.terminal.output import Output
    from anabranch_projections import RebuildProgress

LINE_EACH_S: Final = 5.0
_DOES: Final = {"events": "rebuilding", "vectors": "vectors"}


@contextmanager
def rebuild_progress(output: Output) -> Generator[Callable[[RebuildProgress], None]]:
    """Show what this gives is called with; with JSON nothing is shown."""
    if output.json:
        yield lambda _at: None
        return
    if not output.messages.is_terminal:
        yield _lines(output)
        return
    from anabranch.terminal.progress import bar

    with bar(output.messages) as shown:
        tasks = {
            phase: shown.add_task(text, total=None, visible=False) for phase, text in _DOES.items()
        }

        def update(at: RebuildProgress) -> None:
            shown.update(
                tasks[at.phase],
                description=f"{_DOES[at.phase]}, {at.events_per_s:,.0f} events/s",
                completed=at.position,
                total=at.to,
                visible=True,
            )

        yield update


def _lines(output: Output) -> Callable[[RebuildProgress], None]:
    """Return what writes a line when a while has passed since the last, and at the end."""
    told: dict[str, float] = {}

    def tell(at: RebuildProgress) -> None:
        now = time.monotonic()
        if at.position < at.to and now - told.get(at.phase, 0.0) < LINE_EACH_S:
            return
        told[at.phase] = now
        output.message(described(at))

    return tell


def described(at: RebuildProgress) -> str:
    """Return a line like "rebuilding: 1,000 of 5,000 events, 800 events/s, 5 s left"."""
    return (
        f"{_DOES[at.phase]}: {at.position:,} of {at.to:,} events, "
        f"{at.events_per_s:,.0f} events/s, {at.seconds_left:.0f} s left"
    )
