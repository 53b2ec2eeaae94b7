"""Projections that are kept running."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from anabranch.backend import projection_runner
from anabranch_events.errors import LogRewound
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    import pytest

    from anabranch_projections import Projector


class Failing:
    """A projection that fails at once, each time as `ends` says; then it goes on for ever."""

    name = "graph"
    position = 0

    def __init__(self, ends: list[int]) -> None:
        self.ends = ends
        self.done = asyncio.Event()

    async def run(self) -> None:
        """Raise the next error."""
        if not self.ends:
            self.done.set()
            await asyncio.Event().wait()
        raise LogRewound(position=9, last=self.ends.pop(0))


async def test_an_error_that_comes_again_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A log that lost its end does not fill the log file of `up`."""
    monkeypatch.setattr(projection_runner, "_PAUSE_S", 0.0)
    failing = Failing([1, 1, 1, 2, 2])

    with caplog.at_level(logging.WARNING):
        stops: dict[str, projection_runner.Stop] = {}
        running = projection_runner._kept_running(cast("Projector", failing), stops)  # pyright: ignore[reportPrivateUsage]  # no face fails at will
        kept = asyncio.create_task(running)
        async with asyncio.timeout(PATIENCE_S):
            await failing.done.wait()
        kept.cancel()
        await asyncio.gather(kept, return_exceptions=True)

    told = [record.getMessage()[-1] for record in caplog.records]
    assert told == ["1", "2"]
    assert stops["graph"].reason[-1] == "2"
