"""Rebuilding a memory whose log holds what no version can apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch.memory.memory import namespace_of
from anabranch_events import new_id, subject
from anabranch_projections.errors import ProjectionHalted

if TYPE_CHECKING:
    from anabranch import Memory

pytestmark = pytest.mark.timeout(900)


async def test_a_rebuild_halts_at_what_cannot_be_applied_unless_told_to_skip(
    memory: Memory,
) -> None:
    """Halted, the live graph stays as it was; with `skip` the same graph is built again."""
    await memory.remember("The lock of the north gate was changed in May")
    stream = namespace_of(memory).backend.log.connection.jetstream()
    await stream.publish(subject(memory.namespace, new_id()), b"no event")
    last = await memory.remember("The south gate has no lock")
    await memory.wait_for(last.position)
    before = await memory.graph.digest()

    with pytest.raises(ProjectionHalted):
        await memory.graph.rebuild()
    after_halting = await memory.graph.digest()
    rebuilt = await memory.graph.rebuild(skip=True)

    assert after_halting == before
    assert (rebuilt.digest, rebuilt.dead_letters) == (before.digest, 1)
    assert await memory.graph.digest() == before
