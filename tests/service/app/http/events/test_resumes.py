"""Streams that clients leave and come back to, while the service is killed under them."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import TYPE_CHECKING

import httpx2
import pytest

from anabranch_events import new_id
from tests.service.app.http.events.test_streams import insights, opening
from tests.support.fixtures.http import client_at, events_of
from tests.support.mortal_service import MortalService
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_events import Log, NatsServer

EVENTS = 1_000
EVENTS_OF_FEW = 500
RESUMES = 10_000
RESUMES_OF_FEW = 500
AT_ONCE_MAX = 9
RESUMES_A_KILL = 100


class Follower:
    """A client that takes a few events, leaves, and comes again by the last id it has seen."""

    def __init__(self, client: httpx2.AsyncClient, chance: random.Random) -> None:
        self._client = client
        self._chance = chance
        self._last = 0
        self.positions: list[int] = []
        self.resumes = 0

    async def follow(self, count: int, *, leaves: Callable[[], bool]) -> None:
        """Come again until there are so many events; take the rest at once when `leaves` is false."""
        while len(self.positions) < count:
            wanted = self._chance.randint(1, AT_ONCE_MAX) if leaves() else count
            try:
                await self._take(min(count, len(self.positions) + wanted))
            except httpx2.TransportError:
                await asyncio.sleep(0.05)

    async def _take(self, until: int) -> None:
        headers = {"Last-Event-ID": str(self._last)}
        path = "/v1/events/stream?namespace=a"
        async with (
            self._client.stream("GET", path, headers=headers) as answer,
            aclosing(events_of(answer)) as events,
        ):
            self.resumes += 1  # One that nobody answers is none.
            async for position, event in events:
                self._last = position
                if event is not None:
                    self.positions.append(position)
                if len(self.positions) == until:
                    return


async def _held(
    nats_server: NatsServer, log: Log, port: int, *, followers: int, events: int, resumes_max: int
) -> tuple[int, int]:
    """Let followers leave and come again, with kills; return how often they came, and the kills.

    Once they have come so often together, nothing is killed any more, and each takes what is left.
    """
    mortal = MortalService(nats_server, port)
    await mortal.start()
    session_id = new_id()
    wanted = [(await log.append(opening(session_id, "a"))).position]
    chance = random.Random(0)  # noqa: S311 - repeatable, not secret.

    all_of_them: list[Follower] = []
    kills = 0

    def resumes() -> int:
        return sum(one.resumes for one in all_of_them)

    def leaves() -> bool:
        return resumes() < resumes_max

    async def append() -> None:
        wanted.extend(
            [(await log.append(one)).position for one in insights(events - 1, session_id, "a")]
        )

    async def kill() -> None:
        nonlocal kills
        while leaves() and any(len(one.positions) < events for one in all_of_them):
            if resumes() < (kills + 1) * RESUMES_A_KILL:
                await asyncio.sleep(0.01)
                continue
            kills += 1
            await mortal.kill()
            await mortal.start()

    try:
        async with client_at(f"http://127.0.0.1:{port}") as client:
            all_of_them += [Follower(client, chance) for _ in range(followers)]
            async with asyncio.TaskGroup() as group:
                group.create_task(append())
                group.create_task(kill())
                for one in all_of_them:
                    group.create_task(one.follow(events, leaves=leaves))
    finally:
        await mortal.kill()
    assert all(one.positions == wanted for one in all_of_them)
    return resumes(), kills


@in_full_only
@pytest.mark.timeout(1800)
async def test_clients_that_come_and_go_have_every_event_once(
    nats_server: NatsServer, log: Log, unused_tcp_port: int
) -> None:
    """Whether they leave by themselves, or the service is killed under them."""
    resumes, kills = await _held(
        nats_server,
        log,
        unused_tcp_port,
        followers=2,
        events=EVENTS_OF_FEW,
        resumes_max=RESUMES_OF_FEW,
    )

    assert resumes > EVENTS_OF_FEW / AT_ONCE_MAX
    assert kills > 0


@pytest.mark.chaos
async def test_ten_thousand_resumes_miss_and_double_nothing(
    nats_server: NatsServer, log: Log, unused_tcp_port: int
) -> None:
    """Some fifty clients come two hundred times each, and every hundredth time brings a kill."""
    resumes, kills = await _held(
        nats_server, log, unused_tcp_port, followers=55, events=EVENTS, resumes_max=RESUMES
    )

    print(f"{resumes:,} resumes, {kills} kills: every event once")  # noqa: T201
    assert resumes >= RESUMES
    assert kills > resumes / RESUMES_A_KILL / 2
