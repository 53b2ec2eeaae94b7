"""The page of the Python API: whole, and with links that lead somewhere."""

from __future__ import annotations

import re
from functools import cache

import pytest
from docs.generate_python import page
from docs.python_groups import GROUPS

import anabranch
from tests.support.repository import ROOT


@cache
def whole() -> str:
    """Return the page, read from the source once."""
    return page(ROOT)


def section(heading: str) -> str:
    """Return what stands below a heading of the third level."""
    return whole().partition(f"\n### {heading}\n")[2].partition("\n### ")[0]


def test_every_link_of_the_page_leads_to_one_heading() -> None:
    """Headings differ from each other, and each link of the table names one."""
    headings = re.findall(r"^#+ (.*)$", whole(), flags=re.MULTILINE)
    anchors = [re.sub(r"[^a-z0-9_ -]", "", one.lower()).replace(" ", "-") for one in headings]
    linked = re.findall(r"\]\(#(.*?)\)", whole())

    assert len(anchors) == len(set(anchors))
    assert set(linked) <= set(anchors)


def test_every_public_name_has_an_entry() -> None:
    """The names of `anabranch`, but for the two that have pages of their own."""
    headings = set(re.findall(r"^### (.*)$", whole(), flags=re.MULTILINE))

    assert {*anabranch.__all__} - headings == {"AnabranchError", "Settings"}


def test_a_method_that_is_left_out_fails_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new method needs a heading to stand under."""
    groups = [
        group._replace(paths=tuple(one for one in group.paths if not one.endswith("Memory.think")))
        for group in GROUPS
    ]
    monkeypatch.setattr("docs.generate_python.GROUPS", groups)

    with pytest.raises(ValueError, match=r"Memory\.think"):
        page(ROOT)


def test_a_signature_is_what_a_caller_writes() -> None:
    """Without `self`, one argument a line where it is long, and constants by their values."""
    think = section("memory.think")

    assert "async def think(\n    task: str,\n    *,\n" in think
    assert "    concurrency: int = 32,\n" in think
    assert "self" not in think


def test_the_page_shows_nothing_private() -> None:
    """Neither names with an underscore, nor what only the code itself passes."""
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", whole(), flags=re.DOTALL | re.MULTILINE))
    fields = re.findall(r"^\| `(\w+)`", whole(), flags=re.MULTILINE)

    assert re.findall(r"\b_\w+|OpenNamespace", code) == []
    assert [one for one in fields if one.startswith("_") or one == "model_config"] == []
