"""Answers cut to what a client shows to its model: it would cut them itself, and not say what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch.mcp.tool_table import TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
_EARLIER: Final = "earlier"
_SHORTENINGS: Final = {spec.name: spec.shortening for spec in TOOLS}


def bytes_shown(client: str | None) -> int:
    """Return the bytes of an answer that a client of this name shows to its model whole."""
    return _SHOWN.get(client or "", ANSWER_BYTES)


def fitted(tool: str, answer: Mapping[str, Any], *, bytes_max: int) -> dict[str, Any]:
    """Return an answer of a tool that fits, as it is where it does; else `cut` says what is gone.

    The tool's `Shortening` has the order. Texts are all cut to one length, the greatest that fits.
    """
    shortening = _SHORTENINGS[tool]
    if shortening is None or _size(answer) <= bytes_max:
        return {**answer}
    main, others, ids = shortening.main, shortening.others, shortening.ids
    parts = [name for name in (main, *others, *ids) if isinstance(answer[name], list | dict)]
    room = bytes_max - _size({"cut": _note(bytes_max, dict.fromkeys(parts, 10**6), "")}) - 1
    room -= len(shortening.more)
    length, given_up = _first_that_fits(answer, parts, ids, room)
    found, gone = _filled(answer, given_up, length=length, room=room, tail=shortening.tail)
    if shortening.tail:
        found[_EARLIER] += gone.get(main, 0)
    return {"cut": _note(length, gone, shortening.more), **found}


def _note(length: int | None, gone: Mapping[str, int], more: str) -> str:
    said = [] if length is None else [f"texts end after {length} characters"]
    said += [f"{count} of {name} are left out" for name, count in gone.items()]
    return f"Too long for this client: {', '.join(said)}. {more}"


def _first_that_fits(
    answer: Mapping[str, Any], parts: list[str], ids: tuple[str, ...], room: int
) -> tuple[int | None, list[str]]:
    """Return the length of texts, None for whole ones, and the parts that are given up first."""
    given_up = [name for name in ids if name in parts]
    rest = {name: value for name, value in answer.items() if name not in given_up}
    empty = room - _size({name: [] for name in given_up})
    if given_up and _size(rest) <= empty:
        return None, given_up
    if _size(_cut_members(rest, TEXT_MIN)) > empty:
        return TEXT_MIN, parts
    low, high = TEXT_MIN, room
    while low < high:
        middle = (low + high + 1) // 2
        fits = _size(_cut_members(rest, middle)) <= empty
        low, high = (middle, high) if fits else (low, middle - 1)
    return low, given_up


def _filled(
    answer: Mapping[str, Any], given_up: list[str], *, length: int | None, room: int, tail: bool
) -> tuple[dict[str, Any], dict[str, int]]:
    """Return an answer with as much of each part that is given up as fits, and what is gone.

    The first of them gets its room first. With `tail` it is the ends of lists that are kept.
    """
    found = {
        name: type(value)() if name in given_up else _member_cut(name, value, length)
        for name, value in answer.items()
    }
    left, gone = room - _size(found), dict[str, int]()
    for name in given_up:
        value: Any = answer[name]
        kept: list[Any] = []
        for item, size in _sized(name, value, length, tail=tail):
            left -= size
            if left < 0:
                gone[name] = len(value) - len(kept)
                break
            kept.append(item)
        if isinstance(value, dict):
            found[name] = dict(kept)
        else:
            found[name] = kept[::-1] if tail else kept
        left = max(left, 0)
    return found, gone


def _sized(name: str, value: Any, length: int | None, *, tail: bool) -> Iterator[tuple[Any, int]]:
    """Yield the items of a list, or the fields of an object, cut, each with its size in JSON."""
    if isinstance(value, dict):
        fields: dict[str, Any] = value
        for key, one in fields.items():
            field = _member_cut(name, {key: one}, length)
            yield (key, field[key]), _size(field) - 1
        return
    items: list[Any] = value
    for one in reversed(items) if tail else items:
        item = _member_cut(name, one, length)
        yield item, _size(item) + 1


def _cut_members(answer: Mapping[str, Any], length: int) -> dict[str, Any]:
    return {name: _member_cut(name, value, length) for name, value in answer.items()}


def _member_cut(name: str, value: Any, length: int | None) -> Any:
    """Return a member of an answer, or a part of it, with its texts cut to this length."""
    if length is None:
        return value
    if name == _MEMORY and isinstance(value, dict):
        notes: dict[str, Any] = value
        return {key: _note_cut(one, length) for key, one in notes.items()}
    return _cut(value, length)


def _cut(value: Any, length: int) -> Any:
    """Return a value whose texts have at most this length, and say how much is gone."""
    if isinstance(value, str):
        gone = len(value) - length
        mark = f" … [{gone} more characters]"
        return f"{value[:length]}{mark}" if gone > len(mark.encode()) else value
    if isinstance(value, dict):
        fields: dict[str, Any] = value
        return {key: _cut(one, length) for key, one in fields.items()}
    if isinstance(value, list):
        items: list[Any] = value
        return [_cut(one, length) for one in items]
    return value


def _note_cut(value: Any, length: int) -> Any:
    """Return a note that is a text or short, cut; a long one of another kind is its JSON, cut."""
    if isinstance(value, str) or _size(value) <= length:
        return _cut(value, length)
    return _cut(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode(), length)


def _size(value: Any) -> int:
    return len(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
