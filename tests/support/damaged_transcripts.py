"""Transcripts damaged at random: lines lost, doubled, cut, in another order, with strange fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from tests.support.transcripts import cases

if TYPE_CHECKING:
    import random
    from pathlib import Path

TEXT_CASES: Final = [case for case in cases() if any(case.rglob("*.json*"))]
STRANGE: Final[list[Any]] = [
    *(None, 7, True, "", "text", "\x00", [], {}, [1], {"a": None}, -1.5),
    *("9" * 5000, f"Exit Code: {'9' * 5000}"),
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


def damage(path: Path, chance: random.Random) -> None:
    """Damage a file in place."""
    text = path.read_text()
    if path.suffix == ".jsonl":
        lines = [part for line in text.splitlines() for part in damaged(line, chance)]
        if chance.random() < 0.2:
            chance.shuffle(lines)
        path.write_text("\n".join(lines))
    elif path.name != "EXPECT.json" and path.suffix == ".json":
        path.write_text("\n".join(damaged(text, chance)))
