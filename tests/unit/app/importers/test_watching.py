"""Sources that are looked at again: their own files, and those that say more of them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.watching import Watching
from tests.support.claude_files import ClaudeFile
from tests.support.transcripts import CASES, told

if TYPE_CHECKING:
    from pathlib import Path

BESIDE = {
    "claude-code-2.1.332/subagent-wait": "agent-abc756ea9940ed0b8.meta.json",
    "cline-3.0.65/plain": "1795845790649_3kwtp.json",
    "cline-3.0.65/subagent": "sessions.db",
    "openclaw-2026.9.6/subagent": "openclaw.sqlite",
    "qwen-code-0.24.4/subagent-background": "agent-general-purpose-call_stub00006.meta.json",
}
HOUR_S = 3600


def below(folder: Path, name: str) -> Path:
    """Return the one file of a name."""
    (found,) = folder.rglob(name)
    return found


async def looked_at(folder: Path, *, then: Path, later_s: float) -> list[str]:
    """Watch until a source is yielded twice; a file is written after the first time.

    Return the tools of what was yielded. Another source, written later still, ends the wait.
    """
    (source,) = sources_below([folder])
    last = folder / "last" / "20261130-handoff.md"
    found: list[str] = []
    latest = max(path.stat().st_mtime for path in source.files)
    watching = Watching(lambda: sources_below([folder]), look_each_s=0.001)
    async for changed in watching.changed():
        found.append(changed.tool)
        if changed.tool == "handoffs":
            return found
        if len(found) == 1:
            os.utime(then, (latest + later_s, latest + later_s))
            last.parent.mkdir()
            last.write_text("# Hand-off\n\nThe lamp is lit.\n")
    raise AssertionError("the watch ended")


@pytest.mark.parametrize(("case", "name"), BESIDE.items(), ids=BESIDE)
async def test_a_file_that_says_more_of_a_source_has_it_read_again(
    case: str, name: str, tmp_path: Path
) -> None:
    """That an agent ended, or when, may be written after all that it said."""
    shutil.copytree(CASES / case, tmp_path / "copy")
    beside = below(tmp_path, name)
    tool = case.partition("/")[0].rpartition("-")[0]

    assert await looked_at(tmp_path, then=beside, later_s=HOUR_S / 2) == [tool, tool, "handoffs"]


@pytest.mark.parametrize(
    "case", [one for one in BESIDE if "subagent-" in one] + ["cline-3.0.65/plain"]
)
async def test_a_file_of_a_source_of_its_own_concerns_it_however_late(
    case: str, tmp_path: Path
) -> None:
    """An agent may end hours after the last thing it said."""
    shutil.copytree(CASES / case, tmp_path / "copy")
    beside = below(tmp_path, BESIDE[case])
    tool = case.partition("/")[0].rpartition("-")[0]
    later = beside.stat().st_mtime + 2 * HOUR_S
    os.utime(beside, (later, later))

    assert await looked_at(tmp_path, then=beside, later_s=5 * HOUR_S) == [tool, tool, "handoffs"]


async def test_a_database_of_all_sessions_concerns_those_that_were_written_lately(
    tmp_path: Path,
) -> None:
    """An old session is not read again each time a new one is noted."""
    shutil.copytree(CASES / "cline-3.0.65" / "subagent", tmp_path / "copy")
    database = below(tmp_path, "sessions.db")
    later = database.stat().st_mtime + 2 * HOUR_S
    os.utime(database, (later, later))

    found = await looked_at(tmp_path, then=database, later_s=3 * HOUR_S)

    assert found == ["cline", "handoffs"]


async def test_a_source_with_an_open_turn_is_yielded_once_more_when_it_is_quiet(
    tmp_path: Path,
) -> None:
    """Not before; and while it is written, what is new of it comes without a wait."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    watching = Watching(lambda: sources_below([tmp_path]), look_each_s=0.001, quiet_s=0.2)
    changed = watching.changed()
    times: list[float] = []
    grew: list[bool] = []

    for _ in range(3):
        source = await anext(changed)
        times.append(time.monotonic())
        grew.append(watching.may_grow(source))
        watching.look_when_quiet(source)
        if len(times) == 1:
            file.turns(1)
    await changed.aclose()

    assert grew == [True, True, False]
    assert times[1] - times[0] < 0.2 <= times[2] - times[1]


async def test_a_source_that_is_written_while_it_is_read_may_grow(tmp_path: Path) -> None:
    """One that lies there for long does not, so that its last answer is stored at once."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    os.utime(file.path, (0, 0))
    watching = Watching(lambda: sources_below([tmp_path]), look_each_s=0.001)
    changed = watching.changed()
    source = await anext(changed)

    before = watching.may_grow(source)
    file.turns(1)
    after = watching.may_grow(source)
    await changed.aclose()

    assert (before, after) == (False, True)


def test_runs_of_openclaw_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """The sessions are read all the same; that their ends are missing has a reason."""
    shutil.copytree(CASES / "openclaw-2026.9.6" / "subagent", tmp_path / "copy")
    state = below(tmp_path, "openclaw.sqlite")
    with closing(sqlite3.connect(state)) as database:
        database.execute("DROP TABLE subagent_runs")
    (source,) = sources_below([tmp_path])

    found = told(READERS["openclaw"].read(source))

    assert [(one.path, one.more) for one in found.broken] == [(state, False)]
    assert [line.opened.kind for line in found.lines.values()] == ["main", "subagent"]
