"""The Python in the docs: its blocks parse, and what they take from us is there."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from anabranch import Memory
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFERENCE: Final = ROOT / "docs" / "reference"
PAGES: Final = [
    ROOT / "README.md",
    *(one for one in sorted((ROOT / "docs").rglob("*.md")) if not one.is_relative_to(REFERENCE)),
]
BLOCK: Final = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CALLED: Final = re.compile(r"\bmemory\.([a-z_]+(?:\.[a-z_]+)?)\(")


def missing_imports(block: str) -> Iterator[str]:
    """Yield the names that a block imports from us and that are not there."""
    allowed = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
    tree = compile(block, "block", "exec", flags=allowed)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("anabranch"):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                if not hasattr(module, alias.name):
                    yield f"{node.module}.{alias.name}"


def is_there(path: str) -> bool:
    """Tell whether an open memory has a method of this name, also one of a part of it."""
    first, _, rest = path.partition(".")
    found: Any = inspect.getattr_static(Memory, first, None)
    if not rest or found is None:
        return found is not None
    part = found.fget.__globals__[found.fget.__annotations__["return"]]
    return hasattr(part, rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_of_a_page_names_what_is_there(page: Path) -> None:
    """Its blocks parse, their imports from us succeed, and a memory has each method it calls."""
    text = page.read_text(encoding="utf-8")
    wrong = [name for block in BLOCK.findall(text) for name in missing_imports(block)]
    wrong += [path for path in sorted(set(CALLED.findall(text))) if not is_there(path)]

    assert wrong == []


def test_a_name_that_is_gone_is_found() -> None:
    """A name that no module has, and methods that no memory has, are told."""
    assert [*missing_imports("from anabranch import Memory, Remembrance")] == [
        "anabranch.Remembrance"
    ]
    assert [is_there(one) for one in ("recall", "past.diff", "recal", "past.difference")] == [
        True,
        True,
        False,
        False,
    ]
