"""Databases side by side on one embedded server: the live graph, and others being filled."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from anabranch_store.embedded.admin import admin_of

if TYPE_CHECKING:
    from anabranch_store.address import GraphAddress
    from anabranch_store.errors import Explain


FIRST: Final = "graph"
_PREFIX: Final = f"{FIRST}_"


async def create_database(address: GraphAddress, *, explain: Explain | None = None) -> GraphAddress:
    """Make an empty database beside the one at `address` and return where it is.

    Only an embedded graph takes more than one. Neo4j Community has one, and raises SetupInvalid
    here: give a second server instead.
    """
    database = _PREFIX + secrets.token_hex(6)
    await admin_of(address, explain=explain).server(f"create database {database}")
    return address.model_copy(update={"database": database})


async def database_names(address: GraphAddress, *, explain: Explain | None = None) -> list[str]:
    """Return the names of the graphs' databases on the embedded server, the live one among them."""
    return [name for name in await admin_of(address, explain=explain).databases() if _ours(name)]


async def drop_database(address: GraphAddress, *, explain: Explain | None = None) -> None:
    """Remove the database at `address` with all it holds, when it is there."""
    admin = admin_of(address, explain=explain)
    if address.database in await admin.databases():
        await admin.server(f"drop database {address.database}")


def _ours(name: str) -> bool:
    return name == FIRST or name.startswith(_PREFIX)
