"""Files beside a session of Cline's that are damaged, or say what the session does not have."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from anabranch.importers.readers.catalogue import READERS, sources_below
from tests.support.transcripts import CASES, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.transcripts import Told

CASE = CASES / "cline-3.0.65" / "resume-fork-and-undo"
SESSION = "1796002151618_flmio"
SUMMARY = "The lamp is bright.\n\n## Files\nRead:\n- none\nModified:\n- none"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of a session that was compacted, without its forks."""
    copy = tmp_path / "data" / "sessions" / SESSION
    shutil.copytree(CASE / "data" / "sessions" / SESSION, copy)
    return copy


def read(folder: Path) -> Told:
    """Return what is told of the one source below a folder."""
    (source,) = sources_below([folder])
    return told(READERS[source.tool].read(source))


def changed(folder: Path, **fields: Any) -> None:
    """Change fields of the compaction."""
    path = folder / f"{SESSION}.compaction.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize("after", ["id:msg_gone", None, 7])
def test_a_summary_whose_place_is_gone_is_told_at_the_end(folder: Path, after: Any) -> None:
    """Going back may take the message out after which it was made."""
    changed(folder, source_last_message_key=after)

    (line,) = read(folder).lines.values()

    assert line.summaries == [SUMMARY]


def test_a_compaction_without_a_summary_is_counted(folder: Path) -> None:
    """Another release may write another form."""
    changed(folder, messages=[])

    found = read(folder)

    assert found.unknown == {"compaction": 1}
    assert [line.summaries for line in found.lines.values()] == [[]]


@pytest.mark.parametrize("name", [f"{SESSION}.compaction.json", f"{SESSION}.json"])
def test_a_file_beside_a_session_that_is_no_json_is_named(folder: Path, name: str) -> None:
    """The session itself is read."""
    (folder / name).write_text('{"version": 1, ')

    found = read(folder)

    assert [broken.path for broken in found.broken] == [folder / name]
    assert [bool(line.texts) for line in found.lines.values()] == [True]


def test_a_database_beside_the_sessions_that_is_none_is_named(folder: Path) -> None:
    """What it says of agents is not known then."""
    path = folder.parent.parent / "db" / "sessions.db"
    path.parent.mkdir()
    path.write_text("no database, and long enough to be taken for one" * 9)

    assert [broken.path for broken in read(folder).broken] == [path]


def test_a_compaction_is_one_of_the_files_that_are_watched(folder: Path) -> None:
    """It is written after the session's own file, which does not change with it."""
    path = folder / f"{SESSION}.compaction.json"
    data = path.read_bytes()
    path.unlink()

    (before,) = sources_below([folder])
    path.write_bytes(data)
    (after,) = sources_below([folder])

    assert after.files == (*before.files, path)


def test_a_fork_that_was_compacted_where_it_left_has_a_summary_of_its_own(tmp_path: Path) -> None:
    """The copy of its origin's is told once, with the origin."""
    shutil.copytree(CASE, tmp_path / "case")
    (path,) = (tmp_path / "case").rglob("1796002230371_mpcci.compaction.json")
    copied = read(tmp_path / "case")
    compaction = json.loads(path.read_text())
    for message in compaction["messages"]:
        if "metadata" in message:
            message["metadata"] |= {"summary": "Of the fork.", "generatedAt": 1796002240000}
    path.write_text(json.dumps(compaction))

    own = read(tmp_path / "case")

    assert summaries(copied) == [SUMMARY]
    assert summaries(own) == [SUMMARY, "Of the fork."]


def summaries(found: Told) -> list[str]:
    """Return all summaries."""
    return [one for line in found.lines.values() for one in line.summaries]
