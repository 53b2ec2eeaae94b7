"""Retention of a namespace by both faces: a policy, what it takes out once, and earlier moments."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest.mock import AsyncMock

import pytest

from anabranch import Memory
from anabranch.errors import InputInvalid
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from anabranch.memory.forgetting.retention import outlived_of_graph
from anabranch.memory.memory import namespace_of
from anabranch_events import new_event, new_id
from anabranch_events.event.types import InsightExpired, InsightRecorded
from anabranch_thinking.settling.consolidator import Consolidator
from anabranch_thinking.settling.retention import Retention, policy_of
from tests.support.claude_files import ClaudeFile
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from anabranch.settings import Settings
    from anabranch_thinking.settling.retention import Outlived, Policy


@pytest.fixture
async def plain(namespace_settings: Settings) -> AsyncIterator[Memory]:
    """Open a memory over the servers that tests share, by its asynchronous face."""
    async with Memory.open(settings=namespace_settings) as memory:
        yield memory


pytestmark = [in_full_only, pytest.mark.timeout(900)]


async def _expired(memory: Memory) -> Counter[str]:
    """Return how often each insight expired in the memory's namespace."""
    found: Counter[str] = Counter()
    async for recorded in memory.replay():
        data = recorded.decode().data
        if isinstance(data, InsightExpired):
            found[data.insight_id] += 1
    return found


async def test_a_policy_takes_out_the_oldest_once(either: Memory) -> None:
    """A dry run says how many; then each is out of recall, and as of earlier it is there."""
    ids = [(await either.remember(f"Pump {n} is red", kind="state")).insight_id for n in range(4)]
    other = await either.remember("Pump 5 was sold", kind="fact")
    before = (await either.status()).log.last

    nothing = await either.retention.apply()
    receipt = await either.retention.set([{"kind": "state", "count": 3}, {"age_days": 30}])
    await either.retention.set([{"kind": "state", "count": 1}, {"age_days": 30}])
    planned = await either.retention.apply(dry_run=True)
    applied = await either.retention.apply()
    again = await either.retention.apply()

    assert (nothing.expired, nothing.outcomes) == (0, ())
    assert [(one.held, one.aged, one.beyond_count) for one in planned.outcomes] == [
        (4, 0, 3),
        (1, 0, 0),
    ]
    assert (planned.expired, applied.expired, again.expired) == (3, 3, 0)
    assert await _expired(either) == Counter(ids[:3])
    assert {hit.insight_id for hit in await either.recall("pump")} == {ids[3], other.insight_id}
    then = await either.recall("pump", as_of=before)
    assert {hit.insight_id for hit in then} == {*ids, other.insight_id}
    assert len(await either.recall("pump", include_retired=True)) == 5
    assert (await either.get(ids[0])).retired_reason == "beyond the latest 1 of the kind state"
    now, earlier = (
        await either.retention.show(),
        await either.retention.show(as_of=receipt.position),
    )
    assert (now.rules[0].count, earlier.rules[0].count, earlier.position) == (
        1,
        3,
        receipt.position,
    )


async def test_what_an_expired_one_superseded_does_not_come_back(either: Memory) -> None:
    """Both are out, in the graph and in the index, and a fold of the log gives the same graph."""
    older = await either.remember("The gate is closed", kind="plan")
    await either.update(older.insight_id, "The gate is open", kind="state")
    await either.retention.set([{"kind": "state", "age_days": 1e-9}])

    applied = await either.retention.apply()

    assert applied.expired == 1
    assert list(await either.recall("gate")) == []
    live = await either.graph.digest()
    assert await either.graph.digest(as_of=(await either.status()).log.last) == live


async def _imported(memory: Memory, folder: Path) -> list[str]:
    """Import a transcript of an earlier day; return its two insights."""
    ClaudeFile(folder).turns(1)
    importer = Importer(namespace_of(memory).backend.log, ImportOptions(memory.namespace))
    for source in sources_below([folder]):
        await importer.source(source)
    events = [recorded.decode() async for recorded in memory.replay()]
    found = [one.data for one in events if one.agent and one.agent.startswith("claude-code")]
    return [one.insight_id for one in found if isinstance(one, InsightRecorded)]


async def test_no_clock_but_the_logs_decides(
    plain: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An insight counts from its append, one of a transcript from the time that its source has."""
    log = namespace_of(plain).backend.log
    first = await plain.remember("The clock says now")
    said = [first.insight_id]
    for year in (2200, 1970):
        data = InsightRecorded(insight_id=new_id(), text=f"The clock says {year}", kind="clock")
        time = datetime(year, 1, 2, tzinfo=UTC)
        await log.append(
            new_event(data, session_id=first.session_id, namespace=plain.namespace, time=time)
        )
        said.append(data.insight_id)
    imported = await _imported(plain, tmp_path)

    await plain.retention.set([{"age_days": 1}])
    await plain.retention.apply()
    of_a_day = await _expired(plain)
    await plain.retention.set([{"age_days": 1, "count": 1}])
    await plain.retention.apply()
    of_one = await _expired(plain)
    ahead = await log.clock() + timedelta(days=2)
    monkeypatch.setattr(log, "clock", AsyncMock(return_value=ahead))
    later = await plain.retention.apply(dry_run=True)

    assert len(imported) == 2
    assert of_a_day.keys() == {*imported}
    assert of_one.keys() == {*imported, *said[:2]}
    assert [(one.held, one.aged) for one in later.outcomes] == [(1, 1)]


async def test_a_number_keeps_the_latest_of_imported_and_others(
    plain: Memory, tmp_path: Path
) -> None:
    """An old transcript that is imported last is older than what was said before."""
    await plain.remember("The crane is new")
    imported = await _imported(plain, tmp_path)

    await plain.retention.set([{"count": 2}])
    await plain.retention.apply()

    assert await _expired(plain) == Counter(imported[:1])


async def test_a_policy_that_is_replaced_meanwhile_takes_out_no_more(
    plain: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch is by the policy of its moment, and sees what was retracted since the last."""
    await plain.remember_all([f"Reading {n} of the gauge" for n in range(6)])
    monkeypatch.setattr("anabranch_thinking.settling.retention.AT_ONCE", 2)
    await plain.retention.set([{"count": 1}])

    expire_next = Retention.expire_next

    async def expiring(one: Retention, policy: Policy) -> Sequence[Outlived]:
        found = await expire_next(one, policy)
        await plain.retention.set([{"count": 3}])
        return found

    monkeypatch.setattr(Retention, "expire_next", expiring)
    applied = await plain.retention.apply()

    assert applied.expired == 3


async def test_two_that_apply_at_once_take_out_each_once(plain: Memory) -> None:
    """Also one that was killed between two batches, and a consolidator beside them."""
    for start in (0, 600):
        await plain.remember_all([f"Reading {start + n} of the gauge" for n in range(600)])
    await plain.retention.set([{"count": 10}])
    namespace = namespace_of(plain)
    policy = await policy_of(namespace.sessions)
    assert policy is not None
    killed = Retention(namespace.sessions, outlived_of_graph(namespace.backend))
    assert len(await killed.expire_next(policy)) == 500

    found = await asyncio.gather(plain.retention.apply(), plain.retention.apply())

    assert sum(one.expired for one in found) == 690
    counted = await _expired(plain)
    assert (len(counted), {*counted.values()}) == (1190, {1})


async def test_the_consolidator_applies_it(plain: Memory) -> None:
    """A policy that is set while it runs is applied when it is quiet."""
    ids = [(await plain.remember(f"Valve {n}")).insight_id for n in range(3)]
    namespace = namespace_of(plain)
    backend = namespace.backend
    one = Consolidator(
        backend.log,
        lambda _: namespace.sessions,
        outlived_of=outlived_of_graph(backend),
        idle_s=0.05,
    )
    task = asyncio.create_task(one.run())

    await plain.retention.set([{"count": 1}])

    async with asyncio.timeout(PATIENCE_S):
        while len(await _expired(plain)) < 2:  # noqa: ASYNC110 - the log is asked.
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await _expired(plain) == Counter(ids[:2])


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([{}], "without a bound"),
        ([{"age_days": 1}, {"count": 1}], "one kind twice"),
        ([{"age_days": 0}], "age_days"),
        ([{"count": 1, "size": 3}], "size"),
    ],
)
async def test_a_policy_that_says_nothing_is_refused(
    either: Memory, rules: list[dict[str, object]], said: str
) -> None:
    """Rules without a bound, two for one kind, and unknown fields are refused by name."""
    with pytest.raises(InputInvalid, match=said):
        await either.retention.set(rules)

    assert (await either.retention.show()).rules == ()
