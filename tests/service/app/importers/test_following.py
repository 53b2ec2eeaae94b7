"""Sources that are followed as they grow: what the log did not take at first comes later, once."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from anabranch.importers.following import Following
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from anabranch_events import Log
from anabranch_events.event.types import InsightRecorded
from tests.support.claude_files import ClaudeFile
from tests.support.growing import growing
from tests.support.killing import MortalServer
from tests.support.patience import PATIENCE_S, until
from tests.support.rounds import in_full_only
from tests.support.transcripts import CASES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [in_full_only, pytest.mark.timeout(720)]


async def test_what_is_written_while_the_server_is_away_is_stored_once(tmp_path: Path) -> None:
    """The failure is told, the source is tried again, and nothing of it is there twice."""
    file = ClaudeFile(tmp_path / "tools")
    file.turns(1)
    async with (
        MortalServer(tmp_path / "nats") as server,
        Log.connect(server.url, token=server.token, timeout_s=1) as log,
    ):
        following = Following(
            log, ImportOptions("default"), lambda: sources_below([tmp_path / "tools"])
        )
        told = following.imported()
        async with asyncio.timeout(PATIENCE_S):
            first = await anext(told)

            await server.kill()
            file.ask("Who keeps the spare wick?")
            file.say("The harbour master keeps the spare wick.")
            away = await anext(told)
            await server.start()
            while (later := await anext(told)).error is not None:
                pass
        events = [record.decode() async for record in log.read_all()]
        await told.aclose()

    texts = [event.data.text for event in events if isinstance(event.data, InsightRecorded)]
    assert (first.error, away.error is not None) == (None, True)
    assert later.tally.insights == {"request": 2, "answer": 2}
    assert texts[-2:] == ["Who keeps the spare wick?", "The harbour master keeps the spare wick."]
    assert len(texts) == len(set(texts))


async def test_what_is_followed_line_by_line_is_what_is_imported_later(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer is stored once its turn is over, or once its file is quiet; a remark is none.

    Nothing in Gemini CLI's last line says that its turn is over.
    """
    monkeypatch.setattr("anabranch.importers.watching.FIND_EACH", 1)
    case, folder = CASES / "gemini-cli-0.61.0" / "subagent", tmp_path / "case"
    shutil.copytree(case, tmp_path / "whole")
    importer = Importer(log, ImportOptions("later"))
    await importer.sources(sources_below([tmp_path / "whole"]), stored=lambda _, __: None)
    seen: list[str] = []
    following = Following(
        log,
        ImportOptions("followed"),
        lambda: sources_below([folder]),
        saw=lambda event, _: seen.extend([event.id] * isinstance(event.data, InsightRecorded)),
        quiet_s=0.5,
    )

    task = asyncio.create_task(_follow(following))
    for _ in growing(case, folder):
        await asyncio.sleep(0.3)
    later = await kinds(log, "later")
    await until(lambda: len(seen) >= len(later))
    task.cancel()
    await asyncio.wait([task])

    assert await kinds(log, "followed") == later


async def _follow(following: Following) -> None:
    async for _ in following.imported():
        pass


async def kinds(log: Log, namespace: str) -> list[tuple[str, str]]:
    """Return the kinds and texts of a namespace's insights, sorted."""
    events = [record.decode() async for record in log.read_all()]
    return sorted(
        (f"{one.data.kind}", one.data.text)
        for one in events
        if one.namespace == namespace and isinstance(one.data, InsightRecorded)
    )
