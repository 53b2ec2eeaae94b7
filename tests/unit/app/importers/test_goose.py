"""Goose's database where a release or a model's server gives less, or gives it again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.records.model import Turn
from tests.support.transcripts import CASES, Told, told

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch.importers.records.model import Record

_ANEW = """
CREATE TEMP TABLE kept AS SELECT * FROM messages ORDER BY id;
UPDATE kept SET id = NULL;
DELETE FROM messages;
INSERT INTO messages SELECT * FROM kept;
"""


def copied(case: str, folder: Path, *statements: str) -> Path:
    """Return a folder with the database of a case, changed."""
    folder.mkdir()
    shutil.copy(CASES / case / "sessions.db", folder / "sessions.db")
    with closing(sqlite3.connect(folder / "sessions.db")) as database:
        for statement in statements:
            database.executescript(statement)
        database.commit()
    return folder


def records(folder: Path) -> list[Record]:
    """Return all that is read of a folder."""
    return [
        record for source in sources_below([folder]) for record in READERS[source.tool].read(source)
    ]


def test_rows_that_a_compaction_stored_anew_are_the_same(tmp_path: Path) -> None:
    """Each row gets another number, and each message keeps its id."""
    case = "goose-1.52.0/resume-and-agents"
    before = records(copied(case, tmp_path / "before"))

    after = records(copied(case, tmp_path / "after", _ANEW))

    assert after == before


def test_messages_without_an_id_are_the_same_when_they_are_stored_anew(tmp_path: Path) -> None:
    """Their time and content name them, in a fork of their session too."""
    case, without = "goose-1.52.0/forks-and-edit", "UPDATE messages SET message_id = NULL;"
    before = records(copied(case, tmp_path / "before", without))

    after = records(copied(case, tmp_path / "after", without, _ANEW))

    assert after == before
    assert [line.opened.kind for line in told(after).lines.values()] == ["main", "fork", "fork"]


def test_answers_whose_server_gave_one_id_are_several(tmp_path: Path) -> None:
    """Ollama picks ids among a thousand: each answer of a session stays, and keeps its own."""
    case = "goose-1.52.0/resume-and-agents"
    same = "UPDATE messages SET message_id = 'chatcmpl-7' WHERE role = 'assistant';"
    folder = copied(case, tmp_path / "same", same)

    found = records(folder)

    texts = {line.opened.source_id: line.texts for line in told(found).lines.values()}
    right = json.loads((CASES / case / "EXPECT.json").read_text())["sessions"]
    assert texts == {one["source_id"]: one["texts"] for one in right}
    ids = [record.id for record in found if isinstance(record, Turn)]
    assert len(ids) == len(set(ids))


def test_callers_in_a_circle_end(tmp_path: Path) -> None:
    """Damage may have two agents call each other: both are read, each once."""
    case = "goose-1.52.0/resume-and-agents"
    circle = """
    UPDATE messages SET content_json = replace(content_json, 'subagent_session_id', 'lost');
    UPDATE sessions SET parent_session_id = '20261201_6' WHERE id = '20261201_5';
    UPDATE sessions SET parent_session_id = '20261201_5' WHERE id = '20261201_6';
    UPDATE sessions SET parent_session_id = '20261201_3' WHERE id = '20261201_3';
    """

    found = told(records(copied(case, tmp_path / "circle", circle)))

    parents = {
        line.opened.source_id: line.opened.parent and line.opened.parent.partition("@")[0]
        for line in found.lines.values()
    }
    assert parents == {
        "20261201_1": None,
        "20261201_2": None,
        "20261201_3": None,
        "20261201_4": None,
        "20261201_6": None,
        "20261201_5": "20261201_6",
    }


def test_an_agent_that_is_read_while_it_works_is_ended_by_a_later_import(tmp_path: Path) -> None:
    """Its caller's message is stored when the call is over; until then its row tells whose it is."""
    case = "goose-1.52.0/resume-and-agents"
    earlier = """
    DELETE FROM messages WHERE session_id = '20261201_3' AND id > 11;
    DELETE FROM messages WHERE session_id = '20261201_2' AND id > 10;
    """
    working = told(records(copied(case, tmp_path / "working", earlier)))

    over = told(records(copied(case, tmp_path / "over")))

    def agent(lines: Told) -> tuple[str | None, bool]:
        (line,) = [one for one in lines.lines.values() if one.opened.source_id == "20261201_3"]
        return line.opened.parent, line.ended is not None

    parent = "20261201_2@2026-12-01 03:18:37"
    assert agent(working) == (parent, False)
    assert agent(over) == (parent, True)
