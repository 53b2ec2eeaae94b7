"""Sources that are followed as they grow: what the log did not take at first comes later, once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch.importers.following import Following
from anabranch.importers.importer import ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from anabranch_events import Log
from anabranch_events.event.types import InsightRecorded
from tests.support.claude_files import ClaudeFile
from tests.support.killing import MortalServer
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [in_full_only, pytest.mark.timeout(240)]


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
