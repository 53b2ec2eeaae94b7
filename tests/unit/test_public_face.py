"""The public face, which users import and call: complete and documented."""

from __future__ import annotations

import pickle
import re
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from docs.generate import pages

import anabranch
from anabranch.errors import AnabranchError
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def test_what_a_program_makes_is_imported_from_anabranch() -> None:
    """Each class that the reference shows as a call is there, save adapters and what is returned."""
    reference = (ROOT / "docs/reference/python.md").read_text(encoding="utf-8")
    elsewhere = {"SessionHold"}  # `session.claim` returns it.

    made = set(re.findall(r"^([A-Z]\w+)\(", reference, flags=re.MULTILINE)) - elsewhere

    assert {"ForkedWork", "Join", "LoadWatch"} <= made
    assert {one for one in made if not one.startswith("Anabranch")} <= set(anabranch.__all__)
    assert {"DoNotRetry", "RetryLater"} <= set(anabranch.__all__)


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


@pytest.mark.parametrize("part", [*PARTS, "anabranch_recall"])
def test_a_shell_lists_every_public_name(part: str) -> None:
    """`dir` has the names that nobody has used yet, for whoever presses Tab."""
    module = import_module(part)

    assert set(module.__all__) <= set(dir(module))


def errors_of(kind: type[AnabranchError]) -> Iterator[type[AnabranchError]]:
    """Yield a kind of errors, and those below it."""
    yield kind
    for each in kind.__subclasses__():
        yield from errors_of(each)


def test_every_error_comes_out_of_another_process_as_it_was_raised() -> None:
    """Pools pickle what their work raises: kind, message, fix, notes and data are the same."""
    for part in PARTS:
        import_module(f"{part}.errors")
    for kind in errors_of(AnabranchError):
        raised = kind.__new__(kind, "it failed")
        AnabranchError.__init__(raised, "it failed", fix="try again")
        raised.field = "text"  # type: ignore[attr-defined]  # Data of some kinds.

        again = pickle.loads(pickle.dumps(raised))  # noqa: S301  Made a line before.

        assert type(again) is kind
        assert (str(again), vars(again)) == (str(raised), vars(raised))
        assert again.__notes__ == ["To fix it: try again"]


def test_a_memory_says_where_it_works(tmp_path: Path) -> None:
    """Its `repr` has the namespace, the folder and its state, and no setting beside."""
    memory = anabranch.Memory.open(tmp_path, namespace="acme")

    assert repr(memory) == f"<Memory 'acme' in '{tmp_path}', not open>"
