"""Real sessions to try Anabranch on: what three people's assistants learned about them.

From RealMemBench (Apache-2.0, see examples/README.md): the first thirty sessions of three people.
The texts speak of "the user"; here they carry the name of whom they are about.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from anabranch_thinking import InsightDraft

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_FILE: Final = "realmem.jsonl"
_GIVEN_NAMES: Final = {
    "Adeleke Okonjo": "Adeleke",
    "Kenta Tanaka": "Kenta",
    "Kim Ji-young": "Ji-young",
}
_HEADING: Final = re.compile(r"^(?:【([^】]*)】\s*)+")
_USER: Final = re.compile(r"\b(?:[Tt]he )?[Uu]ser(?=\b)")
_MINUTES: Final = 60


class ExampleSession(NamedTuple):
    """One session of one person, and what was learned in it."""

    person: str
    task: str
    time: datetime
    insights: tuple[InsightDraft, ...]


def example_sessions() -> list[ExampleSession]:
    """Return the sessions in the order in which they happened."""
    lines = _file().read_bytes().splitlines()
    return [_session(orjson.loads(line), number) for number, line in enumerate(lines)]


def _file() -> Traversable:
    """Return the data: in the wheel beside this module, in a checkout under examples/."""
    packed = files("anabranch") / "examples" / _FILE
    return packed if packed.is_file() else Path(__file__).parents[3] / "examples" / _FILE


def _session(fields: dict[str, object], number: int) -> ExampleSession:
    person, topic = str(fields["person"]), str(fields["topic"])
    day = datetime.fromisoformat(str(fields["date"])).replace(tzinfo=UTC)
    memories = fields["memories"]
    texts = [str(text) for text in memories] if isinstance(memories, list) else []
    subject = " ".join(word for word in topic.split("_") if not word.isdigit()).lower()
    return ExampleSession(
        person=person,
        task=f"{_GIVEN_NAMES[person]}: {subject}",
        time=day.replace(hour=9, minute=number % _MINUTES),
        insights=tuple(_insight(text, _GIVEN_NAMES[person]) for text in texts),
    )


def _insight(text: str, name: str) -> InsightDraft:
    """Return what was learned: the heading becomes tags, "user" the person's name."""
    heading = _HEADING.match(text)
    tags = re.findall(r"【([^】]*)】", heading[0]) if heading else []
    bare = text[heading.end() :] if heading else text
    named = _USER.sub(name, bare).strip()
    said = named if name in named else f"{name}: {named}"
    return InsightDraft(text=said, tags=tuple(tag.strip() for tag in tags if tag.strip()))
