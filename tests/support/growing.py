"""Transcripts as they grow: the lines of a case's files, one after another by their times."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch.importers.mapping.drafts import Draft
from anabranch.importers.mapping.identity import Identity
from anabranch.importers.mapping.redaction import Redaction
from anabranch.importers.mapping.sessions import Mapping
from anabranch.importers.outcome import Tally
from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch_events.event.types import (
    BranchCancelled,
    BranchCompleted,
    BranchFailed,
    ConsolidationRecorded,
    InsightRecorded,
)
from tests.support.transcripts import cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GROWING: Final = [
    case for case in cases() if any(case.rglob("*.jsonl")) and "asked-again" not in case.name
]
"""An agent that is asked again has ended before, for those who watched: see test_asked_again."""
BEGUN: Final = datetime(2026, 11, 28, tzinfo=UTC)
_ENDS: Final = (
    ('"finished":true', '"finished":false'),
    ('"status": "completed"', '"status": "running"'),
)
"""Of the files beside an agent's own: Claude Code's and Qwen Code's, which say that it ended."""


class Grown(NamedTuple):
    """A line of a file, whose name is given within its case."""

    file: Path
    text: str


def lines_of(case: Path) -> list[Grown]:
    """Return the lines of a case's files by their times; one without follows the one before it."""
    placed: list[tuple[str, int, Grown]] = []
    for path in sorted(case.rglob("*.jsonl")):
        time = ""
        for text in path.read_text().splitlines(keepends=True):
            record = json.loads(text)
            time = max(time, str(record.get("timestamp") or record.get("startTime") or ""))
            placed.append((time, len(placed), Grown(path.relative_to(case), text)))
    return [grown for _, _, grown in sorted(placed, key=lambda one: one[:2])]


def growing(
    case: Path, folder: Path, *, changed: Callable[[str], str] = lambda text: text
) -> Iterator[int]:
    """Write a case into a folder line by line; yield how many are written, last of all 0.

    Agents end with the last line, by the files beside their own.
    """
    shutil.copytree(case, folder)
    for path in folder.rglob("*.jsonl"):
        path.unlink()
    told = {path: path.read_text() for path in folder.rglob("*.meta.json")}
    for path, text in told.items():
        for ended, running in _ENDS:
            text = text.replace(ended, running)  # noqa: PLW2901 - each of them in turn.
        path.write_text(text)
    lines = lines_of(case)
    for number, grown in enumerate(lines, 1):
        with (folder / grown.file).open("a") as file:
            file.write(changed(grown.text))
        if number < len(lines):
            yield number
    for path, text in told.items():
        path.write_text(text)
    yield 0


def stored_of(folder: Path, *, growing: bool) -> dict[str, str]:
    """Return what an import of a folder would store, by id: insights, summaries, ends.

    The first of an id counts, as in the log.
    """
    found: dict[str, str] = {}
    for source in sources_below([folder]):
        identity, redaction = Identity("default", source.tool), Redaction(secrets=False)
        mapping = Mapping(
            identity, redaction, Tally(), tool=source.tool, fallback_time=BEGUN, tools=True
        )
        drafts = [draft for one in READERS[source.tool].read(source) for draft in mapping.take(one)]
        for draft in (*drafts, *mapping.finish(growing=growing)):
            data = draft.data if isinstance(draft, Draft) else None
            if isinstance(data, InsightRecorded):
                found.setdefault(data.insight_id, f"{data.kind}: {data.text}")
            elif isinstance(data, ConsolidationRecorded):
                found.setdefault(data.consolidation_id, f"{data.text} of {data.sources}")
            elif isinstance(data, BranchCompleted):
                found.setdefault(draft.event_id, f"completed: {data.result}")
                for one in data.insights:
                    found.setdefault(one.insight_id, f"{one.kind}: {one.text}")
            elif isinstance(data, (BranchCancelled, BranchFailed)):
                found.setdefault(draft.event_id, data.model_dump_json())
    return found
