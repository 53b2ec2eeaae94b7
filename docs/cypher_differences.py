"""Queries that the three stores answer differently: the table behind `differences.md`.

A test asks each of them on each store, so that a new version that answers otherwise is noticed.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

REFUSED: Final = "refused"
"""The answer of a store that does not take the query."""


class Difference(NamedTuple):
    """One query, the value of its first row by store, and advice that holds on all of them.

    `long_term` is Neo4j 5.26, `calendar` Neo4j 2026.
    """

    topic: str
    query: str
    embedded: Any
    long_term: Any
    calendar: Any
    advice: str


def shown(answer: Any) -> str:
    """Return an answer as the page shows it."""
    return REFUSED if answer == REFUSED else f"`{json.dumps(answer)}`"


def _same_on_neo4j(topic: str, query: str, embedded: Any, neo4j: Any, advice: str) -> Difference:
    return Difference(topic, query, embedded, neo4j, neo4j, advice)


DIFFERENCES: Final = (
    _same_on_neo4j(
        "numbers",
        "MATCH (i:Insight) WHERE i.recorded = 2.0 RETURN i.recorded / 4",
        0,
        0.5,
        "Compare a whole number with a whole number: an index of Neo4j returns the number of the "
        "question.",
    ),
    Difference(
        "numbers",
        "RETURN toInteger(' 3 ')",
        3,
        None,
        3,
        "Trim a text before it becomes a number.",
    ),
    Difference(
        "numbers",
        "RETURN toInteger('0x1F')",
        None,
        None,
        31,
        "Keep hexadecimal digits out of texts that become numbers.",
    ),
    _same_on_neo4j("numbers", "RETURN 1_000", REFUSED, 1000, "Write numbers without underscores."),
    Difference(
        "texts",
        "RETURN 'a' + true",
        "atrue",
        REFUSED,
        "atrue",
        "Say `toString(true)`.",
    ),
    _same_on_neo4j(
        "texts",
        "WITH 'abc' AS text RETURN text[0..2]",
        "ab",
        REFUSED,
        "Say `substring(text, 0, 2)`.",
    ),
    _same_on_neo4j(
        "times",
        "RETURN toString(datetime('2026-01-02T03:04:00Z'))",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04:00Z",
        "Return the time itself: every answer of ours writes it alike. Compare times, not texts.",
    ),
    _same_on_neo4j(
        "times",
        "RETURN toString(datetime('2026-01-02T03:04:05.120Z'))",
        "2026-01-02T03:04:05.120Z",
        "2026-01-02T03:04:05.12Z",
        "As above.",
    ),
    _same_on_neo4j(
        "times",
        "RETURN localdatetime('2026-01-02T03:04:05') = datetime('2026-01-02T03:04:05Z')",
        True,
        False,
        "Compare times that both have a zone.",
    ),
    _same_on_neo4j(
        "times",
        "RETURN duration('P1M') < duration('P30D')",
        False,
        None,
        "Add both to one date and compare the dates.",
    ),
    _same_on_neo4j(
        "times",
        "RETURN toString(date('2026-1-2'))",
        REFUSED,
        "2026-01-02",
        "Write dates with two digits.",
    ),
    _same_on_neo4j(
        "order",
        "UNWIND [1, date('2026-01-01')] AS x WITH x ORDER BY x RETURN collect(x = 1)",
        [True, False],
        [False, True],
        "Order values of one type.",
    ),
    _same_on_neo4j(
        "order",
        "RETURN {a: 1} < {a: 2}",
        None,
        True,
        "Compare the values of maps, not maps.",
    ),
    _same_on_neo4j(
        "vectors",
        "RETURN round(vector.similarity.cosine([1.0, 0.0], [1.0, 1.0]), 3)",
        0.707,
        0.854,
        "The embedded graph gives the cosine itself, Neo4j (1 + cosine) / 2. The scores of "
        "`db.index.vector.queryNodes` are (1 + cosine) / 2 on both.",
    ),
    _same_on_neo4j(
        "vectors",
        "RETURN round(vector.similarity.euclidean([0.0, 0.0], [3.0, 4.0]), 3)",
        0.167,
        0.038,
        "The embedded graph gives 1 / (1 + distance), Neo4j 1 / (1 + distance squared).",
    ),
    _same_on_neo4j(
        "paths",
        "MATCH p = SHORTEST 1 (s:Session)-[:PRODUCED]->+(i:Insight) RETURN length(p)",
        REFUSED,
        1,
        "Say `shortestPath((a)-[*..9]->(b))`.",
    ),
    Difference(
        "language",
        "CYPHER 25 RETURN 1",
        REFUSED,
        REFUSED,
        1,
        "Leave the version of the language out.",
    ),
    _same_on_neo4j(
        "language",
        "LET x = 1 RETURN x",
        1,
        REFUSED,
        "Say `WITH 1 AS x RETURN x`. Neo4j takes it after `CYPHER 25` only.",
    ),
    _same_on_neo4j(
        "language",
        "UNWIND [1, 2] AS x FILTER x > 1 RETURN x",
        2,
        REFUSED,
        "Say `WITH x WHERE x > 1`. Neo4j takes it after `CYPHER 25` only.",
    ),
    _same_on_neo4j(
        "maps",
        "MATCH (i:Insight) RETURN {kept: i {.kind}, more: 1}",
        {"kind": "observation"},
        {"more": 1, "kept": {"kind": "observation"}},
        "Return a projection as a column of its own, or name the properties: `{kept: {kind: i.kind}}`.",
    ),
    _same_on_neo4j(
        "schema",
        "SHOW VECTOR INDEXES YIELD name, options RETURN size(keys(options)) > 0",
        False,
        True,
        "`status` says the model and the dimension of the vectors.",
    ),
    _same_on_neo4j(
        "schema",
        "CALL db.schema.nodeTypeProperties() YIELD nodeType RETURN count(*) > 0",
        REFUSED,
        True,
        "Read labels by `db.labels()` and properties by `keys(n)`.",
    ),
    _same_on_neo4j(
        "schema",
        "CALL db.info() YIELD name RETURN count(name)",
        REFUSED,
        1,
        "`status` says which product answers, and its version.",
    ),
)
