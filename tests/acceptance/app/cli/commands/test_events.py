"""`events` and `replay`: export, import, checks, following and telling again."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures.memory import CommandLine

pytestmark = pytest.mark.timeout(900)


def test_events_are_exported_and_imported_once(
    anabranch: CommandLine, namespace: str, tmp_path: Path
) -> None:
    """An import of what the log has adds nothing; show and replay tell the same events."""
    root = anabranch.opened(namespace)
    anabranch.here("session", "branch", root, "--task", "A branch", "-N", namespace, "--json")
    file = tmp_path / "events.jsonl"

    exported = anabranch.here("events", "export", "-N", namespace, "-o", str(file))
    again = ("events", "export", "-N", namespace, "-o", str(file), "--force", "--json")
    counted = anabranch.here(*again).value
    plain = anabranch.here("events", "export", "-N", namespace).lines
    *chained, last = [json.loads(line) for line in file.read_text().splitlines()]
    lines = [{name: line[name] for name in line if name != "chain"} for line in chained]
    verified = anabranch.here("events", "verify", str(file), "--json").value
    checked = anabranch.here("events", "check", str(file), "--json").lines
    imported = anabranch.here("events", "import", str(file), "-N", namespace, "--json").value
    replayed = anabranch.here("replay", "--session", root, "-N", namespace, "--json").lines
    shown = anabranch.here(
        "events", "show", str(lines[0]["position"]), "-N", namespace, "--json"
    ).value

    assert exported.code == 0
    assert counted == {"exported": len(lines), "file": str(file)}
    assert [line["type"] for line in lines] == [
        "anabranch.session.opened.v1",
        "anabranch.branch.created.v1",
    ]
    assert lines == plain
    assert last == {"manifest": verified}
    assert (verified["events"], verified["last"]) == (2, lines[-1]["position"])
    assert [(line["line"], line["valid"]) for line in checked] == [(1, True), (2, True)]
    assert (imported["imported"], imported["skipped"]) == (0, 2)
    assert (imported["unreadable"], imported["complete"]) == (0, True)
    assert replayed == [shown] == lines[:1]


def test_a_producer_is_told_what_an_event_must_look_like(anabranch: CommandLine) -> None:
    """The schema of a type, of all types, and what is wrong with a line, without a memory."""
    one = anabranch.here("events", "schema", "anabranch.session.closed.v1", "--json").value
    every = anabranch.here("events", "schema").value
    checked = anabranch.here("events", "check", "-", "--json", text="hello\n")
    shown = anabranch.here("events", "check", "-", text="hello\n")

    assert one["properties"]["type"] == {"const": "anabranch.session.closed.v1"}
    assert {"$ref": "#/$defs/anabranch.session.closed.v1"} in every["oneOf"]
    assert (checked.code, checked.error["type"]) == (2, "EventInvalid")
    assert [
        (line["line"], line["valid"]) for line in map(json.loads, checked.out.splitlines())
    ] == [(1, False)]
    assert "invalid the message is not JSON" in shown.out


@in_full_only
def test_events_move_to_another_log(
    anabranch: CommandLine, namespace: str, alone: CommandLine
) -> None:
    """Imported into another log, a branch was still forked where its parent then stood."""
    root = anabranch.opened(namespace)
    anabranch.here("session", "branch", root, "--task", "A branch", "-N", namespace, "--json")
    exported = anabranch.here("events", "export", "-N", namespace).out

    imported = alone.here("events", "import", "-", "-N", namespace, "--json", text=exported).value
    there = alone.here("replay", "-N", namespace, "--json").lines

    assert (imported["imported"], imported["position"]) == (2, 2)
    assert [(line["position"], line["data"].get("forked_at")) for line in there] == [
        (1, None),
        (2, 1),
    ]


def test_tail_follows_what_happens(anabranch: CommandLine, namespace: str) -> None:
    """A tail that begins after a position tells what came since, then what comes."""
    anabranch.opened(namespace)

    told = anabranch.here(
        "events", "tail", "--after", "0", "-n", "1", "-N", namespace, "--json"
    ).lines

    assert [line["type"] for line in told] == ["anabranch.session.opened.v1"]


def test_replay_keeps_the_pauses(anabranch: CommandLine, namespace: str) -> None:
    """With a speed the events come with their pauses, so many times faster."""
    anabranch.opened(namespace)
    anabranch.opened(namespace)

    told = anabranch.here("replay", "--speed", "1000", "-N", namespace, "--json")

    assert (told.code, len(told.lines)) == (0, 2)


@in_full_only
def test_ctrl_c_ends_a_tail(anabranch: CommandLine, namespace: str) -> None:
    """Ctrl-C ends what follows for ever with 130, and without a traceback."""
    anabranch.opened(namespace)
    with anabranch.tailing(namespace) as (process, _, errors):
        time.sleep(0.2)
        os.kill(process.pid, signal.SIGINT)

        code = process.wait(timeout=PATIENCE_S)

        assert (code, errors.read()) == (130, b"")
