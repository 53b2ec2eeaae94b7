"""Looking into a graph, and emptying it, beside the code under test."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, LiteralString

from pydantic import SecretStr

from anabranch_store.address import GraphAddress
from anabranch_store.bolt.values import native
from anabranch_store.graph.graph import open_driver
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from neo4j import AsyncSession


def neo4j_given() -> GraphAddress | None:
    """Return the Neo4j that NEO4J_URI and its companions name, None when they name none."""
    uri = os.environ.get("NEO4J_URI")
    if not uri:
        return None
    return GraphAddress(
        uri=uri,
        username=os.environ.get("NEO4J_USERNAME", "neo4j"),
        password=SecretStr(os.environ.get("NEO4J_PASSWORD", "")),
        database=os.environ.get("NEO4J_DATABASE"),
    )


async def ask(
    address: GraphAddress, cypher: LiteralString, **parameters: Any
) -> list[dict[str, Any]]:
    """Return the rows of a query, dates and times as Python's own."""
    async with session_with(address) as session:
        result = await session.run(cypher, parameters)
        return [native(record.data()) async for record in result]


async def empty(address: GraphAddress) -> None:
    """Remove every node but the note which model's vectors are written."""
    async with session_with(address) as session:

        async def work(transaction: Any) -> None:
            found = await transaction.run("MATCH (n) WHERE NOT n:Vectors DETACH DELETE n")
            await found.consume()

        await session.execute_write(work)


@asynccontextmanager
async def session_with(address: GraphAddress) -> AsyncGenerator[AsyncSession]:
    """Open a session of the driver's own with a graph's database."""
    driver = open_driver(
        address.uri,
        username=address.username,
        password=address.password.get_secret_value(),
        timeout_s=PATIENCE_S,
    )
    async with driver, driver.session(database=address.database) as session:
        yield session
