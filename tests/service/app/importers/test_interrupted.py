"""Imports that are killed, and tools that write meanwhile: nothing is doubled, nothing is lost."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest

from anabranch.importers.following import Following
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from anabranch_events.event.types import InsightRecorded
from tests.support.claude_files import ClaudeFile
from tests.support.goose_files import GooseFile
from tests.support.patience import until
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from anabranch_events import Event, Log, NatsServer

pytestmark = [in_full_only, pytest.mark.timeout(720)]
KILLS: Final = 2
TURNS: Final = 30


def one_file(folder: Path) -> None:
    """Write one long file of Claude Code."""
    ClaudeFile(folder).turns(1000)


def many_files(folder: Path) -> None:
    """Write files of Claude Code of which a batch holds several."""
    for turns in (400, *[30] * 20):
        ClaudeFile(folder).turns(turns)


def database(folder: Path) -> None:
    """Write one database with many sessions."""
    with GooseFile(folder) as file:
        for number in range(10):
            file.turns(f"s{number}", 100)


async def imported(log: Log, folder: Path, namespace: str) -> None:
    """Import what lies in a folder."""
    importer = Importer(log, ImportOptions(namespace))
    await importer.sources(sources_below([folder]), stored=lambda _, __: None)


async def texts(log: Log, namespace: str) -> Counter[str]:
    """Count the texts of a namespace's insights; no event stands there twice."""
    events = [record.decode() async for record in log.read_all()]
    own = [event for event in events if event.namespace == namespace]
    assert len({event.id for event in own}) == len(own)
    return Counter(one.data.text for one in own if isinstance(one.data, InsightRecorded))


@pytest.mark.parametrize("write", [one_file, many_files, database])
async def test_an_import_that_is_killed_goes_on_where_it_was(
    nats_server: NatsServer, log: Log, tmp_path: Path, write: Callable[[Path], None]
) -> None:
    """Killed at any moment and run again until it ends, it has stored what one run stores."""
    write(tmp_path)
    await imported(log, tmp_path, "whole")
    whole = await texts(log, "whole")
    words = (nats_server.url, nats_server.token, "killed", str(tmp_path))
    start = (await log.bounds()).last
    killed = 0

    for number in range(1, KILLS + 1):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.importing_process", *words
        )
        aim = start + len(whole) * number // (KILLS + 2)
        while process.returncode is None and (await log.bounds()).last < aim:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        if process.returncode is None:
            process.kill()
        killed += await process.wait() != 0
    await imported(log, tmp_path, "killed")

    assert killed
    assert await texts(log, "killed") == whole


async def test_a_database_is_followed_while_its_tool_writes(log: Log, tmp_path: Path) -> None:
    """Each turn that was committed is stored once: from the -wal, and once that is folded in."""
    with GooseFile(tmp_path) as file:
        async with followed(log, tmp_path) as seen:
            for number in range(TURNS):
                file.turns(f"s{number % 3}", 1)
                await asyncio.sleep(0.02)
            await until(lambda: len(seen) >= 2 * TURNS)
            assert file.path.with_name("sessions.db-wal").stat().st_size > 0
            file.fold()
            file.turns("s9", 1)
            await until(lambda: len(seen) >= 2 * TURNS + 2)
    await imported(log, tmp_path, "whole")

    assert await texts(log, "followed") == await texts(log, "whole")


async def test_a_file_is_followed_while_it_is_replaced(log: Log, tmp_path: Path) -> None:
    """Each state of it is whole, written beside it and renamed: what is new is stored once."""
    file = ClaudeFile(tmp_path / "written")
    place = tmp_path / "read" / "projects" / "-work-pier" / file.path.name
    place.parent.mkdir(parents=True)
    async with followed(log, tmp_path / "read") as seen:
        for _ in range(TURNS):
            file.turns(1, about=f"buoy {len(file.lines)}, anchor")
            beside = place.with_suffix(".tmp")
            shutil.copyfile(file.path, beside)
            beside.replace(place)
            await asyncio.sleep(0.02)
        await until(lambda: len(seen) >= 2 * TURNS)
    await imported(log, tmp_path / "read", "whole")

    assert await texts(log, "followed") == await texts(log, "whole")


@asynccontextmanager
async def followed(log: Log, folder: Path) -> AsyncGenerator[list[str]]:
    """Follow a folder; give the texts that were stored so far."""
    seen: list[str] = []

    def saw(event: Event, _: int) -> None:
        if isinstance(event.data, InsightRecorded):
            seen.append(event.data.text)

    async def follow() -> None:
        options = ImportOptions("followed")
        following = Following(log, options, lambda: sources_below([folder]), saw=saw)
        async for one in following.imported():
            assert one.error is None, one.error

    task = asyncio.create_task(follow())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
