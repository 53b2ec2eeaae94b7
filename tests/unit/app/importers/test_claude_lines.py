"""Histories of Claude Code that no case has: rewinds, parallel calls, forks of forks, broken lines."""

from __future__ import annotations

import gzip
import json
import shutil
from typing import TYPE_CHECKING

from anabranch.importers.readers.catalogue import READERS, sources_below
from tests.support.claude_files import ClaudeFile
from tests.support.transcripts import CASES, Told, shows, told

if TYPE_CHECKING:
    from pathlib import Path

_FIRST = "2ae27816-011d-4f16-a24b-f55db55b87ca"
_RESUMED = "8aea08da-a4c2-4650-b933-635a1564ddb9"


def read(folder: Path) -> Told:
    """Return all that is told of the sessions below a folder."""
    return told(
        record for source in sources_below([folder]) for record in READERS[source.tool].read(source)
    )


def talk(found: Told) -> list[tuple[str, str | None, list[str]]]:
    """Return each line as its kind, its parent's task, and its texts."""
    return [
        (
            line.opened.kind,
            found.lines[line.opened.parent].task if line.opened.parent else None,
            [text for _, text in line.texts],
        )
        for line in found.lines.values()
    ]


@shows("claude-code", "rewind")
def test_rewinds_at_one_place_and_within_each_other_are_lines_of_their_own(tmp_path: Path) -> None:
    """Each abandoned part leaves the line it hung on; the last record is on the line that lives."""
    file = ClaudeFile(tmp_path)
    file.ask("Q1")
    first = file.say("A1")
    file.ask("Q2 one")
    inner = file.say("A2 one")
    file.ask("Q3 of one")
    file.say("A3 of one")
    file.leaf = inner
    file.ask("Q3 of one, again")
    file.say("A3 of one, again")
    file.leaf = first
    file.ask("Q2 two")
    file.say("A2 two")
    file.leaf = first
    file.ask("Q2 three")
    file.say("A2 three")

    found = read(tmp_path)

    assert talk(found) == [
        ("main", None, ["Q1", "A1", "Q2 three", "A2 three"]),
        ("abandoned", "Q1", ["Q2 one", "A2 one", "Q3 of one, again", "A3 of one, again"]),
        ("abandoned", "Q2 one", ["Q3 of one", "A3 of one"]),
        ("abandoned", "Q1", ["Q2 two", "A2 two"]),
    ]
    assert [line.ended.how for line in found.lines.values() if line.ended] == ["cancelled"] * 3


def test_results_of_parallel_calls_hang_beside_and_are_no_rewind(tmp_path: Path) -> None:
    """Two calls, two results that hang on each: one line, both results told."""
    file = ClaudeFile(tmp_path)
    file.ask("Look at both")
    one = file.call("c1", "Read", file_path="a")
    two = file.call("c2", "Read", file_path="b")
    file.leaf = one
    file.give("c1", "A")
    file.leaf = two
    file.give("c2", "B")
    file.say("Both are there")

    found = read(tmp_path)

    (line,) = found.lines.values()
    assert [text for _, text in line.texts] == ["Look at both", "Both are there"]
    assert {name: result.output for name, result in line.results.items()} == {"c1": "A", "c2": "B"}


def test_a_rewind_to_the_very_beginning_abandons_all_before(tmp_path: Path) -> None:
    """A prompt that hangs on nothing begins the talk anew."""
    file = ClaudeFile(tmp_path)
    file.ask("Q1")
    file.say("A1")
    file.leaf = None
    file.ask("Q1, better")
    file.say("A1, better")

    found = read(tmp_path)

    assert talk(found)[1] == ("abandoned", "Q1, better", ["Q1", "A1"])
    assert talk(found)[0] == ("main", None, ["Q1, better", "A1, better"])


def copy(original: ClaudeFile, folder: Path, *, records: int) -> ClaudeFile:
    """Return a fork: the first records with their ids, under a session id of its own."""
    fork = ClaudeFile(folder)
    for line in original.lines[:records]:
        record = json.loads(line) | {"sessionId": fork.session_id}
        if record["type"] == "assistant":
            record["requestSessionId"] = original.session_id
        fork.line(json.dumps(record, separators=(",", ":")))
        fork.leaf = record["uuid"]
    fork.time = original.time
    return fork


def test_a_fork_of_a_fork_leaves_the_fork(tmp_path: Path) -> None:
    """Shared records are told once; each fork is a branch at the record after which it went on."""
    root = ClaudeFile(tmp_path)
    root.turns(3)
    fork = copy(root, tmp_path, records=4)
    fork.ask("F2")
    fork.say("B2")
    again = copy(fork, tmp_path, records=6)
    again.ask("G3")
    again.say("C3")

    found = read(tmp_path)

    assert found.lines[fork.session_id].opened.parent == root.session_id
    assert [text for _, text in found.lines[fork.session_id].before][-1].startswith("The buoy 1 ")
    assert found.lines[again.session_id].opened.parent == fork.session_id
    assert [text for _, text in found.lines[again.session_id].texts] == ["G3", "C3"]
    assert [text for _, text in found.lines[again.session_id].before][-1] == "B2"


def test_a_broken_line_is_told_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Cut JSON, JSON that is no object, unknown kinds and fields: counted, never an error."""
    file = ClaudeFile(tmp_path)
    file.ask("Q1")
    file.line('{"type":"assistant","uuid":"x","mess')
    file.line("[1, 2]")
    file.line('{"type":"hologram","colour":"blue"}')
    file.record("user", {"role": "user", "content": [{"type": "smell", "of": "tar"}]}, mood="glad")
    file.say("A1")

    found = read(tmp_path)

    assert talk(found) == [("main", None, ["Q1", "A1"])]
    assert [(one.path, one.number) for one in found.broken] == [(file.path, 2), (file.path, 3)]
    assert found.unknown == {"record hologram": 1}


def test_a_compressed_copy_beside_the_file_tells_nothing_twice(tmp_path: Path) -> None:
    """Two files of one session are one line; each record is told once."""
    file = ClaudeFile(tmp_path)
    file.turns(2)
    with gzip.open(file.path.with_suffix(".jsonl.gz"), "wb") as packed:
        packed.write(file.path.read_bytes())

    found = read(tmp_path)

    assert len(found.lines) == 1
    assert len(found.lines[file.session_id].texts) == 4


def test_what_was_typed_while_the_assistant_worked_is_asked_too(tmp_path: Path) -> None:
    """A queued command of the user is a turn; a task's notice in the same form is none."""
    file = ClaudeFile(tmp_path)
    file.ask("Q1")
    for prompt in ("And the rope?", "<task-notification>done</task-notification>"):
        attachment = {"type": "queued_command", "prompt": prompt, "commandMode": "prompt"}
        file.record("attachment", {}, attachment=attachment)
    file.say("A1")

    found = read(tmp_path)

    assert talk(found) == [("main", None, ["Q1", "And the rope?", "A1"])]


def test_a_copy_that_a_later_release_forked_is_still_a_copy(tmp_path: Path) -> None:
    """1.0 resumes into a file with other ids; what leaves that one later leaves a fork."""
    case = CASES / "claude-code-1.0.60" / "resume-and-fork" / "projects" / "-work-gull-point"
    names = [f"{name}.jsonl" for name in (_FIRST, _RESUMED)]
    for name in names:
        shutil.copy(case / name, tmp_path / name)
    before = read(tmp_path)
    fork = "aaaaaaaa-1111-4111-8111-000000000009"
    lines = [json.loads(line) for line in (tmp_path / names[1]).read_text().splitlines()]
    copied = [one | {"sessionId": fork} for one in lines if "uuid" in one]
    own = copied[-1] | {"uuid": "new", "parentUuid": copied[-1]["uuid"], "version": "2.1.332"}
    own |= {"type": "user", "message": {"role": "user", "content": "Is it foggy?"}}
    found = [one | {"requestSessionId": _RESUMED} for one in copied] + [own]
    (tmp_path / f"{fork}.jsonl").write_text("\n".join(map(json.dumps, found)) + "\n")

    after = read(tmp_path)

    assert [(line.opened.key, line.opened.parent) for line in after.lines.values()] == [
        (_FIRST, None),
        (_RESUMED, _FIRST),
        (fork, _RESUMED),
    ]
    assert talk(after)[:2] == talk(before)
    assert talk(after)[2] == ("fork", "Read the keeper's log.", ["Is it foggy?"])
