"""The English of docstrings and comments: the rules that a machine can check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.support.english import comments, docstrings, faults, sentences
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PARTS: Final = ("app", "events", "projections", "recall", "store", "thinking")

LONG: Final = "This goes on" + " and on" * 12 + "."
BROKEN: Final = f'''"""What a thing is."""


def thing() -> None:
    """Return the thing as it was. Who asks is told."""
    # Short.
    # {LONG[:47]}
    # {LONG[48:]}
    print("thing")  # noqa: T201 - How it is shown.
    return  # {"x" * 100}
'''


@pytest.mark.parametrize("part", PARTS)
def test_prose_keeps_the_rules(part: str) -> None:
    """Sentences are short, and begin with a noun or a verb."""
    modules = sorted((ROOT / part).rglob("*.py"))

    found = {str(path.relative_to(ROOT)): faults(path) for path in modules}

    assert modules
    assert {name: broken for name, broken in found.items() if broken} == {}


@pytest.mark.parametrize("folder", ["benchmarks", "tests"])
def test_a_module_begins_with_its_noun(folder: str) -> None:
    """Modules that are no part of the product keep the rule of the first line, too."""
    modules = sorted((ROOT / folder).rglob("*.py"))

    broken = [one for path in modules for one in faults(path) if ":1: begins with" in one]

    assert modules
    assert broken == []


def test_prose_is_found_where_it_stands() -> None:
    """Docstrings and comments come with their lines, comments on neighbouring lines as one."""
    found = [prose[:2] for prose in (*docstrings(BROKEN), *comments(BROKEN))]

    assert found == [
        (1, "What a thing is."),
        (5, "Return the thing as it was. Who asks is told."),
        (6, f"Short. {LONG}"),
        (9, "How it is shown."),
        (10, "x" * 100),
    ]


def test_every_rule_is_noticed(tmp_path: Path) -> None:
    """A bad beginning, a phrase, a long sentence and a long line are named with their lines."""
    module = tmp_path / "module.py"
    module.write_text(BROKEN)

    found = faults(module)

    assert found == [
        "module.py:1: begins with What: What a thing is.",
        "module.py:5: says 'as it was': Return the thing as it was.",
        "module.py:5: begins with Who: Who asks is told.",
        "module.py:5: says 'told': Who asks is told.",
        f"module.py:6: 27 words: {LONG}",
        "module.py:9: begins with How: How it is shown.",
        f"module.py:10: 114 columns: return  # {'x' * 100}",
    ]


def test_sentences_leave_drawings_out() -> None:
    """Code counts as one word, list items are sentences, drawings and blocks are none."""
    text = "One `a b c` word. Two\nlines.\n\n    a block\n\n- An item.\n- Another."

    found = sentences(text)

    assert found == ["One CODE word.", "Two lines.", "An item.", "Another."]
