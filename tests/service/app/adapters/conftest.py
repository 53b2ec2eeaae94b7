"""A memory in a namespace of the test's own, by each of its faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch import Memory, sync
from tests.support.rounds import FULL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from anabranch.settings import Settings

# Their frameworks take as long to import as all else that the tests import, in each process.
collect_ignore_glob = [] if FULL else ["test_*.py"]


@pytest.fixture
async def memory(namespace_settings: Settings) -> AsyncIterator[Memory]:
    """Open a memory on the loop of the test."""
    async with Memory.open(settings=namespace_settings) as opened:
        yield opened


@pytest.fixture
def plain_memory(namespace_settings: Settings) -> Iterator[sync.Memory]:
    """Open a memory by its synchronous face."""
    with sync.Memory.open(settings=namespace_settings) as opened:
        yield opened
