"""The documents of the HTTP service: whole, true to the tables, and read without a network."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from anabranch.api.claims import COMMANDED
from anabranch.api.thoughts import EVERY
from anabranch.commands.asyncapi import commands_document
from anabranch.http.application import described
from anabranch.http.documents.examples import EXAMPLES
from anabranch.http.documents.pages import commands_page, operations_page, page_answer
from anabranch.http.places import PLACES, TAGS
from anabranch.http.reading import body_of
from anabranch_events import Event, decode_unchanged

if TYPE_CHECKING:
    from collections.abc import Callable

OPERATIONS_BY_NAME = {one.name: one for one in EVERY}


@cache
def document() -> dict[str, Any]:
    """Return the document, made once."""
    return described()


PAGES: dict[str, Callable[[], str]] = {
    "operations": lambda: operations_page(document()),
    "commands": lambda: commands_page(commands_document()),
}


def operations() -> dict[str, dict[str, Any]]:
    """Return the document's operations by their ids."""
    return {
        one["operationId"]: one for path in document()["paths"].values() for one in path.values()
    }


def references(part: Any) -> set[str]:
    """Return the schemas that a part of the document names."""
    if isinstance(part, dict):
        found = {str(part["$ref"]).rpartition("/")[2]} if "$ref" in part else set[str]()
        return found.union(*(references(one) for one in part.values()))
    if isinstance(part, list):
        return set[str]().union(*(references(one) for one in part))
    return set()


def test_the_document_has_every_operation() -> None:
    """Each is there once, under a group that is described, with a summary."""
    found = operations()

    assert set(found) == {*PLACES, "stream_events", "replay"}
    assert {tag for one in found.values() for tag in one["tags"]} == set(TAGS)
    assert all(one["summary"] and not one["summary"].endswith(".") for one in found.values())
    assert {one["name"] for one in document()["tags"]} == set(TAGS)


def test_the_document_names_what_it_has() -> None:
    """Every schema that is named is there, and the commands' own header is not."""
    assert references(document()) <= set(document()["components"]["schemas"])
    assert "Nats-Msg-Id" not in str(document()["paths"])


def test_every_schema_has_a_name_of_its_own() -> None:
    """Generators of clients name types by titles: no two have one, and none has a module's name."""
    schemas = document()["components"]["schemas"]
    titles = [schema.get("title", name) for name, schema in schemas.items()]

    assert [name for name in schemas if "__" in name] == []
    assert len({*titles}) == len(titles)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_taken(name: str) -> None:
    """The body that the document shows is one that the operation takes."""
    operation, place = OPERATIONS_BY_NAME[name], PLACES[name]

    if operation.request is Event:
        assert decode_unchanged(_json(EXAMPLES[name])).type == EXAMPLES[name]["type"]
    else:
        body_of(operation.request, place.fields).model_validate_json(_json(EXAMPLES[name]))


def test_every_body_has_an_example() -> None:
    """Operations with a body have one, and the others have none."""
    assert set(EXAMPLES) == {name for name, place in PLACES.items() if place.method == "POST"}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_needs_no_network(name: str) -> None:
    """A page loads nothing and runs nothing, and its policy says so."""
    page = PAGES[name]()

    policy = page_answer(page).headers["content-security-policy"]

    assert not re.search(r"<script|<link|<img|@import|url\(|src=", page)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert len(page) > 500


def test_the_page_of_the_commands_has_them_all() -> None:
    """Each subject stands on it."""
    page = commands_page(commands_document())

    assert all(f"anabranch.commands.{{namespace}}.{one.name}" in page for one in COMMANDED)


def _json(value: Any) -> bytes:
    import orjson

    return orjson.dumps(value)
