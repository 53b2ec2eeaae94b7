"""The streams behind the tenants' views: a mirror of the log for each set of namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anabranch_events.jetstream.api import STREAM, STREAM_NOT_FOUND, Refused, ask, translated
from anabranch_events.jetstream.stream import SUBJECT_PREFIX
from anabranch_events.jetstream.tenant_view import NAMESPACES
from anabranch_events.server.accounts import VIEWS_API, VIEWS_DELIVER
from anabranch_events.server.tenant import view_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events.server.tenant import Tenant
    from anabranch_events.transport.connection import Connection

_PREFIX: Final = "ANABRANCH_VIEW_"


async def keep_views(connection: Connection, tenants: Sequence[Tenant]) -> None:
    """Make the views that `tenants` need, and delete those that none of them needs any more.

    `connection` is one in the views' account; the log's stream must be there. Raises LogRefused,
    LogUnavailable.
    """
    wanted = {tuple(sorted(tenant.namespaces)) for tenant in tenants if tenant.namespaces}
    try:
        for namespaces in sorted(wanted):
            await _make(connection, namespaces)
        for name in await _names(connection):
            if name not in {view_name(namespaces) for namespaces in wanted}:
                await ask(connection, f"STREAM.DELETE.{name}")
    except Refused as refused:
        raise translated(refused) from refused


async def _make(connection: Connection, namespaces: tuple[str, ...]) -> None:
    name = view_name(namespaces)
    try:
        await ask(connection, f"STREAM.INFO.{name}")
    except Refused as refused:
        if refused.code != STREAM_NOT_FOUND:
            raise
        await ask(connection, f"STREAM.CREATE.{name}", _settings(name, namespaces))


def _settings(name: str, namespaces: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"What tenants may read of {STREAM}",
        "metadata": {NAMESPACES: " ".join(namespaces)},
        "storage": "file",
        "compression": "s2",
        "allow_direct": True,
        "num_replicas": 1,
        "mirror": {
            "name": STREAM,
            # Without a destination these are filters: a mirror takes several only in this form.
            "subject_transforms": [
                {"src": f"{SUBJECT_PREFIX}{namespace}.*", "dest": ""} for namespace in namespaces
            ],
            "external": {"api": VIEWS_API, "deliver": f"{VIEWS_DELIVER}.{name}"},
        },
    }


async def _names(connection: Connection) -> list[str]:
    found: list[str] = []
    while True:
        page = await ask(connection, "STREAM.NAMES", {"offset": len(found)})
        names = page.get("streams") or []
        found += names
        if not names or len(found) >= page["total"]:
            return [name for name in found if name.startswith(_PREFIX)]
