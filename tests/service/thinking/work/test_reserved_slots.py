"""Slots that are kept for critical branches, beside branches that wait for forks of their own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch_events.event.types import Priority
from anabranch_thinking import BranchContext, BranchTask, Status
from tests.support.fleet_of_workers import Crew, echo
from tests.support.patience import PATIENCE_S, until

if TYPE_CHECKING:
    from anabranch_events import Log

pytestmark = pytest.mark.timeout(540)


async def test_a_critical_branch_that_waits_leaves_its_slot_to_critical_ones(log: Log) -> None:
    """Its forks find it free, though usual branches wait as well."""
    begun: list[str] = []
    forks = asyncio.Event()
    go = asyncio.Event()

    async def work(branch: BranchContext) -> str:
        begun.append(branch.task)
        if branch.task == "forks":
            await forks.wait()
            leaf = BranchTask(task="leaf", executor="work", priority=Priority.CRITICAL)
            await branch.branch([leaf])
        elif branch.task == "holds":
            await go.wait()
        return await echo(branch)

    crew = Crew(log, {"work": work}, slots=[3], reserved=1)

    async with crew.at_work():
        urgent = await crew.begin(
            [BranchTask(task="forks", priority=Priority.CRITICAL)], executor="work"
        )
        await until(lambda: begun == ["forks"])
        usual = await crew.begin(["holds"] * 3, executor="work")
        await until(lambda: begun.count("holds") == 2)
        forks.set()
        async with asyncio.timeout(PATIENCE_S):
            found = await urgent.joined()
        held = begun.count("holds")
        go.set()
        async with asyncio.timeout(PATIENCE_S):
            await usual.joined()

    assert {one.status for one in found.branches} == {Status.COMPLETED}
    assert held == 2
