"""OpenCode's JSON files beside what later releases took over of them: each session is told once."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.records.model import Opened, Turn
from tests.support.transcripts import CASES, told

if TYPE_CHECKING:
    from pathlib import Path


def ids(folder: Path) -> list[str]:
    """Return the ids of the lines and turns that are told of a folder, in order."""
    (source,) = sources_below([folder])
    return [
        one.key if isinstance(one, Opened) else f"{one.line} {one.id}"
        for one in READERS["opencode"].read(source)
        if isinstance(one, (Opened, Turn))
    ]


def test_what_1_2_took_over_has_the_ids_it_had(tmp_path: Path) -> None:
    """So an import of the database adds what was said since, and nothing that was there."""
    files = CASES / "opencode-1.1.11" / "parallel"
    (both,) = (CASES / "opencode-1.2.1").iterdir()
    shutil.copy(both / "opencode.db", tmp_path)

    before, after = ids(files), ids(tmp_path)

    assert {*before} < {*after}
    assert len({*after}) == len(after)
    assert ids(both) == after


def test_a_session_that_1_0_took_over_is_read_where_it_went_on(tmp_path: Path) -> None:
    """Its first place, in the storage of its project, keeps what it had when it was taken over."""
    case = CASES / "opencode-0.5.29" / "resume"
    shutil.copytree(case, tmp_path, dirs_exist_ok=True)
    old, new = tmp_path / "project" / "global" / "storage" / "session", tmp_path / "storage"
    (info,) = (old / "info").iterdir()
    shutil.copytree(old / "message", new / "message")
    for parts in (old / "part" / info.stem).iterdir():
        shutil.copytree(parts, new / "part" / parts.name)
    (new / "session" / "global").mkdir(parents=True)
    shutil.copy(info, new / "session" / "global")
    added = {"role": "user", "time": {"created": 1796049999000}}
    (new / "message" / info.stem / "msg_9.json").write_text(json.dumps(added))
    (new / "part" / "msg_9").mkdir()
    part = {"type": "text", "text": "Is it foggy?"}
    (new / "part" / "msg_9" / "prt_9.json").write_text(json.dumps(part))

    assert ids(tmp_path) == [*ids(case), f"{info.stem} msg_9"]


def test_a_call_that_failed_has_not_begun_what_a_later_one_did(tmp_path: Path) -> None:
    """It names no session. The next one with the same task does, and that one was completed."""
    shutil.copytree(CASES / "opencode-1.1.11" / "parallel", tmp_path, dirs_exist_ok=True)
    path = next(one for one in tmp_path.rglob("prt_*.json") if '"task"' in one.read_text())
    part = json.loads(path.read_text())
    began = part["state"]["time"]["start"]
    part["state"] |= {"status": "error", "error": "no such agent", "metadata": {}}
    part["state"]["time"] = {"start": began - 90, "end": began - 30}
    path.with_name("prt_0.json").write_text(json.dumps(part | {"callID": "call_0"}))
    (source,) = sources_below([tmp_path])

    found = told(READERS["opencode"].read(source))

    agents = [one for one in found.lines.values() if one.opened.kind == "subagent"]
    assert [one.ended.how for one in agents if one.ended] == ["completed", "completed"]


def test_files_that_are_no_sessions_are_none(tmp_path: Path) -> None:
    """Messages, parts, differences and shares lie beside them, and are named by sessions too.

    A file that was compressed by hand has lost its parts.
    """
    places = ("message/ses_1", "part/msg_1", "session_diff", "session/share", "session")
    for name in (*(f"{place}/ses_1.json" for place in places), "session/global/ses_1.json.gz"):
        path = tmp_path / "storage" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"id": "ses_1", "version": "1.1.11"}')

    assert sources_below([tmp_path], tools=["opencode"]) == []
