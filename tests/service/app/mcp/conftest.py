"""A memory in a namespace of the test's own, for what answers agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anabranch.settings import Settings


@pytest.fixture
async def memory(namespace_settings: Settings) -> AsyncIterator[Memory]:
    """Open a memory on the loop of the test."""
    async with Memory.open(settings=namespace_settings) as opened:
        yield opened
