"""Writes with an Idempotency-Key: each that the document names answers the same when sent again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from anabranch.http.application import described

if TYPE_CHECKING:
    import httpx2

KEY: Final = "Idempotency-Key"


async def done(answer: httpx2.Response) -> dict[str, Any]:
    """Return what was answered, which is no problem."""
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def asked_for(web: httpx2.AsyncClient) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return a request for each write that takes a key: its address and its body."""
    root = (await done(await web.post("/v1/sessions", json={"task": "gates"})))["session_id"]
    kept = {
        name: (await done(await web.post("/v1/insights", json={"text": f"The {name} gate"})))[
            "insight_id"
        ]
        for name in ("north", "south", "east", "west", "water")
    }
    forks = {
        name: (await done(await web.post(f"/v1/sessions/{root}/branches", json={"task": name})))[
            "session_id"
        ]
        for name in ("complete", "hand-off", "fail", "cancel", "close")
    }
    ends = {"from_id": kept["north"], "to_id": kept["south"]}
    return {
        "remember": ("insights", {"text": "A gate", "session_id": root}),
        "remember_all": ("insights/batch", {"insights": [{"text": "Two"}, {"text": "gates"}]}),
        "update": (f"insights/{kept['east']}/update", {"text": "The east gate is shut"}),
        "retract": (f"insights/{kept['west']}/retract", {"reason": "no gate"}),
        "forget": (f"insights/{kept['water']}/forget", {}),
        "cite": ("citations", {"insight_ids": [kept["north"]]}),
        "set_retention": ("retention", {"rules": [{"kind": "scratch", "age_days": 9}]}),
        "open_session": ("sessions", {"task": "more gates"}),
        "branch": (f"sessions/{root}/branches", {"task": "one more gate"}),
        "complete": (f"sessions/{forks['complete']}/complete", {"result": "x", "insights": ["y"]}),
        "note": (f"sessions/{root}/notes", {"key": "k", "value": 1}),
        "clear_note": (f"sessions/{root}/notes/clear", {"key": "k"}),
        "hand_off": (f"sessions/{forks['hand-off']}/hand-off", {"summary": "half"}),
        "fail": (f"sessions/{forks['fail']}/fail", {"error": "bad"}),
        "cancel": (f"sessions/{forks['cancel']}/cancel", {"reason": "late"}),
        "close": (f"sessions/{forks['close']}/close", {"reason": "late"}),
        "associate": ("associations", ends),
        "sever": ("associations/sever", ends),
        "start_thought": ("thoughts", {"task": "Which gate?", "branches": ["one"]}),
    }


def keyed_writes() -> set[str]:
    """Return the operations for which the document names the key."""
    return {
        operation["operationId"]
        for place in described()["paths"].values()
        for operation in place.values()
        if KEY in {one["name"] for one in operation["parameters"]}
    }


async def sent_again(web: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> list[Any]:
    """Return the answers to a request that is sent three times at once, and once more."""

    async def send() -> dict[str, Any]:
        return await done(await web.post(f"/v1/{path}", json=body, headers={KEY: "one"}))

    return [*await asyncio.gather(send(), send(), send()), await send()]


async def test_every_keyed_write_has_one_answer(web: httpx2.AsyncClient) -> None:
    """Sent three times at once and again later, a request with a key has the same answer."""
    requests = await asked_for(web)

    answers = {name: await sent_again(web, *request) for name, request in requests.items()}

    assert set(requests) == keyed_writes()
    assert answers == {name: [first] * 4 for name, (first, *_) in answers.items()}


async def test_an_older_policy_does_not_come_back(web: httpx2.AsyncClient) -> None:
    """A policy of retention that is sent again under its key leaves the one that was set since."""
    older, newer = ({"rules": [{"kind": "scratch", "age_days": days}]} for days in (9, 90))
    first = await done(await web.post("/v1/retention", json=older, headers={KEY: "one"}))
    since = await done(await web.post("/v1/retention", json=newer))

    again = await done(await web.post("/v1/retention", json=older, headers={KEY: "one"}))

    policy = await done(await web.get("/v1/retention"))
    assert again == first
    assert (policy["position"], policy["rules"][0]["age_days"]) == (since["position"], 90)
