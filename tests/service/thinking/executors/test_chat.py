"""Branches that ask chat models: answers with insights, and services that fail in every way."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from anabranch_events.errors import InputInvalid
from anabranch_thinking import (
    BranchTask,
    DoNotRetry,
    ExecutorFailed,
    RetryLater,
    Status,
    ThoughtFailed,
    think,
)
from anabranch_thinking.executors.anthropic_chat import AnthropicExecutor
from anabranch_thinking.executors.openai_chat import OpenAIExecutor
from tests.support.answering_http import EVENTS, Reply
from tests.support.chat_service import ChatService, refuses, says, streams
from tests.support.commanding_process import lone_branch
from tests.support.messages_model import streamed
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from anabranch_events import Log
    from anabranch_thinking import Sessions, Thought

# The clients take longer to import than the tests take.
pytestmark = [in_full_only, pytest.mark.timeout(360)]

FOUND = json.dumps({"result": "The harbour hotel.", "insights": ["The harbour hotel has a bath."]})
QUICK = "0.01"
OVERLOADED = (
    b'event: error\ndata: {"type": "error", "error": '
    b'{"type": "overloaded_error", "message": "Overloaded"}}\n\n'
)
REFUSAL = streams(
    '{"choices": [{"index": 0, "delta": {"refusal": "I will "}}]}',
    '{"choices": [{"index": 0, "delta": {"refusal": "not."}, "finish_reason": "stop"}]}',
    "[DONE]",
)
SPOKEN = streamed([{"type": "text", "text": "A quiet hotel."}])


async def thought_of(sessions: Sessions, executor: OpenAIExecutor | AnthropicExecutor) -> Thought:
    """Think in one branch."""
    tasks = [BranchTask(task="Find a hotel", role="risk analysis")]
    return await think(sessions, "Plan the trip", branches=tasks, executor=executor)


async def test_an_answer_is_a_result_with_insights(log: Log, sessions: Sessions) -> None:
    """The model hears the role and the task; tokens are noted, and the key is nowhere."""
    service = ChatService(says(FOUND))
    with service.serving() as url:
        executor = OpenAIExecutor("scripted", url=url, key="sk-kept-to-itself")
        thought = await thought_of(sessions, executor)

    (branch,) = thought.branches
    state = await sessions.state(branch.session_id)
    system, user = (one["content"] for one in service.requests[0]["messages"])
    assert branch.result == "The harbour hotel."
    assert [one.text for one in state.insights] == ["The harbour hotel has a bath."]
    assert state.working_memory == {
        "anabranch.usage": {"model": "scripted", "input_tokens": 40, "output_tokens": 12}
    }
    assert "Your role is risk analysis. Look for what could go wrong. " in system
    assert user == "The task:\nFind a hotel"
    assert service.asked[0].headers["authorization"] == "Bearer sk-kept-to-itself"
    stored = [recorded.decode().model_dump_json() async for recorded in log.read_all()]
    assert not any("sk-kept" in event for event in stored)


async def test_a_note_of_the_branch_called_usage_stays(sessions: Sessions) -> None:
    """The tokens stand beside it, and no agent can write where they stand."""
    root = await sessions.open_session("Plan the trip")
    branch = replace(lone_branch(), sessions=sessions, session_id=root.session_id)
    await branch.note("usage", "as told")

    with ChatService(says(FOUND)).serving() as url:
        await OpenAIExecutor("scripted", url=url, key="sk-kept").run(branch)

    notes = (await sessions.state(branch.session_id)).working_memory
    assert notes["usage"] == "as told"
    assert notes.keys() == {"usage", "anabranch.usage"}
    with pytest.raises(InputInvalid, match="notes of Anabranch itself"):
        await branch.note("anabranch.usage", "ours?")


GARBLED = [
    "no JSON",
    "null",
    "7",
    "[]",
    '"text"',
    '{"choices": null}',
    '{"choices": 7}',
    '{"choices": "text"}',
    '{"choices": [null]}',
    '{"choices": {"0": {}}}',
    '{"choices": [7]}',
    '{"choices": [{"delta": "text"}]}',
    '{"choices": [{"delta": {"content": 7}}]}',
    '{"choices": [{"delta": {"content": ["text"]}}]}',
    '{"choices": [{"delta": {"content": "It"}, "finish_reason": ["stop"]}]}',
    '{"choices": [], "usage": 7}',
    '{"choices": [], "usage": {}}',
    '{"choices": [], "usage": {"prompt_tokens": "many", "completion_tokens": null}}',
    '{"error": 7}',
    "\\ud800",
    '{"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": NaN}}',
    "[" * 3000,
]


@pytest.mark.parametrize("line", GARBLED)
async def test_a_stream_that_is_no_answer_is_a_clear_error(sessions: Sessions, line: str) -> None:
    """Whatever a line of it says, the executor says that it failed."""
    root = await sessions.open_session("Plan the trip")
    branch = replace(lone_branch(), sessions=sessions, session_id=root.session_id)

    with ChatService(streams(line, "[DONE]")).serving() as url, pytest.raises(ExecutorFailed):
        await OpenAIExecutor("scripted", url=url).run(branch)


async def test_an_endpoint_that_knows_no_forms_is_asked_without(sessions: Sessions) -> None:
    """A fenced answer is read, and the second branch is not refused first."""
    service = ChatService(
        refuses(400, "response_format is not supported"), says(f"```json\n{FOUND}\n```")
    )
    with service.serving() as url:
        executor = OpenAIExecutor("scripted", url=url)
        first = await thought_of(sessions, executor)
        second = await thought_of(sessions, executor)

    results = [thought.branches[0].result for thought in (first, second)]
    assert results == ["The harbour hotel."] * 2
    assert ["response_format" in one for one in service.requests] == [True, False, False]


async def test_a_busy_service_is_asked_again(sessions: Sessions) -> None:
    """After the pause that it names; a text that is no JSON is the result itself."""
    service = ChatService(
        refuses(429, "slow down", retry_after=QUICK),
        refuses(503, "overloaded", retry_after=QUICK),
        says("A quiet hotel."),
    )
    with service.serving() as url:
        thought = await thought_of(sessions, OpenAIExecutor("scripted", url=url))

    assert (thought.branches[0].result, len(service.asked)) == ("A quiet hotel.", 3)


@pytest.mark.parametrize("executor", [OpenAIExecutor, AnthropicExecutor])
@pytest.mark.parametrize(
    "asked",
    [
        {"retry_after": "90"},
        {"retry_after": "inf"},
        {"retry_after_ms": "90000", "retry_after": "1"},
        {"retry_after": formatdate(time.time() + 3600, usegmt=True)},
    ],
    ids=["seconds", "endless", "milliseconds", "date"],
)
async def test_a_long_pause_is_not_slept_through_in_a_call(
    sessions: Sessions, executor: type[OpenAIExecutor | AnthropicExecutor], asked: dict[str, str]
) -> None:
    """Both clients would: openai 3.57.0 up to two minutes, anthropic 2.14.0 for any time.

    See findings/chat_clients_wait_as_long_as_they_are_asked.sh.
    """
    root = await sessions.open_session("Plan the trip")
    branch = replace(lone_branch(), sessions=sessions, session_id=root.session_id)
    service = ChatService(refuses(429, "slow down", **asked))

    with service.serving() as url, pytest.raises(RetryLater, match="429") as raised:
        await executor("scripted", url=url, key="kept").run(branch)

    assert (len(service.asked), raised.value.delay_s) == (1, 60.0)


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (says(FOUND, cut=True), RetryLater, "does not answer"),
        (says(FOUND, early=True), RetryLater, "in the middle"),
        (says('{"result": "The har', ended="length"), ExecutorFailed, "limit of tokens"),
        (says("", ended="content_filter"), DoNotRetry, "filtered"),
        (REFUSAL, DoNotRetry, "refused or filtered: I will not."),
        (says(""), ExecutorFailed, "no text"),
        (says('{"result": 7}'), ExecutorFailed, "not a finding"),
        (refuses(401, "Incorrect API key provided: sk-ke**"), DoNotRetry, r"key \(status 401\)"),
        (refuses(404, "no such model"), DoNotRetry, "no such model"),
        (Reply(b"", status=307, headers={"location": "http://127.0.0.1:9"}), DoNotRetry, "307"),
        (Reply(b"<html>not a model</html>", "text/html"), ExecutorFailed, "no text"),
    ],
    ids=[
        "drops",
        "early",
        "limit",
        "filter",
        "refusal",
        "silent",
        "lies",
        "key",
        "model",
        "redirect",
        "page",
    ],
)
async def test_what_is_no_answer_is_a_clear_error(
    sessions: Sessions, reply: Reply, error: type[ExecutorFailed], said: str
) -> None:
    """What may pass is tried again later, what will not is not, and no error holds a key."""
    root = await sessions.open_session("Plan the trip")
    branch = replace(lone_branch(), sessions=sessions, session_id=root.session_id)

    with ChatService(reply).serving() as url, pytest.raises(error, match=said) as raised:
        await OpenAIExecutor("scripted", url=url, key="sk-kept").run(branch)

    assert "sk-ke" not in str(raised.value)


async def test_an_anthropic_model_answers_by_a_tool(sessions: Sessions) -> None:
    """The tool's input is the finding."""
    with ChatService(_records(json.loads(FOUND))).serving() as url:
        thought = await thought_of(sessions, AnthropicExecutor("scripted", url=url, key="kept"))

    (branch,) = thought.branches
    state = await sessions.state(branch.session_id)
    assert (branch.status, branch.result) == (Status.COMPLETED, "The harbour hotel.")
    assert [one.text for one in state.insights] == ["The harbour hotel has a bath."]
    assert state.working_memory["anabranch.usage"] == {
        "model": "scripted",
        "input_tokens": 10,
        "output_tokens": 10,
    }


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (refuses(401, "invalid x-api-key"), DoNotRetry, r"key \(status 401\)"),
        (refuses(404, "no such model"), DoNotRetry, "no such model"),
        (Reply(b"<html></html>", "text/html"), ExecutorFailed, "no text"),
        (Reply(SPOKEN.partition(b"event: message_delta")[0], EVENTS), RetryLater, "in the middle"),
        (Reply(OVERLOADED, EVENTS), RetryLater, "Overloaded"),
    ],
    ids=["key", "model", "page", "early", "overloaded"],
)
async def test_what_anthropic_refuses_is_a_clear_error(
    sessions: Sessions, reply: Reply, error: type[ExecutorFailed], said: str
) -> None:
    """As with any other service."""
    root = await sessions.open_session("Plan the trip")
    branch = replace(lone_branch(), sessions=sessions, session_id=root.session_id)

    with ChatService(reply).serving() as url, pytest.raises(error, match=said):
        await AnthropicExecutor("scripted", url=url, key="kept").run(branch)


async def test_a_tool_called_without_a_result_is_no_answer(sessions: Sessions) -> None:
    """The branch fails, and says why."""
    with (
        ChatService(_records({"insights": []})).serving() as url,
        pytest.raises(ThoughtFailed, match="no text"),
    ):
        await thought_of(sessions, AnthropicExecutor("scripted", url=url, key="kept"))


def _records(found: dict[str, Any]) -> Reply:
    """Return the call of the tool, as Anthropic streams it."""
    call = {"type": "tool_use", "id": "toolu_1", "name": "record_finding", "input": found}
    return Reply(streamed([call]), EVENTS)
