"""An empty embedded graph for a short while: beside a live one, or on a server of its own."""

from __future__ import annotations

import secrets
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anabranch_store.embedded.admin import admin_of
from anabranch_store.embedded.engine import DEFAULT_ENGINE
from anabranch_store.embedded.server import EmbeddedGraph
from anabranch_store.errors import EmbeddedGraphMissing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch_store.address import GraphAddress
    from anabranch_store.embedded.engine import EngineName

_PREFIX: Final = "past_"
_KEPT_S: Final = 24 * 3600
"""The time that a database of a killed process stays: longer than any that is in use."""


@asynccontextmanager
async def scratch_graph(
    live: GraphAddress, *, engine: EngineName = DEFAULT_ENGINE
) -> AsyncGenerator[GraphAddress]:
    """Give an empty graph that is gone afterwards; `live` is not touched.

    Where `live` is an embedded graph it is a database on the same server. Else it is a server of
    its own in a temporary folder, by `engine`, which raises EmbeddedGraphMissing without its wheel.
    """
    if live.admin_url is None:
        async with _own_server(engine) as address:
            yield address
        return
    admin = admin_of(live)
    await _drop_left(live)
    database = f"{_PREFIX}{int(time.time())}_{secrets.token_hex(6)}"
    await admin.server(f"create database {database}")
    try:
        yield live.model_copy(update={"database": database})
    finally:
        await admin.server(f"drop database {database}")


@asynccontextmanager
async def _own_server(engine: EngineName) -> AsyncGenerator[GraphAddress]:
    with tempfile.TemporaryDirectory(prefix="anabranch-past-", ignore_cleanup_errors=True) as name:
        try:
            folder = Path(name) / "graph"
            async with EmbeddedGraph(folder, brief=True, engine=engine) as embedded:
                yield embedded.address
        except EmbeddedGraphMissing as error:
            raise EmbeddedGraphMissing(
                "the past is folded into an embedded graph, which is not installed",
                fix="pip install 'anabranch[embedded]' beside your Neo4j; a Cypher query may "
                "filter by `$as_of` instead, and needs none",
            ) from error


async def drop_scratch(live: GraphAddress) -> None:
    """Remove all scratch databases beside an embedded graph, those in use too."""
    admin = admin_of(live)
    for database in await admin.databases():
        if database.startswith(_PREFIX):
            await admin.server(f"drop database {database}")


async def _drop_left(live: GraphAddress) -> None:
    """Remove the databases that a killed process left behind."""
    admin = admin_of(live)
    for database in await admin.databases():
        made = database.removeprefix(_PREFIX).partition("_")[0]
        old = made.isdecimal() and time.time() - int(made) > _KEPT_S
        if database.startswith(_PREFIX) and old:
            await admin.server(f"drop database {database}")
