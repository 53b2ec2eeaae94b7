"""The public face, which users import and call: complete and documented."""

from __future__ import annotations

from importlib import import_module

import pytest
from docs.generate import pages

import anabranch
from anabranch.errors import AnabranchError
from tests.support.repository import ROOT

PARTS = (
    "anabranch",
    "anabranch_events",
    "anabranch_projections",
    "anabranch_store",
    "anabranch_thinking",
)


def test_a_name_that_is_none_is_refused() -> None:
    """A name that is not public is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="Memories"):
        getattr(anabranch, "Memories")  # noqa: B009  A plain attribute is refused by the type checkers.


def test_the_reference_says_what_the_code_says() -> None:
    """Every command, option and setting stands in docs/reference, word for word."""
    reference = ROOT / "docs" / "reference"

    stale = [
        name
        for name, page in pages().items()
        if (reference / name).read_text(encoding="utf-8") != page
    ]

    assert stale == [], "run `python docs/generate.py`"


@pytest.mark.parametrize("part", PARTS)
def test_every_error_stands_in_its_tree(part: str) -> None:
    """The drawing in the docstring of a part's errors names each error the part defines."""
    errors = import_module(f"{part}.errors")
    own = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type)
        and issubclass(value, AnabranchError)
        and value.__module__ == errors.__name__
    ]

    assert own
    assert [name for name in own if name not in (errors.__doc__ or "")] == []
