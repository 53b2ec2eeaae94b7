"""docs/shape.md, held against the contracts that CI checks."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PARTS: Final = ("app", "events", "projections", "recall", "store", "thinking")


def package_of(part: str) -> str:
    """Return the import name of a part's package."""
    return "anabranch" if part == "app" else f"anabranch_{part}"


def rooms(part: str, layers: Iterable[Iterable[str]]) -> list[set[str]]:
    """Return the rooms of each layer that has some; single modules are left out."""
    folder = ROOT / part / package_of(part)
    found = [{one for one in layer if (folder / one / "__init__.py").exists()} for layer in layers]
    return [one for one in found if one]


def contracts() -> Mapping[str, list[set[str]]]:
    """Return the layers of each part, as import-linter checks them."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    checked = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    return {
        container: [set(layer.split(" | ")) for layer in one["layers"]]
        for one in checked
        if one["type"] == "layers"
        for container in one.get("containers", ())
    }


@pytest.mark.parametrize("part", PARTS)
def test_the_table_of_rooms_is_the_contract(part: str) -> None:
    """Every room stands in its part's row, on the floor on which imports hold it."""
    page = (ROOT / "docs" / "shape.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{part}` \| (.*) \|$", page, flags=re.MULTILINE)
    told = [re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", floor)) for floor in row.split(" over ")]

    assert rooms(part, told) == rooms(part, contracts()[package_of(part)])
