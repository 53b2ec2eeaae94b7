"""Reading beside a running `up` writes nothing: it works on a full disk and on a read-only one."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.doctor import examine
from anabranch.home.folder import Home
from anabranch.memory.memory import namespace_of
from tests.support.patience import until
from tests.support.rounds import in_full_only
from tests.support.upholding import end_up, start_up
from tests.support.visiting import patient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from anabranch.settings import Settings

pytestmark = [pytest.mark.timeout(1800), pytest.mark.own_servers]


def mounted(*arguments: str) -> None:
    """Mount as `arguments` say, or skip the test where that is not allowed."""
    command = ("mount", *arguments)
    if os.geteuid() != 0 or subprocess.run(command, check=False).returncode != 0:
        pytest.skip("only root can mount")


def unmounted(folder: Path) -> bool:
    """Unmount, and tell whether that was done: the last processes of a home end after `down`."""
    return subprocess.run(("umount", str(folder)), check=False).returncode == 0  # noqa: S607 - the system's


@pytest.fixture
async def small_disk(tmp_path: Path) -> AsyncIterator[Path]:
    """A disk of 64 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder))
    yield folder
    await until(lambda: unmounted(folder))


@pytest.fixture
async def running(own_settings: Settings, small_disk: Path) -> AsyncIterator[Settings]:
    """Give the settings of a home on a small disk on which `up` runs, with one insight."""
    settings = patient(own_settings).changed(home=small_disk / "home", close_timeout_s=0.1)
    await start_up(settings)
    async with Memory.open(settings=settings) as memory:
        receipt = await memory.remember("The pump is red.")
        await memory.wait_for(receipt.position)
    yield settings
    await end_up(settings)


@pytest.fixture
async def read_only(running: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    """Give the same home by a path on which nothing can be written."""
    seen = tmp_path / "seen"
    seen.mkdir()
    mounted("--bind", str(running.home), str(seen))
    mounted("-o", "remount,bind,ro", str(seen))
    yield running.changed(home=seen)
    await until(lambda: unmounted(seen))


def fill(disk: Path) -> None:
    """Leave no room on the disk, not for one byte."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2


async def read(settings: Settings) -> tuple[str, list[str], int, int]:
    """Return our role, and what recall, replay and status give."""
    async with Memory.open(settings=settings) as memory:
        found = await memory.recall("pump")
        events = [one.position async for one in memory.replay()]
        status = await memory.status()
        role = namespace_of(memory).backend.servers.role
    return role, [hit.text for hit in found.hits], len(events), status.log.last


@in_full_only
async def test_reading_needs_no_room(running: Settings, small_disk: Path) -> None:
    """On a full disk a memory joins, recalls, replays and says how it is; doctor says it is full."""
    fill(small_disk)

    seen = await read(running)
    checks = {check.name: check.ok for check in await examine(running)}
    with suppress(FileNotFoundError):
        (small_disk / "ballast").unlink()

    assert seen == ("joined", ["The pump is red."], 2, 2)
    assert (checks["home"], checks["owner"], checks["log"], checks["graph"]) == (
        (False, True, True, True)
    )


@in_full_only
async def test_reading_needs_no_right_to_write(read_only: Settings) -> None:
    """On a home that is mounted read-only a memory joins and reads, and nothing is changed there."""
    home = Home(read_only.home)
    before = sorted(path.name for path in home.folder.iterdir())

    seen = await read(read_only)

    assert seen == ("joined", ["The pump is red."], 2, 2)
    assert sorted(path.name for path in home.folder.iterdir()) == before
