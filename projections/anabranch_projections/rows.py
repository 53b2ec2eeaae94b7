"""Rows on their way into the graph, and how they are cut into statements."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from anabranch_store import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Row: TypeAlias = dict[str, Any]
"""The parameters of one row of a statement: text, numbers, lists and maps."""

ROWS_MAX: Final = 1000
CHARACTERS_MAX: Final = 2 * 1024 * 1024
"""How much text a statement carries: at four bytes a character half of what ArcadeDB takes."""


def steps(
    statement: str, rows: Iterable[Row], *, shared: Mapping[str, Any] | None = None
) -> Iterator[Step]:
    """Cut `rows` into statements that every store takes; `shared` goes with each of them."""
    chunk: list[Row] = []
    characters = 0
    for row in rows:
        length = _characters(row)
        if chunk and (len(chunk) == ROWS_MAX or characters + length > CHARACTERS_MAX):
            yield Step(statement, {"rows": chunk, **(shared or {})})
            chunk, characters = [], 0
        chunk.append(row)
        characters += length
    if chunk:
        yield Step(statement, {"rows": chunk, **(shared or {})})


def json_text(value: object) -> str:
    """Return `value` as JSON in one spelling only: keys sorted, no spaces, text as it is."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _characters(value: object) -> int:
    """Measure the text in a row; everything else is small beside it."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_characters, value.values()))
    if isinstance(value, list):
        return sum(map(_characters, value))
    return 0
