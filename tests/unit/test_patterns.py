"""Regular expressions take time in proportion to what they read, whoever wrote it."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import pytest

PACKAGES: Final = (
    "anabranch",
    "anabranch_events",
    "anabranch_projections",
    "anabranch_recall",
    "anabranch_store",
    "anabranch_thinking",
)
LENGTH: Final = 4000
NOTICED_S: Final = 0.002
UNITS: Final = (
    *"xX1_ \n.-/:([{<\"'`*#\\@=,é中",
    *("".join(pair) for pair in itertools.permutations("x1 .\n", 2)),
)
"""Texts are made of one of these, again and again."""
BEHIND: Final = ("x", " ", "\n", " \n")
"""What stands again and again behind a beginning that a pattern asks for."""
MATCHED: Final = frozenset(
    {
        "anabranch.cli.values._DAYS",
        "anabranch.importers.readers.claude_prompts._ASKED_BY_COMMAND",
        "anabranch.importers.readers.claude_prompts._INTERRUPTED",
        "anabranch.importers.readers.claude_prompts._NO_PROMPT",
        "anabranch.importers.readers.codex_items._INJECTED",
        "anabranch.importers.readers.codex_items._MESSAGE",
        "anabranch.importers.readers.gemini_cli.CONTEXT",
        "anabranch.importers.readers.gemini_cli.SNAPSHOT",
        "anabranch.importers.readers.gemini_messages._LAST_CHANCE",
        "anabranch.importers.readers.gemini_messages._THANKS",
        "anabranch.importers.readers.spans.otel._REQUEST",
        "anabranch.importers.readers.pydantic_ai._MESSAGES",
        "anabranch.importers.readers.pydantic_ai._SILENT",
        "anabranch_events.event.foreign._JSON",
        "anabranch_events.event.identifiers._NUMBER",
        "anabranch_events.event.registry._VERSIONED",
        "anabranch_recall.text.identifiers._PLAIN",
        "anabranch_thinking.executors.github_actions._ADDRESS",
        "anabranch_thinking.work.allowed._FUNCTION",
    }
)
"""Those that are only ever matched at the beginning of a text."""
OUR_OWN: Final = frozenset({"anabranch.cli.help._BRACES", "anabranch.cli.help._TYPE"})
"""Those that read nothing but what we wrote."""
_PARSER: Final = importlib.import_module("re._parser")
Reading: TypeAlias = "Callable[[Any], object]"


def _patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    for package in PACKAGES:
        module = importlib.import_module(package)
        for found in pkgutil.walk_packages(module.__path__, f"{package}."):
            if found.name.endswith("__main__"):
                continue
            for name, value in vars(importlib.import_module(found.name)).items():
                for each in _within(value):
                    yield f"{found.name}.{name}", each


def _within(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list | frozenset):
        yield from (each for each in value if isinstance(each, re.Pattern))
    elif isinstance(value, Mapping):
        yield from (each for pair in value.items() for each in pair if isinstance(each, re.Pattern))


def _beginnings(pattern: re.Pattern[Any]) -> set[str]:
    """Return the shortest texts that lead to each repetition of a pattern that has no end."""
    _, found = _shortest(_PARSER.parse(pattern.pattern, pattern.flags))
    return {each for each in found if each}


def _shortest(parts: Any) -> tuple[str, list[str]]:
    """Return a shortest text for parts of a pattern, and those that lead to a repetition."""
    text, found = "", list[str]()
    for operation, given in parts:
        match str(operation):
            case "LITERAL":
                text += chr(given)
            case "NOT_LITERAL" | "ANY":
                text += "x"
            case "IN":
                text += _one_of(*given[0])
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, repeated = given
                inner, within = _shortest(repeated)
                endless = [text] if str(most) == "MAXREPEAT" else []
                found += [*endless, *(text + each for each in within)]
                text += inner * least
            case "SUBPATTERN":
                inner, within = _shortest(given[3])
                found += [text + each for each in within]
                text += inner
            case "BRANCH":
                branches = [_shortest(branch) for branch in given[1]]
                found += [text + each for _, within in branches for each in within]
                text += branches[0][0]
            case _:  # A place, a look around, a group once more: it takes nothing of a text.
                pass
    return text, found


def _one_of(operation: object, given: Any) -> str:
    """Return a character that the first member of a set has."""
    match str(operation):
        case "LITERAL":
            return chr(given)
        case "RANGE":
            return chr(given[0])
        case _:
            return {"CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "1"}.get(str(given), "x")


def _texts(pattern: re.Pattern[Any]) -> Iterator[tuple[str, Callable[[int], str | bytes]]]:
    """Yield what is read, by its length, and a name for it."""
    made = [("", unit, "") for unit in UNITS]
    for begun in _beginnings(pattern):
        made += [("", begun, "")]
        made += [(before, unit, "\0") for before in (begun, f"{begun}x") for unit in BEHIND]
    for before, unit, end in made:

        def text(length: int, before: str = before, unit: str = unit, end: str = end) -> Any:
            whole = before + unit * (length // len(unit)) + end
            return whole if isinstance(pattern.pattern, str) else whole.encode()

        yield f"{before!r}, then {unit!r}", text


def _reading(name: str, pattern: re.Pattern[Any]) -> Reading:
    if name in MATCHED:
        return pattern.match
    return lambda text: sum(1 for _ in pattern.finditer(text))


def _seconds(read: Reading, text: str | bytes) -> float:
    began = time.process_time()
    read(text)
    return time.process_time() - began


def _grows_faster(read: Reading, text: Callable[[int], str | bytes]) -> bool:
    """Tell whether a text four times as long takes much more than four times as long.

    It does each time it is asked. A machine that others slow down for a moment says so once.
    """
    return all(_took_longer(read, text) for _ in range(3))


def _took_longer(read: Reading, text: Callable[[int], str | bytes]) -> bool:
    if _seconds(read, text(LENGTH)) < NOTICED_S:
        return False
    few = min(_seconds(read, text(LENGTH)) for _ in range(3))
    many = min(_seconds(read, text(4 * LENGTH)) for _ in range(2))
    return few >= NOTICED_S and many > 8 * few


def test_no_pattern_reads_a_long_word_from_each_of_its_characters() -> None:
    """A long word, or long blanks, would else take seconds of a question or an import."""
    slow: list[tuple[str, str]] = []
    seen: set[tuple[Any, int]] = set()
    for name, pattern in _patterns():
        if (key := (pattern.pattern, pattern.flags)) in seen or name in OUR_OWN:
            continue
        seen.add(key)
        read = _reading(name, pattern)
        slow += [(name, what) for what, text in _texts(pattern) if _grows_faster(read, text)]

    assert len(seen) > 150
    assert slow == []


@pytest.mark.parametrize("pattern", [r"\w+:", r"\AHe said: (.*?)\s*\Z", r"\[[^\]]*\]"])
def test_the_measure_finds_what_grows_faster(pattern: str) -> None:
    """It would be of no use otherwise."""
    slow = re.compile(f"(?s){pattern}")

    assert any(_took_longer(_reading("", slow), text) for _, text in _texts(slow))


@pytest.mark.parametrize("unit", ["x", "1", "x.", "1-", ". ", "1.", "/"])
def test_a_question_is_read_at_once(unit: str) -> None:
    """Of a long one as much is read as of any other, in time in proportion."""
    from anabranch_recall.asked import read

    assert not _grows_faster(read, lambda length: unit * (length // len(unit)))
