"""Where in a query a mistake stands, as people count: from line 1 and column 1."""

from __future__ import annotations

import re
from typing import Final

_PLACE: Final = re.compile(r"line (?P<line>\d+)(?::|, column )(?P<column>\d+)")


def placed(said: str, cypher: str, *, comment: str) -> str:
    """Return what the embedded graph says of a mistake, with its place in `cypher` put right.

    It counts columns from 0, as Neo4j does not. Behind the query stands a comment of ours, in a
    line of its own: what is wrong there is missing at the query's end.
    """
    said = said.replace(f"\\n{comment}", "").replace(comment, "")
    lines = cypher.splitlines()
    found = _PLACE.search(said)
    if found is None:
        return said
    line, column = int(found["line"]), int(found["column"]) + 1
    rest = said[found.end() :]
    if line > len(lines):
        line, column = len(lines), len(lines[-1]) + 1
        rest = rest.partition("\n")[0]
    return f"{said[: found.start()]}line {line}, column {column}{rest}"
