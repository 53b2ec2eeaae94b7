"""Limits of keys: what each may store and ask in a day, counted over restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from starlette.datastructures import Headers

from anabranch.api.read_requests import Cypher
from anabranch.api.requests import Recall, Remember, RememberAll
from anabranch.errors import InputInvalid, QuotaUsed, TooManyRequests
from anabranch.home.folder import Home
from anabranch.http.access.key_access import KeyAccess
from anabranch.http.access.key_file import KeyFile
from anabranch.http.access.usage import AT_WORK_S, BUCKET, Spent, Usage, note_append
from anabranch.memory.memory import namespace_of
from anabranch_events import encode
from anabranch_thinking import InsightDraft
from tests.support.fixtures.commands import opened_event
from tests.support.fixtures.http import client_at, problem, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from anabranch import Memory

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TEXTS = ["Otters hold hands", "Beavers dam", "Herons wait"]


class Day:
    """A time of day that stands where it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        """Return that time."""
        return self.now


class Bounded(NamedTuple):
    """A service whose keys have limits."""

    web: httpx2.AsyncClient
    keys: KeyFile
    usage: Usage
    day: Day

    async def token(self, scope: str = "write", **limits: object) -> tuple[str, dict[str, str]]:
        """Make a key with limits; return its id, and the header that shows it."""
        spaces = None if scope == "admin" else ["a"]
        key, token = await self.keys.create(
            f"key {len(self.keys.keys())}", scope=scope, namespaces=spaces, limits=limits
        )
        return key.id, {"Authorization": f"Bearer {token}"}


def usage_of(memory: Memory, day: Day) -> Usage:
    """Return the usage that is kept beside a memory's log."""
    log = namespace_of(memory).backend.log
    return Usage(lambda: log.bucket(BUCKET), now=day)


@pytest.fixture
async def bounded(memory: Memory, tmp_path: Path) -> AsyncIterator[Bounded]:
    """Serve a memory to keys with limits."""
    keys, day = KeyFile(Home(tmp_path / "keys")), Day()
    namespace_of(memory).backend.on_append = note_append
    async with usage_of(memory, day) as usage:
        access = KeyAccess(keys, usage=usage)
        async with served(memory, access=access) as url, client_at(url) as web:
            yield Bounded(web, keys, usage, day)


async def test_a_key_stores_no_more_than_its_insights(bounded: Bounded) -> None:
    """A request that would go beyond is refused whole until midnight, whatever stores them."""
    key_id, shown = await bounded.token(insights=4)

    async def post(path: str, body: dict[str, Any]) -> Any:
        return await bounded.web.post(f"/v1/{path}", json=body, headers=shown)

    first = await post("insights/batch", {"insights": TEXTS})
    session_id = first.json()["session_id"]
    over = [
        await post("insights/batch", {"insights": TEXTS}),
        await post(f"sessions/{session_id}/complete", {"result": "x", "insights": TEXTS}),
    ]
    last = await post("insights", {"text": "Swans mate for life"})
    full = await post("insights", {"text": "Storks clatter"})
    reads = await post("recall", {"query": "Otters"})
    spent = await bounded.usage.spent(key_id)
    bounded.day.now += timedelta(hours=13)
    next_day = await post("insights", {"text": "Storks clatter"})

    assert [one.status_code for one in (first, last, reads, next_day)] == [200] * 4
    assert [problem(one) for one in (*over, full)] == [(429, "QuotaUsed")] * 3
    assert full.headers["retry-after"] == str(12 * 3600)
    assert full.json()["detail"].startswith("insights: this key has 4 a day")
    assert spent.insights == 4


async def test_a_key_stores_no_more_than_its_events(bounded: Bounded) -> None:
    """Sessions, insights and raw events count alike; another key has its own account."""
    _, shown = await bounded.token(events=3)
    _, other = await bounded.token(events=3)
    typed = {**shown, "Content-Type": "application/json"}

    async def append() -> httpx2.Response:
        event = encode(opened_event("a"))
        return await bounded.web.post("/v1/events", content=event, headers=typed)

    stored = [
        await bounded.web.post("/v1/insights", json={"text": TEXTS[0]}, headers=shown),
        await append(),
    ]
    refused = [
        await bounded.web.post("/v1/sessions", json={"task": "x"}, headers=shown),
        await append(),
    ]
    others = await bounded.web.post("/v1/sessions", json={"task": "x"}, headers=other)

    assert [one.status_code for one in (*stored, others)] == [200, 200, 200]
    assert [problem(one) for one in refused] == [(429, "QuotaUsed")] * 2


async def test_requests_at_work_count_before_they_have_stored(bounded: Bounded) -> None:
    """Of two at the same time only one has room; where it stores nothing, the next has it."""
    _, shown = await bounded.token(insights=3)
    access = KeyAccess(bounded.keys, usage=bounded.usage)
    caller = await access.caller(Headers(shown))
    asked = RememberAll(insights=tuple(InsightDraft(text=one) for one in TEXTS))

    async with access.spending(caller, "remember_all", asked):
        with pytest.raises(QuotaUsed):
            async with access.spending(caller, "remember", Remember(text=TEXTS[0])):
                pass
        async with access.spending(caller, "recall", Recall(query="Otters")):
            pass
    async with access.spending(caller, "remember_all", asked):
        pass


async def test_a_key_asks_no_more_cypher_than_its_time(bounded: Bounded) -> None:
    """Its queries are timed, and none runs once the time is spent; the rest goes on."""
    key_id, shown = await bounded.token("admin", cypher=0.000_001)
    _, nothing = await bounded.token("admin", cypher=0)
    body = {"query": "RETURN 1 AS one"}

    first = await bounded.web.post("/v1/cypher", json=body, headers=shown)
    second = await bounded.web.post("/v1/cypher", json=body, headers=shown)
    never = await bounded.web.post("/v1/cypher", json=body, headers=nothing)
    stored = await bounded.web.post("/v1/insights", json={"text": TEXTS[0]}, headers=shown)

    assert (first.status_code, stored.status_code) == (200, 200)
    assert [problem(one) for one in (second, never)] == [(429, "QuotaUsed")] * 2
    assert (await bounded.usage.spent(key_id)).cypher_s > 0


async def test_a_restart_forgives_nothing(memory: Memory) -> None:
    """What one service counted another adds to, until the day is over."""
    day = Day()
    async with usage_of(memory, day) as one:
        one.add("key", Spent(2, 3, 0.5))
        before = await one.spent("key")
    async with usage_of(memory, day) as other:
        other.add("key", Spent(1, 1, 0.5))
    async with usage_of(memory, day) as third:
        third.add("key", Spent(1, 1, 0.0))
        sums = await third.spent("key")
        day.now += timedelta(days=1)
        tomorrow = await third.spent("key")

    assert (before, sums, tomorrow) == (Spent(2, 3, 0.5), Spent(4, 5, 1.0), Spent())


async def test_a_key_has_its_burst(tmp_path: Path) -> None:
    """So many requests may come at once, whatever the rate; a limit that is none is named."""
    keys = KeyFile(Home(tmp_path / "keys"))
    access = KeyAccess(keys, clock=lambda: 0.0)
    _, token = await keys.create(
        "x", scope="read", namespaces=None, rate=100, limits={"burst": "3"}
    )
    shown = Headers({"Authorization": f"Bearer {token}"})

    for _ in range(3):
        await access.caller(shown)

    with pytest.raises(TooManyRequests):
        await access.caller(shown)
    with pytest.raises(InputInvalid, match=r"limits\.insights"):
        await keys.create("x", scope="read", namespaces=None, limits={"insights": "-1"})


async def test_queries_at_work_count_with_the_most_that_they_may_take(bounded: Bounded) -> None:
    """No more begin at once than the key's seconds allow; those that end give back the rest."""
    access = KeyAccess(bounded.keys, usage=bounded.usage, query_s=10)
    key_id, shown = await bounded.token("admin", cypher=15)
    caller = await access.caller(Headers(shown))
    asked = Cypher(query="RETURN 1 AS one")

    async with access.spending(caller, "cypher", asked):
        async with access.spending(caller, "cypher", asked):
            at_work = (await bounded.usage.spent(key_id)).cypher_s
            with pytest.raises(QuotaUsed, match="those at work may take what is left") as refused:
                async with access.spending(caller, "cypher", asked):
                    raise AssertionError("it does not begin")
        async with access.spending(caller, "cypher", asked):
            again = True
    left = (await bounded.usage.spent(key_id)).cypher_s

    assert at_work == 20
    assert again
    assert refused.value.retry_after_s == AT_WORK_S
    assert 0 < left < 10
