"""Sessions read from the graph, which comes behind the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.memory.memory import namespace_of
from anabranch_events.errors import WaitTimedOut
from anabranch_projections.run.batch import GRAPH
from anabranch_projections.run.checkpoint import hold
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from anabranch.settings import Settings

HELD_S = 60.0


async def test_a_thought_that_the_graph_has_not_reached_is_waited_for(
    own_settings: Settings,
) -> None:
    """Its tree and its consolidation say that it is to come; then they are there."""
    settings = own_settings.changed(embedder="none", wait_timeout_s=0.2)
    async with Memory.open(settings=settings) as memory:
        await memory.remember("The lock is old")
        graph = await namespace_of(memory).backend.graph()
        await namespace_of(memory).backend.wait_for(2, projection=GRAPH, timeout_s=PATIENCE_S)
        assert await graph.write_if(hold(GRAPH, seconds=HELD_S), [])
        root = await memory.open_session("Look after the lock")
        branch = await root.branch("Ask the gauge")
        await branch.complete("High", insights=["The gauge is high"])

        with pytest.raises(WaitTimedOut):
            await memory.session_tree(root.session_id)
        with pytest.raises(WaitTimedOut):
            await memory.consolidate(root.session_id)
        assert await graph.write_if(hold(GRAPH, seconds=0), [])
        await namespace_of(memory).backend.wait_for(5, projection=GRAPH, timeout_s=PATIENCE_S)
        found = await memory.session_tree(branch.session_id)

    assert [one.session_id for one in found] == [root.session_id, branch.session_id]
