"""The rooms of the packages, and the names that each gives to the rest of the house.

`python -m tests.support.rooms` writes them into the rooms' docstrings.
"""

from __future__ import annotations

import ast
import textwrap
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Final

from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FOLDERS: Final = ("app", "events", "projections", "recall", "store", "thinking")
NAMES_MAX: Final = 3
"""A module with more names in use is listed by its own name alone."""

_LEAD: Final = "Others use: "


@cache
def modules() -> Mapping[str, Path]:
    """Return the file of every module of the packages, by the module's name."""
    return {
        ".".join(_parts(path, ROOT / folder)): path
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def _parts(path: Path, folder: Path) -> list[str]:
    parts = list(path.relative_to(folder).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


@cache
def rooms() -> tuple[str, ...]:
    """Return the names of all rooms: the packages inside the packages."""
    found = modules().items()
    return tuple(name for name, path in found if "." in name and path.stem == "__init__")


@cache
def _uses() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Return by room and module the names in use elsewhere; "" is the module itself."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for user, path in modules().items():
        for module, name in _imports(path):
            room = _room_of(module)
            if room is not None and not _lies_in(user, room):
                found[room][module[len(room) + 1 :]].add(name)
    return {
        room: {module: frozenset(names) for module, names in used.items()}
        for room, used in found.items()
    }


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each name of ours that a file imports, with its module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module in modules():
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole, "") if whole in modules() else (node.module, alias.name)


def _room_of(module: str) -> str | None:
    return max((room for room in rooms() if _lies_in(module, room)), key=len, default=None)


def _lies_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def others_use(room: str) -> str:
    """Return the paragraph that names what others use of a room; empty where they use nothing."""
    names = [
        name
        for module, used in sorted(_uses().get(room, {}).items())
        for name in _listed(module, used)
    ]
    text = f"{_LEAD}{', '.join(f'`{name}`' for name in names)}."
    return "\n".join(textwrap.wrap(text, 100, break_on_hyphens=False)) if names else ""


def _listed(module: str, used: frozenset[str]) -> list[str]:
    if "" in used or len(used) > NAMES_MAX:
        return [module]
    return [f"{module}.{name}".lstrip(".") for name in sorted(used)]


def said(room: str) -> str:
    """Return the paragraph of a room's docstring that names what others use, or nothing."""
    text = ast.get_docstring(ast.parse(modules()[room].read_text())) or ""
    return next((each for each in text.split("\n\n") if each.startswith(_LEAD)), "")


def _write(room: str) -> None:
    """Write the paragraph into the docstring of a room, in the place of an older one."""
    path = modules()[room]
    source = path.read_text()
    docstring = ast.parse(source).body[0]
    assert isinstance(docstring, ast.Expr), f"{room} has no docstring"
    text = ast.literal_eval(docstring.value)
    kept = [each.strip() for each in text.split("\n\n") if not each.startswith(_LEAD)]
    whole = "\n\n".join(each for each in (*kept, others_use(room)) if each)
    lines = source.splitlines()[docstring.end_lineno :]
    end = "\n" if "\n" in whole else ""
    path.write_text("\n".join([f'"""{whole}{end}"""', *lines]) + "\n")


if __name__ == "__main__":
    for each in rooms():
        _write(each)
