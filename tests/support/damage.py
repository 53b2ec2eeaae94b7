"""Damaging documents: bytes are flipped, cut and spliced, members of the JSON changed and lost."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

STRANGE: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1e308, 2**63, 2**64, -(2**63) - 1, 0.1, "", " ", "\x00"),
    *("\ud800", "\u2028", "é", "x" * 5000, "1", "null", "default", "a.b", "*", ">"),
    *("2026-11-23T06:22:05Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("01a20000-0000-7000-8000-000000000002", "01A20000000070008000000000000002"),
    *([], {}, [None], [[]], {"": ""}, {"text": "x"}, ["x", "x"], [1, "a"]),
)
"""Values that some code somewhere takes for another."""


def damaged(document: bytes, dice: random.Random, *, times: int) -> Iterator[bytes]:
    """Return as many damaged copies of a JSON document, some of them harmless."""
    for _ in range(times):
        hurt = _members if dice.random() < 0.7 else _bytes
        yield hurt(document, dice)


def _bytes(document: bytes, dice: random.Random) -> bytes:
    """Change a few bytes."""
    found = bytearray(document)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(found) + 1)
        end = min(len(found), place + dice.randint(0, 8))
        found[place:end] = dice.choice(
            (b"", dice.randbytes(1), document[place:], b'"', b"}", b"\xff", b"\\ud800", b"1e999")
        )
    return bytes(found)


def _members(document: bytes, dice: random.Random) -> bytes:
    """Change, lose or add a few members, at any depth."""
    fields = json.loads(document)
    for _ in range(dice.randint(1, 3)):
        holder = fields
        while True:
            names: list[Any] = list(holder) if isinstance(holder, dict) else [*range(len(holder))]
            if not names:
                break
            name = dice.choice(names)
            if isinstance(holder[name], (dict, list)) and dice.random() < 0.7:
                holder = holder[name]
                continue
            _change(holder, name, dice)
            break
    return json.dumps(fields).encode()


def _change(holder: Any, name: Any, dice: random.Random) -> None:
    what = dice.randrange(4)
    if what == 0:
        del holder[name]
    elif what == 1 and isinstance(holder, dict):
        holder[dice.choice(("data", "extra", "text", "data_base64", "type", ""))] = deepcopy(
            holder[name]
        )
    elif what == 2:
        holder[name] = [holder[name]]
    else:
        holder[name] = deepcopy(dice.choice(STRANGE))
