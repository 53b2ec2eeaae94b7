"""Random writers, timeouts, repetitions and kills, held against what the log promises."""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING, Literal, NamedTuple

import pytest

from anabranch_events import Log
from anabranch_events.errors import LogUnavailable, PositionConflict
from anabranch_events.event.identifiers import new_id
from anabranch_events.jetstream import stream
from tests.support.events import NAMESPACE, new_sessions, note
from tests.support.killing import MortalServer
from tests.support.patience import PATIENCE_S, until
from tests.support.rounds import CHAOS_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import timedelta
    from pathlib import Path

    from anabranch_events import Event, Receipt, Recorded

Durability = Literal["default", "strict"]

WRITERS = 24
KILLS = 5
SHORT_WINDOW_S = 0.3


class Attempt(NamedTuple):
    """Events that are appended together, always with the same expectations."""

    events: tuple[Event, ...]
    expected: dict[str, int]


class Model:
    """What was attempted, and what the log said of it."""

    def __init__(self, seed: int, *, conditional: bool) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - a test's dice
        self.conditional = conditional
        self.sessions = new_sessions(8)
        self.attempts: list[Attempt] = []
        self.receipts: dict[str, int] = {}
        self.refused: set[str] = set()
        self.followed: list[tuple[int, int]] = []

    def heard(self, attempt: Attempt, receipts: list[Receipt]) -> None:
        """Note receipts; whoever is told twice is told the same."""
        assert [receipt.event_id for receipt in receipts] == [event.id for event in attempt.events]
        for receipt in receipts:
            assert receipt.event_id not in self.refused
            assert self.receipts.setdefault(receipt.event_id, receipt.position) == receipt.position

    def refuse(self, attempt: Attempt, conflict: PositionConflict) -> None:
        """Note a conflict: none of the events may ever be stored."""
        assert conflict.actual != conflict.expected
        ids = {event.id for event in attempt.events}
        assert not ids & self.receipts.keys()
        self.refused |= ids


class Writer:
    """Attempts one thing after another, and repeats some of what anybody attempted."""

    def __init__(self, model: Model, log: Log) -> None:
        self._model = model
        self._log = log
        self._dice = model.dice
        self._seen: dict[str, int] = {}

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            known = self._model.attempts
            if known and self._dice.random() < 0.25:
                await self._try(self._dice.choice(known[-200:]))
            elif not self._model.conditional and self._dice.random() < 0.05:
                await self._import()
            else:
                attempt = await self._new_attempt()
                known.append(attempt)
                await self._try(attempt, is_new=True)

    async def _new_attempt(self) -> Attempt:
        many = 1 if self._dice.random() < 0.8 else self._dice.randint(2, 5)
        sessions = [self._dice.choice(self._model.sessions) for _ in range(many)]
        expected = {
            session: await self._last(session)
            for session in dict.fromkeys(sessions)
            if self._model.conditional or self._dice.random() < 0.6
        }
        return Attempt(tuple(note(session, self._dice.random()) for session in sessions), expected)

    async def _last(self, session: str) -> int:
        """Return a session's last position: just looked up, or as it was some time ago."""
        if session not in self._seen or self._dice.random() < 0.7:
            try:
                last = await self._log.last_of(session, namespace=NAMESPACE)
            except LogUnavailable:
                return self._seen.get(session, 0)
            self._seen[session] = 0 if last is None else last.position
        return self._seen[session]

    async def _try(self, attempt: Attempt, *, is_new: bool = False) -> None:
        """Append until the log gives a definite answer, or give up in between."""
        before = max(self._model.receipts.values(), default=0)
        while self._dice.random() < 0.9:
            try:
                async with asyncio.timeout(self._patience_s()):
                    receipts = await self._append(attempt)
            except PositionConflict as conflict:
                self._model.refuse(attempt, conflict)
            except (LogUnavailable, TimeoutError):
                await asyncio.sleep(self._dice.choice([0, 0, 0.05, 2 * SHORT_WINDOW_S]))
                continue
            else:
                self._model.heard(attempt, receipts)
                if is_new:
                    self._model.followed.append((before, receipts[0].position))
            return

    def _patience_s(self) -> float:
        return self._dice.choice([0.002, 0.01, 5, 5, 5, 5])

    async def _append(self, attempt: Attempt) -> list[Receipt]:
        events = [*attempt.events]
        if len(events) > 1:
            return await self._log.append_all(events, expected=attempt.expected)
        event = events[0]
        expected = attempt.expected.get(event.session_id)
        return [await self._log.append(event, expected=expected)]

    async def _import(self) -> None:
        """Import some events, until all are stored."""
        attempts = [
            Attempt((note(self._dice.choice(self._model.sessions)),), {})
            for _ in range(self._dice.randint(1, 150))
        ]
        events = [attempt.events[0] for attempt in attempts]
        while True:
            try:
                async with asyncio.timeout(self._patience_s()):
                    await self._log.ingest(events)
            except (LogUnavailable, TimeoutError):
                continue
            self._model.attempts += attempts
            return


def check(model: Model, records: list[Recorded]) -> None:
    """Hold the log against the model."""
    firsts_by_id: dict[str, Recorded] = {}
    twice: list[tuple[int, int, timedelta]] = []
    for record in records:
        first = firsts_by_id.setdefault(record.decode().id, record)
        if first is not record:
            later = record.stored_at - first.stored_at
            twice.append((first.position, record.position, later))
    assert not twice, f"{len(twice)} events are there twice, first of all {twice[:5]}"
    by_id = {event_id: record.position for event_id, record in firsts_by_id.items()}
    assert {event_id: by_id.get(event_id) for event_id in model.receipts} == model.receipts
    assert not model.refused & by_id.keys()
    assert all(before < position for before, position in model.followed)
    previous: dict[int, int] = {}
    last: dict[str, int] = {}
    for record in records:
        previous[record.position] = last.get(record.session_id, 0)
        last[record.session_id] = record.position
    for attempt in model.attempts:
        places = [by_id.get(event.id) for event in attempt.events]
        begin = places[0]
        if begin is None:
            assert places == [None] * len(places)
            continue
        assert places == list(range(begin, begin + len(places)))
        firsts: dict[str, int] = {}
        for number, event in enumerate(attempt.events):
            firsts.setdefault(event.session_id, begin + number)
        assert {session: previous[firsts[session]] for session in attempt.expected} == (
            attempt.expected
        )


async def live(folder: Path, *, durability: Durability, conditional: bool, kills: int) -> None:
    """Let writers write while their server is killed and started again, and check the log."""
    seed = int(os.environ.get("ANABRANCH_SEED", "0")) or random.SystemRandom().randrange(2**32)
    print(f"ANABRANCH_SEED={seed}")  # noqa: T201 - to throw the same dice again
    model = Model(seed, conditional=conditional)
    async with (
        MortalServer(folder) as server,
        Log.connect(
            server.url, token=server.token, timeout_s=PATIENCE_S, durability=durability
        ) as log,
        Log.connect(server.url, token=server.token, timeout_s=PATIENCE_S) as other,
    ):
        writers = [Writer(model, log if number % 3 else other) for number in range(WRITERS)]
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(writer.run()) for writer in writers]
            for _ in range(kills):
                await asyncio.sleep(model.dice.uniform(0.05, 0.4))
                await server.kill()
                await server.start()
                await log.bounds()
            await until(lambda: bool(model.refused) and len(model.receipts) > WRITERS)
            for task in running:
                task.cancel()
        await settled(log, other)
        records = [record async for record in log.read_all()]
    print(  # noqa: T201 - what the dice made of it
        f"{kills} kills, {len(records)} events, {len(model.attempts)} attempts, "
        f"{len(model.refused)} refused, {len(model.receipts)} acknowledged"
    )
    check(model, records)


async def settled(*logs: Log) -> None:
    """Let everything that was sent arrive."""
    calls: list[Awaitable[Receipt]] = [log.append(note(new_id())) for log in logs]
    await asyncio.gather(*calls)


@pytest.mark.parametrize("durability", ["default", "strict"])
async def test_the_log_keeps_its_promises(tmp_path: Path, durability: Durability) -> None:
    """Nothing twice, nothing lost, no false conflict, batches whole, expectations met."""
    await live(tmp_path, durability=durability, conditional=False, kills=KILLS)


@pytest.mark.parametrize("durability", ["default", "strict"])
async def test_a_position_protects_beyond_the_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Durability
) -> None:
    """With an expectation nothing is stored twice, though the server has forgotten the ids."""
    monkeypatch.setitem(stream.SETTINGS, "duplicate_window", int(SHORT_WINDOW_S * 10**9))

    await live(tmp_path, durability=durability, conditional=True, kills=KILLS)


@pytest.mark.chaos
@pytest.mark.parametrize("durability", ["default", "strict"])
@pytest.mark.parametrize("conditional", [False, True])
async def test_the_log_keeps_its_promises_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Durability, *, conditional: bool
) -> None:
    """The same for ANABRANCH_CHAOS_ROUNDS kills, another story every time."""
    if conditional:
        monkeypatch.setitem(stream.SETTINGS, "duplicate_window", int(SHORT_WINDOW_S * 10**9))

    await live(tmp_path, durability=durability, conditional=conditional, kills=CHAOS_ROUNDS)
