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
LENGTH: Final = 1000
NOTICED_S: Final = 0.002
UNITS: Final = (
    *"xX1_ \n.-/:([{<\"'`*#\\@=,é中",
    *("".join(pair) for pair in itertools.permutations("x1 .\n", 2)),
)
"""Texts are made of one of these, again and again."""
MATCHED: Final = frozenset(
    {
        "anabranch.cli.values._DAYS",
        "anabranch.importers.readers.claude_prompts._ASKED_BY_COMMAND",
        "anabranch.importers.readers.claude_prompts._NO_PROMPT",
        "anabranch.importers.readers.codex_items._INJECTED",
        "anabranch.importers.readers.codex_items._MESSAGE",
        "anabranch.importers.readers.gemini_cli.CONTEXT",
        "anabranch.importers.readers.gemini_cli.SNAPSHOT",
        "anabranch.importers.readers.gemini_messages._THANKS",
        "anabranch.importers.readers.otel._REQUEST",
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


def _reading(name: str, pattern: re.Pattern[Any]) -> Reading:
    if name in MATCHED:
        return pattern.match
    return lambda text: sum(1 for _ in pattern.finditer(text))


def _seconds(read: Reading, text: str | bytes) -> float:
    began = time.process_time()
    read(text)
    return time.process_time() - began


def _grows_faster(read: Reading, text: Callable[[int], str | bytes]) -> bool:
    """Tell whether a text four times as long takes much more than four times as long."""
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
        for unit in UNITS:

            def text(length: int, unit: str = unit, pattern: Any = pattern) -> str | bytes:
                made = unit * (length // len(unit))
                return made if isinstance(pattern.pattern, str) else made.encode()

            if _grows_faster(read, text):
                slow.append((name, unit))

    assert len(seen) > 150
    assert slow == []


def test_the_measure_finds_what_grows_faster() -> None:
    """It would be of no use otherwise."""
    pattern = re.compile(r"\w+:")

    assert _grows_faster(lambda text: [*pattern.finditer(text)], lambda length: "x" * length)


@pytest.mark.parametrize("unit", ["x", "1", "x.", "1-", ". ", "1.", "/"])
def test_a_question_is_read_at_once(unit: str) -> None:
    """Of a long one as much is read as of any other, in time in proportion."""
    from anabranch_recall.asked import read

    assert not _grows_faster(read, lambda length: unit * (length // len(unit)))
