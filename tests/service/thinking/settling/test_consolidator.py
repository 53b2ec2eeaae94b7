"""The consolidator on a real log: each fact is recorded once, whoever is killed and whoever waits."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import TYPE_CHECKING, NoReturn

import pytest

from anabranch_events import PinnedConsumer, new_event, subject
from anabranch_events.errors import InputInvalid, WaitTimedOut
from anabranch_events.event.types import RetentionRule, RetentionSet
from anabranch_events.jetstream.api import STREAM
from anabranch_thinking import Sessions, consolidate_thought
from anabranch_thinking.settling.chain import Overtaken, own_session
from anabranch_thinking.settling.consolidator import TICK_S, Consolidator, Turn
from anabranch_thinking.settling.recording import Settler
from anabranch_thinking.settling.retention import set_policy
from anabranch_thinking.settling.settlement import Settlement
from tests.support.patience import PATIENCE_S
from tests.support.repository import ROOT
from tests.support.rounds import CHAOS_ROUNDS, in_full_only
from tests.support.settled import CHANGED, OPPOSED, SAID_AGAIN, settled_facts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from anabranch_events import Log, NatsServer, Recorded
    from anabranch_thinking.sessions.state import SessionState
    from anabranch_thinking.settling.recording import VectorsOf
    from anabranch_thinking.settling.retention import Outlived, OutlivedOf, Policy


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
async def _settling(
    log: Log,
    *,
    sessions_of: Callable[[str], Sessions] | None = None,
    outlived_of: OutlivedOf | None = None,
    idle_s: float = 0.05,
) -> AsyncGenerator[Consolidator]:
    def plain(name: str) -> Sessions:
        return Sessions(log, namespace=name)

    one = Consolidator(log, sessions_of or plain, outlived_of=outlived_of, idle_s=idle_s)
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


async def test_it_begins_where_the_end_of_the_log_was_purged(log: Log, sessions: Sessions) -> None:
    """The last position never comes, and nothing more is stored: it waits for neither."""
    same = await _learned(sessions, SAID_AGAIN, 7)
    other = await sessions.open_session("Look after the lock")
    stream = log.connection.jetstream()
    await stream.purge_stream(STREAM, subject=subject(sessions.namespace, other.session_id))

    async with _settling(log):
        found = await _until(log, 1)

    assert ("restated", *sorted(same)) in found


async def test_the_end_of_a_session_is_settled_at_once(log: Log, sessions: Sessions) -> None:
    """A hand-off, a close and the join of a thought wait for no quiet, and each fact is once."""
    async with _settling(log, idle_s=1e9):
        for number, end in enumerate((_close, _hand_off, _join), start=1):
            same = await _learned(sessions, SAID_AGAIN, number)
            await end(sessions)
            found = await _until(log, number + (end is _join))  # It is a consolidation, too.
            assert ("restated", *sorted(same)) in found

    assert {*Counter(await settled_facts(log)).values()} == {1}


async def _close(sessions: Sessions) -> None:
    opened = await sessions.open_session("Look after the lock")
    await sessions.close(opened.session_id, reason="done")


async def _hand_off(sessions: Sessions) -> None:
    opened = await sessions.open_session("Look after the lock")
    await sessions.hand_off(opened.session_id, summary="The lock is shut")


async def _join(sessions: Sessions) -> None:
    root = await sessions.open_session("Which lock?")
    branch = await sessions.branch(root.session_id, "The east")
    await sessions.complete(branch.session_id, "Shut", insights=["The east lock leaks a little."])
    await consolidate_thought(sessions, root.session_id, session_ids=[branch.session_id])


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


async def test_a_consolidator_whose_session_is_taken_out_goes_on(
    log: Log, sessions: Sessions
) -> None:
    """An operator purges what it recorded: it begins a session anew, and settles what is new."""
    await _learned(sessions, SAID_AGAIN, 1)
    async with _settling(log, sessions_of=lambda _name: sessions):
        await _until(log, 1)
        own = subject("test", own_session("test", "0"))
        await log.connection.jetstream().purge_stream(STREAM, subject=own)
        same = await _learned(sessions, OPPOSED, 2)
        found = await _until(log, 2)

    assert ("opposed", *sorted(same)) in found


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


async def test_what_came_before_since_waits_for_the_next_time(log: Log, sessions: Sessions) -> None:
    """Looking at what came after a position does not leave out what nobody ever looked at."""
    await _learned(sessions, SAID_AGAIN, 1)
    since = (await log.bounds()).last
    await _learned(sessions, OPPOSED, 2)

    first = await (await _settler(log)).settle_next(since=since)
    second = await (await _settler(log)).settle_next()

    assert first is not None
    assert second is not None
    assert (len(first.restated), len(first.opposed)) == (0, 1)
    assert (len(second.restated), len(second.opposed)) == (1, 0)
    assert await (await _settler(log)).settle_next() is None


async def test_nothing_is_settled_before_the_log_is_read(log: Log, sessions: Sessions) -> None:
    """What was forgotten further on in the log is not said again by a consolidator that begins."""
    first = await sessions.remember(SAID_AGAIN[0].format(1))
    await sessions.remember(SAID_AGAIN[1].format(1))
    await sessions.forget(first.insight_id, session_id=first.session_id)
    end = (await log.bounds()).last
    turn = Turn(lambda name: Sessions(log, namespace=name), None, 0.0, 1)

    with suppress(TimeoutError):
        async with asyncio.timeout(5 * TICK_S):
            await turn.run(_SlowlyRead(log, end=end), end=end)

    assert await settled_facts(log) == []


async def test_a_namespace_that_refuses_does_not_stop_the_others(
    log: Log, sessions: Sessions
) -> None:
    """It is left out, and the one after it is settled."""
    await _learned(Sessions(log, namespace="a-refusing-one"), SAID_AGAIN, 1)
    same = await _learned(sessions, SAID_AGAIN, 2)

    def sessions_of(name: str) -> Sessions:
        return (_Refusing if name == "a-refusing-one" else Sessions)(log, namespace=name)

    async with _settling(log, sessions_of=sessions_of):
        found = await _until(log, 1)

    assert ("restated", *sorted(same)) in found


async def test_a_slow_graph_is_no_broken_log(log: Log, sessions: Sessions) -> None:
    """The turn goes on where retention or the vectors wait for the graph in vain."""
    await _learned(sessions, SAID_AGAIN, 1)
    await set_policy(sessions, [{"count": 1}])
    asked = asyncio.Event()

    async def no_graph(*_: object, **__: object) -> NoReturn:
        asked.set()
        raise WaitTimedOut("the graph is behind", fix="wait")

    end = (await log.bounds()).last
    for turn in (_turn(log, vectors_of=no_graph), _turn(log, outlived_of=no_graph)):
        asked.clear()
        running = asyncio.create_task(turn.run(_SlowlyRead(log, end=end), end=end))
        await asyncio.wait_for(asked.wait(), PATIENCE_S)
        ended, _ = await asyncio.wait([running], timeout=2 * TICK_S)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not ended


async def test_settling_does_not_wait_for_retention(log: Log, sessions: Sessions) -> None:
    """The graph may be far behind: what is learned meanwhile is settled."""
    await set_policy(sessions, [{"count": 1}])
    waits = asyncio.Event()

    async def never(*_: object, **__: object) -> NoReturn:
        waits.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with _settling(log, outlived_of=never):
        await asyncio.wait_for(waits.wait(), PATIENCE_S)
        same = await _learned(sessions, SAID_AGAIN, 1)
        found = await _until(log, 1)

    assert ("restated", *sorted(same)) in found


async def test_a_policy_in_another_session_is_none(log: Log, sessions: Sessions) -> None:
    """The consolidator follows the session that shows the policy, and no other."""
    opened = await sessions.open_session("Look after the lock")
    policy = RetentionSet(rules=(RetentionRule(count=1),))
    await log.append(new_event(policy, session_id=opened.session_id, namespace="test"))
    asked: list[str] = []

    async def nothing(
        namespace: str, policy: Policy, *, last: int, limit: int
    ) -> Sequence[Outlived]:
        asked.append(f"{namespace} {policy.position} {last} {limit}")
        return []

    end = (await log.bounds()).last
    turn = _turn(log, outlived_of=nothing)
    with suppress(TimeoutError):
        async with asyncio.timeout(5 * TICK_S):
            await turn.run(_SlowlyRead(log, end=end), end=end)

    assert asked == []


def _turn(
    log: Log, *, outlived_of: OutlivedOf | None = None, vectors_of: VectorsOf | None = None
) -> Turn:
    """Return a turn that settles without waiting for quiet."""
    return Turn(
        lambda name: Sessions(log, namespace=name), vectors_of, 0.0, 1, outlived_of=outlived_of
    )


class _Refusing(Sessions):
    """Sessions of a namespace in which nothing can be settled."""

    async def state(self, session_id: str, **_: object) -> SessionState:
        raise InputInvalid(f"session_id: {session_id} is refused", field="session_id", fix="none")


class _SlowlyRead(PinnedConsumer):
    """The reading of a log that stands still before the last record, for longer than a tick."""

    def __init__(self, log: Log, *, end: int) -> None:
        self._log = log
        self._end = end

    async def batches(self, *, after: int) -> AsyncGenerator[list[Recorded], None]:
        yield [one async for one in self._log.read_all(after=after, to=self._end - 1)]
        await asyncio.sleep(3 * TICK_S)
        yield [one async for one in self._log.read_all(after=self._end - 1, to=self._end)]
        await asyncio.Event().wait()


async def _settler(log: Log) -> Settler:
    """Return a settler that has read the log."""
    found = Settler(Sessions(log, namespace="test"))
    async for recorded in log.read_all():
        found.take(recorded.decode(), recorded.position)
    return found


@in_full_only
async def test_two_at_once_record_each_fact_once(
    log: Log, nats_server: NatsServer, sessions: Sessions
) -> None:
    """Of several consolidators one is at work; killed ones are followed by others, exactly once."""
    chance = Random(20261129)  # noqa: S311 - which process is killed; no secret.
    await _settled_while_killed(log, nats_server, sessions, chance, kills=2)


@pytest.mark.chaos
@pytest.mark.timeout(0)
async def test_kills_of_consolidators_for_long(
    log: Log, nats_server: NatsServer, sessions: Sessions
) -> None:
    """Each fact once, wherever in a settlement its consolidator is killed."""
    chance = Random()  # noqa: S311 - which process is killed, and when; no secret.
    await _settled_while_killed(log, nats_server, sessions, chance, kills=CHAOS_ROUNDS)


async def _settled_while_killed(
    log: Log, server: NatsServer, sessions: Sessions, chance: Random, *, kills: int
) -> None:
    """Settle three pairs for each kill of one of two consolidators; hold each fact to once."""
    processes = [await _started(server) for _ in range(2)]
    wanted: list[tuple[str, ...]] = []
    try:
        for number in range(3 * kills):
            older, newer = await _learned(sessions, OPPOSED, number)
            wanted.append(("opposed", *sorted((older, newer))))
            if number % 3 == 1:
                await asyncio.sleep(chance.uniform(0, 0.3))
                victim = processes.pop(chance.randrange(len(processes)))
                os.kill(victim.pid, signal.SIGKILL)
                await victim.wait()
                processes.append(await _started(server))

        await _until(log, len(wanted))
    finally:
        for process in processes:
            process.kill()
        await asyncio.gather(*(process.wait() for process in processes))

    # One more consolidator looks at everything again, and finds nothing that is not recorded.
    async with _settling(log):
        same = await _learned(sessions, SAID_AGAIN, 3 * kills)
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
