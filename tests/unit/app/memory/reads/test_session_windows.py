"""The newest sessions are read window by window: all of them, each once, and few that are not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anabranch.memory.reads.session_windows import WINDOW, newest


class Opened:
    """Sessions by the positions at which they were opened, and the windows that were asked for."""

    def __init__(self, *positions: int) -> None:
        self._positions = positions
        self.windows: list[tuple[int, int]] = []

    async def read(self, *, before: int, limit: int, **window: int) -> list[dict[str, Any]]:
        """Return those of a window, the newest first."""
        first = window["from"]
        self.windows.append((first, before))
        found = sorted((at for at in self._positions if first <= at < before), reverse=True)
        return [{"opened": at} for at in found[:limit]]


@given(
    positions=st.sets(st.integers(1, 50_000), max_size=30),
    before=st.integers(1, 50_001),
    limit=st.integers(1, 40),
)
async def test_the_newest_come_in_order(positions: set[int], before: int, limit: int) -> None:
    """They are those that one look at all sessions would give."""
    rows = await newest(Opened(*positions).read, before=before, limit=limit)

    wanted = sorted((at for at in positions if at < before), reverse=True)[:limit]
    assert [row["opened"] for row in rows] == wanted


@pytest.mark.parametrize("last", [WINDOW, 1_000_000])
async def test_where_there_are_enough_one_window_is_looked_at(last: int) -> None:
    """It costs the same however long the log is."""
    opened = Opened(*range(last - 50, last + 1))

    await newest(opened.read, before=last + 1, limit=10)

    assert opened.windows == [(last + 1 - WINDOW, last + 1)]


async def test_in_a_long_log_without_any_the_windows_are_few() -> None:
    """A namespace of few sessions among a million events is found in five looks."""
    opened = Opened(3)

    rows = await newest(opened.read, before=1_000_001, limit=10)

    assert [row["opened"] for row in rows] == [3]
    assert len(opened.windows) == 5
