"""JSON with comments: one member set or removed, and every other character left as it is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PARTS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING: Final = re.compile(r",(?=\s*[}\]])")
_WORD: Final = re.compile(r"\s*")
_INDENT: Final = "  "
_INDENTED: Final = re.compile(r"\n([ \t]+)\S")
_decoder = json.JSONDecoder()


class _Member(NamedTuple):
    """The places of a member of an object: of its key, and of its value."""

    name: str
    start: int
    value: int
    end: int


class _Object(NamedTuple):
    """An object in a text: where it begins and ends, and its members."""

    start: int
    end: int
    members: list[_Member]

    def member(self, name: str) -> _Member | None:
        return next((one for one in self.members if one.name == name), None)


def parsed(text: str) -> Any:
    """Return the value of a text; nothing is an empty object. Raises ValueError."""
    plain = _TRAILING.sub(" ", _uncommented(text))
    return json.loads(plain) if plain.strip() else {}


def with_member(text: str, path: Sequence[str], value: object) -> str:
    """Return a text whose member at `path` is `value`; objects on the way are made.

    Raises ValueError where the text is no JSON, or one on the way is no object.
    """
    if not text.strip():
        text = "{}\n"
    parsed(text)
    plain = _uncommented(text)
    at = _WORD.match(plain).end()  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]  # It matches nothing, too.
    for depth, name in enumerate(path):
        found = _object(plain, at)
        member = found.member(name)
        if member is None:
            inner: object = value
            for each in reversed(path[depth + 1 :]):
                inner = {each: inner}
            return _inserted(text, plain, found, name, inner, depth=depth + 1)
        if depth == len(path) - 1:
            written = _written(value, _form(text[: member.start], depth=depth + 1))
            return text[: member.value] + written + text[member.end :]
        at = member.value
    raise ValueError("there is no path")


def without_member(text: str, path: Sequence[str]) -> str:
    """Return a text without the member at `path`, and itself where there is none.

    Raises ValueError as `with_member` does.
    """
    if not isinstance(parsed(text), dict) or not text.strip():
        return text
    plain = _uncommented(text)
    at = plain.index("{")
    for name in path[:-1]:
        member = _object(plain, at).member(name)
        if member is None:
            return text
        at = member.value
    found = _object(plain, at)
    member = found.member(path[-1])
    return text if member is None else _removed(text, plain, found, member)


def _uncommented(text: str) -> str:
    """Return a text with blanks for its comments: every other character keeps its place."""

    def blank(found: re.Match[str]) -> str:
        return found[0] if found[0][0] == '"' else re.sub(r"[^\n]", " ", found[0])

    return _PARTS.sub(blank, text)


def _object(plain: str, at: int) -> _Object:
    """Read the object that begins at a place. Raises ValueError where none does."""
    if plain[at : at + 1] != "{":
        raise ValueError("there is something else where an object should be")
    members = list(_members(_TRAILING.sub(" ", plain), at + 1))
    last = members[-1].end if members else at + 1
    return _Object(at, plain.index("}", last), members)


def _members(plain: str, at: int) -> Iterator[_Member]:
    while True:
        at = _past_blanks(plain, at)
        if plain[at] == "}":
            return
        name, colon = _decoder.raw_decode(plain, at)
        value = _past_blanks(plain, _past_blanks(plain, colon) + 1)
        _, end = _decoder.raw_decode(plain, value)
        yield _Member(name, at, value, end)
        at = _past_blanks(plain, end)
        at += plain[at] == ","


def _past_blanks(plain: str, at: int) -> int:
    found = _WORD.match(plain, at)
    return found.end() if found else at


class _Form(NamedTuple):
    """The blanks before a member's line, and those that each step further in has more."""

    inside: str
    step: str


def _form(before: str, *, depth: int) -> _Form:
    """Return the form of a member behind a text: that of its own line, if that is begun there."""
    first = _INDENTED.search(_uncommented(before))
    step = first[1] if first else _INDENT
    line = before[before.rfind("\n") + 1 :]
    return _Form(step * depth if line.strip() else line, step)


def _inserted(
    text: str, plain: str, found: _Object, name: str, value: object, *, depth: int
) -> str:
    """Put a member behind the last one, on a line of its own where the others have such."""

    def member(form: _Form) -> str:
        return f"{json.dumps(name)}: {_written(value, form)}"

    if not found.members:
        form = _form(text[: found.start + 1], depth=depth)
        closing = form.step * (depth - 1)
        said = text[found.start + 1 : found.end].rstrip()
        inner = f"{said}\n{form.inside}{member(form)}\n{closing}"
        return f"{text[: found.start + 1]}{inner}{text[found.end :]}"
    last = found.members[-1]
    line_end = plain.find("\n", last.end)
    comma_there = plain[_past_blanks(plain, last.end)] == ","
    comma = "" if comma_there else ","
    form = _form(text[: last.end], depth=depth)
    if line_end < 0 or line_end > found.end:
        after = _past_blanks(plain, last.end) + 1 if comma_there else last.end
        return f"{text[: last.end]}{comma}{text[last.end : after]} {member(form)}{text[after:]}"
    if comma_there:
        line_end = max(line_end, plain.find("\n", _past_blanks(plain, last.end)))
    indent = re.search(r"[ \t]*$", text[: last.start])
    form = form._replace(inside=indent[0] if indent else form.inside)
    kept = text[last.end : line_end].rstrip("\r")
    tail = "," if comma_there else ""
    return f"{text[: last.end]}{comma}{kept}\n{form.inside}{member(form)}{tail}{text[line_end:]}"


def _removed(text: str, plain: str, found: _Object, member: _Member) -> str:
    """Take a member out, with its comma, and with its line where nothing else is on it."""
    place = found.members.index(member)
    start, end = member.start, member.end
    after = _past_blanks(plain, end)
    if plain[after] == ",":
        end = after + 1
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", end)
    alone = not text[line_start:start].strip() and line_end >= 0 and not text[end:line_end].strip()
    if alone:
        start, end = line_start, line_end + 1
    head = text[:start]
    if plain[after] != "," and place > 0:
        before = plain.index(",", found.members[place - 1].end)
        between = text[before + 1 : start]
        head = text[:before] + (between if alone or between.strip() else "")
    return head + text[end:]


def _written(value: object, form: _Form) -> str:
    """Return a value as JSON, the lines after its first as far in as its member."""
    found = json.dumps(value, indent=form.step, ensure_ascii=False)
    return found.replace("\n", f"\n{form.inside}")
