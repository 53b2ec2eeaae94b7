"""Provisioning of a server with tenants: the log, its buckets and views, before the first comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from anabranch_events.jetstream.claim_check import ClaimCheck
from anabranch_events.jetstream.kv import open_bucket
from anabranch_events.jetstream.stream import ensure_stream
from anabranch_events.server.accounts import VECTORS, VIEWS_ADMIN
from anabranch_events.server.mirrors import keep_views
from anabranch_events.transport.address import with_user
from anabranch_events.transport.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events.server.tenant import Tenant

_TIMEOUT_S: Final = 30.0


async def prepare(url: str, tenants: Sequence[Tenant]) -> None:
    """Make the log, the buckets beside it and the tenants' views, where they are not there.

    `url` carries our own user and password. Raises what opening a log raises.
    """
    async with Connection(url, token=None, timeout_s=_TIMEOUT_S) as connection:
        await ensure_stream(connection)
        await ClaimCheck(connection).ensure()
        await open_bucket(connection, VECTORS)
    views = with_user(url, VIEWS_ADMIN, urlsplit(url).password or "")
    async with Connection(views, token=None, timeout_s=_TIMEOUT_S) as connection:
        await keep_views(connection, tenants)
