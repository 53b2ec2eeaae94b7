"""The statements, loaded by name, with their parts in place."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

import pytest

from anabranch_store import statement

FOLDER: Final = files("anabranch_store").joinpath("statements")
NAMES: Final = sorted(
    f"{group.name}/{one.name.removesuffix('.cypher')}"
    for group in FOLDER.iterdir()
    for one in group.iterdir()
)


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_is_whole(name: str) -> None:
    """No heading and no name of a part is left in it."""
    text = statement(name)

    assert text.strip()
    assert not text.startswith("//")
    assert "@" not in text


@pytest.mark.parametrize("name", NAMES)
def test_no_set_reads_what_it_has_set(name: str) -> None:
    """Items of one SET see each other's values or not, by the store and by whether it is one node."""
    for items in re.findall(r"\bSET ((?:[^\n]|\n {4,})*)", statement(name)):
        assigned: set[str] = set()
        for item in re.split(r",\s*(?=\w+\.\w+ =)", items):
            target, _, value = item.partition("=")
            assert not assigned & set(re.findall(r"\b\w+\.\w+\b", value)), item
            assigned.add(target.strip())


def test_a_part_stands_in_each_statement_that_names_it() -> None:
    """Whether an insight may answer is said once, for all lanes of recall."""
    part = statement("recall/eligible")

    having = {name for name in NAMES if part in statement(name)}

    assert having == {
        "recall/eligible",
        *(
            f"recall/{way}_{reach}"
            for way in ("holding", "nearest", "scan")
            for reach in ("namespace", "sessions")
        ),
        "recall/read_associations",
        "recall/read_evidence",
        "recall/read_shared_entities",
        "recall/read_spread",
        "recall/search_meaning",
        "recall/search_words",
    }


def test_a_statement_that_is_not_there_is_a_mistake() -> None:
    """Its name is in the error."""
    with pytest.raises(LookupError, match="recall/nothing"):
        statement("recall/nothing")
