"""Answers cut to what a client shows to its model: it would cut them itself, and not say what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_BYTES: Final = 39_000
"""The bytes that each client we know shows whole, but for those named below.

Gemini CLI 0.61.0 shows 40,000 characters with its frame. Claude Code 2.1.332 and OpenCode 1.18.33
show some 50,000, and of more the name of a file.
"""
_SHOWN: Final = {"codex-mcp-client": 11_000}
"""Codex 0.171.0 shows 12,000 bytes with its frame.

It takes the rest out of the middle, and says "8 tokens truncated" whatever is gone
(findings/codex_says_that_a_few_tokens_of_a_long_result_are_gone.sh).
"""
TEXT_MIN: Final = 200
_MEMORY: Final = "working_memory"
_EVENTS: Final = "events"


def bytes_shown(client: str | None) -> int:
    """Return the bytes of an answer that a client of this name shows to its model whole."""
    return _SHOWN.get(client or "", ANSWER_BYTES)


def fitted(answer: Mapping[str, Any], *, bytes_max: int) -> dict[str, Any]:
    """Return an answer that fits, as it is where it does; else `cut` says what is not there.

    Long texts are cut first, all to one length. Where that is not enough, the ends of lists and of
    the notes go, and of events the earliest, which `earlier` counts.
    """
    if _size(answer) <= bytes_max:
        return {**answer}
    room = bytes_max - _size({"cut": _note(bytes_max, answer, dict.fromkeys(answer, 10**6))})
    length = _length_that_fits(answer, room)
    found = {name: _cut(value, length, name) for name, value in answer.items()}
    dropped = _drop(found, room)
    return {"cut": _note(length, found, dropped), **found}


def _note(length: int, found: Mapping[str, Any], dropped: Mapping[str, int]) -> str:
    parts = [f"texts end after {length} characters"]
    parts += [f"{count} of {name} are left out" for name, count in dropped.items()]
    address = "anabranch://insight/{insight_id}" if "hits" in found else "the session's resource"
    return f"Too long for this client: {', '.join(parts)}. Ask for less, or read {address}."


def _length_that_fits(answer: Mapping[str, Any], room: int) -> int:
    """Return the length to which texts are cut: the greatest that fits, or `TEXT_MIN`."""
    low, high = TEXT_MIN, room
    while low < high:
        middle = (low + high + 1) // 2
        cut = {name: _cut(value, middle, name) for name, value in answer.items()}
        low, high = (middle, high) if _size(cut) <= room else (low, middle - 1)
    return low


def _cut(value: Any, length: int, name: str = "") -> Any:
    """Return a value whose texts have at most this length; a long note becomes its JSON, cut."""
    if isinstance(value, str):
        gone = len(value) - length
        return f"{value[:length]} … [{gone} more characters]" if gone > 0 else value
    if isinstance(value, dict):
        fields: dict[str, Any] = value
        return {
            key: _note_cut(one, length) if name == _MEMORY else _cut(one, length)
            for key, one in fields.items()
        }
    if isinstance(value, list):
        items: list[Any] = value
        return [_cut(one, length) for one in items]
    return value


def _note_cut(value: Any, length: int) -> Any:
    if isinstance(value, str) or _size(value) <= length:
        return _cut(value, length)
    return _cut(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode(), length)


def _drop(found: dict[str, Any], room: int) -> dict[str, int]:
    """Shorten the longest list, or the notes, until all fits; return how many of each are gone."""
    dropped: dict[str, int] = {}
    items: dict[str, list[Any]] = {
        name: [*value.items()] if isinstance(value, dict) else value
        for name, value in found.items()
        if isinstance(value, list) or (name == _MEMORY and isinstance(value, dict))
    }
    sizes = {
        name: [_size({one[0]: one[1]}) - 1 if name == _MEMORY else _size(one) + 1 for one in values]
        for name, values in items.items()
    }
    over = _size(found) - room
    while over > 0 and any(sizes.values()):
        name = max(sizes, key=lambda one: sum(sizes[one]))
        over -= sizes[name].pop(0 if name == _EVENTS else -1)
        dropped[name] = dropped.get(name, 0) + 1
    for name, count in dropped.items():
        kept = items[name][count:] if name == _EVENTS else items[name][:-count]
        found[name] = dict(kept) if name == _MEMORY else kept
        if name == _EVENTS:
            found["earlier"] += count
    return dropped


def _size(value: Any) -> int:
    return len(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
