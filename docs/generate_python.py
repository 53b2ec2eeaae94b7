"""Write the page of the Python API from signatures and docstrings, read without running them.

`python docs/generate.py` writes `page()` beside the other references. It raises where a public
name, or a public method of a class on the page, is left out.
"""

from __future__ import annotations

import re
from ast import literal_eval
from functools import cache
from typing import TYPE_CHECKING, Final

import griffe
from docs.python_groups import ADAPTERS, CALLED, ELSEWHERE, GIVEN, GROUPS, LEADS, SYNC, UNSAID
from griffe import (
    Alias,
    Attribute,
    Class,
    ExprCall,
    ExprKeyword,
    ExprName,
    ExprSubscript,
    Function,
    Object,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

_PACKAGES: Final = {
    "app": "anabranch",
    "events": "anabranch_events",
    "projections": "anabranch_projections",
    "recall": "anabranch_recall",
    "store": "anabranch_store",
    "thinking": "anabranch_thinking",
}
_COLUMNS_MAX: Final = 92
_PLAIN_TYPES: Final = {
    "Text": "str",
    "Name": "str",
    "Identifier": "str",
    "AwareDatetime": "datetime",
}
"""Constrained types, by the plain ones that a caller passes."""


def page(root: Path) -> str:
    """Return the page, from the sources below `root`."""
    sources = _Sources(root)
    sources.must_be_whole({path for group in GROUPS for path in group.paths})
    parts = ["# Python", *LEADS, _contents()]
    for group in GROUPS:
        parts += [f"## {group.title}", group.lead]
        for path in group.paths:
            parts += sources.entry(path)
    return "\n\n".join(filter(None, [*parts, *SYNC])) + "\n"


def _contents() -> str:
    rows = [
        (
            f"[{group.title}](#{group.title.lower().replace(' ', '-')})",
            ", ".join(f"[`{_short(path)}`](#{_anchor(path)})" for path in group.paths),
        )
        for group in GROUPS
    ]
    return _table(("", "names"), rows)


def _short(path: str) -> str:
    owner, _, name = path.rpartition(".")
    if owner.startswith(f"{ADAPTERS}."):
        return path.removeprefix(f"{ADAPTERS}.")
    return f"{CALLED[owner]}.{name}" if owner in CALLED else name


def _anchor(path: str) -> str:
    return _short(path).lower().replace(".", "")


@cache
def _loaded(root: Path) -> griffe.GriffeLoader:
    loader = griffe.GriffeLoader(search_paths=[root / one for one in _PACKAGES])
    for package in _PACKAGES.values():
        loader.load(package)
    return loader


class _Sources:
    """The packages as griffe reads them."""

    def __init__(self, root: Path) -> None:
        self._loader = _loaded(root)

    def must_be_whole(self, listed: AbstractSet[str]) -> None:
        """Raise where a public name of `anabranch`, or a method of its classes, has no entry."""
        exported = {str(name) for name in self._found("anabranch").exports or ()}
        missing = exported - ELSEWHERE - {path.rpartition(".")[2] for path in listed}
        for owner in CALLED:
            methods = [one for one in self._members(owner) if isinstance(one, Function)]
            missing |= {f"{owner}.{one.name}" for one in methods} - listed
        if missing:
            raise ValueError(f"the page of the Python API leaves out {sorted(missing)}")

    def entry(self, path: str) -> Iterator[str]:
        """Yield the paragraphs of one class, method or attribute."""
        found = self._found(path)
        yield f"### {_short(path)}"
        if isinstance(found, Class):
            yield from self._class(path, found)
        elif isinstance(found, Function):
            yield from self._method(found)

    def _class(self, path: str, found: Class) -> Iterator[str]:
        yield _says(found)
        members = self._members(path)
        init = found.members.get("__init__")
        if isinstance(init, Function) and path not in {*CALLED, *GIVEN}:
            yield self._signature(init, name=found.name)
        rows = [self._field(one) for one in members if isinstance(one, Attribute)]
        if rows:
            yield _table(*_filled(("name", "type", "default", "meaning"), rows))
        for one in members:
            if isinstance(one, Function) and path not in CALLED:
                yield f"#### {found.name}.{one.name}"
                yield from self._method(one)

    def _method(self, found: Function) -> Iterator[str]:
        yield self._signature(found)
        yield _says(found)

    def _signature(self, found: Function, *, name: str | None = None) -> str:
        """Return a signature without `self`, on one line where it fits."""
        for one in found.parameters:
            if isinstance(one.default, ExprName):
                one.default = self._constant(one.default)
        text = str(found.signature(return_type=name is None, name=name))
        head = "async def " if "async" in found.labels else "" if name else "def "
        if len(head + text) > _COLUMNS_MAX:
            arguments, _, returns = text.partition("(")[2].rpartition(")")
            lines = "".join(f"    {one},\n" for one in _split(arguments))
            text = f"{text.partition('(')[0]}(\n{lines}){returns}"
        return f"```python\n{head}{text}\n```"

    def _constant(self, name: ExprName) -> str:
        """Return the value of a constant that stands as a default."""
        found = self._found(name.canonical_path)
        return str(found.value) if isinstance(found, Attribute) and found.value else str(name)

    def _field(self, one: Attribute) -> tuple[str, str, str, str]:
        default, says = str(one.value or ""), _says(one)
        if "instance-attribute" in one.labels and "class-attribute" not in one.labels:
            default = ""
        if isinstance(one.value, ExprCall):
            given = {
                each.name: str(each.value)
                for each in one.value.arguments
                if isinstance(each, ExprKeyword)
            }
            default = given.get("default", "")
            says = says or literal_eval(given.get("description", "''"))
        return (
            f"`{one.name}`",
            f"`{_type(one)}`" if one.annotation else "",
            f"`{default}`" if default else "",
            " ".join(says.split()),
        )

    def _members(self, path: str) -> list[Attribute | Function]:
        """Return the public members of a class, those of its bases first."""
        owner = self._found(path)
        found = {**owner.inherited_members, **owner.members}
        kept = [
            one.final_target if isinstance(one, Alias) else one
            for name, one in found.items()
            if not name.startswith("_") and name not in UNSAID.get(path, {"model_config"})
        ]
        return [one for one in kept if isinstance(one, Attribute | Function)]

    def _found(self, path: str) -> Object:
        found = self._loader.modules_collection[path]
        return found.final_target if isinstance(found, Alias) else found


def _type(one: Attribute) -> str:
    """Return an annotation as a caller thinks of it: without the constraints."""
    shape = one.annotation
    if isinstance(shape, ExprSubscript) and str(shape.left) == "Annotated":
        shape = next(iter(getattr(shape.slice, "elements", [shape.slice])))
    return re.sub(r"\w+", lambda word: _PLAIN_TYPES.get(word[0], word[0]), str(shape))


def _split(arguments: str) -> list[str]:
    """Split the arguments of a signature at the commas between them."""
    found, depth, start = [], 0, 0
    for at, sign in enumerate(arguments):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            found.append(arguments[start:at].strip())
            start = at + 1
    return [*found, arguments[start:].strip()]


def _filled(
    heads: tuple[str, ...], rows: list[tuple[str, str, str, str]]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return a table without its empty columns."""
    kept = [at for at in range(len(heads)) if any(row[at] for row in rows)]
    return tuple(heads[at] for at in kept), [tuple(row[at] for at in kept) for row in rows]


def _says(found: Object) -> str:
    return found.docstring.value.strip() if found.docstring else ""


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)
