"""Turns of Codex as earlier releases wrote them: rolled back, copied, summed up."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from anabranch.importers.readers.catalogue import READERS, sources_below
from tests.support.transcripts import CASES, Told, told

if TYPE_CHECKING:
    from pathlib import Path

THREAD = "01a22cbf-9347-7a21-8f14-baa74d438a96"
BEGUN = datetime(2026, 11, 30, 8, tzinfo=UTC)


def read(folder: Path) -> Told:
    """Return all that is told of the threads below a folder."""
    return told(
        record for source in sources_below([folder]) for record in READERS[source.tool].read(source)
    )


def said(role: str, text: str) -> dict[str, Any]:
    """Return a message as releases before 0.148 wrote it."""
    content = [{"type": "input_text" if role == "user" else "output_text", "text": text}]
    return {"type": "message", "role": role, "content": content}


def write(path: Path, *payloads: dict[str, Any]) -> None:
    """Write a rollout, a record a second."""
    head = {"id": THREAD, "timestamp": "2026-11-30T08:00:00.000Z", "cwd": "/srv/pier"}
    lines = [{"type": "session_meta", "payload": head | {"cli_version": "0.80.0"}}]
    for payload in payloads:
        kind = {"message": "response_item", "compacted": "compacted"}.get(payload["type"])
        lines.append({"type": kind or "event_msg", "payload": payload})
    for number, line in enumerate(lines):
        line["timestamp"] = (BEGUN + timedelta(seconds=number)).isoformat()
    path.write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in lines))


def test_turns_rolled_back_within_each_other_are_lines_of_their_own(tmp_path: Path) -> None:
    """One turn goes, another comes, then both of those that are left go: what stays is one line."""
    turns = [[said("user", f"Q{one}"), said("assistant", f"A{one}")] for one in (1, 2, 3, 4, 5)]
    back = [{"type": "thread_rolled_back", "num_turns": count} for count in (1, 2)]
    write(
        tmp_path / f"rollout-2026-11-30T08-00-00-{THREAD}.jsonl",
        *[*turns[0], *turns[1], *turns[2], back[0], *turns[3], back[1], *turns[4]],
    )

    found = read(tmp_path)

    assert [
        (line.opened.parent, [text for _, text in line.texts], line.ended is not None)
        for line in found.lines.values()
    ] == [
        (None, ["Q1", "A1", "Q5", "A5"], False),
        (THREAD, ["Q2", "A2", "Q4", "A4"], True),
        (f"{THREAD}~3", ["Q3", "A3"], True),
    ]


def test_more_turns_rolled_back_than_there_were_are_all_of_them(tmp_path: Path) -> None:
    """Then nothing stays but what comes after."""
    write(
        tmp_path / f"rollout-2026-11-30T08-00-00-{THREAD}.jsonl",
        said("user", "Q1"),
        said("assistant", "A1"),
        {"type": "thread_rolled_back", "num_turns": 7},
        said("user", "Q2"),
    )

    found = read(tmp_path)

    assert [[text for _, text in line.texts] for line in found.lines.values()] == [
        ["Q2"],
        ["Q1", "A1"],
    ]


def test_a_count_of_turns_below_one_rolls_nothing_back(tmp_path: Path) -> None:
    """Such a record is damaged: the talk is read as it stands."""
    write(
        tmp_path / f"rollout-2026-11-30T08-00-00-{THREAD}.jsonl",
        said("user", "Q1"),
        {"type": "thread_rolled_back", "num_turns": -1},
        said("user", "Q2"),
    )

    (line,) = read(tmp_path).lines.values()

    assert [text for _, text in line.texts] == ["Q1", "Q2"]


def test_a_head_that_is_written_again_makes_no_fork(tmp_path: Path) -> None:
    """A thread whose settings changed has its head twice: only another's tells of a copy."""
    path = tmp_path / f"rollout-2026-11-30T08-00-00-{THREAD}.jsonl"
    write(path, said("user", "Q1"), said("assistant", "A1"))
    head, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("".join([head, head, *rest]))

    (line,) = read(tmp_path).lines.values()

    assert (line.opened.kind, line.opened.parent) == ("main", None)
    assert [text for _, text in line.texts] == ["Q1", "A1"]


def test_an_answer_whose_words_are_in_the_summary_stays(tmp_path: Path) -> None:
    """An event shows that it was an answer: 0.80 writes no summary as one."""
    write(
        tmp_path / f"rollout-2026-11-30T08-00-00-{THREAD}.jsonl",
        said("user", "Light the lamp."),
        {"type": "agent_message", "message": "Done."},
        said("assistant", "Done."),
        {"type": "compacted", "message": "The lamp was to be lit. Done."},
    )

    (line,) = read(tmp_path).lines.values()

    assert [text for _, text in line.texts] == ["Light the lamp.", "Done."]
    assert line.summaries == ["The lamp was to be lit. Done."]


def test_a_fork_whose_origin_is_gone_has_its_own_turns(tmp_path: Path) -> None:
    """What was copied was written at once: what came a second later is the fork's own."""
    case = CASES / "codex-0.80.0" / "fork"
    (fork,) = case.rglob("*aefa*.jsonl")
    path = tmp_path / fork.name
    shutil.copy(fork, path)
    late = path.read_text().replace("13:58:09.41", "13:58:19.41").replace("09.5", "19.5")
    path.write_text(late)

    found = read(tmp_path)

    (line,) = found.lines.values()
    assert line.opened.kind == "fork"
    assert [text for _, text in line.texts] == [
        "What if it is fog?",
        "In fog the horn sounds every thirty seconds.",
    ]


def test_what_a_thread_and_its_forks_left_hangs_where_they_left_it() -> None:
    """A part that was reverted has its own reverted parts and forks, each after what it shares."""
    found = read(CASES / "codex-0.171.0" / "reverts-and-forks-of-them")

    def told_of(texts: list[list[str]]) -> str:
        return " ".join(text.removeprefix("Tell ") for said, text in texts if said == "user")

    ends = {line.ended and line.ended.how for line in found.lines.values()}
    assert [
        (line.opened.kind, told_of(line.before), told_of(line.texts))
        for line in found.lines.values()
    ] == [
        ("main", "", "eight"),
        ("abandoned", "", "one two"),
        ("abandoned", "one", "three five"),
        ("abandoned", "one three", "six"),
        ("fork", "one three six", "seven"),
        ("fork", "one three", "four"),
    ]
    assert ends == {None, "cancelled"}


def test_without_its_first_file_a_thread_that_was_reverted_is_no_fork(tmp_path: Path) -> None:
    """A later file may stand on another later file, whose id is not that of a thread (0.171.0).

    See findings/codex_history_stands_on_the_id_of_no_thread.sh.
    """
    case = CASES / "codex-0.171.0" / "reverts-and-forks-of-them"
    (third,) = case.rglob("*46b7-71c3*.jsonl")
    shutil.copy(third, tmp_path / third.name)

    (line,) = read(tmp_path).lines.values()

    assert (line.opened.kind, line.opened.parent, line.task) == ("main", None, "Tell six")
