"""Rows on their way into the graph, and their cutting into statements."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from anabranch_store import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Row: TypeAlias = dict[str, Any]
"""The parameters of one row of a statement: text, numbers, lists and maps."""

ROWS_MAX: Final = 1000
CHARACTERS_MAX: Final = 2 * 1024 * 1024
"""The text that a statement carries at most: at four bytes a character half of ArcadeDB's limit."""


def steps(
    statement: str,
    rows: Iterable[Row],
    *,
    shared: Mapping[str, Any] | None = None,
    onward: tuple[str, ...] = (),
) -> Iterator[Step]:
    """Cut `rows` into statements that every store takes; `shared` goes with each of them.

    `onward` names the statements that go over the rows they return.
    """
    every = list(rows)
    for start in range(0, len(every), ROWS_MAX):
        part = every[start : start + ROWS_MAX]
        for chunk in [part] if _is_short(part) else _cut(part):
            yield Step(statement, {"rows": chunk, **(shared or {})}, onward)


def json_text(value: object) -> str:
    """Return `value` as JSON in one spelling only: sorted keys, no spaces, unescaped text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _is_short(rows: list[Row]) -> bool:
    """Tell whether rows go into one statement, by a bound on their text that is known at once."""
    try:
        return len(orjson.dumps(rows)) <= CHARACTERS_MAX
    except TypeError:  # A number or a text that JSON has no form for.
        return False


def _cut(rows: list[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    characters = 0
    for row in rows:
        length = _characters(row)
        if chunk and characters + length > CHARACTERS_MAX:
            yield chunk
            chunk, characters = [], 0
        chunk.append(row)
        characters += length
    yield chunk


def _characters(value: object) -> int:
    """Measure the text in a row; everything else is small beside it."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_characters, value.values()))
    if isinstance(value, list):
        return sum(map(_characters, value))
    return 0
