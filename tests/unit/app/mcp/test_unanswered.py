"""The requests that a relay has no answer to, and what the next server is sent."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from anabranch.mcp.unanswered import UnansweredRequests

MODERN: Final = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}


def line(**message: Any) -> bytes:
    """Return a message as a line."""
    return json.dumps({"jsonrpc": "2.0", **message}).encode()


HELLO: Final = line(id=0, method="initialize")
READY: Final = line(method="notifications/initialized")
CALL: Final = line(id=1, method="tools/call", params={"name": "recall"})
LIST: Final = line(id="1", method="tools/list")


def held(*lines: bytes) -> UnansweredRequests:
    """Return an account of lines that were passed on."""
    found = UnansweredRequests()
    for one in lines:
        found.came(one, sent=True)
    return found


def test_another_server_gets_the_handshake_and_what_has_no_answer() -> None:
    """An answered request is not asked again; the answer to the second handshake is nobody's."""
    unanswered = held(HELLO, READY, CALL, LIST)
    first = [unanswered.went(line(id=one, result={})) for one in (0, 1)]

    again = unanswered.again()

    seconds = [unanswered.went(line(id=one, result={})) for one in (0, "1")]
    assert first == [True, True]
    assert again == [HELLO, READY, LIST]
    assert seconds == [False, True]
    assert not unanswered


def test_a_handshake_without_an_answer_is_made_again_once() -> None:
    """It stands first, once, and its answer is the client's."""
    unanswered = held(HELLO, CALL)

    again = unanswered.again()

    assert again == [HELLO, CALL]
    assert unanswered.went(line(id=0, result={}))


@pytest.mark.parametrize("number", [0, 7, "a"])
def test_a_request_that_is_cancelled_wants_no_answer(number: object) -> None:
    """It is not sent again; the notification itself is not either."""
    unanswered = held(
        line(id=number, method="tools/call"),
        line(method="notifications/cancelled", params={"requestId": number}),
    )

    assert not unanswered
    assert unanswered.again() == []


def test_notifications_and_late_answers_are_the_client_s() -> None:
    """Progress has no number, and an answer to what was cancelled does no harm."""
    unanswered = held(CALL)

    passed = [
        unanswered.went(line(method="notifications/progress", params={"progressToken": 1})),
        unanswered.went(line(id=99, result={})),
        unanswered.went(b"no JSON"),
    ]

    assert passed == [True, True, True]
    assert unanswered


def test_what_was_sent_twice_is_given_up() -> None:
    """A call is answered with an error that its model reads, anything else with the protocol's."""
    unanswered = held(CALL, LIST, line(id=2, method="tools/call", params=MODERN))
    unanswered.again()
    unanswered.came(line(id=3, method="ping"), sent=False)

    call, listing, modern = map(json.loads, unanswered.given_up())

    assert (call["id"], call["result"]["isError"]) == (1, True)
    assert "resultType" not in call["result"]
    assert (listing["id"], listing["error"]["code"]) == ("1", -32603)
    assert modern["result"]["resultType"] == "complete"
    assert unanswered.again() == [line(id=3, method="ping")]


def test_lines_that_are_no_messages_are_passed_on_and_forgotten() -> None:
    """The server says what is wrong with them."""
    unanswered = held(b"{", b"[1]", b'"text"', line(id=True, method="ping"), line(id=[], method=""))

    assert not unanswered


def test_a_line_that_is_too_long_is_answered() -> None:
    """Its sender learns what to do."""
    answer = json.loads(UnansweredRequests().too_long(CALL))

    assert answer["id"] == 1
    assert "Fix: say it in several" in answer["error"]["message"]
