"""The page of sessions of other tools: it holds each test that shows one, wherever it lies."""

from __future__ import annotations

import re

from tests.support.repository import ROOT

_SHOWS = re.compile(r"^@shows\(([^)]*)\)", re.MULTILINE)


def test_each_scenario_that_a_test_shows_is_on_the_page() -> None:
    """A test that moves to another folder takes its row along."""
    page = (ROOT / "docs" / "reference" / "sessions.md").read_text("utf-8")
    head, *rows = [line.split("|") for line in page.splitlines() if line.startswith("| ")]
    scenarios = [one.strip() for one in head]
    shown = {
        f"{row[1].strip(' `')} {scenario}"
        for row in rows
        for scenario, cell in zip(scenarios, row, strict=True)
        if cell.strip() in {"**right**", "*made*"}
    }

    marks = [
        re.findall(r'"([^"]+)"', found)
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for found in _SHOWS.findall(path.read_text("utf-8"))
    ]

    assert marks
    for tool, *names in marks:
        assert {f"{tool} {name}" for name in names} <= shown
