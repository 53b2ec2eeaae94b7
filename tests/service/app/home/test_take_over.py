"""Nobody who joined dies with the owner of a home: its place is taken, and the work goes on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.home.folder import Home, held
from anabranch.home.runtime_file import live_runtime
from anabranch.memory.memory import namespace_of
from anabranch_events.event.types import InsightRecorded
from tests.support.rounds import CHAOS_ROUNDS, FULL, KILL_ROUNDS, in_full_only
from tests.support.upholding import end_up, start_up
from tests.support.visiting import Visitors, patient, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from anabranch.home.runtime_file import Runtime
    from anabranch.settings import Settings
    from tests.support.visiting import Visitor

pytestmark = [pytest.mark.timeout(2700), pytest.mark.own_servers]

VISITORS_MAX = 20


@pytest.fixture
def home(own_settings: Settings) -> Home:
    """Give the home of the test."""
    return Home(own_settings.home)


@pytest.fixture
async def visitors(own_settings: Settings, home: Home, tmp_path: Path) -> AsyncIterator[Visitors]:
    """Give processes that visit the home; afterwards nobody keeps it."""
    async with Visitors(own_settings, tmp_path / "said") as opened:
        yield opened
    await nobody_owns(home)


async def nobody_owns(home: Home) -> None:
    """Wait until the last owner has ended: a keeper does after the last one that joined."""
    await until(lambda: not held(home.owner_lock))


async def owned_by(home: Home, command: str) -> Runtime:
    """Wait until such a process owns the home."""

    def owner() -> Runtime | None:
        found = live_runtime(home)
        return found if found is not None and found.command == command else None

    await until(owner)
    found = owner()
    assert found is not None
    return found


async def recorded(settings: Settings) -> tuple[Counter[str], Counter[str]]:
    """Return how often each insight is in the log, and how often in the graph."""
    every = patient(settings).changed(query_rows_max=1_000_000)
    async with Memory.open(settings=every) as memory:
        events = [one.decode() async for one in memory.replay()]
        await memory.wait_for(memory.position)
        rows = await memory.cypher("MATCH (i:Insight) RETURN i.id AS id")
    log = Counter(
        event.data.insight_id for event in events if isinstance(event.data, InsightRecorded)
    )
    return log, Counter(row["id"] for row in rows.rows)


async def check(settings: Settings, visitors: Sequence[Visitor]) -> int:
    """Fail where something acknowledged is not there exactly once; return how much was."""
    kept = [insight for visitor in visitors for insight in visitor.kept]
    log, graph = await recorded(settings)
    assert set(kept) - set(log) == set()
    assert set(log.values()) <= {1}
    assert graph == log
    assert [visitor.error for visitor in visitors if visitor.error] == []
    return len(kept)


@in_full_only
async def test_an_owner_that_leaves_hands_its_home_on(
    own_settings: Settings, home: Home, visitors: Visitors
) -> None:
    """Of three processes the first ends while the others work: they go on, and lose nothing."""
    first = await visitors.start_working()
    others = [await visitors.start_working() for _ in range(2)]

    first.leave()
    await first.has_left()
    keeper = await owned_by(home, "keep")
    for other in others:
        await other.works(3)
        other.leave()
        await other.has_left()
    await nobody_owns(home)

    assert [one.role for one in visitors.all] == ["owner", "joined", "joined"]
    assert keeper.pid not in {one.pid for one in visitors.all}
    assert await check(own_settings, visitors.all) >= 9


@in_full_only
async def test_a_killed_owner_is_replaced_under_load(
    own_settings: Settings, home: Home, visitors: Visitors
) -> None:
    """After kill -9 of the owner, and of the one that took its place, the joined go on."""
    first = await visitors.start_working()
    others = [await visitors.start_working() for _ in range(2)]
    first.kill()

    keeper = await owned_by(home, "keep")
    await asyncio.gather(*(other.works(2) for other in others))
    os.kill(keeper.pid, signal.SIGKILL)
    await until(lambda: (now := live_runtime(home)) is not None and now.pid != keeper.pid)
    await asyncio.gather(*(other.works(2) for other in others))
    for other in others:
        other.leave()
        await other.has_left()
    await nobody_owns(home)

    await check(own_settings, visitors.all)


@in_full_only
async def test_a_server_that_is_killed_is_replaced(
    own_settings: Settings, home: Home, visitors: Visitors
) -> None:
    """When the graph's server of a keeper is killed the keeper ends, and another follows."""
    first = await visitors.start_working()
    other = await visitors.start_working()
    first.leave()
    keeper = await owned_by(home, "keep")

    os.kill(int((home.graph / "host.pid").read_text()), signal.SIGKILL)
    await until(lambda: (now := live_runtime(home)) is not None and now.pid != keeper.pid)
    await other.works(2)
    other.leave()
    await other.has_left()

    await check(own_settings, visitors.all)


@in_full_only
async def test_a_restart_of_up_is_a_pause(own_settings: Settings, home: Home) -> None:
    """`down` and `up` in the middle: a long-lived memory remembers and recalls as before.

    That may take longer than a call waits for a server otherwise.
    """
    settings = patient(own_settings)
    await start_up(settings)
    async with Memory.open(settings=settings.changed(request_timeout_s=3.0)) as memory:
        before = await memory.remember("The pump was red.")
        await end_up(settings.changed(close_timeout_s=0.1))
        calls = (
            asyncio.create_task(memory.remember("The valve is green.")),
            asyncio.create_task(memory.recall("pump")),
            asyncio.create_task(memory.cypher("RETURN 1 AS one")),
            asyncio.create_task(memory.status()),
        )
        await asyncio.sleep(5.0)  # Longer than who stands by would take to notice.
        paused = not held(home.owner_lock) and not any(call.done() for call in calls)
        up = await start_up(settings)
        kept, found, one, _ = await asyncio.gather(*calls)
        again = await memory.recall("valve", after=kept.position)
        status = await memory.status()
    ended = await end_up(settings)

    assert paused
    assert kept.position == before.position + 2
    assert [hit.text for hit in found.hits][:1] == ["The pump was red."]
    assert (one.rows, status.owner) == ([{"one": 1}], up)
    assert [hit.text for hit in again.hits][:1] == ["The valve is green."]
    assert ended == up


@in_full_only
async def test_servers_that_come_back_elsewhere_are_found(
    own_settings: Settings, home: Home
) -> None:
    """Where the ports are taken meanwhile, who joined finds the servers by the runtime file."""
    settings = patient(own_settings)
    await start_up(settings.changed(close_timeout_s=0.1))
    async with Memory.open(settings=settings) as memory:
        before = live_runtime(home)
        await memory.remember("The pump was red.")
        await end_up(settings)
        home.previous.unlink()  # So the next owner takes any ports.

        await start_up(settings)
        kept = await memory.remember("The valve is green.")
        found = await memory.recall("valve", after=kept.position)
        rows = await memory.cypher("MATCH (i:Insight) RETURN count(i) AS n")
        generations = await memory.graph.generations()
        after = live_runtime(home)
        at = namespace_of(memory).backend.servers
    await end_up(settings)

    assert before is not None
    assert after is not None
    assert before.ports.log != after.ports.log
    assert before.graph_uri != after.graph_uri
    assert (at.graph, at.log) == (after.graph, after.log)
    assert [hit.text for hit in found.hits][:1] == ["The valve is green."]
    assert (rows.rows, len(generations)) == ([{"n": 2}], 1)


@in_full_only
async def test_up_takes_the_place_of_a_keeper(
    own_settings: Settings, home: Home, visitors: Visitors
) -> None:
    """`up` has a keeper leave and owns the home itself; who joined goes on."""
    first = await visitors.start_working()
    other = await visitors.start_working()
    first.leave()
    await owned_by(home, "keep")
    await first.has_left()

    up = await start_up(patient(own_settings))
    await other.works(2)
    owner = live_runtime(home)
    other.leave()
    await other.has_left()
    await end_up(own_settings)

    assert owner is not None
    assert (owner.pid, owner.command) == (up, "up")
    await check(own_settings, visitors.all)


@in_full_only
async def test_memories_of_one_process_hand_on(own_settings: Settings, home: Home) -> None:
    """The first of two memories in one process closes: the other goes on over a keeper."""
    settings = patient(own_settings)
    first = Memory.open(settings=settings)
    await first.__aenter__()
    async with Memory.open(settings=settings) as second:
        await first.__aexit__()
        receipt = await second.remember("Still here.")
        found = await second.recall("still", after=receipt.position)
        owner = live_runtime(home)
    await nobody_owns(home)

    assert [hit.insight_id for hit in found.hits] == [receipt.insight_id]
    assert owner is not None
    assert owner.command == "keep"


async def _rounds(
    settings: Settings, home: Home, visitors: Visitors, *, rounds: int, most: int
) -> Counter[str]:
    """Let processes come, go and be killed at random, `rounds` times; check what is there then."""
    dice = random.Random(20261128)  # noqa: S311 - a test's dice
    here: list[Visitor] = [await visitors.start_working()]
    done: Counter[str] = Counter()
    for number in range(rounds):
        owner = live_runtime(home)
        kinds = ["come"] * (len(here) < most) + ["leave", "kill"] * (len(here) > 1)
        kinds += ["kill owner"] * (owner is not None and len(here) > 1)
        kind = dice.choice(kinds)
        done[kind] += 1
        if kind == "come":
            here.extend([await visitors.start() for _ in range(dice.randint(1, most - len(here)))])
        elif kind == "kill owner" and owner is not None:
            here = [one for one in here if one.pid != owner.pid]
            os.kill(owner.pid, signal.SIGKILL)
        else:
            gone = here.pop(dice.randrange(len(here)))
            gone.leave() if kind == "leave" else gone.kill()
        await asyncio.sleep(dice.uniform(0.0, 1.0))
        began = time.monotonic()
        await asyncio.gather(*(one.works() for one in dice.sample(here, min(3, len(here)))))
        print(f"{number + 1}: {kind}, {len(here)} here, {time.monotonic() - began:.1f} s")  # noqa: T201 - the run's log.
    for one in here:
        one.leave()
    await asyncio.gather(*(one.has_left() for one in here))
    await nobody_owns(home)
    done["kept"] = await check(settings, visitors.all)
    return done


@in_full_only
async def test_processes_come_and_go_at_random(
    own_settings: Settings, home: Home, visitors: Visitors
) -> None:
    """Whoever leaves or is killed: nothing acknowledged is lost or there twice, and nobody dies."""
    done = await _rounds(own_settings, home, visitors, rounds=KILL_ROUNDS if FULL else 5, most=5)

    assert done["kept"] > 0


@pytest.mark.chaos
@pytest.mark.timeout(0)
async def test_twenty_processes_come_and_go_at_random(
    own_settings: Settings, home: Home, visitors: Visitors
) -> None:
    """The same with twenty of them, for as long as is asked for: make chaos ROUNDS=500."""
    done = await _rounds(own_settings, home, visitors, rounds=CHAOS_ROUNDS, most=VISITORS_MAX)

    print(f"{CHAOS_ROUNDS} rounds: {done}")  # noqa: T201 - the run's log.
    assert done["kept"] > 0
