"""The consolidator on a real log: each fact is recorded once, whoever is killed and whoever waits."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING

from anabranch_thinking import Sessions
from anabranch_thinking.settling.consolidator import Consolidator
from anabranch_thinking.settling.recording import Overtaken, Settler
from anabranch_thinking.settling.settlement import Settlement
from tests.support.patience import PATIENCE_S
from tests.support.repository import ROOT
from tests.support.rounds import in_full_only
from tests.support.settled import CHANGED, OPPOSED, SAID_AGAIN, settled_facts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch_events import Log, NatsServer

PAIRS = 6


async def _learned(sessions: Sessions, texts: tuple[str, str], number: int) -> tuple[str, str]:
    """Remember a text, and later, elsewhere, the other one."""
    older, newer = [(await sessions.remember(text.format(number))).insight_id for text in texts]
    return older, newer


async def _until(log: Log, count: int) -> list[tuple[str, ...]]:
    """Wait until so many facts without links are recorded, and a while longer for more."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await settled_facts(log)
            if len([each for each in found if each[0] != "linked"]) >= count:
                return found
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _settling(log: Log, *, idle_s: float = 0.05) -> AsyncGenerator[Consolidator]:
    one = Consolidator(log, lambda name: Sessions(log, namespace=name), idle_s=idle_s)
    task = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_records_what_the_rules_find(log: Log, sessions: Sessions) -> None:
    """Restated, superseded and opposed insights are recorded, and linked across sessions."""
    same = await _learned(sessions, SAID_AGAIN, 7)
    changed = await _learned(sessions, CHANGED, 7)
    opposed = await _learned(sessions, OPPOSED, 7)

    async with _settling(log):
        found = await _until(log, 3)

    assert [each for each in found if each[0] != "linked"] == [
        ("restated", *sorted(same)),
        ("superseded", *changed),
        ("opposed", *sorted(opposed)),
    ]
    assert ("linked", *sorted(same)) in found


async def test_a_successor_goes_on(log: Log, sessions: Sessions) -> None:
    """Who comes later records nothing again, and goes on with what is new."""
    await _learned(sessions, SAID_AGAIN, 1)
    async with _settling(log):
        first = await _until(log, 1)
    same = await _learned(sessions, OPPOSED, 2)

    async with _settling(log):
        both = await _until(log, 2)

    assert both[: len(first)] == first
    assert Counter(each[0] for each in both)["restated"] == 1
    assert ("opposed", *sorted(same)) in both


async def test_one_settlement_is_let_in(log: Log, sessions: Sessions) -> None:
    """Of two that settle the same without knowing of each other, the later one is refused."""
    await _learned(sessions, SAID_AGAIN, 1)
    rivals = [Settler(Sessions(log, namespace="test")) for _ in range(2)]
    async for recorded in log.read_all():
        for rival in rivals:
            rival.take(recorded.decode(), recorded.position)

    found = await asyncio.gather(*(rival.settle_next() for rival in rivals), return_exceptions=True)

    assert {type(each) for each in found} == {Settlement, Overtaken}
    assert Counter(each[0] for each in await settled_facts(log)) == {"restated": 1, "linked": 1}


@in_full_only
async def test_two_at_once_record_each_fact_once(
    log: Log, nats_server: NatsServer, sessions: Sessions
) -> None:
    """Of several consolidators one is at work; killed ones are followed by others, exactly once."""
    chance = Random(20261129)  # noqa: S311 - which process is killed; no secret.
    processes = [await _started(nats_server) for _ in range(2)]
    wanted: list[tuple[str, ...]] = []
    try:
        for number in range(PAIRS):
            older, newer = await _learned(sessions, OPPOSED, number)
            wanted.append(("opposed", *sorted((older, newer))))
            if number in {1, 4}:
                victim = processes.pop(chance.randrange(len(processes)))
                os.kill(victim.pid, signal.SIGKILL)
                await victim.wait()
                processes.append(await _started(nats_server))

        await _until(log, len(wanted))
    finally:
        for process in processes:
            process.kill()
        await asyncio.gather(*(process.wait() for process in processes))

    # One more consolidator looks at everything again, and finds nothing that is not recorded.
    async with _settling(log):
        same = await _learned(sessions, SAID_AGAIN, PAIRS)
        await _until(log, len(wanted) + 1)
    counted = Counter(await settled_facts(log))
    assert {each for each in counted if each[0] != "linked"} == {
        *wanted,
        ("restated", *sorted(same)),
    }
    assert set(counted.values()) == {1}


async def _started(server: NatsServer) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.settling_process", server.url, server.token or ""),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process
