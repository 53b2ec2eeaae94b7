"""A memory of the test's own, that makes no vectors, by each of its faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.faces import FACES, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anabranch import Memory, Session
    from anabranch.settings import Settings


@pytest.fixture(params=FACES)
async def memory(request: pytest.FixtureRequest, own_settings: Settings) -> AsyncIterator[Memory]:
    """Open a memory over an empty home, by each face in turn; its agent is the tester."""
    settings = own_settings.changed(embedder="none", agent="tester")
    async with opened(request.param, settings) as memory:
        yield memory


@pytest.fixture
async def session(memory: Memory) -> Session:
    """Begin a session, at position 1."""
    return await memory.open_session("Look after the lock")
