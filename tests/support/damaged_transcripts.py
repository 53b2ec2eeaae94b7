"""Transcripts damaged at random: lines lost, doubled, cut, in another order, with strange fields."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final

from tests.support.transcripts import cases

if TYPE_CHECKING:
    import random
    from pathlib import Path

TEXT_CASES: Final = [case for case in cases() if any(case.rglob("*.json*"))]
DATABASES: Final = ("*.db", "*.sqlite", "*.sqlite3")
DATABASE_CASES: Final = [case for case in cases() if any(map(any, map(case.rglob, DATABASES)))]
STRANGE: Final[list[Any]] = [
    *(None, 7, True, "", "text", "\x00", [], {}, [1], {"a": None}, -1.5),
    *("9" * 5000, f"Exit Code: {'9' * 5000}"),
]


STRANGE_VALUES: Final[list[Any]] = [
    *(None, 7, -1, 1.5, 1e300, 2**63 - 1, "", "text", "\x00", b"\xff\xfe", "9" * 5000, "[[]]"),
]


def damaged(line: str, chance: random.Random) -> list[str]:
    """Return what became of a line: nothing, itself twice, a part, or with a field of another type."""
    match chance.randrange(6):
        case 0:
            return []
        case 1:
            return [line, line]
        case 2:
            return [line[: chance.randrange(len(line) + 1)]]
        case _:
            return [json.dumps(changed(json.loads(line), chance))]


def changed(value: Any, chance: random.Random) -> Any:
    """Return JSON in which some values are of other types, and some fields are gone."""
    if chance.random() < 0.04:
        return chance.choice(STRANGE)
    if isinstance(value, dict):
        return {name: changed(one, chance) for name, one in value.items() if chance.random() > 0.03}
    if isinstance(value, list):
        return [changed(one, chance) for one in value]
    return value


def damage_database(path: Path, chance: random.Random) -> None:
    """Damage a SQLite database in place: rows lost, values of other types, ids of other rows."""
    with closing(sqlite3.connect(path)) as database:
        names = [
            str(name)
            for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
                "AND sql NOT LIKE '%VIRTUAL%' AND sql NOT LIKE '%WITHOUT ROWID%'"
            )
        ]
        for table in names:
            with suppress(sqlite3.DatabaseError):
                _damage_table(database, table, chance)
        database.commit()


def _damage_table(database: sqlite3.Connection, table: str, chance: random.Random) -> None:
    found = database.execute(f'SELECT rowid, * FROM "{table}"')  # noqa: S608 - of a test's file.
    columns = [column for column, *_ in found.description][1:]
    kept = found.fetchall()
    others = [value for row in kept for value in row[1:] if isinstance(value, str) and value]
    for rowid, *values in kept:
        if chance.random() < 0.05:
            database.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (rowid,))  # noqa: S608
        for column, value in zip(columns, values, strict=True):
            if column.endswith("_id") and chance.random() < 0.05:
                strange = chance.choice(kept)[1]
            else:
                strange = _other_value(value, others, chance)
            if strange != value:
                with suppress(sqlite3.IntegrityError):
                    setting = f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?'  # noqa: S608
                    database.execute(setting, (strange, rowid))


def _other_value(value: Any, others: list[str], chance: random.Random) -> Any:
    """Return a column's value, or seldom another one; JSON is often damaged within."""
    if chance.random() < 0.02:
        return chance.choice([*STRANGE_VALUES, *others[:50]])
    if isinstance(value, str) and value[:1] in {"{", "["} and chance.random() < 0.3:
        if chance.random() < 0.2:
            return value[: chance.randrange(len(value))]
        with suppress(ValueError):
            return json.dumps(changed(json.loads(value), chance))
    return value


def damage(path: Path, chance: random.Random) -> None:
    """Damage a file in place; spans are lines, also where their file is called `.json`."""
    text = path.read_text()
    if path.suffix == ".jsonl" or path.name == "traces.json":
        lines = [part for line in text.splitlines() for part in damaged(line, chance)]
        if chance.random() < 0.2:
            chance.shuffle(lines)
        path.write_text("\n".join(lines))
    elif path.name != "EXPECT.json" and path.suffix == ".json":
        path.write_text("\n".join(damaged(text, chance)))
