"""Consolidation of a thought: what its branches found, synthesised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.memory.recall import BranchRecall
from anabranch.memory.session_views import session_tree

if TYPE_CHECKING:
    from anabranch.memory.namespaces import OpenNamespace
    from anabranch_thinking import Consolidation


async def consolidate(
    namespace: OpenNamespace, root_id: str, *, agent: str | None = None
) -> Consolidation:
    """Consolidate a thought as `Memory.consolidate` says, in the name of `agent`."""
    from anabranch_thinking import consolidate_thought  # It imports numpy.

    tree = await session_tree(namespace, root_id)
    return await consolidate_thought(
        namespace.sessions_of(agent),
        tree[0].root_id,
        session_ids=[view.session_id for view in tree if view.parent_id],
        embedder=namespace.backend.embedder,
        recall=BranchRecall(namespace),
    )
