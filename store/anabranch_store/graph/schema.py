"""The graph's constraints and indexes, in two dialects.

Constraints and range indexes are Cypher that both stores take. Full text and vectors are Cypher on
Neo4j and SQL on the embedded graph. Their names are the same, so that every query is the same text.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, Final, LiteralString, NamedTuple, cast

from anabranch_store.bolt import driver as neo4j
from anabranch_store.bolt.statements import statement
from anabranch_store.embedded.admin import admin_of
from anabranch_store.errors import GraphUnavailable, VectorsMismatched

if TYPE_CHECKING:
    from neo4j import AsyncDriver

    from anabranch_store.address import GraphAddress
    from anabranch_store.bolt.product import Product

TEXT_INDEX: Final = "insight_text"
VECTOR_INDEX: Final = "insight_embedding"
SCHEMA_VERSION: Final = 2
"""The version stored in each generation; raise it when older graphs must be made anew."""
DIMENSION: Final = 384
"""The default dimension of the vector index: the built-in model's."""
_ONLINE_TIMEOUT_S: Final = 300
_TRIES: Final = 30
_PAUSE_S: Final = 0.05
"""The pause before another try, at most, times the tries before it."""
_MADE_MEANWHILE: Final = ".EquivalentSchemaRuleAlreadyExists"
"""The end of the code of Neo4j where another made the same index after ours was looked for."""
_STEMMING: Final = "org.apache.lucene.analysis.en.EnglishAnalyzer"
_ANALYZER: Final = "english"
"""Neo4j's name for the same analyzer of Lucene: words and questions are stemmed alike."""

KEYS: Final = {
    "Agent": ("namespace", "name"),
    "Checkpoint": ("projection",),
    "Consolidation": ("namespace", "id"),
    "DeadLetter": ("position",),
    "Entity": ("namespace", "name"),
    "Generation": ("id",),
    "Insight": ("namespace", "id"),
    "Note": ("namespace", "session_id", "key"),
    "Session": ("namespace", "id"),
    "Vectors": ("id",),
}
"""The key of a node, by its label: unique on every store."""

RELATIONSHIP_TYPES: Final = (
    "ASSOCIATED_WITH",
    "BRANCHED_FROM",
    "CONFLICTS_WITH",
    "CONSOLIDATES",
    "DERIVED_FROM",
    "HANDED_OFF_TO",
    "MENTIONS",
    "NOTED",
    "PRODUCED",
    "RAN",
    "RETIRED",
    "SUPERSEDES",
)

_RANGES: Final = (
    ("Insight", "forgotten"),
    ("Insight", "recorded"),
    ("Insight", "session_id"),
    ("Session", "opened"),
    ("Session", "root_id"),
)


class VectorsInUse(NamedTuple):
    """The model of a graph's vectors, None until the first are written, and their dimension."""

    model: str | None
    dimension: int


async def make_schema(
    driver: AsyncDriver, address: GraphAddress, product: Product, *, dimension: int | None
) -> None:
    """Make the missing constraints and indexes, one after another, and wait until they serve.

    The vector index takes vectors of `dimension` numbers; with None it stays unchanged. Raises
    VectorsMismatched when the graph holds vectors of another dimension.
    """
    if product.name == "arcadedb":
        await _make_types(address)
    for command in _constraints_and_ranges():
        await _make(driver, address, command)
    found = await vectors_in_use(driver, address)
    held = DIMENSION if found is None else found.dimension
    wanted = held if dimension is None else dimension
    if found is not None and found.dimension != wanted:
        if found.model is not None:
            raise _mismatched(f"vectors of {found.dimension} numbers", f"of {wanted}")
        await _drop_vector_index(driver, address, product)
    if product.name == "arcadedb":
        await _make_embedded_indexes(address, dimension=wanted)
    else:
        await _make_neo4j_indexes(driver, address, dimension=wanted)
    if found is None or found.dimension != wanted:
        await _run(driver, address, statement("schema/set_vectors"), dimension=wanted)


async def claim_vectors(driver: AsyncDriver, address: GraphAddress, wanted: VectorsInUse) -> None:
    """Note that the vectors of `wanted` are written to this graph.

    Raises VectorsMismatched when it holds those of another model or dimension.
    """
    found = await vectors_in_use(driver, address)
    if found is None or found.dimension != wanted.dimension:
        held = "no vector index" if found is None else f"a vector index of {found.dimension}"
        raise _mismatched(held, f"{wanted.dimension} of {wanted.model}")
    if found.model is None:
        await _run(driver, address, statement("schema/set_vectors_model"), model=wanted.model)
    elif found.model != wanted.model:
        raise _mismatched(f"vectors of {found.model}", f"those of {wanted.model}")


async def vectors_in_use(driver: AsyncDriver, address: GraphAddress) -> VectorsInUse | None:
    """Return the model and dimension of the graph's vectors, None before its schema was made."""
    rows = await _run(driver, address, statement("schema/read_vectors"))
    if not rows:
        return None
    return VectorsInUse(cast("str | None", rows[0]["model"]), int(str(rows[0]["dimension"])))


def _constraints_and_ranges() -> list[str]:
    constraints = [
        f"CREATE CONSTRAINT {label.lower()}_key IF NOT EXISTS FOR (n:{label}) "
        f"REQUIRE ({', '.join(f'n.{name}' for name in names)}) IS UNIQUE"
        for label, names in KEYS.items()
    ]
    ranges = [
        f"CREATE INDEX {label.lower()}_{name} IF NOT EXISTS FOR (n:{label}) ON (n.{name})"
        for label, name in _RANGES
    ]
    return [*constraints, *ranges]


async def _make_types(address: GraphAddress) -> None:
    """Make every type: a write that makes one itself would do so outside its transaction."""
    admin = admin_of(address)
    database = str(address.database)
    for label in KEYS:
        await admin.sql(database, f"CREATE VERTEX TYPE {label} IF NOT EXISTS")
    for name in RELATIONSHIP_TYPES:
        await admin.sql(database, f"CREATE EDGE TYPE {name} IF NOT EXISTS")
    await admin.sql(database, "CREATE PROPERTY Insight.text IF NOT EXISTS STRING")
    await admin.sql(database, "CREATE PROPERTY Insight.embedding IF NOT EXISTS ARRAY_OF_FLOATS")


async def _drop_vector_index(driver: AsyncDriver, address: GraphAddress, product: Product) -> None:
    """Drop the index for one of another dimension: nothing was ever written to it."""
    if product.name == "arcadedb":
        await admin_of(address).sql(str(address.database), f"DROP INDEX {VECTOR_INDEX} IF EXISTS")
    else:
        await _run(driver, address, f"DROP INDEX {VECTOR_INDEX} IF EXISTS")


async def _make_embedded_indexes(address: GraphAddress, *, dimension: int) -> None:
    admin = admin_of(address)
    database = str(address.database)
    text = f'FULL_TEXT METADATA {{"analyzer": "{_STEMMING}"}}'
    vector = f'LSM_VECTOR METADATA {{"dimensions": {dimension}, "similarity": "COSINE"}}'
    for name, on, kind in ((TEXT_INDEX, "text", text), (VECTOR_INDEX, "embedding", vector)):
        command = f"CREATE INDEX {name} IF NOT EXISTS ON Insight ({on}) {kind}"
        try:
            await admin.sql(database, command)
        except GraphUnavailable as error:
            if "already exists" not in error.message:
                raise
            # One of ours by an earlier version, or another program's constraint: a property has one
            # index there, and the graph is ours.
            for other in (name, f"Insight[{on}]"):
                await admin.sql(database, f"DROP INDEX `{other}` IF EXISTS")
            await admin.sql(database, command)


async def _make_neo4j_indexes(
    driver: AsyncDriver, address: GraphAddress, *, dimension: int
) -> None:
    text = (
        f"CREATE FULLTEXT INDEX {TEXT_INDEX} IF NOT EXISTS FOR (n:Insight) ON EACH [n.text] "
        f"OPTIONS {{indexConfig: {{`fulltext.analyzer`: '{_ANALYZER}'}}}}"
    )
    vector = (
        f"CREATE VECTOR INDEX {VECTOR_INDEX} IF NOT EXISTS FOR (n:Insight) ON (n.embedding) "
        f"OPTIONS {{indexConfig: {{`vector.dimensions`: {dimension}, "
        "`vector.similarity_function`: 'cosine'}}"
    )
    if await _is_of_an_earlier_version(driver, address):
        await _make(driver, address, f"DROP INDEX {TEXT_INDEX} IF EXISTS")
    for command in (text, vector):
        await _make(driver, address, command)
    await _run(driver, address, "CALL db.awaitIndexes($timeout_s)", timeout_s=_ONLINE_TIMEOUT_S)


async def _is_of_an_earlier_version(driver: AsyncDriver, address: GraphAddress) -> bool:
    """Tell whether our full-text index cuts words otherwise: `IF NOT EXISTS` would leave it.

    See findings/neo4j_if_not_exists_leaves_another_index.sh.
    """
    for row in await _run(driver, address, statement("schema/read_text_index"), name=TEXT_INDEX):
        ours = (row["labels"], row["properties"]) == (["Insight"], ["text"])
        return ours and row["analyzer"] != _ANALYZER
    return False


async def _make(driver: AsyncDriver, address: GraphAddress, command: str) -> None:
    """Change the schema, again where another process did the same at that moment.

    `IF NOT EXISTS` does not keep two from making it: Neo4j lets one of them fail
    (`findings/neo4j_if_not_exists_fails_where_two_make_it.sh`), and the next try finds it made.
    """
    for number in range(_TRIES):
        try:
            await _run(driver, address, command)
        except neo4j.Neo4jError as error:
            passes = error.is_retryable() or str(error.code).endswith(_MADE_MEANWHILE)
            if not passes or number == _TRIES - 1:
                raise
            await asyncio.sleep(random.uniform(0, _PAUSE_S * (number + 1)))  # noqa: S311 - no secret.
        else:
            return


async def _run(
    driver: AsyncDriver, address: GraphAddress, command: str, **parameters: object
) -> list[dict[str, object]]:
    # Text of ours: labels and names from this module, values as parameters.
    text: LiteralString = cast("Any", command)
    query = neo4j.Query(text, timeout=_ONLINE_TIMEOUT_S)
    async with driver.session(
        database=address.database, default_access_mode=neo4j.WRITE_ACCESS
    ) as session:
        result = await session.run(query, parameters)
        return [dict(record) async for record in result]


def _mismatched(held: str, wanted: str) -> VectorsMismatched:
    return VectorsMismatched(
        f"the graph holds {held}, not {wanted}",
        fix="go back to the embedder before, or run `anabranch rebuild --embedder ...` with the one "
        "you want and set ANABRANCH_EMBEDDER to it",
    )
