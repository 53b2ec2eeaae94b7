"""Spans that instrumentations hang elsewhere, or make twice: what their fixtures do not show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from anabranch.importers.reader import Source
from anabranch.importers.readers.catalogue import READERS
from anabranch.importers.readers.spans import trees
from anabranch.importers.readers.spans.trees import in_order, placed
from anabranch.importers.records.model import ToolResult, Turn, Unknown
from anabranch.importers.records.spans import spans_in
from tests.support.transcripts import Told, told

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch.importers.records.spans import Span

TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
SECOND: Final = 1_000_000_000
NAME: Final = "gen_ai.agent.name"
STEP: Final = "gen_ai.task.name"
ALIKE: Final = 200
PRINTED: Final = (
    "{'id': 'r', 'instructions': \"'text': 'No.', 'type': 'output_text'\", 'object': 'response', "
    "'output': [{'content': [{'text': \"The keeper's \\nlamp.\", 'type': 'output_text'}]}]}"
)


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return attributes as OTLP writes them in JSON."""
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def span(number: int, above: int, during: tuple[int, int], did: str, **more: Any) -> dict[str, Any]:
    """Return a span of an operation, from one second to another."""
    values = {"gen_ai.operation.name": did} | {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in more.pop("told", {}).items()
    }
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{above:016x}",
        "name": more.pop("name", did),
        "startTimeUnixNano": str((1_795_984_968 + during[0]) * SECOND),
        "endTimeUnixNano": str((1_795_984_968 + during[1]) * SECOND),
        "attributes": attributes(values),
        **more,
    }


def message(role: str, text: str) -> list[dict[str, Any]]:
    """Return a message as the conventions have one."""
    return [{"role": role, "parts": [{"type": "text", "content": text}]}]


def asked(text: str) -> dict[str, Any]:
    """Return what a model or agent was given."""
    return {"gen_ai.input.messages": message("user", text)}


def said(text: str, answer: str | None = None) -> dict[str, Any]:
    """Return what a model or agent said, with the id of the answer."""
    named = {"gen_ai.response.id": answer} if answer else {}
    return {"gen_ai.output.messages": message("assistant", text), **named}


def agent(name: str, text: str) -> dict[str, Any]:
    """Return the name of an agent, and what it was asked."""
    return {"gen_ai.agent.name": name, **asked(text)}


def file_of(folder: Path, *spans: dict[str, Any]) -> Source:
    """Write a file of spans."""
    request = {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}
    (folder / "traces.json").write_text(json.dumps(request))
    return Source("otel", (folder / "traces.json",))


def read(folder: Path, *spans: dict[str, Any]) -> Told:
    """Return what is told of spans in a file."""
    return told(READERS["otel"].read(file_of(folder, *spans)))


def talk(found: Told) -> list[tuple[str, list[str]]]:
    """Return each line as its kind and its texts."""
    return [(one.opened.kind, [text for _, text in one.texts]) for one in found.lines.values()]


@pytest.mark.parametrize(
    ("argument", "during", "kinds"),
    [
        ("Are the stairs dry?", (3, 4), ["main", "subagent"]),
        ("Are the stairs dry?", (2, 5), ["main", "subagent"]),
        ("Is the roof whole?", (3, 4), ["main"]),
        ("Are the stairs dry?", (3, 6), ["main"]),
    ],
)
def test_an_agent_beside_its_caller_is_below_the_tool_that_asked_it(
    tmp_path: Path, argument: str, during: tuple[int, int], kinds: list[str]
) -> None:
    """The call has the same text, and lasted from before the agent began until after it ended.

    See findings/traceloop_hangs_an_agent_beside_the_one_that_asked_it.sh.
    """
    call = {"gen_ai.tool.name": "ask", "gen_ai.tool.call.arguments": {"input": argument}}

    found = read(
        tmp_path,
        span(2, 1, (1, 9), "invoke_agent", told=agent("keeper", "Is all well?")),
        span(3, 2, (2, 5), "execute_tool", told=call),
        span(4, 1, during, "invoke_agent", told=agent("bravo", "Are the stairs dry?")),
        span(5, 2, (7, 8), "chat", told=said("All is well.")),
    )

    assert [kind for kind, _ in talk(found)] == kinds


def test_a_workflow_that_google_adk_puts_around_an_agent_is_no_agent(tmp_path: Path) -> None:
    """It has the agent's name, and says nothing; the agent is what was asked, and no branch of it.

    See findings/google_adk_puts_a_workflow_around_each_agent.sh (google-adk 2.13.0).
    """
    conversation, other = {"gen_ai.conversation.id": "night"}, {"gen_ai.conversation.id": "other"}
    keeper, helper = {"gen_ai.workflow.name": "keeper"}, {"gen_ai.workflow.name": "helper"}

    found = read(
        tmp_path,
        span(2, 0, (1, 9), "invoke_workflow", told={**keeper, **conversation}),
        span(3, 2, (1, 9), "invoke_agent", told={NAME: "keeper", **conversation}),
        span(4, 3, (1, 2), "generate_content", told=asked("Is all well?")),
        span(5, 3, (3, 6), "execute_tool", told={"gen_ai.tool.name": "helper"}),
        span(6, 5, (3, 6), "invoke_workflow", told={**helper, **other}),
        span(7, 6, (4, 5), "invoke_agent", told={NAME: "helper", **other}),
        span(8, 7, (4, 5), "generate_content", told={**asked("Dry?"), **said("The stairs are.")}),
        span(9, 3, (7, 8), "generate_content", told=said("All is well.")),
    )

    assert talk(found) == [
        ("main", ["Is all well?", "All is well."]),
        ("subagent", ["Dry?", "The stairs are."]),
    ]
    assert [one.opened.role for one in found.lines.values()] == ["keeper", "helper"]
    assert next(iter(found.lines)) == "conversation:night"


@pytest.mark.parametrize(
    "put_in",
    [
        "For context: what another did, between <<<BEGIN_QUOTED_AGENT_CONTENT>>> and the end",
        "The text between <<<BEGIN_SYSTEM_INSTRUCTION>>> and <<<END_SYSTEM_INSTRUCTION>>>",
    ],
)
def test_what_google_adk_says_in_the_name_of_the_user_was_not_asked(
    tmp_path: Path, put_in: str
) -> None:
    """An agent that another handed over to is told so, and goes on within the workflow of the first.

    See findings/google_adk_puts_a_workflow_around_each_agent.sh (google-adk 2.13.0).
    """
    given = [*message("user", "Is all well?"), *message("user", put_in)]

    found = read(
        tmp_path,
        span(2, 0, (1, 9), "invoke_workflow", told={"gen_ai.workflow.name": "keeper"}),
        span(3, 2, (1, 2), "invoke_agent", told={NAME: "keeper"}),
        span(4, 3, (1, 2), "generate_content", told=asked("Is all well?")),
        span(5, 2, (3, 4), "invoke_agent", told={NAME: "second"}),
        span(6, 5, (3, 4), "chat", told={"gen_ai.input.messages": given, **said("All is well.")}),
    )

    assert talk(found) == [("main", ["Is all well?", "All is well."])]


def test_agents_that_ask_each_other_the_same_at_one_time_are_all_told(tmp_path: Path) -> None:
    """With a clock that stands still each call lasts as long as the other."""
    call = {"gen_ai.tool.call.arguments": {"input": "Fog?"}}

    found = read(
        tmp_path,
        span(2, 1, (1, 1), "invoke_agent", told=agent("alfa", "Fog?")),
        span(3, 1, (1, 1), "invoke_agent", told=agent("bravo", "Fog?")),
        span(4, 2, (1, 1), "execute_tool", told=call),
        span(5, 3, (1, 1), "execute_tool", told=call),
        span(6, 2, (1, 1), "chat", told=said("None.")),
        span(7, 3, (1, 1), "chat", told=said("A little.")),
    )

    assert talk(found) == [
        ("main", ["Fog?", "None."]),
        ("subagent", ["Fog?", "A little."]),
    ]


@pytest.mark.parametrize(("above", "trace"), [(2, TRACE), (1, TRACE), (0, TRACE[::-1])])
@pytest.mark.parametrize("inner", ["Three boats.", None])
def test_a_call_that_its_client_traces_too_is_told_once(
    tmp_path: Path, above: int, trace: str, inner: str | None
) -> None:
    """Its own span hangs on the other one, or stands beside it and has the same answer's id.

    Where nothing is around the call, it is in a trace of its own.
    See findings/anthropic_client_makes_a_span_of_each_call_itself.sh.
    """
    own = said(inner, "msg_1") if inner else {"gen_ai.response.id": "msg_1"}

    found = read(
        tmp_path,
        span(2, 1, (1, 5), "chat", told={**asked("Boats?"), **said("Three boats.", "msg_1")}),
        span(3, above, (2, 4), "chat", told=own, traceId=trace),
        span(4, 1, (6, 7), "chat", told={**asked("Boats?"), **said("Three boats.", "msg_2")}),
    )

    assert talk(found) == [("main", ["Boats?", "Three boats.", "Three boats."])]


@pytest.mark.parametrize("during", [(1, 5), (2, 4)])
def test_calls_of_which_only_the_inner_one_says_anything_are_told_by_it(
    tmp_path: Path, during: tuple[int, int]
) -> None:
    """The outer instrumentation was asked to leave content out."""
    told_inside = {**asked("Boats?"), **said("Three boats.", "msg_1")}

    found = read(
        tmp_path,
        span(2, 1, (1, 5), "chat", told={"gen_ai.response.id": "msg_1"}),
        span(3, 2, during, "chat", told=told_inside),
    )

    assert talk(found) == [("main", ["Boats?", "Three boats."])]


def test_answers_of_one_id_are_all_told_where_they_differ(tmp_path: Path) -> None:
    """Some servers give each answer the same id, and calls may run beside each other."""
    found = read(
        tmp_path,
        span(2, 1, (1, 9), "chat", told={**asked("Boats?"), **said("Three boats.", "1")}),
        span(3, 1, (2, 4), "chat", told={**asked("Fog?"), **said("None.", "1")}),
    )

    assert talk(found) == [("main", ["Boats?", "Three boats.", "Fog?", "None."])]


def test_a_call_without_texts_in_between_does_not_repeat_the_question(tmp_path: Path) -> None:
    """In one trace, what was asked is asked once."""
    found = read(
        tmp_path,
        span(2, 1, (1, 2), "chat", told={**asked("Boats?"), **said("I will look.")}),
        span(3, 1, (3, 4), "chat"),
        span(4, 1, (5, 6), "chat", told={**asked("Boats?"), **said("Three.")}),
    )

    assert talk(found) == [("main", ["Boats?", "I will look.", "Three."])]


@pytest.mark.parametrize(("reason", "final"), [({}, False), ({"stop_reason": "end_turn"}, None)])
def test_a_stream_of_anthropics_client_that_was_left_is_no_answer(
    tmp_path: Path, reason: dict[str, str], *, final: bool | None
) -> None:
    """Its span has the half as a message like any other, and no reason for its end."""
    stopped = {f"anthropic.message.{name}": value for name, value in reason.items()}
    own = span(
        2,
        1,
        (1, 2),
        "chat",
        name="anthropic.messages.create",
        told={**asked("Boats?"), **said("Three", "msg_1"), **stopped},
    )

    records = READERS["otel"].read(file_of(tmp_path, own))

    assert [one.final for one in records if isinstance(one, Turn) and one.said == "assistant"] == [
        final
    ]


@pytest.mark.parametrize(
    ("inside", "reason", "final"),
    [
        ("stop", "stop", True),
        ("stop", "other", False),
        ("other", "other", True),
        (None, "other", True),
    ],
)
def test_a_stream_of_vercels_ai_sdk_that_ended_early_is_no_answer(
    tmp_path: Path, inside: str | None, reason: str, *, final: bool
) -> None:
    """Its message says "stop" then; the span has "other" beside it, and no span of a model.

    An "other" of a model's own is no such end: whoever tells it says so in both places, or in one.
    See findings/ai_sdk_tells_its_answer_before_the_calls_that_led_to_it.sh (ai 7.0.173).
    """
    reasons = {"arrayValue": {"values": [{"stringValue": reason}]}}
    message = {"role": "assistant", "parts": [{"type": "text", "content": "Three"}]}
    message |= {} if inside is None else {"finish_reason": inside}
    answered = {"gen_ai.output.messages": json.dumps([message])}
    run = span(2, 0, (1, 3), "invoke_agent", told={**asked("Boats?"), **answered})
    run["attributes"].append({"key": "gen_ai.response.finish_reasons", "value": reasons})
    step = span(3, 2, (1, 2), "agent_step")

    records = [*READERS["otel"].read(file_of(tmp_path, run, step))]

    answers = [one for one in records if isinstance(one, Turn) and one.said == "assistant"]
    assert [(one.text, one.final) for one in answers] == [("Three", final)]
    assert not [one for one in records if isinstance(one, Unknown)]


def test_a_result_of_vercels_ai_sdk_is_the_text_that_its_json_holds(tmp_path: Path) -> None:
    """Its spans have each result as JSON; what another SDK quotes is quoted.

    See findings/ai_sdk_tells_its_answer_before_the_calls_that_led_to_it.sh (ai 7.0.173).
    """
    result = {"gen_ai.tool.call.result": '"The stair\\nis dry"'}
    took = {"gen_ai.execute_tool.duration": "0.1"}

    records = READERS["otel"].read(
        file_of(
            tmp_path,
            span(2, 0, (1, 9), "invoke_agent", told=agent("keeper", "Is all well?")),
            span(3, 2, (2, 3), "execute_tool", told={**result, **took}),
            span(4, 2, (4, 5), "execute_tool", told=result),
        )
    )

    given = [one.given for one in records if isinstance(one, ToolResult)]
    assert given == ["The stair\nis dry", '"The stair\\nis dry"']


@pytest.mark.parametrize("tool", [True, False])
def test_a_conversation_that_is_named_by_its_newest_answer_is_one(
    tmp_path: Path, *, tool: bool
) -> None:
    """So Microsoft's Agent Framework does: the first turn has no name, or that of its first answer.

    See findings/agent_framework_calls_the_last_answer_the_conversation.sh.
    """
    name = "gen_ai.conversation.id"
    again = {**said("All is well.", "r2"), name: "r1"} if tool else said("All is well.", "r2")

    def turn(number: int, text: str) -> list[dict[str, Any]]:
        trace, during = {"traceId": str(number) * 32}, (2 * number, 2 * number + 1)
        asking = {**agent("keeper", text), name: f"r{number}"}
        answer = said("Three.", f"r{number + 1}")
        return [
            span(2, 0, during, "invoke_agent", told=asking, **trace),
            span(3, 2, during, "chat", told=answer, **trace),
        ]

    found = read(
        tmp_path,
        span(2, 0, (1, 3), "invoke_agent", told=agent("keeper", "Is all well?")),
        span(3, 2, (1, 1), "chat", told=said("I will look.", "r1")),
        span(4, 2, (2, 3), "chat", told=again),
        *turn(2, "And the boats?"),
        *turn(3, "And the fog?"),
    )

    assert list(found.lines) == ["conversation:r1" if tool else f"trace:{TRACE}"]
    asked_and_said = ["Is all well?", "I will look.", "All is well.", "And the boats?", "Three."]
    assert talk(found) == [("main", [*asked_and_said, "And the fog?", "Three."])]


def test_a_graph_of_strands_agents_is_what_its_agents_work_for(tmp_path: Path) -> None:
    """Its own span has what was asked as an event, and an agent's text ends with a line break."""
    content = json.dumps([{"text": "Is all well?"}])
    asking = {"name": "gen_ai.user.message", "attributes": attributes({"content": content})}
    saying = {"name": "gen_ai.choice", "attributes": attributes({"message": "All is well.\n"})}
    blocks = json.dumps([{"text": "All is well."}, {"toolUse": {"name": "look", "input": {}}}])
    calling = {"name": "gen_ai.choice", "attributes": attributes({"message": blocks})}

    found = read(
        tmp_path,
        span(2, 1, (1, 9), "invoke_graph", events=[asking]),
        span(3, 2, (2, 8), "invoke_agent", events=[asking, saying]),
        span(4, 3, (3, 7), "execute_event_loop_cycle", events=[asking]),
        span(5, 4, (4, 6), "chat", events=[asking, calling]),
    )

    assert talk(found) == [
        ("main", ["Is all well?"]),
        ("subagent", ["Is all well?", "All is well."]),
    ]
    assert found.unknown == {}


def test_of_thousands_alike_each_span_finds_its_own_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Agents that a tool ran, and steps of agents, are compared with the few that are near."""
    compared: list[Span] = []

    def encloses(one: Span, other: Span) -> bool:
        compared.append(other)
        return real(one, other)

    real = trees.encloses
    monkeypatch.setattr(trees, "encloses", encloses)
    question, end = {"gen_ai.tool.call.arguments": {"input": "Dry?"}}, 10 * ALIKE
    spans = [span(1, 0, (0, end), "retrieval"), span(2, 1, (0, end), "invoke_agent")]
    for number in range(ALIKE):
        first, at = 10 * number + 10, 10 * number
        spans += [
            span(first, 2, (at, at + 3), "execute_tool", told=question),
            span(first + 1, 1, (at + 1, at + 2), "invoke_agent", told=asked("Dry?")),
            span(first + 2, 1, (at + 5, at + 8), "invoke_agent", told={NAME: "mate"}),
            span(first + 3, 1, (at + 6, at + 7), "execute_task", told={STEP: "mate"}),
        ]
    request = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}

    found = placed(in_order(spans_in(request)))

    above = {int(one.id, 16): int(one.parent_id or "0", 16) for one in found.values()}
    for first in range(10, 10 * ALIKE, 10):
        assert (above[first + 1], above[first + 3]) == (first, first + 2)
    assert len(compared) <= 4 * ALIKE


def test_spans_that_hang_in_a_circle_are_told(tmp_path: Path) -> None:
    """The first of them is a session of its own, as one whose caller never came; no agent is lost."""
    circle = [
        span(1, 2, (0, 3), "invoke_agent", told=agent("keeper", "Is it lit?")),
        span(2, 1, (1, 2), "invoke_agent", told=agent("helper", "Look up.")),
    ]
    alone = span(3, 3, (4, 5), "invoke_agent", told=agent("watch", "Who goes there?"))

    found = read(tmp_path, *circle, {**alone, "traceId": "f" * 32})

    assert [(one.task, one.opened.parent is None) for one in found.lines.values()] == [
        ("Is it lit?", True),
        ("Look up.", False),
        ("Who goes there?", True),
    ]


def test_an_agent_without_a_name_around_agents_is_none(tmp_path: Path) -> None:
    """The root of a run says nothing; who took over goes on in the same session.

    See findings/otel_openai_agents_spans_have_printed_objects_for_texts.sh
    (opentelemetry-instrumentation-openai-agents-v2 0.1.0).
    """
    found = read(
        tmp_path,
        span(2, 0, (0, 9), "invoke_agent", name="Agent workflow"),
        span(3, 2, (0, 9), "unknown", told={NAME: "OpenAI Agent"}),
        span(4, 3, (1, 4), "invoke_agent", told=agent("keeper", "Is all well?")),
        span(5, 3, (5, 9), "invoke_agent", told={**agent("mate", "Is all well?"), **said("Aye.")}),
    )

    assert talk(found) == [("main", ["Is all well?", "Aye."])]
    assert [one.opened.role for one in found.lines.values()] == ["keeper"]
    assert found.unknown == {}


@pytest.mark.parametrize(
    ("printed", "texts"),
    [
        ("ResponseFunctionToolCall(arguments='{}', call_id='c', type='function_call')", []),
        ("{'content': None, 'role': 'assistant', 'tool_calls': [{'id': 'c'}]}", []),
        (
            PRINTED,
            ["The keeper's \nlamp."],
        ),
        ("{'id': 'r', 'object': 'response', 'output': [{'name': 'look'}]}", []),
        ("{'id': 'r'} is what Python prints.", ["{'id': 'r'} is what Python prints."]),
    ],
)
def test_a_printed_object_is_what_was_in_it(tmp_path: Path, printed: str, texts: list[str]) -> None:
    """A call of a tool has no text, and of a response that was printed whole its texts count.

    See findings/otel_openai_agents_spans_have_printed_objects_for_texts.sh.
    """
    found = read(tmp_path, span(2, 0, (1, 9), "chat", told={**asked("Lit?"), **said(printed)}))

    assert talk(found) == [("main", ["Lit?", *texts])]


@pytest.mark.parametrize("inner", [None, {"place": "cellar"}])
def test_a_call_of_a_tool_that_two_trace_is_one(
    tmp_path: Path, inner: dict[str, str] | None
) -> None:
    """AutoGen's own span within an instrumentation's says whether it failed, and nothing else."""
    name = {"gen_ai.tool.name": "look"}
    given = {**name, "gen_ai.tool.call.arguments": {"place": "cellar"}}
    again = {**name, "gen_ai.tool.call.arguments": inner} if inner else name
    gave = {"gen_ai.tool.call.result": "It is locked."}

    found = read(
        tmp_path,
        span(2, 0, (1, 9), "invoke_agent", told=agent("keeper", "Dry?")),
        span(3, 2, (2, 8), "execute_tool", told={**given, **gave}),
        span(4, 3, (3, 7), "execute_tool", told=again, status={"code": 2, "message": "Locked."}),
    )

    (line,) = found.lines.values()
    (result,) = line.results.values()
    assert (result.given, result.failed, len(line.calls)) == ("It is locked.", True, 1)


@pytest.mark.parametrize(
    ("conversation", "began", "mains"),
    [("day", 6, ["night", "day"]), ("day", 3, ["night"]), ("night", 6, ["night"])],
)
def test_what_hangs_on_an_agent_that_has_ended_is_no_part_of_it(
    tmp_path: Path, conversation: str, began: int, mains: list[str]
) -> None:
    """It names another conversation, and is a turn of that.

    See findings/openinference_agno_hangs_what_follows_on_a_team_that_ended.sh
    (openinference-instrumentation-agno 1.0.15).
    """
    named = "gen_ai.conversation.id"

    found = read(
        tmp_path,
        span(2, 0, (1, 5), "invoke_agent", told={**agent("crew", "All well?"), named: "night"}),
        span(3, 2, (began, 9), "invoke_agent", told={**agent("mate", "Fog?"), named: conversation}),
    )

    lines = [one.opened for one in found.lines.values()]
    assert [one.source_id for one in lines if one.kind == "main"] == mains
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("arguments", "task"),
    [
        ({"messages": "Are the stairs dry?", "instructions_override": None}, "Are the stairs dry?"),
        ({"why": "Night.", "task": "Are the stairs dry?"}, "Are the stairs dry?"),
        ({"why": "Night.", "where": "Stairs."}, "invoke_agent"),
        ("Are the stairs dry?", "Are the stairs dry?"),
    ],
)
def test_an_agent_whose_spans_have_no_question_has_the_task_of_its_call(
    tmp_path: Path, arguments: object, task: str
) -> None:
    """Semantic Kernel (1.45.0) has what was asked in its logs alone.

    See findings/semantic_kernel_spans_have_no_question.sh.
    """
    call = {"gen_ai.tool.name": "bravo", "gen_ai.tool.call.arguments": arguments}

    found = read(
        tmp_path,
        span(2, 0, (1, 9), "invoke_agent", told=agent("keeper", "Is all well?")),
        span(3, 2, (2, 8), "execute_tool", told=call),
        span(4, 3, (3, 7), "invoke_agent", told={NAME: "bravo", **said("They are.")}),
    )

    assert [one.opened.task for one in found.lines.values()] == [None, task]


def test_a_tool_that_asks_a_model_is_an_agent_without_a_span(tmp_path: Path) -> None:
    """What its model said is not what its caller answered; CrewAI (1.15.30) delegates work so."""
    call = {"gen_ai.tool.call.arguments": {"task": "Are the stairs dry?", "coworker": "bravo"}}

    found = read(
        tmp_path,
        span(2, 0, (1, 9), "invoke_agent", told=agent("keeper", "Is all well?")),
        span(3, 2, (2, 8), "execute_tool", told=call),
        span(4, 3, (3, 7), "chat", told=said("They are.")),
    )

    keeper, bravo = found.lines.values()
    assert (keeper.texts, keeper.result) == ([["user", "Is all well?"]], None)
    assert (bravo.opened.role, bravo.task, bravo.result) == (
        "bravo",
        "Are the stairs dry?",
        "They are.",
    )
    assert bravo.opened.parent == keeper.opened.key


@pytest.mark.parametrize(("code", "final"), [(1, True), (2, False)])
def test_what_an_agent_that_failed_says_is_no_answer(
    tmp_path: Path, code: int, final: bool
) -> None:
    """Agno (3.1.10) has the refusal of the model as what its agent answered."""
    told = {**agent("keeper", "Is the oil full?"), **said("The model is out of oil.")}
    source = file_of(tmp_path, span(2, 0, (1, 9), "invoke_agent", told=told, status={"code": code}))

    turns = [one for one in READERS["otel"].read(source) if isinstance(one, Turn)]

    assert [one.final for one in turns if one.said == "assistant"] == [final]
