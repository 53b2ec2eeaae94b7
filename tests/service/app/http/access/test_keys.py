"""API keys: what each permits, and that none reaches beyond its namespaces."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from starlette.datastructures import Headers

from anabranch.errors import KeyNotFound, KeyRefused, SettingInvalid, TooManyRequests
from anabranch.home.folder import Home
from anabranch.http.access.audit import Audit, last_entries
from anabranch.http.access.key_access import KeyAccess
from anabranch.http.access.key_file import KeyFile
from anabranch.http.documents.examples import EXAMPLES
from anabranch.http.places import EVERYWHERE, PLACES
from anabranch.memory.memory import namespace_of
from anabranch_events import encode
from anabranch_events.errors import InputInvalid
from tests.support.fixtures.commands import opened_event
from tests.support.fixtures.http import client_at, problem, served
from tests.support.noted_audit import NotedAudit
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    import httpx2

    from anabranch import Memory

TEXT = "The lock of the north gate was changed in May."


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """Give the keys of an empty home."""
    return KeyFile(Home(tmp_path / "keys"))


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a key."""
    return {"Authorization": f"Bearer {token}"}


async def test_a_key_is_made_rotated_and_revoked(keys: KeyFile) -> None:
    """Only the newest secret fits, none after the end, and each change counts at once."""
    access = KeyAccess(KeyFile(keys.home))
    key, first = await keys.create("planner", scope="write", namespaces=["a"])
    known = await access.caller(Headers(bearer(first)))

    _, second = await keys.rotate(key.id)
    held = access.holds(known)
    with pytest.raises(KeyRefused) as rotated:
        await access.caller(Headers(bearer(first)))
    again = await access.caller(Headers(bearer(second)))
    await keys.revoke(key.id)
    with pytest.raises(KeyRefused, match="revoked") as revoked:
        await access.caller(Headers(bearer(second)))

    assert "not from before a rotation" in rotated.value.fix
    assert "for another key: `anabranch keys create`" in revoked.value.fix
    assert (known.name, known.scopes, known.namespaces) == (
        key.id,
        frozenset({"write"}),
        frozenset({"a"}),
    )
    assert (held, access.holds(again)) == (False, False)
    with pytest.raises(KeyNotFound):
        await keys.revoke("nobody")


async def test_no_key_is_shown_that_would_not_hold(keys: KeyFile) -> None:
    """One that has ended gets no other secret, and none is made that ends at once."""
    key, _ = await keys.create("planner", scope="write", namespaces=["a", "b", "a"])
    await keys.revoke(key.id)

    with pytest.raises(InputInvalid, match=f"key: {key.id} is revoked"):
        await keys.rotate(key.id)
    with pytest.raises(InputInvalid, match="expires: "):
        await keys.create("late", scope="read", namespaces=["a"], lasting=timedelta())

    assert [(one.name, one.namespaces) for one in keys.keys().values()] == [("planner", ("a", "b"))]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YWRhOng="},
        {"Authorization": "Bearer ab_000000000000_" + "x" * 43},
        {"Authorization": "Bearer ab_000000000000_" + "x" * 430},
    ],
)
async def test_without_a_key_that_holds_there_is_no_caller(
    keys: KeyFile, headers: dict[str, str]
) -> None:
    """No key, another scheme, and a key of elsewhere are refused alike."""
    await keys.create("planner", scope="write", namespaces=None)

    with pytest.raises(KeyRefused):
        await KeyAccess(keys).caller(Headers(headers))


async def test_a_key_ends_when_it_was_to(keys: KeyFile) -> None:
    """Past its time a key is refused, with the reason."""
    _, token = await keys.create(
        "planner", scope="read", namespaces=None, lasting=timedelta(microseconds=1)
    )

    with pytest.raises(KeyRefused, match="expired") as refused:
        await KeyAccess(keys).caller(Headers(bearer(token)))
    assert keys.holding() == []
    assert refused.value.fix == (
        "ask the people who run this memory for another key: `anabranch keys create`"
    )


async def test_the_file_is_its_owner_s_alone(keys: KeyFile) -> None:
    """It holds no secret, others may not read it, and one that they may is not used."""
    _, token = await keys.create("planner", scope="read", namespaces=None)
    path = keys.home.keys
    mode, text = path.stat().st_mode & 0o777, path.read_text()

    path.chmod(0o644)
    path.write_text(text + "\n")

    assert mode == 0o600
    assert token.split("_", 2)[2] not in text
    assert "$argon2id$" in text
    with pytest.raises(SettingInvalid, match="others may read it"):
        keys.keys()


async def test_a_key_has_its_rate(keys: KeyFile) -> None:
    """Two seconds' worth may come at once, then so many a second; guessing is slowed down."""
    now = 0.0
    access = KeyAccess(keys, clock=lambda: now)
    key, token = await keys.create("planner", scope="read", namespaces=None, rate=2)
    shown, guessed = Headers(bearer(token)), Headers(bearer(f"ab_{key.id}_" + "x" * 43))

    for _ in range(4):
        await access.caller(shown)
    with pytest.raises(TooManyRequests) as refused:
        await access.caller(shown)
    now += 0.5
    await access.caller(shown)
    for _ in range(10):
        with pytest.raises((KeyRefused, TooManyRequests)):
            await access.caller(guessed)
    with pytest.raises(TooManyRequests):
        await access.caller(guessed)

    assert refused.value.retry_after_s == pytest.approx(0.5)


async def test_a_client_that_asks_too_fast_hides_no_guesses_at_its_key(keys: KeyFile) -> None:
    """Both are in the audit, each within bounds of its own."""
    now, audit = 0.0, NotedAudit()
    access = KeyAccess(keys, audit=audit, clock=lambda: now)
    key, token = await keys.create("planner", scope="read", namespaces=None, rate=0.5)
    await access.caller(Headers(bearer(token)))

    for _ in range(40):
        with pytest.raises(TooManyRequests):
            await access.caller(Headers(bearer(token)))
    with pytest.raises(KeyRefused):
        await access.caller(Headers(bearer(f"ab_{key.id}_" + "x" * 43)))

    assert 20 <= audit.noted.count((key.id, 429)) < 40
    assert audit.noted[-1] == (key.id, 401)


class Two(NamedTuple):
    """A service with keys, and what is in the namespaces `a` and `b`."""

    client: httpx2.AsyncClient
    keys: KeyFile
    audit: Any
    insights: dict[str, str]
    sessions: dict[str, str]

    async def token(self, scope: str, *namespaces: str) -> dict[str, str]:
        """Make a key; for all namespaces where none is named. Return the header that shows it."""
        _, token = await self.keys.create(
            f"key {len(self.keys.keys())}", scope=scope, namespaces=namespaces or None
        )
        return bearer(token)


@pytest.fixture
async def two(memory: Memory, keys: KeyFile) -> AsyncGenerator[Two]:
    """Serve two namespaces, with something in each."""
    backend = namespace_of(memory).backend
    async with Audit(lambda: backend.log.connection) as audit:
        access = KeyAccess(keys, audit=audit)
        async with served(memory, access=access) as url, client_at(url) as client:
            found = Two(client, keys, audit, {}, {})
            admin = await found.token("admin")
            for name in ("a", "b"):
                receipt = await client.post(
                    f"/v1/insights?namespace={name}", json={"text": f"{TEXT} {name}"}, headers=admin
                )
                found.insights[name] = receipt.json()["insight_id"]
                found.sessions[name] = receipt.json()["session_id"]
                await memory.wait_for(receipt.json()["position"], timeout_s=PATIENCE_S)
            yield found


def asked(two: Two, name: str, of: str) -> dict[str, Any]:
    """Return a request for an operation on what is in a namespace."""
    place = PLACES[name]
    ids = {
        "insight_id": two.insights[of],
        "session_id": two.sessions[of],
        "parent_id": two.sessions[of],
        "root_id": two.sessions[of],
        "thought_id": two.sessions[of],
        "thing_id": two.insights[of],
        "position": "1" if of == "a" else "3",
    }
    body = json.dumps(EXAMPLES.get(name, {}))
    found: dict[str, Any] = {"method": place.method, "url": "/v1" + place.path.format(**ids)}
    if name == "diff":
        found["params"] = {"before": 0, "after": 1}
    if place.method == "POST":
        found |= {"content": body, "headers": {"Content-Type": "application/json"}}
    return found


@pytest.mark.parametrize(
    "scope",
    ["admin", *(pytest.param(one, marks=in_full_only) for one in ("read", "write"))],
)
async def test_no_key_reaches_beyond_its_namespaces(two: Two, scope: str) -> None:
    """Every operation refuses another namespace, and finds nothing of it under the own one."""
    key = await two.token(scope, "a")
    others: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for name in (*PLACES, "stream", "replay"):
        request: dict[str, Any] = (
            asked(two, name, "b")
            if name in PLACES
            else {"method": "GET", "url": {"stream": "/v1/events/stream"}.get(name, f"/v1/{name}")}
        )
        request["headers"] = {**request.get("headers", {}), **key}
        params = {**request.pop("params", {})}
        foreign = await two.client.request(**request, params={**params, "namespace": "b"})
        others[name] = (foreign.status_code, "gate" in foreign.text)
        if name not in {"stream", "append"}:
            answer = await two.client.request(**request, params=params)
            own[name] = (answer.status_code in {403, 404}, f"{TEXT} b" in answer.text)
    named = {name for name, place in PLACES.items() if place.fields} - {"append"}

    assert others == dict.fromkeys(others, (403, False))
    assert {name: own[name] for name in named} == dict.fromkeys(named, (True, False))
    assert not any(leaked for _, leaked in own.values())


async def test_nothing_is_tied_to_another_namespace(two: Two) -> None:
    """What a body or an address names is looked for in the key's own namespace alone."""
    key = await two.token("write", "a")
    one, other, session = two.insights["a"], two.insights["b"], two.sessions["b"]
    bodies: tuple[tuple[str, dict[str, Any]], ...] = (
        ("insights", {"text": "x", "session_id": session}),
        ("insights", {"text": "x", "supersedes": [other]}),
        ("insights/batch", {"insights": ["x"], "session_id": session}),
        ("citations", {"insight_ids": [one, other]}),
        ("associations", {"from_id": one, "to_id": other}),
        ("associations/sever", {"from_id": other, "to_id": one}),
        ("recall", {"query": TEXT, "session_id": session}),
        ("recall/batch", {"questions": [{"query": TEXT, "session_id": session}]}),
    )
    streams = (f"session_id={session}", f"root_id={session}")

    found = [
        (path, (await two.client.post(f"/v1/{path}", json=body, headers=key)).status_code)
        for path, body in bodies
    ]
    found += [
        (query, (await two.client.get(f"/v1/events/stream?{query}", headers=key)).status_code)
        for query in streams
    ]
    event = encode(opened_event("b"))
    stored = await two.client.post(
        "/v1/events", content=event, headers={**key, "Content-Type": "application/json"}
    )

    assert found == [(path, 404) for path in (*(path for path, _ in bodies), *streams)]
    assert problem(stored) == (400, "EventInvalid")


async def test_a_scope_permits_what_it_says(two: Two) -> None:
    """`read` reads, `write` stores too, and what shows everything needs `admin` everywhere."""
    reads, writes = await two.token("read", "a"), await two.token("write", "a")
    text = {"text": "The south gate has no lock."}

    found = {
        "unknown": await two.client.get("/v1/sessions?namespace=a"),
        "health": await two.client.get("/health"),
        "read": await two.client.get("/v1/sessions", headers=reads),
        "read write": await two.client.post("/v1/insights", json=text, headers=reads),
        "write": await two.client.post("/v1/insights", json=text, headers=writes),
        "write read": await two.client.post("/v1/recall", json={"query": "x"}, headers=writes),
        "status": await two.client.get("/v1/status", headers=writes),
        "metrics": await two.client.get("/metrics", headers=writes),
    }

    assert {name: one.status_code for name, one in found.items()} == {
        "unknown": 401,
        "health": 200,
        "read": 200,
        "read write": 403,
        "write": 200,
        "write read": 200,
        "status": 403,
        "metrics": 403,
    }
    assert found["unknown"].headers["www-authenticate"].startswith("Bearer")
    assert {"status"} == EVERYWHERE


@in_full_only
async def test_a_revoked_key_ends_its_streams(two: Two) -> None:
    """A stream that is open ends when its key does."""
    key, token = await two.keys.create("x", scope="read", namespaces=["a"])
    told: list[str] = []

    async with two.client.stream("GET", "/v1/events/stream", headers=bearer(token)) as answer:
        async for line in answer.aiter_lines():
            told.append(line)
            if len(told) == 1:
                await two.keys.revoke(key.id)

    assert told == ["retry: 1000", ": anabranch", "id: 4", ""]


async def test_the_audit_says_who_did_what(two: Two, memory: Memory) -> None:
    """Each request with a key is an entry: the key, the operation, the namespace, the status."""
    key, token = await two.keys.create("x", scope="read", namespaces=["a"])
    await two.client.post("/v1/recall", json={"query": "x"}, headers=bearer(token))
    await two.client.get("/v1/sessions?namespace=b", headers=bearer(token))

    await asyncio.wait_for(two.audit.stored(), PATIENCE_S)
    found = await last_entries(namespace_of(memory).backend.log.connection, 2)

    assert [(one.key, one.operation, one.namespace, one.status) for one in found] == [
        (key.id, "recall", "a", 200),
        (key.id, "list_sessions", "b", 403),
    ]


async def test_the_audit_says_who_was_refused(two: Two, memory: Memory) -> None:
    """A key that does not hold is an entry; a flood of them leaves room for the others."""
    key, token = await two.keys.create("x", scope="read", namespaces=["a"])
    await two.client.get("/v1/sessions", headers=bearer(f"ab_{key.id}_{'x' * 43}"))
    await two.keys.revoke(key.id)
    await two.client.get("/v1/sessions", headers=bearer(token))
    await two.client.get("/v1/sessions")
    for _ in range(40):
        await two.client.get("/v1/sessions", headers=bearer("no key"))
    await two.client.get("/v1/sessions", headers=bearer(token))
    slow, token = await two.keys.create("slow", scope="read", namespaces=["a"], rate=0.1)
    for _ in range(2):
        await two.client.get("/v1/sessions", headers=bearer(token))

    await asyncio.wait_for(two.audit.stored(), PATIENCE_S)
    found = await last_entries(namespace_of(memory).backend.log.connection, 100)

    assert (found[-1].key, found[-1].status) == (slow.id, 429)
    refused = [(one.key, one.status) for one in found if one.status == 401]
    assert refused[:3] == [(key.id, 401), (key.id, 401), ("unknown", 401)]
    assert refused[-1] == (key.id, 401)
    assert 20 <= len(refused) < 40
