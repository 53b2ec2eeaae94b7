"""The passing folder lies below the home, and a kill does not leave anything there for long."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from anabranch.home.folder import Home
from anabranch.home.passing import clear_passing, passing_folder

if TYPE_CHECKING:
    from pathlib import Path

_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from anabranch.home.folder import Home
from anabranch.home.passing import passing_folder

async def main():
    async with passing_folder(Home(Path(sys.argv[1]))) as folder:
        (folder / "raw.jsonl").write_text("a secret")
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give a home that is not made yet."""
    return Home(tmp_path / "home")


async def test_it_is_for_its_owners_eyes_and_gone_afterwards(home: Home) -> None:
    """Below the home, and closed to all others."""
    async with passing_folder(home) as folder:
        (folder / "raw.jsonl").write_text("a secret")

        assert home.folder in folder.parents
        assert [one.stat().st_mode & 0o777 for one in (home.passing, folder)] == [0o700, 0o700]

    assert list(home.passing.iterdir()) == []


async def test_what_a_killed_process_left_is_cleared(home: Home) -> None:
    """By a store or an owner that starts, and by the next writer; what is in use stays."""
    for clears in (True, False):
        command = [sys.executable, "-c", _KILLED, str(home.folder)]
        await asyncio.to_thread(subprocess.run, command)
        assert len(list(home.passing.rglob("raw.jsonl"))) == 1
        if clears:
            clear_passing(home)
            assert not home.passing.exists()

    async with passing_folder(home) as folder:
        (folder / "used").touch()
        clear_passing(home)

        assert list(home.passing.rglob("*")) == [folder, folder / "used"]
