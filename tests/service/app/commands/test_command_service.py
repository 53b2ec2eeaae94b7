"""The commands as request and reply, over a real nats-server and a real log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anabranch.api.operations import OPERATIONS
from anabranch_events import Log, encode, new_event
from anabranch_events.event.types import SessionOpened
from tests.support.fixtures.commands import Asking, opened_event
from tests.support.logs import stored

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWERS = {operation.name: operation.answer for operation in OPERATIONS}
READS = {
    *("recall", "recall_all", "context", "get", "show_session", "history"),
    *("consolidate", "settle", "synthesise", "apply_retention"),
}
"""The commands that answer without an event, or need a graph."""
OPEN: Mapping[str, Any] = {"task": "tea"}


async def test_each_command_answers_with_its_receipt(ask: Asking, log: Log) -> None:
    """The receipts name the events that stand in the log, in their order."""
    opened = await ask("open_session", {"task": "plan the trip", "priority": "high"})
    session = opened["session_id"]
    branched = await ask("branch", {"parent_id": session, "task": "trains", "agent": "ada"})
    learned = await ask("remember", {"text": "Trains leave at nine", "session_id": session})
    alone = await ask("remember", {"text": "Ada drinks tea"})
    ended = await ask(
        "complete",
        {
            "session_id": branched["session_id"],
            "result": "by train",
            "insights": ["a", {"text": "b"}],
        },
    )

    answers = (opened, branched, learned, alone, ended)
    names = ("open_session", "branch", "remember", "remember", "complete")
    events = {recorded.position: recorded.decode() for recorded in await stored(log)}
    assert [set(answer) for answer in answers] == [set(ANSWERS[n].model_fields) for n in names]
    assert [events[answer["position"]].id for answer in answers] == [
        answer["event_id"] for answer in answers
    ]
    assert (branched["parent_id"], branched["forked_at"]) == (session, opened["position"])
    assert events[branched["position"]].agent == "ada"
    assert len(events) == 6
    assert len(ended["insight_ids"]) == 2


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


async def test_a_resource_is_claimed_renewed_and_released(ask: Asking) -> None:
    """One session has it; the token fences, a key is refused, and a stale token is told."""
    one, other = [(await ask("open_session", OPEN))["session_id"] for _ in range(2)]

    claim = {"resource": "gate", "session_id": one}
    held = await ask("claim", claim)
    taken = await ask.raw("claim", _json(claim | {"session_id": other}))
    longer = await ask("renew_claim", claim | {"token": held["token"], "ttl_s": 600})
    keyed = await ask.raw("claim", _json(claim), Nats_Msg_Id="once")
    given = await ask("release_claim", claim | {"token": held["token"]})
    stale = await ask.raw("release_claim", _json(claim | {"token": held["token"]}))
    next_held = await ask("claim", claim | {"session_id": other})

    assert longer["token"] == held["token"]
    assert longer["expires_at"] > held["expires_at"]
    assert given == claim | {"token": held["token"]}
    assert [(one.headers or {})["Nats-Service-Error"] for one in (taken, keyed, stale)] == [
        "ResourceTaken",
        "InputInvalid",
        "TokenStale",
    ]
    assert next_held["token"] > held["token"]


async def test_an_event_is_appended_once_and_may_be_conditional(ask: Asking, log: Log) -> None:
    """The same event gets the same receipt; one that expects another position is told the last."""
    event = opened_event()

    first = await ask("append", encode(event), Anabranch_Expected="0")
    again = await ask("append", encode(event), Anabranch_Expected="0")
    unconditional = await ask("append", encode(event))
    later = new_event(SessionOpened(task="x"), session_id=event.session_id, namespace="default")
    refused = await ask.raw("append", encode(later), Anabranch_Expected="0")

    problem = json.loads(refused.data)
    assert first == again == unconditional == {"event_id": event.id, "position": 1}
    assert (problem["status"], problem["actual"]) == (409, 1)
    assert len(await stored(log)) == 1


async def test_an_event_in_binary_mode_is_appended(ask: Asking, log: Log) -> None:
    """A CloudEvent whose attributes stand in headers is the same event."""
    event = opened_event()
    fields = json.loads(encode(event))
    data = json.dumps(fields.pop("data")).encode()
    fields.pop("datacontenttype")
    headers = {f"ce_{name}": str(value) for name, value in fields.items()}

    await ask("append", data, Content_Type="application/json", **headers)

    (recorded,) = await stored(log)
    assert recorded.decode() == event


async def test_a_request_with_a_key_is_stored_once(ask: Asking, log: Log) -> None:
    """Sent again, also once its session has ended, it is answered alike and stores nothing."""
    root = (await ask("open_session", OPEN, Nats_Msg_Id="a"))["session_id"]
    requests: list[tuple[str, Mapping[str, Any]]] = [
        ("open_session", OPEN),
        ("branch", {"parent_id": root, "task": "tea"}),
        ("remember", {"text": "Ada drinks tea"}),
        ("remember", {"text": "Ada drinks tea", "session_id": root}),
        ("remember_all", {"insights": ["a", {"text": "b"}], "session_id": root}),
        ("remember_all", {"insights": ["a", {"text": "b"}]}),
        ("note", {"session_id": root, "key": "a", "value": None}),
        ("clear_note", {"session_id": root, "key": "a"}),
        ("complete", {"session_id": root, "result": "tea", "insights": ["x", {"text": "y"}]}),
    ]

    first = [await ask(command, body, Nats_Msg_Id="a") for command, body in requests]
    count = len(await stored(log))
    again = [await ask(command, body, Nats_Msg_Id="a") for command, body in requests]

    assert first == again
    assert first[0]["session_id"] == root
    assert len(await stored(log)) == count


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("fail", {"error": "no tea"}),
        ("cancel", {"reason": "no tea"}),
        ("close", {}),
        ("hand_off", {"summary": "make tea", "to_agent": "ada"}),
    ],
)
async def test_a_session_ends_once_by_a_request_with_a_key(
    ask: Asking, log: Log, command: str, fields: Mapping[str, Any]
) -> None:
    """Sent again it is answered alike; another request is refused, for the session has ended."""
    session = (await ask("open_session", OPEN))["session_id"]
    await ask("note", {"session_id": session, "key": "cups", "value": 2})
    body = {"session_id": session, **fields}

    first = await ask(command, body, Nats_Msg_Id="a")
    count = len(await stored(log))
    again = await ask(command, body, Nats_Msg_Id="a")
    refused = await ask.raw(command, json.dumps(body).encode(), Nats_Msg_Id="b")

    assert first == again
    assert set(first) == set(ANSWERS[command].model_fields)
    assert json.loads(refused.data)["type"] == "urn:anabranch:error:SessionEnded"
    assert len(await stored(log)) == count


async def test_a_key_is_of_one_content_and_one_namespace(ask: Asking, log: Log) -> None:
    """Another content, key or namespace is another request: nothing is swallowed."""
    await ask("open_session", OPEN, Nats_Msg_Id="a")
    await ask("open_session", {"task": "coffee"}, Nats_Msg_Id="a")
    await ask("open_session", OPEN, Nats_Msg_Id="b")
    await ask("open_session", OPEN, namespace="other", Nats_Msg_Id="a")
    ended = (await ask("open_session", OPEN))["session_id"]
    await ask("complete", {"session_id": ended, "result": "x"}, Nats_Msg_Id="a")

    refused = await ask.raw(
        "complete",
        json.dumps({"session_id": ended, "result": "y"}).encode(),
        Nats_Msg_Id="a",
    )

    assert json.loads(refused.data)["type"] == "urn:anabranch:error:SessionEnded"
    assert len(await stored(log)) == 6


class Bad(NamedTuple):
    """A request that must be refused, and how."""

    command: str
    body: bytes
    status: int
    field: str | None
    namespace: str = "default"
    headers: tuple[tuple[str, str], ...] = ()


UNKNOWN = "01a20728-9303-7384-8336-25da4fe2860a"
BAD = (
    Bad("remember", b"{broken", 400, "body"),
    Bad("remember", b"", 400, "body"),
    Bad("remember", b"\xff\xfe", 400, "body"),
    Bad("remember", b"[" * 100_000, 400, "body"),
    Bad("remember", b"[]", 400, "body"),
    Bad("remember", b'{"text": ""}', 400, "text"),
    Bad("remember", b'{"text": "a\\u0007"}', 400, "text"),
    Bad("remember", b'{"text": "a", "confidence": 2}', 400, "confidence"),
    Bad("remember", b'{"text": "a", "namespace": "other"}', 400, "namespace"),
    Bad("remember", b'{"text": "a", "txet": "b"}', 400, "txet"),
    Bad("remember", b'{"text": "a"}', 400, "namespace", namespace="a$b"),
    Bad("remember", b'{"text": "a"}', 400, "Nats-Msg-Id", headers=(("Nats_Msg_Id", "x" * 300),)),
    Bad("remember", f'{{"text": "a", "session_id": "{UNKNOWN}"}}'.encode(), 404, None),
    Bad("branch", b'{"parent_id": "42", "task": "x"}', 400, "parent_id"),
    Bad("branch", f'{{"parent_id": "{UNKNOWN}", "task": "x"}}'.encode(), 404, None),
    Bad("open_session", b'{"task": "x", "priority": "urgent"}', 400, "priority"),
    Bad("complete", f'{{"session_id": "{UNKNOWN}"}}'.encode(), 400, "result"),
    Bad("remember_all", b'{"insights": []}', 400, "insights"),
    Bad("get", b'{"insight_id": "42"}', 400, "insight_id"),
    Bad("update", f'{{"insight_id": "{UNKNOWN}"}}'.encode(), 400, "text"),
    Bad("retract", f'{{"insight_id": "{UNKNOWN}"}}'.encode(), 400, "reason"),
    Bad("forget", b"{}", 400, "insight_id"),
    Bad("cite", b'{"insight_ids": "abc"}', 400, "insight_ids"),
    Bad("associate", f'{{"from_id": "{UNKNOWN}", "to_id": "x"}}'.encode(), 400, "to_id"),
    Bad("sever", f'{{"from_id": "{UNKNOWN}"}}'.encode(), 400, "to_id"),
    Bad("note", f'{{"session_id": "{UNKNOWN}", "key": "a"}}'.encode(), 400, "value"),
    Bad("close", f'{{"session_id": "{UNKNOWN}"}}'.encode(), 404, None),
    Bad("recall", b'{"query": "x", "k": 0}', 400, "k"),
    Bad("recall", b'{"query": "x", "scope": "session"}', 400, "session_id"),
    Bad("recall", b'{"query": "x", "after": 99}', 400, "after"),
    Bad("context", b'{"query": "x", "tokens": 0}', 400, "tokens"),
    Bad("show_session", f'{{"session_id": "{UNKNOWN}"}}'.encode(), 404, None),
    Bad("history", b'{"thing_id": "42"}', 400, "thing_id"),
    Bad("consolidate", f'{{"root_id": "{UNKNOWN}"}}'.encode(), 404, None),
    Bad("append", b"{}", 400, "specversion"),
    Bad("append", b"no json", 400, "message"),
    Bad("append", encode(opened_event("other")), 400, "namespace"),
    Bad(
        "append",
        encode(opened_event()),
        400,
        "Anabranch-Expected",
        headers=(("Anabranch_Expected", "-1"),),
    ),
    Bad("append", encode(opened_event()).replace(b".v1", b".v9"), 400, "type"),
)


async def test_what_breaks_a_rule_is_refused_with_a_problem(ask: Asking, log: Log) -> None:
    """Every problem has its status, its field and what to do, and no traceback; nothing is stored."""
    for bad in BAD:
        reply = await ask.raw(bad.command, bad.body, namespace=bad.namespace, **dict(bad.headers))

        problem = json.loads(reply.data)
        headers = reply.headers or {}
        assert (problem["status"], problem.get("field")) == (bad.status, bad.field), bad
        assert headers["Content-Type"] == "application/problem+json"
        assert headers["Nats-Service-Error-Code"] == str(problem["status"])
        assert {"type", "title", "detail", "fix"} <= problem.keys()
        assert "Traceback" not in reply.data.decode()
    assert await stored(log) == []


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    command=st.sampled_from(sorted(set(ANSWERS) - READS)),
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["task", "text", "result", "session_id", "insights", "specversion"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)
async def test_whatever_is_sent_is_answered(ask: Asking, command: str, body: bytes) -> None:
    """Any bytes get a receipt or a problem of the caller's own making."""
    reply = await ask.raw(command, body)

    answer = json.loads(reply.data)
    assert "event_id" in answer or answer["status"] in {400, 404}, (command, body, answer)
