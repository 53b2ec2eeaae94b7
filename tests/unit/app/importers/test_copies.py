"""Files that were compressed, moved, copied beside themselves or cut: the same events, none lost."""

from __future__ import annotations

import gzip
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest
import zstandard

from anabranch.importers.mapping.drafts import Draft
from anabranch.importers.mapping.identity import Identity
from anabranch.importers.mapping.redaction import Redaction
from anabranch.importers.mapping.sessions import Mapping
from anabranch.importers.outcome import Tally
from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.records.model import Opened
from anabranch_events.event.types import WorkingMemorySet
from tests.support.transcripts import CASES as ALL_CASES
from tests.support.transcripts import cases

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from anabranch.importers.mapping.drafts import AnyDraft

CASES: Final = [case for case in cases() if [*case.rglob("*.jsonl")]]
in_each_case = pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}"
)


def event_ids(folder: Path) -> set[str]:
    """Return the ids of the events that a folder gives, but for what is counted of sessions."""
    found: set[str] = set()
    redaction = Redaction(secrets=False)
    for source in sources_below([folder]):
        mapping = Mapping(
            Identity("default", source.tool),
            redaction,
            Tally(),
            tool=source.tool,
            fallback_time=datetime(2026, 11, 30, tzinfo=UTC),
        )
        for record in READERS[source.tool].read(source):
            found.update(_ids(mapping.take(record)))
        found.update(_ids(mapping.finish()))
    return found


def _ids(drafts: Iterable[AnyDraft]) -> set[str]:
    return {
        draft.event_id
        for draft in drafts
        if not (isinstance(draft, Draft) and isinstance(draft.data, WorkingMemorySet))
    }


@in_each_case
def test_a_file_that_was_compressed_and_moved_gives_the_same_events(
    case: Path, tmp_path: Path
) -> None:
    """Nothing of an id is the place, the suffix or the order of a file."""
    moved = tmp_path / "elsewhere" / "copy"
    shutil.copytree(case, moved)
    for path in [*moved.rglob("*.jsonl")]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()

    assert event_ids(moved) == event_ids(case)


@in_each_case
def test_an_older_copy_beside_a_file_takes_nothing_from_it(case: Path, tmp_path: Path) -> None:
    """One that was compressed before the file grew has less, and is named like it."""
    copy = tmp_path / "copy"
    shutil.copytree(case, copy)
    for path in [*copy.rglob("*.jsonl")]:
        lines = path.read_bytes().splitlines(keepends=True)
        older = b"".join(lines[: max(1, len(lines) // 2)])
        packed = zstandard.ZstdCompressor().compress(older)
        path.with_name(f"{path.name}.zst").write_bytes(packed)

    assert event_ids(copy) == event_ids(case)


@in_each_case
def test_files_that_grow_lose_nothing(case: Path, tmp_path: Path) -> None:
    """What is imported of a part, and of the whole later, has all that the whole has."""
    found: set[str] = set()
    for number in (4, 9, 15, 30, 10_000):
        part = tmp_path / f"part{number}"
        shutil.copytree(case, part)
        for path in part.rglob("*.jsonl"):
            lines = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(b"".join(lines[:number]))
        found |= event_ids(part)

    assert found >= event_ids(case)


def test_a_reverted_part_of_codex_has_the_id_that_earlier_releases_gave_it() -> None:
    """It is named by its file: what was imported before does not come a second time."""
    (source,) = sources_below([ALL_CASES / "codex-0.171.0" / "revert"])

    opened = [one for one in READERS["codex"].read(source) if isinstance(one, Opened)]

    (reverted,) = (one.key for one in opened if one.kind == "abandoned")
    assert reverted in {f"{opened[0].key}~{path.stem}" for path in source.files}
