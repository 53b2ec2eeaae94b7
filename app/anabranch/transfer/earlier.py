"""Exports and imports as functions of a memory, as earlier builds had them."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch.transfer.imports import Imported


async def export_events(
    memory: Any, target: IO[bytes], *, after: int = 0, to: int | None = None
) -> int:
    """Export as `memory.transfer.export` does."""
    exported: int = await memory.transfer.export(target, after=after, to=to)
    return exported


async def import_events(memory: Any, lines: Iterable[bytes]) -> Imported:
    """Import as `memory.transfer.import_lines` does."""
    imported: Imported = await memory.transfer.import_lines(lines)
    return imported
