"""Branches that call a service over HTTP: what it gets, and what its answers come to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from httpx2 import ConnectError

from anabranch_events.errors import InputInvalid
from anabranch_events.event.trace_context import traced
from anabranch_thinking import (
    BranchTask,
    DoNotRetry,
    ExecutorFailed,
    RetryLater,
    ThoughtFailed,
    think,
)
from anabranch_thinking.executors.access import ExecutorAccess
from anabranch_thinking.executors.http_call import HttpExecutor
from anabranch_thinking.executors.service_errors import unreachable
from anabranch_thinking.work.allowed import allowed_executors
from tests.support.answering_http import Reply
from tests.support.chat_service import ChatService
from tests.support.commanding_process import lone_branch

if TYPE_CHECKING:
    from anabranch_thinking import Sessions

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FOUND = json.dumps({"result": "The harbour hotel.", "insights": ["It has a bath."]}).encode()


async def test_a_busy_service_is_called_again_with_the_same_key(sessions: Sessions) -> None:
    """Another attempt is made after the pause that it names, under one idempotency key."""
    service = ChatService(Reply(status=503, headers={"retry-after": "0"}), Reply(FOUND))
    with service.serving() as url, traced(TRACE):
        thought = await think(
            sessions,
            "Plan the trip",
            branches=[BranchTask(task="Find a hotel")],
            executor=HttpExecutor(f"{url}/think", key="kept"),
        )

    (branch,) = thought.branches
    first, second = service.asked
    assert (branch.result, branch.attempts) == ("The harbour hotel.", 2)
    assert [json.loads(one.body)["attempt"] for one in service.asked] == [1, 2]
    assert json.loads(first.body)["task"] == "Find a hotel"
    assert {one.headers["idempotency-key"] for one in (first, second)} == {branch.session_id}
    assert first.headers["authorization"] == "Bearer kept"
    assert first.headers["traceparent"] == TRACE


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (Reply(FOUND, cut=True), RetryLater, "does not answer"),
        (Reply(b""), ExecutorFailed, "empty"),
        (Reply(b'{"result": 7}'), ExecutorFailed, "not a finding"),
        (Reply(b"\xff\xfe", "text/plain"), ExecutorFailed, "not UTF-8"),
        (Reply(b"no such branch", status=404), DoNotRetry, "status 404: no such branch"),
        (Reply(b"kept: wrong", status=403), DoNotRetry, "refused the key"),
        (Reply(status=302, headers={"location": "/elsewhere"}), DoNotRetry, "redirect"),
        (Reply(b"x" * (4 * 1024 * 1024 + 1), "text/plain"), DoNotRetry, "longer than"),
    ],
    ids=["drops", "empty", "lies", "binary", "unknown", "key", "redirect", "endless"],
)
async def test_what_is_no_answer_is_a_clear_error(
    reply: Reply, error: type[ExecutorFailed], said: str
) -> None:
    """What may pass is tried again later, and what will not is not."""
    with ChatService(reply).serving() as url, pytest.raises(error, match=said) as raised:
        await HttpExecutor(url, key="kept").run(lone_branch())

    assert "kept" not in str(raised.value)


async def test_a_service_that_refuses_fails_the_thought_at_once(sessions: Sessions) -> None:
    """One attempt is made, and its error is told."""
    service = ChatService(Reply(b"who are you?", status=401))
    with service.serving() as url, pytest.raises(ThoughtFailed, match="status 401"):
        await think(sessions, "Plan", branches=["Go"], executor=HttpExecutor(url))

    assert len(service.asked) == 1


def test_services_are_allowed_by_their_addresses() -> None:
    """Each under its address, or a name of its own; an address of another kind is a command's."""
    access = ExecutorAccess(openai_url="http://127.0.0.1:1/v1", openai_key="kept")

    found = allowed_executors(
        ["openai://small", "clever=anthropic://large", "hook=https://example.org/think"],
        access=access,
    )

    assert {name: one.name for name, one in found.items()} == {
        "openai://small": "openai:small",
        "clever": "anthropic:large",
        "hook": "https://example.org",
    }
    assert "kept" not in repr(access)
    with pytest.raises(InputInvalid, match="names no executor"):
        allowed_executors(["ftp://example.org"])


def test_a_certificate_that_is_not_trusted_is_not_tried_again() -> None:
    """The error names it, and the way to trust it."""
    refusal = ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")

    error = unreachable("https://example.org", refusal)

    assert type(error) is DoNotRetry
    assert "certificate is not trusted" in error.message
    assert "SSL_CERT_FILE" in error.fix
