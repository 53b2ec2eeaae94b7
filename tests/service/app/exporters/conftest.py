"""A session with two branches, as it is exported: one of them completed, one going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from anabranch import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anabranch.settings import Settings


class Pier(NamedTuple):
    """The memory, and the ids of the sessions in it."""

    memory: Memory
    root: str
    survey: str
    budget: str


@pytest.fixture
async def pier(namespace_settings: Settings) -> AsyncIterator[Pier]:
    """Write a session whose insights are of several kinds; one of them is forgotten."""
    async with Memory.open(settings=namespace_settings) as memory:
        root = await memory.open_session("Repair the pier", agent="planner")
        await root.remember("Which planks are rotten?", kind="request")
        await root.remember(
            "We take larch instead of pine.", kind="decision", entities=("larch", "pine")
        )
        secret = await root.remember("The gate code is 4711.")
        survey = await root.branch("Look at the piles", role="diver")
        await root.remember("Said after the branch had left.", kind="answer")
        budget = await root.branch("Add up the costs")
        await survey.complete("Pile 7 is hollow.", insights=["Pile 7 sounds hollow."])
        await root.note("next", "order larch")
        await memory.forget(secret.insight_id)
        yield Pier(memory, root.session_id, survey.session_id, budget.session_id)
