"""The output of a command: lines without padding, warnings, and a word on long work."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from anabranch.terminal import output as module
from anabranch.terminal.counting import counted
from anabranch.terminal.output import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.memory.thinking.stats import WorkStats


def test_lines_in_a_pipe_end_where_their_text_does(capsys: pytest.CaptureFixture[str]) -> None:
    """A table is not padded to its widest line where no terminal reads it."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_row("a", "short")
    table.add_row("b", "a longer one")

    Output(json=False).item({}, table)

    assert capsys.readouterr().out == "a  short\nb  a longer one\n"


def test_a_warning_with_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With JSON nothing else stands on stderr; people read the text."""
    Output(json=True).warn("the log is damaged")
    Output(json=False).warn("the log is damaged")

    first, second = capsys.readouterr().err.splitlines()
    assert json.loads(first) == {"warning": {"message": "the log is damaged"}}
    assert second == "the log is damaged"


@pytest.mark.parametrize(("json_too", "told"), [(False, "Starting /data ...\n"), (True, "")])
async def test_what_takes_longer_is_told(
    json_too: bool,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """People get a line when the moment has passed and it still goes on; machines get none."""
    monkeypatch.setattr(module, "MOMENT_S", 0.0)

    with Output(json=json_too).after_a_moment("Starting /data"):
        await asyncio.sleep(0.01)
    with Output(json=json_too).after_a_moment("Closing /data"):
        pass
    await asyncio.sleep(0.01)

    assert capsys.readouterr().err == told


def test_numbers_have_their_nouns() -> None:
    """One has the singular, any other number the plural, with its thousands apart."""
    assert [counted(0, "event"), counted(1, "event"), counted(2000, "event")] == [
        "0 events",
        "1 event",
        "2,000 events",
    ]
    assert counted(3, "branch", "branches") == "3 branches"


def test_an_empty_list_is_said_and_has_no_headings(capsys: pytest.CaptureFixture[str]) -> None:
    """People read a sentence, machines nothing at all: a list of no lines."""

    def picture(_: Sequence[WorkStats]) -> str:
        return "role  branches"

    Output(json=False).items([], picture, nothing="No branch was forked [here].")
    Output(json=True).items([], picture, nothing="No branch was forked [here].")

    assert capsys.readouterr().out == "No branch was forked [here].\n"
