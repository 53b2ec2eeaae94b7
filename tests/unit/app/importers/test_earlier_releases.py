"""Sessions that one release wrote and a later one went on with, or turned into its own form."""

from __future__ import annotations

import pickle
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.readers.google_adk_actions import actions_in
from anabranch.importers.records.model import Opened, Summary, Turn
from tests.support.transcripts import CASES

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[tuple[str, str]]:
    """Return under which line and name all that was said is told, and the lines."""
    records = [
        record for source in sources_below([folder]) for record in READERS[source.tool].read(source)
    ]
    lines = [("", one.key) for one in records if isinstance(one, Opened)]
    return lines + [(one.line, one.id) for one in records if isinstance(one, (Turn, Summary))]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("gemini-cli-0.30.1/subagent-in-a-later-minute", "gemini-cli-0.40.1/resume-of-0.30.1"),
        (
            "google-adk-1.18.0/rewind-compact-and-resume",
            "google-adk-2.13.0/resume-migrated-from-1.18.0",
        ),
        ("pi-0.13.2/compact-and-fork", "pi-0.73.1/resume-of-0.13.2"),
        ("pi-0.30.2/compact-and-fork", "pi-1.6.0/resume-and-fork-of-0.30.2"),
    ],
)
def test_what_was_imported_is_known_again_after_a_later_release_wrote_it(
    earlier: str, later: str
) -> None:
    """A later release gave entries ids, copied a file or moved rows: every name stays, none is double."""
    before, after = names(CASES / earlier), names(CASES / later)

    assert len(set(after)) == len(after)
    assert before
    assert set(before) <= set(after)


class Trap:
    """A pickle of it would write to the database if it were loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Return what loading it calls."""
        return open, (self.path, "w")  # type: ignore[return-value]


def test_a_pickle_in_a_database_is_not_loaded(tmp_path: Path) -> None:
    """The actions of google-adk 1.x are listed, not run; one that is broken says nothing."""
    (case,) = CASES.glob("google-adk-1.18.0/*")
    shutil.copy(case / "adk.db", tmp_path / "adk.db")
    sprung = tmp_path / "sprung"
    with closing(sqlite3.connect(tmp_path / "adk.db")) as database:
        database.execute("UPDATE events SET actions = ?", (pickle.dumps(Trap(str(sprung))),))
        database.execute("UPDATE events SET actions = x'80' WHERE author = 'user'")
        database.commit()

    found = names(tmp_path)

    assert not sprung.exists()
    assert len([one for one in found if one[0]]) == len(
        [one for one in names(case) if one[0] and "~" not in one[0]]
    )


def test_actions_that_are_no_pickle_say_nothing(tmp_path: Path) -> None:
    """What else stands in that column of google-adk 1.x ends no import."""
    (case,) = CASES.glob("google-adk-1.14.1/*")
    shutil.copy(case / "adk.db", tmp_path / "adk.db")
    with closing(sqlite3.connect(tmp_path / "adk.db")) as database:
        database.execute("UPDATE events SET actions = 'none'")
        database.commit()

    assert names(tmp_path) == names(case)


def test_a_file_of_qwen_code_is_none_of_gemini_cli() -> None:
    """It has the form of Gemini CLI's: who asks for those alone gets no session of another tool."""
    (case,) = CASES.glob("qwen-code-0.1.4/*")

    assert sources_below([case], tools=["gemini-cli"]) == []
    assert [one.tool for one in sources_below([case])] == ["qwen-code"]


def test_a_text_that_stands_twice_in_a_pickle_is_found() -> None:
    """The second is a reference to the first."""
    part = {"text": "The lamp turns."}
    pickled = pickle.dumps({"compacted_content": {"parts": [part, {"text": part["text"]}]}})

    assert actions_in(pickled) == {
        "compaction": {"compacted_content": {"parts": [part, part]}},
    }
