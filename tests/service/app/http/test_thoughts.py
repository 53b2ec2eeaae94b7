"""Thoughts over HTTP: started, followed, looked at, listed, called off."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from anabranch import Memory
from anabranch.http.application import HttpService
from anabranch.memory.memory import namespace_of
from anabranch.memory.thinking.thoughts import begin_thought
from anabranch_thinking.thoughts.think import branch_tasks
from anabranch_thinking.work.dispatch import WorkTerms
from tests.support.fixtures.http import client_at, events_of, problem, served
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from anabranch.settings import Settings

FACT = "Staging listens on port 5433."
ASKED: dict[str, Any] = {
    "task": "Which port has staging?",
    "branches": ["The port of staging", {"task": "Is it 5433?", "role": "critical"}],
}


@pytest.fixture
async def memory(own_settings: Settings) -> AsyncIterator[Memory]:
    """Open a memory without vectors; thoughts over HTTP may ask for one more executor."""
    settings = own_settings.changed(embedder="none", http_executors="recalling, elsewhere")
    async with Memory.open(settings=settings) as memory:
        yield memory


async def done(answer: httpx2.Response) -> dict[str, Any]:
    """Return what was answered, which is no problem."""
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ended(web: httpx2.AsyncClient, thought_id: str) -> list[str]:
    """Follow a thought until its root session has ended; return the types of its events."""
    told: list[str] = []
    path = f"/v1/events/stream?after=0&root_id={thought_id}"
    async with asyncio.timeout(PATIENCE_S), web.stream("GET", path) as answer:
        async for _, event in events_of(answer):
            if event is not None:
                told.append(event["type"].removeprefix("anabranch.").removesuffix(".v1"))
                if told[-1] == "session.closed":
                    break
    return told


async def test_a_thought_is_started_followed_and_shown(
    web: httpx2.AsyncClient, memory: Memory
) -> None:
    """The service works on it by itself; it is told as it happens, listed, and shown as it was."""
    await memory.remember(FACT)
    kept = memory.position
    await memory.wait_for(kept, timeout_s=PATIENCE_S)

    begun = await done(await web.post("/v1/thoughts", json=ASKED))
    thought_id = begun["thought_id"]
    told = await ended(web, thought_id)
    last = (await namespace_of(memory).backend.log.bounds()).last
    shown = await done(
        await web.get(f"/v1/thoughts/{thought_id}", params={"after": last, "wait_s": 30})
    )
    then = await done(
        await web.get(f"/v1/thoughts/{thought_id}", params={"as_of": begun["position"]})
    )
    listed = await done(await web.get("/v1/thoughts"))
    listed_then = await done(await web.get("/v1/thoughts", params={"as_of": begun["position"]}))
    before = await done(await web.get("/v1/thoughts", params={"as_of": kept}))

    assert told.count("branch.completed") == 2
    assert (shown["root"]["status"], shown["going"]) == ("closed", 0)
    assert [one["session_id"] for one in shown["branches"]] == begun["branch_ids"]
    assert all("5433" in one["result"] for one in shown["branches"])
    assert (then["root"]["status"], then["going"], then["consolidations"]) == ("open", 2, [])
    assert [(one["thought_id"], one["status"], one["branches"]) for one in listed["thoughts"]] == [
        (thought_id, "closed", 2)
    ]
    assert [(one["thought_id"], one["status"]) for one in listed_then["thoughts"]] == [
        (thought_id, "open")
    ]
    assert before == {"thoughts": [], "next": None}


async def test_a_thought_that_is_asked_for_again_is_begun_once(web: httpx2.AsyncClient) -> None:
    """The same key is the same thought, also once that has ended; another key is another."""
    key = {"Idempotency-Key": "one"}

    first = await done(await web.post("/v1/thoughts", json=ASKED, headers=key))
    await ended(web, first["thought_id"])
    again = await done(await web.post("/v1/thoughts", json=ASKED, headers=key))
    other = await done(await web.post("/v1/thoughts", json=ASKED))
    page = await done(
        await web.get("/v1/thoughts", params={"limit": 1, "after": other["position"], "wait_s": 30})
    )
    rest = await done(await web.get("/v1/thoughts", params={"cursor": page["next"]}))

    assert again == first
    assert [one["thought_id"] for one in (*page["thoughts"], *rest["thoughts"])] == [
        other["thought_id"],
        first["thought_id"],
    ]


async def test_a_thought_is_called_off(web: httpx2.AsyncClient, memory: Memory) -> None:
    """Whatever was going ends; the executor is one that was named, and no other may be asked for."""
    refused = [
        problem(await web.post("/v1/thoughts", json={**ASKED, **one}))
        for one in ({"executor": "os:system"}, {"branches": [{"task": "x", "executor": "sh"}]})
    ]
    wanting = {"executor": "elsewhere", "labels": ["gpu"]}
    begun = await done(await web.post("/v1/thoughts", json={**ASKED, **wanting}))
    tasks = await memory.work.tasks()
    path = f"/v1/thoughts/{begun['thought_id']}"

    cancelled = await done(await web.post(f"{path}/cancel", json={"reason": "no more"}))
    again = await done(await web.post(f"{path}/cancel"))
    last = (await namespace_of(memory).backend.log.bounds()).last
    shown = await done(await web.get(path, params={"after": last, "wait_s": 30}))

    assert [(one.executor, one.labels) for one in tasks] == [("elsewhere", ("gpu",))] * 2
    assert refused == [(403, "NotPermitted")] * 2
    assert cancelled["cancelled"] == [begun["thought_id"], *begun["branch_ids"]]
    assert again["cancelled"] == []
    assert [one["status"] for one in (shown["root"], *shown["branches"])] == ["cancelled"] * 3


async def test_a_thought_outlives_its_service(memory: Memory) -> None:
    """What was left in the queue, the next service goes on with by itself."""
    namespace = namespace_of(memory)
    left = await begin_thought(
        namespace,
        "Which port?",
        branch_tasks("Which port?", branches=None, count=2),
        terms=WorkTerms(),
        sessions=namespace.sessions,
    )
    service = HttpService(lambda: namespace.backend)

    await service.resume()
    async with served(memory) as url, client_at(url) as web:
        told = await ended(web, left.thought_id)
    await service.close()

    assert told.count("branch.completed") == 2


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"task": ""}, "task"),
    ({"count": 0}, "count"),
    ({"count": 2}, "count"),
    ({"join": "most"}, "join"),
    ({"join": 3}, "join"),
    ({"branches_max": 1}, "branches"),
    ({"labels": ["g p u"]}, "labels.0"),
    ({"branches": [{"task": "x", "colour": "red"}]}, "branches.0.colour"),
)


async def test_a_thought_that_cannot_be_is_refused_whole(
    web: httpx2.AsyncClient, memory: Memory
) -> None:
    """Each field at fault is named, and nothing was stored."""
    answers = [await web.post("/v1/thoughts", json={**ASKED, **one}) for one, _ in WRONG]

    assert [(one.status_code, one.json()["field"]) for one in answers] == [
        (400, field) for _, field in WRONG
    ]
    assert (await namespace_of(memory).backend.log.bounds()).last == 0
