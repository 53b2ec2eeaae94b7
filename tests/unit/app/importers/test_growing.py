"""Files that are watched as they grow: the log is the same as after one import of the whole."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from tests.support.growing import GROWING, growing, lines_of, stored_of
from tests.support.rounds import examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CUTS = 40


def as_written(text: str) -> str:
    """Return a line as the tool wrote it."""
    return text


def final_summary(text: str) -> str:
    """Return a line of Codex in which a summary claims, as an answer does, to end its turn."""
    record = json.loads(text)
    payload = record.get("payload", {})
    if payload.get("role") != "assistant" or "Summary" not in text:
        return text
    payload["phase"] = "final_answer"
    return f"{json.dumps(record)}\n"


GROWN = [(case, as_written) for case in GROWING] + [
    (case, final_summary) for case in GROWING if case.name == "compact-rewind-fork"
]


@pytest.mark.parametrize(
    ("case", "changed"),
    GROWN,
    ids=[f"{case.parent.name}-{case.name}-{changed.__name__}" for case, changed in GROWN],
)
def test_what_is_stored_as_a_file_grows_is_what_a_later_import_stores(
    case: Path, changed: Callable[[str], str], tmp_path: Path
) -> None:
    """Wherever the files are cut: no insight, summary or end is stored that the whole has not.

    Ids are kept once they are stored. So if this holds for one cut, it holds for any number.
    """
    chance = random.Random(case.name)  # noqa: S311 - it must be the same again.
    count = len(lines_of(case)) - 1
    cuts = {0, *chance.sample(range(1, count + 1), min(count, examples(CUTS)))}

    stored = {
        number: stored_of(tmp_path / "case", growing=number > 0)
        for number in growing(case, tmp_path / "case", changed=changed)
        if number in cuts
    }

    whole = stored.pop(0)
    other = {
        number: found.items() - whole.items()
        for number, found in stored.items()
        if not found.items() <= whole.items()
    }
    assert other == {}
    assert stored
