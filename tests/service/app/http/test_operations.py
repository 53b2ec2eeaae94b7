"""The operations over HTTP: each does what a memory does, and answers in the same way."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from anabranch.api.thoughts import EVERY
from anabranch.http.places import PLACES
from anabranch_events import encode
from tests.support.fixtures.commands import opened_event
from tests.support.fixtures.http import problem
from tests.support.settled import OPPOSED

if TYPE_CHECKING:
    import httpx2

    from anabranch import Memory

TEXT = "The lock of the north gate was changed in May."
NOBODY = str(uuid.UUID(int=7))
CROSSED = {"query": TEXT, "since": "2026-02-01T00:00:00Z", "until": "2026-01-31T00:00:00Z"}


async def done(answer: httpx2.Response) -> dict[str, Any]:
    """Return what was answered, which is no problem."""
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_whole_life_over_http(web: httpx2.AsyncClient, memory: Memory) -> None:
    """A session is opened, forked, noted on, completed, consolidated and told again."""
    root = await done(await web.post("/v1/sessions", json={"task": "gates"}))
    root_id = root["session_id"]
    forked = await done(
        await web.post(f"/v1/sessions/{root_id}/branches", json={"task": "the north gate"})
    )
    branch = forked["session_id"]
    await done(await web.post(f"/v1/sessions/{branch}/notes", json={"key": "k", "value": [1]}))
    ended = await done(
        await web.post(
            f"/v1/sessions/{branch}/complete", json={"result": "found", "insights": [TEXT]}
        )
    )
    joined = await done(await web.post(f"/v1/sessions/{root_id}/consolidate"))
    after = {"after": joined["position"], "wait_s": 30}

    shown = await done(await web.get(f"/v1/sessions/{branch}", params=after))
    tree = await done(await web.get(f"/v1/sessions/{root_id}/tree", params=after))
    listed = await done(await web.get("/v1/sessions", params={**after, "limit": 1}))
    rest = await done(await web.get("/v1/sessions", params={"cursor": listed["next"]}))
    then = await done(await web.get("/v1/sessions", params={"as_of": forked["position"]}))
    thought = {"as_of": forked["position"], "root_id": root_id}
    of_thought_then = await done(await web.get("/v1/sessions", params=thought))
    found = await done(await web.get("/v1/consolidations", params={"root_id": root_id}))
    life = await done(await web.get(f"/v1/history/{ended['insight_ids'][0]}"))
    change = await done(await web.get("/v1/diff", params={"after": 0, "to": joined["position"]}))
    hits = await done(await web.post("/v1/recall", json={"query": "north gate", **after}))

    assert shown == (await memory.show_session(branch)).model_dump(mode="json")
    assert [one["session_id"] for one in tree["sessions"]] == [root_id, branch]
    assert [one["session_id"] for one in (*listed["sessions"], *rest["sessions"])] == [
        branch,
        root_id,
    ]
    assert [(one["session_id"], one["status"]) for one in then["sessions"]] == [
        (branch, "pending"),
        (root_id, "open"),
    ]
    assert [one["session_id"] for one in of_thought_then["sessions"]] == [branch, root_id]
    assert found["consolidations"][0]["sources"] == ended["insight_ids"]
    assert life["events"][0]["position"] == ended["position"]
    assert change == (await memory.past.diff(0, joined["position"])).model_dump(mode="json")
    assert hits["hits"][0]["text"] == TEXT


async def test_one_session_has_a_resource(web: httpx2.AsyncClient) -> None:
    """Another is refused until it is given back; a token that holds no more does nothing."""
    one, other = [
        f"/v1/sessions/{opened['session_id']}/claims"
        for opened in [
            await done(await web.post("/v1/sessions", json={"task": task})) for task in "ab"
        ]
    ]
    first = await done(await web.post(one, json={"resource": "gate", "ttl_s": 60}))
    refused = problem(await web.post(other, json={"resource": "gate"}))
    claim = {"resource": "gate", "token": first["token"]}
    longer = await done(await web.post(f"{one}/renew", json={**claim, "ttl_s": 600}))
    given = await done(await web.post(f"{one}/release", json=claim))
    stale = [problem(await web.post(f"{one}/{end}", json=claim)) for end in ("renew", "release")]
    second = await done(await web.post(other, json={"resource": "gate"}))

    assert refused == (409, "ResourceTaken")
    assert (longer["token"], longer["session_id"]) == (first["token"], first["session_id"])
    assert longer["expires_at"] > first["expires_at"]
    assert given == {"session_id": first["session_id"], **claim}
    assert stale == [(409, "TokenStale")] * 2
    assert second["token"] > first["token"]


async def test_a_renewal_holds_as_long_as_the_claim(web: httpx2.AsyncClient) -> None:
    """Without seconds of its own it has those that the claim has, also of a renewal before."""
    opened = await done(await web.post("/v1/sessions", json={"task": "guard the gate"}))
    path = f"/v1/sessions/{opened['session_id']}/claims"
    held = await done(await web.post(path, json={"resource": "gate", "ttl_s": 3600}))
    claim = {"resource": "gate", "token": held["token"]}

    renewed = await done(await web.post(f"{path}/renew", json=claim))
    shorter = await done(await web.post(f"{path}/renew", json={**claim, "ttl_s": 60}))
    again = await done(await web.post(f"{path}/renew", json=claim))

    assert held["expires_at"] < renewed["expires_at"]
    assert shorter["expires_at"] < again["expires_at"] < held["expires_at"]


async def test_the_claim_of_a_session_that_has_ended_is_not_renewed(
    web: httpx2.AsyncClient,
) -> None:
    """It ended with the session, though nobody else has claimed the resource yet."""
    opened = await done(await web.post("/v1/sessions", json={"task": "guard the gate"}))
    path = f"/v1/sessions/{opened['session_id']}"
    held = await done(await web.post(f"{path}/claims", json={"resource": "barrier"}))
    await done(await web.post(f"{path}/cancel", json={"reason": "off duty"}))

    claim = {"resource": "barrier", "token": held["token"]}
    renewed = problem(await web.post(f"{path}/claims/renew", json=claim))

    assert renewed == (409, "SessionEnded")


async def test_what_is_linked_is_listed(web: httpx2.AsyncClient) -> None:
    """Associations and conflicts stand in pages, now and at a moment."""
    one, other = [
        (await done(await web.post("/v1/insights", json={"text": text})))["insight_id"]
        for text in (TEXT, "The south gate has no lock.")
    ]
    link = {"from_id": one, "to_id": other, "kind": "explains", "weight": 0.7}
    formed = await done(await web.post("/v1/associations", json=link))
    severed = await done(
        await web.post(
            "/v1/associations/sever", json={"from_id": one, "to_id": other, "kind": "explains"}
        )
    )
    path = f"/v1/insights/{one}/associations"

    after = {"after": severed["position"], "wait_s": 30}
    now = await done(await web.get(path, params=after))
    then = await done(await web.get(path, params={"as_of": formed["position"]}))
    conflicts = await done(await web.get("/v1/conflicts", params={"only_open": False}))
    letters = await done(await web.get("/v1/dead-letters", params={"limit": 1, "cursor": 1}))

    assert now == {"associations": [], "next": None}
    (found,) = then["associations"]
    assert (found["from_id"], found["to_id"], found["weight"]) == (one, other, 0.7)
    assert conflicts["conflicts"] == []
    assert letters == {"dead_letters": [], "next": None}


async def test_what_settles_is_asked_for(web: httpx2.AsyncClient) -> None:
    """Settling, a conflict and its decision, a profile, a synthesis and the retention."""
    ids = [
        (await done(await web.post("/v1/insights", json={"text": text, "entities": ["Sluice"]})))[
            "insight_id"
        ]
        for text in (each.format(9) for each in OPPOSED)
    ]

    settled = await done(await web.post("/v1/settle", json={}))
    listed = await done(await web.get("/v1/conflicts"))
    place = f"/v1/conflicts/{listed['conflicts'][0]['position']}"
    shown = await done(await web.get(place))
    profile = await done(await web.get("/v1/about", params={"name": "sluice"}))
    decided = {"decision": "measured again", "holds": ids[1], "agent": "ann"}
    receipt = await done(await web.post(f"{place}/resolve", json=decided))
    after = {"after": receipt["position"], "wait_s": 30}
    resolved = await done(await web.get(place, params=after))
    together = await done(await web.post("/v1/consolidations", json={"entity": "Sluice"}))
    kept = await done(await web.post("/v1/retention", json={"rules": [{"count": 1000}]}))
    policy = await done(await web.get("/v1/retention"))
    applied = await done(await web.post("/v1/retention/apply", json={"dry_run": True}))

    assert [{one["older"], one["newer"]} for one in settled["conflicts"]] == [{*ids}]
    assert {shown["one"]["insight_id"], shown["other"]["insight_id"]} == {*ids}
    assert {one["insight_id"] for one in profile["insights"]} == {*ids}
    assert (resolved["decision"], resolved["resolved_by"]) == ("measured again", "ann")
    assert together["sources"] == [ids[1]]
    assert (policy["position"], policy["rules"][0]["count"]) == (kept["position"], 1000)
    assert (applied["expired"], applied["recorded"]) == (0, False)


async def test_events_are_listed_one_by_one_and_replayed(web: httpx2.AsyncClient) -> None:
    """Pages of events go on at their cursor; one is shown by its position; all are replayed."""
    stored = [
        await done(
            await web.post(
                "/v1/events",
                content=encode(opened_event()),
                headers={"Content-Type": "application/cloudevents+json", "Anabranch-Expected": "0"},
            )
        )
        for _ in range(3)
    ]

    first = await done(await web.get("/v1/events", params={"limit": 2}))
    rest = await done(await web.get("/v1/events", params={"cursor": first["next"]}))
    shown = await done(await web.get(f"/v1/events/{stored[1]['position']}"))
    replayed = await web.get("/v1/replay", params={"after": 1})

    told = [*first["events"], *rest["events"]]
    assert [one["id"] for one in told] == [one["event_id"] for one in stored]
    assert rest["next"] is None
    assert shown == told[1]
    assert replayed.headers["content-type"] == "application/x-ndjson"
    assert list(map(json.loads, replayed.text.splitlines())) == told[1:]


@pytest.mark.parametrize(
    ("method", "path", "asked", "field"),
    [
        ("POST", "/v1/recall", CROSSED, "until"),
        ("POST", "/v1/recall/batch", {"questions": [CROSSED]}, "until"),
        ("POST", "/v1/context", CROSSED, "until"),
        ("POST", "/v1/consolidations", {"since": 2, "until": 1}, "until"),
        ("GET", "/v1/events", {"cursor": 2, "to": 1}, "to"),
        ("GET", "/v1/replay", {"after": 2, "to": 1}, "to"),
        ("GET", "/v1/diff", {"after": 2, "to": 1}, "to"),
    ],
)
async def test_an_end_before_the_beginning_is_refused(
    web: httpx2.AsyncClient, method: str, path: str, asked: dict[str, Any], field: str
) -> None:
    """It would find nothing: the problem names the end, and what to correct."""
    for _ in range(2):
        await done(await web.post("/v1/insights", json={"text": TEXT}))

    if method == "POST":
        answer = await web.post(path, json=asked)
    else:
        answer = await web.get(path, params=asked)

    refused = answer.json()
    assert problem(answer) == (400, "InputInvalid")
    assert refused["field"] == field
    assert refused["detail"].startswith(f"{field}: ")
    assert " is earlier than " in refused["detail"]
    assert refused["fix"].startswith(f"give a later {field}, or an earlier ")


async def test_a_request_that_is_sent_again_is_stored_once(web: httpx2.AsyncClient) -> None:
    """The same key with the same content gets the same receipt; another content is another."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    asked = {"text": TEXT, "tags": ["gates"]}

    first = await done(await web.post("/v1/insights", json=asked, headers=key))
    again = await done(await web.post("/v1/insights", json=asked, headers=key))
    other = await done(await web.post("/v1/insights", json={"text": TEXT}, headers=key))

    assert again == first
    assert other["insight_id"] != first["insight_id"]


async def test_nothing_new_costs_nothing(web: httpx2.AsyncClient) -> None:
    """An answer has the position as its ETag, and with that the next is 304 until an append."""
    kept = await done(await web.post("/v1/insights", json={"text": TEXT}))
    path, after = f"/v1/insights/{kept['insight_id']}", {"after": kept["position"], "wait_s": 30}
    await done(await web.get(path, params=after))

    first = await web.get(path)
    tag = {"If-None-Match": first.headers["etag"]}
    same = await web.get(path, headers=tag)
    listed = await web.get(path, headers=[("If-None-Match", '"x"'), *tag.items()])
    there = await web.get(path, headers={"If-None-Match": "*"})
    absent = await web.get(f"/v1/insights/{uuid.uuid4()}", headers={"If-None-Match": "*"})
    await done(await web.post("/v1/insights", json={"text": "The south gate has no lock."}))
    changed = await web.get(path, headers=tag)

    assert first.headers["etag"] == f'W/"{kept["position"]}"'
    assert (same.status_code, same.content) == (listed.status_code, listed.content) == (304, b"")
    assert (there.status_code, there.content, there.headers["etag"]) == (
        304,
        b"",
        tag["If-None-Match"],
    )
    assert absent.status_code == 404
    assert (changed.status_code, changed.json()) == (200, first.json())


@pytest.mark.parametrize("given", ["yesterday", "-3", "1.5", ""])
async def test_a_moment_that_is_none_is_named_once(web: httpx2.AsyncClient, given: str) -> None:
    """Neither a position nor a time: the field and the fix are the caller's, in each operation."""
    answers = [
        await web.get("/v1/sessions", params={"as_of": given}),
        await web.post("/v1/recall", json={"query": "gate", "as_of": given}),
        await web.post("/v1/cypher", json={"query": "RETURN 1", "as_of": given}),
    ]

    assert [problem(one) for one in answers] == [(400, "InputInvalid")] * 3
    for answer in answers:
        found = answer.json()
        assert (found["field"], found["detail"]) == (
            "as_of",
            "as_of: is neither a position nor a time",
        )
        assert "2026-01-31T12:00:00Z" in found["fix"]


async def test_several_questions_are_asked_at_once(web: httpx2.AsyncClient) -> None:
    """The answers stand in the order of the questions, and one that is wrong is named."""
    kept = await done(await web.post("/v1/insights", json={"text": TEXT}))
    questions = [{"query": one, "after": kept["position"]} for one in ("gate", "lock")]

    found = await done(await web.post("/v1/recall/batch", json={"questions": questions}))
    wrong = await web.post(
        "/v1/recall/batch", json={"questions": [{"query": "x", "session_id": NOBODY}]}
    )

    assert [one["hits"][0]["text"] for one in found["answers"]] == [TEXT, TEXT]
    assert problem(wrong) == (404, "SessionNotFound")


async def test_cypher_reads_and_nothing_else(web: httpx2.AsyncClient) -> None:
    """A query gives columns and rows; one that would write is refused."""
    kept = await done(await web.post("/v1/insights", json={"text": TEXT}))
    query = "MATCH (i:Insight {namespace: $namespace}) RETURN i.text AS text LIMIT $n"

    found = await done(
        await web.post(
            "/v1/cypher",
            json={"query": query, "parameters": {"n": 5}, "after": kept["position"]},
        )
    )
    refused = await web.post("/v1/cypher", json={"query": "CREATE (n) RETURN n"})

    assert found == {"columns": ["text"], "rows": [{"text": TEXT}], "truncated": False}
    assert problem(refused) == (400, "QueryRefused")


async def test_large_answers_are_compressed(web: httpx2.AsyncClient) -> None:
    """Who takes gzip gets it."""
    answer = await web.get("/openapi.json", headers={"Accept-Encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["openapi"].startswith("3.")


async def test_who_refuses_gzip_gets_a_plain_answer(web: httpx2.AsyncClient) -> None:
    """It says that it depends on what is asked for, so no cache gives it to others."""
    for given in ("gzip;q=0", "GZIP; Q=0.000, *", "*;q=0", "identity"):
        answer = await web.get("/openapi.json", headers={"Accept-Encoding": given})

        assert "content-encoding" not in answer.headers, given
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.json()["openapi"].startswith("3.")


REFUSED: tuple[tuple[str, str, dict[str, Any], tuple[int, str]], ...] = (
    ("GET", "/v1/nothing", {}, (404, "RouteNotFound")),
    ("PUT", "/v1/recall", {}, (405, "MethodRefused")),
    ("GET", f"/v1/sessions/{NOBODY}", {}, (404, "SessionNotFound")),
    ("GET", f"/v1/insights/{NOBODY}", {}, (404, "InsightNotFound")),
    ("GET", "/v1/insights/x", {}, (400, "InputInvalid")),
    ("GET", "/v1/events/9", {}, (400, "PositionFromFuture")),
    ("GET", "/v1/sessions?limit=0", {}, (400, "InputInvalid")),
    ("GET", "/v1/sessions?limit=1&limit=2", {}, (400, "InputInvalid")),
    ("GET", "/v1/sessions?sort=up", {}, (400, "InputInvalid")),
    ("GET", "/v1/sessions?as_of=-3", {}, (400, "InputInvalid")),
    ("GET", "/v1/sessions?as_of=99", {}, (400, "PositionFromFuture")),
    ("GET", "/v1/sessions?namespace=no.name", {}, (400, "InputInvalid")),
    ("GET", "/v1/sessions?namespace=a&namespace=b", {}, (400, "InputInvalid")),
    ("GET", "/v1/events/stream?after=99", {}, (400, "PositionFromFuture")),
    ("GET", f"/v1/events/stream?root_id={NOBODY}", {}, (404, "SessionNotFound")),
    ("POST", "/v1/recall", {"content": b"{"}, (400, "InputInvalid")),
    ("POST", "/v1/recall", {"content": b'{"query":"x","k":0}'}, (400, "InputInvalid")),
    ("POST", "/v1/recall?k=3", {"json": {"query": "x"}}, (400, "InputInvalid")),
    ("POST", "/v1/insights", {"data": {"text": "x"}}, (415, "MediaRefused")),
    ("POST", "/v1/events", {"json": {"specversion": "1.0"}}, (400, "EventInvalid")),
    *(
        ("POST", "/v1/events", {"content": b"[]", "headers": headers}, (415, "MediaRefused"))
        for headers in (
            {"Content-Type": "application/cloudevents-batch+json"},
            {"Content-Type": "application/cloudevents+avro", "ce-specversion": "1.0"},
            {"Content-Type": "text/plain"},
        )
    ),
    (
        "POST",
        "/v1/insights",
        {"json": {"text": "x"}, "headers": {"Idempotency-Key": "k" * 300}},
        (400, "InputInvalid"),
    ),
    (
        "POST",
        "/v1/insights",
        {"json": {"text": "x"}, "headers": [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]},
        (400, "InputInvalid"),
    ),
    (
        "POST",
        f"/v1/sessions/{NOBODY}/close",
        {"headers": [("Anabranch-Expected", "1"), ("Anabranch-Expected", "2")]},
        (400, "InputInvalid"),
    ),
    (
        "GET",
        "/v1/events/stream",
        {"headers": [("Last-Event-ID", "0"), ("Last-Event-ID", "0")]},
        (400, "InputInvalid"),
    ),
    (
        "POST",
        f"/v1/sessions/{NOBODY}/claims",
        {"json": {"resource": "gate"}, "headers": {"Idempotency-Key": "one"}},
        (400, "InputInvalid"),
    ),
    (
        "POST",
        "/v1/sessions",
        {"content": b'{"task":"x","attributes":{"a":' + b"[" * 9000 + b"]" * 9000 + b"}}"},
        (400, "InputInvalid"),
    ),
)


async def test_whoever_errs_gets_a_problem(web: httpx2.AsyncClient) -> None:
    """The status says what to do, the type names the error, and `fix` is there."""
    found = [
        (method, path, options, problem(await web.request(method, path, **options)))
        for method, path, options, _ in REFUSED
    ]

    assert found == list(REFUSED)


async def test_a_problem_speaks_of_the_request(web: httpx2.AsyncClient) -> None:
    """The field is one of the request, and the fix is one that a caller over HTTP can follow."""
    one, other = [
        (await web.post("/v1/sessions", json={"task": "Guard the gate"})).json()["session_id"]
        for _ in range(2)
    ]
    await web.post(f"/v1/sessions/{one}/claims", json={"resource": "the gate"})

    late = (await web.get(f"/v1/insights/{NOBODY}?after=9999")).json()
    taken = (await web.post(f"/v1/sessions/{other}/claims", json={"resource": "the gate"})).json()

    assert (late["type"].rpartition(":")[2], late["field"]) == ("PositionFromFuture", "after")
    assert taken["fix"] == "do something else, or ask again once the claim has expired"


def test_every_operation_has_a_place() -> None:
    """Both tables of operations are on the map, and nothing else is."""
    names = [one.name for one in EVERY]

    assert sorted(names) == sorted(PLACES)
    assert len({(one.method, one.path) for one in PLACES.values()}) == len(PLACES)


async def test_lanes_are_columns_whose_pages_are_the_whole(
    web: httpx2.AsyncClient, memory: Memory
) -> None:
    """Pages of sessions with their insights: each session and each insight stands in one of them."""
    root = await memory.open_session("gates")
    branch = await root.branch("the north gate", role="surveyor")
    kept = await branch.remember(TEXT)
    ended = await branch.complete("found")
    after = {"after": ended.position, "wait_s": 30}

    whole = await done(await web.get("/v1/lanes", params=after))
    first = await done(await web.get("/v1/lanes", params={"span": 2}))
    rest = await done(await web.get("/v1/lanes", params={"span": 2, "cursor": first["next"]}))

    lanes = whole["lanes"]
    times = lanes.pop("opened_at")
    assert all(times)
    assert lanes == {
        "session_id": [branch.session_id, root.session_id],
        "parent_id": [root.session_id, None],
        "task": ["the north gate", "gates"],
        "role": ["surveyor", None],
        "agent": [None, None],
        "status": ["completed", "open"],
        "forked_at": [1, None],
        "opened": [2, 1],
        "ended": [4, None],
        "updated": [4, 1],
    }
    assert whole["marks"] == {
        "insight_id": [kept.insight_id],
        "session_id": [branch.session_id],
        "kind": ["observation"],
        "position": [3],
        "retired": [None],
    }
    assert (whole["namespace"], whole["position"], whole["next"]) == ("default", 4, None)
    assert (first["marks"], first["lanes"]["opened"]) == (whole["marks"], [])
    assert (rest["marks"]["position"], rest["lanes"]["opened"]) == ([], [2, 1])
    assert (first["next"], rest["next"]) == (3, None)


async def test_the_queue_and_its_workers_are_listed(web: httpx2.AsyncClient) -> None:
    """Where nothing waits and nobody works, both lists are empty."""
    tasks = await done(await web.get("/v1/tasks", params={"limit": 5}))
    workers = await done(await web.get("/v1/workers"))

    assert (tasks, workers) == ({"tasks": []}, {"workers": []})


async def test_an_address_says_its_methods(web: httpx2.AsyncClient) -> None:
    """HEAD is GET without the body, but on a stream; another method hears which there are."""
    got = await web.get("/v1/conflicts")
    headed = await web.head("/v1/conflicts")
    deleted = await web.delete("/v1/sessions")
    streamed = await web.head("/v1/events/stream")
    agents = await web.get("/mcp")

    assert (headed.status_code, headed.content) == (200, b"")
    for name in ("etag", "content-length", "content-type"):
        assert headed.headers[name] == got.headers[name]
    assert problem(deleted) == (405, "MethodRefused")
    assert deleted.headers["allow"] == "GET, HEAD, POST"
    assert (streamed.status_code, streamed.headers["allow"]) == (405, "GET")
    assert (agents.status_code, agents.headers["allow"]) == (405, "DELETE, POST")
