"""A memory of the test's own, that makes no vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anabranch import Session
    from anabranch.settings import Settings


@pytest.fixture
async def memory(own_settings: Settings) -> AsyncIterator[Memory]:
    """Open a memory over an empty home; its agent is the tester."""
    settings = own_settings.changed(embedder="none", agent="tester")
    async with Memory.open(settings=settings) as opened:
        yield opened


@pytest.fixture
async def session(memory: Memory) -> Session:
    """Begin a session, at position 1."""
    return await memory.open_session("Look after the lock")
