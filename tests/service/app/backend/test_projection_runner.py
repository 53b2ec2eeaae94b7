"""Projecting goes on, whatever ends a projection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch import Memory
from anabranch_projections import Projector

if TYPE_CHECKING:
    import pytest

    from anabranch.settings import Settings


async def test_a_projection_that_fails_begins_again_and_says_so(
    own_settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody foresaw is written down, and what was appended gets into the graph."""
    whole = Projector.run
    failed: list[Projector] = []

    async def failing(self: Projector, *, to: int | None = None) -> None:
        if not failed:
            failed.append(self)
            raise RuntimeError("nobody foresaw this")
        await whole(self, to=to)

    monkeypatch.setattr(Projector, "run", failing)

    async with Memory.open(settings=own_settings) as memory:
        receipt = await memory.remember("The pump is red.")
        await memory.wait_for(receipt.position)
        found = await memory.recall("pump")

    assert failed
    assert [hit.text for hit in found.hits] == ["The pump is red."]
    assert "nobody foresaw this" in caplog.text
