"""The page of others' faults: each row names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_fault_has_its_test() -> None:
    """A test that is renamed or goes takes its row along."""
    page = (ROOT / "docs" / "faults.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| \w\S*/", line)]
    named = [re.search(r"`(tests/\S+\.py)::(test_\w+)`", row) for row in rows]

    assert rows
    for row, found in zip(rows, named, strict=True):
        assert found is not None, row
        written = (ROOT / found[1]).read_text("utf-8")
        assert f"def {found[2]}(" in written, row
