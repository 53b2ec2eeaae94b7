"""The namespaces of a log, with the events that each holds, its seal and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.views import NamespaceView

if TYPE_CHECKING:
    from anabranch_events import Log
    from anabranch_events.read.namespaces import Namespace


async def namespaces(log: Log) -> tuple[NamespaceView, ...]:
    """Return the namespaces as `MemoryTransfer.namespaces` says."""
    held = {one.name: one for one in await log.namespaces()}
    sealed, ended = await log.sealed_namespaces(), await log.ended_namespaces()
    return tuple(
        _view(name, held.get(name), sealed=sealed.get(name), deleted=ended.get(name))
        for name in sorted({*held, *sealed, *ended})
    )


def _view(
    name: str, held: Namespace | None, *, sealed: int | None, deleted: int | None
) -> NamespaceView:
    if held is None:
        return NamespaceView(namespace=name, sealed=sealed, deleted=deleted)
    return NamespaceView(
        namespace=name,
        sessions=held.sessions,
        events=held.events,
        last=held.last,
        last_at=held.stored_at,
        sealed=sealed,
        deleted=deleted,
    )
