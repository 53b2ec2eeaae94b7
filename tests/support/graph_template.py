"""An empty graph with its schema, kept as files: a copy costs a fifth of making it anew."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

from anabranch_store import Graph, create_database
from anabranch_store.embedded.admin import admin_of

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_store import EmbeddedGraph, GraphAddress


class GraphTemplate:
    """A database that no server has open; `copy_to` gives a server a copy of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    async def make(cls, server: EmbeddedGraph, folder: Path) -> GraphTemplate:
        """Make one by `server`, and keep it in `folder`."""
        address = await create_database(server.address)
        async with Graph.connect(address) as graph:
            await graph.apply_schema()
        await admin_of(address).server(f"close database {address.database}")
        made = server.folder / "databases" / str(address.database)
        await asyncio.to_thread(shutil.move, made, folder)
        return cls(folder)

    async def copy_to(self, server: EmbeddedGraph, database: str) -> GraphAddress:
        """Open a copy under the name `database`; return where it is."""
        copy = server.folder / "databases" / database
        await asyncio.to_thread(shutil.copytree, self._folder, copy)
        await admin_of(server.address).server(f"open database {database}")
        return server.address.model_copy(update={"database": database})
