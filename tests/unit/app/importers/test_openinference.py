"""Spans of OpenInference: what the files of its instrumentations in tests/fixtures do not show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import Status, StatusCode

from anabranch.importers.files.lines import records as records_in
from anabranch.importers.reader import Source
from anabranch.importers.readers.catalogue import READERS
from anabranch.importers.records.model import Broken
from anabranch.service.otlp_requests import PROTOBUF, request_in
from anabranch.service.span_spool import SpanSpool
from tests.support.agent_spans import InstrumentedAgents
from tests.support.transcripts import Told, cases, told

if TYPE_CHECKING:
    from pathlib import Path

CASES = [case for case in cases() if (case / "traces.json").is_file()]
CHAIN = {"openinference.span.kind": "CHAIN"}
MODEL = {"openinference.span.kind": "LLM", "llm.model_name": "stub-1"}


def asked(number: int, text: str) -> dict[str, str]:
    """Return the attributes of a message of the user to a model."""
    at = f"llm.input_messages.{number}.message"
    return {f"{at}.role": "user", f"{at}.content": text}


def said(text: str) -> dict[str, str]:
    """Return the attributes of what a model said."""
    at = "llm.output_messages.0.message"
    return {f"{at}.role": "assistant", f"{at}.content": text}


def read(*files: Path) -> Told:
    """Return what is told of files of spans."""
    return told(READERS["otel"].read(Source("otel", files)))


def spooled(folder: Path, *requests: dict[str, Any]) -> Told:
    """Return what is told of requests that came over HTTP, as they lie in the home."""
    spool = SpanSpool(folder / "spans")
    spool.open()
    for request in requests:
        spool.keep(request)
    assert all(trace.speaks and trace.is_whole for trace in spool.traces.values())
    ordered = sorted(spool.traces.values(), key=lambda trace: trace.began)
    return read(*(trace.path for trace in ordered))


def ended(agents: InstrumentedAgents) -> dict[str, Any]:
    """Return the spans of a program as a request."""
    return request_in(agents.request(), media=PROTOBUF, encoding="")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_spans_that_come_over_http_are_read_like_those_of_a_file(
    tmp_path: Path, case: Path
) -> None:
    """What lies in the home until a trace is whole is less, and enough."""
    lines = list(records_in(case / "traces.json"))
    assert not any(isinstance(one, Broken) for one in lines)

    found = spooled(tmp_path, *(one[1] for one in lines if not isinstance(one, Broken)))

    assert found == read(case / "traces.json")
    kept = sum(path.stat().st_size for path in (tmp_path / "spans").iterdir())
    assert kept < (case / "traces.json").stat().st_size


def test_a_program_that_hides_its_texts_has_sessions_and_branches_too(tmp_path: Path) -> None:
    """OPENINFERENCE_HIDE_INPUTS and _OUTPUTS put a word in the place of each text."""
    agents = InstrumentedAgents()
    hidden = {"input.value": "__REDACTED__", "output.value": "__REDACTED__"}
    tool = {"openinference.span.kind": "TOOL", "tool.name": "ask", **hidden}
    with agents.span("keeper", CHAIN | hidden), agents.span("model", MODEL | hidden):
        pass
    with (
        agents.span("keeper", CHAIN | hidden | {"session.id": "watch-1"}),
        agents.span("ask", tool),
        agents.span("bravo", CHAIN | hidden),
        agents.span("model", MODEL | hidden),
    ):
        pass

    found = spooled(tmp_path, ended(agents))

    assert [(one.opened.kind, one.task, one.texts) for one in found.lines.values()] == [
        ("main", "keeper", []),
        ("main", "keeper", []),
        ("subagent", "bravo", []),
    ]


@pytest.mark.parametrize(
    ("limit", "texts"),
    [
        ("none", [["user", "Rain?"], ["assistant", "Since noon."]]),
        ("the oldest are thrown out", [["user", "Rain?"], ["assistant", "Since noon."]]),
        ("the newest are refused", []),
    ],
)
def test_a_question_that_a_limit_took_away_is_not_mistaken_for_the_one_before(
    tmp_path: Path, limit: str, texts: list[list[str]]
) -> None:
    """Python's SDK 1.45.2 drops the oldest attributes of a long talk, JavaScript's 2.12.1 refuses.

    See findings/otel_limits_take_other_ends_of_a_conversation.sh.
    """
    agents = InstrumentedAgents()
    talk = {**asked(0, "Fog?"), **asked(1, "Rain?"), **said("Since noon.")}
    with agents.span("model", MODEL | talk):
        pass
    request = ended(agents)
    (span,) = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
    attributes = span["attributes"]
    if limit == "the oldest are thrown out":
        oldest = "llm.input_messages.0."
        span["attributes"] = [one for one in attributes if not one["key"].startswith(oldest)]
    elif limit == "the newest are refused":
        span["attributes"] = attributes[:4]
    span["droppedAttributesCount"] = len(attributes) - len(span["attributes"])

    found = spooled(tmp_path, request)

    (line,) = found.lines.values()
    assert line.texts == texts


def test_an_agent_that_was_cancelled_as_another_failed_did_not_fail(tmp_path: Path) -> None:
    """LangGraph 1.2.24 cancels what runs beside a tool that raised; its span is an error too."""
    agents = InstrumentedAgents()
    with agents.span("keeper", CHAIN | {"input.value": "Is all well?"}):
        for name, error in (("bravo", "CancelledError()"), ("charlie", "OSError('wet')")):
            tool = {"openinference.span.kind": "TOOL", "tool.name": f"ask_{name}"}
            with (
                agents.span(f"ask_{name}", tool),
                agents.span(name, CHAIN | {"input.value": json.dumps({"input": "Dry?"})}) as one,
            ):
                with agents.span("model", MODEL | asked(0, "Dry?")):
                    pass
                one.set_status(
                    Status(StatusCode.ERROR, f"{error}Traceback (most recent call last):\n\n x")
                )

    found = spooled(tmp_path, ended(agents))

    assert [
        (one.task, one.ended.how, one.ended.reason) for one in found.lines.values() if one.ended
    ] == [("Dry?", "cancelled", "CancelledError()"), ("Dry?", "failed", "OSError('wet')")]


def test_an_agent_of_smolagents_is_read_though_none_of_its_models_has_a_span(
    tmp_path: Path,
) -> None:
    """Its name stands in that of its span; what another agent gave it, within instructions.

    See findings/smolagents_spans_have_the_task_before_and_no_name.sh (1.26.0, OpenInference 0.1.43).
    """
    agents = InstrumentedAgents()
    kind, steps = "openinference.span.kind", {"smolagents.max_steps": "20"}
    given = "Task:\nAre the stairs dry?\n---\nYou're helping your manager: say much."
    instructed = f"You're a helpful agent named 'helper'.\nSubmitted by your manager.\n---\n{given}"
    tool = {"args": [], "sanitize_inputs_outputs": True, "kwargs": {"place": "stair"}}

    def run(task: str, answer: str) -> dict[str, str]:
        asking = json.dumps({"task": task, "stream": False, "max_steps": None})
        return {kind: "AGENT", "input.value": asking, "output.value": answer, **steps}

    with (
        agents.span("keeper.run", run("Is all well?", "All is well.")),
        agents.span("Step 1", CHAIN),
        agents.span("helper.run", run(instructed, "They are.")),
        agents.span("SimpleTool", {kind: "TOOL", "tool.name": "look"}) as look,
    ):
        look.set_attributes({"input.value": json.dumps(tool), "output.value": "dry"})
    with agents.span("keeper.run", {"smolagents.task": "Is all well?", **run("And now?", "Yes.")}):
        pass

    found = spooled(tmp_path, ended(agents))

    lines = [*found.lines.values()]
    assert [(one.opened.kind, one.opened.role) for one in lines] == [
        ("main", "keeper"),
        ("subagent", "helper"),
        ("main", "keeper"),
    ]
    assert [one.texts for one in lines] == [
        [["user", "Is all well?"], ["assistant", "All is well."]],
        [["user", "Are the stairs dry?"], ["assistant", "They are."]],
        [["user", "And now?"], ["assistant", "Yes."]],
    ]
    assert [call.input for call in lines[1].calls.values()] == [{"place": "stair"}]


def test_spans_of_langsmith_are_read_by_the_runs_that_they_tell(tmp_path: Path) -> None:
    """Agents and their steps are chains; each has LangChain's JSON, and the thread of its caller.

    See findings/langsmith_spans_have_operations_of_their_own.sh (langsmith 0.15.1).
    """
    agents = InstrumentedAgents()

    def run(kind: str, did: str, given: object, gave: object, place: str = "") -> dict[str, str]:
        spaces = {"langsmith.metadata.langgraph_checkpoint_ns": place} if place else {}
        texts = {"gen_ai.prompt": json.dumps(given), "gen_ai.completion": json.dumps(gave)}
        thread = {"langsmith.metadata.thread_id": "night"}
        named = {"langsmith.span.kind": kind, "gen_ai.operation.name": did}
        return named | texts | thread | spaces

    def agent(asking: str, answer: str, place: str = "") -> dict[str, str]:
        gave = {
            "messages": [{"type": "human", "content": asking}, {"type": "ai", "content": answer}]
        }
        return run("chain", "chain", {"messages": [["user", asking]]}, gave, place)

    def model(asking: str, answer: str, place: str, *calls: str) -> dict[str, str]:
        called = {"tool_calls": [{"name": name, "args": {}} for name in calls]}
        message = {"kwargs": {"type": "ai", "content": answer, **called}}
        given = {"messages": [[{"kwargs": {"type": "human", "content": asking}}]]}
        return run("llm", "chat", given, {"generations": [[{"message": message}]]}, place)

    result = {"output": {"type": "tool", "content": "They are dry.", "status": "success"}}
    asks = run("tool", "execute_tool", {"question": "Dry?"}, result, "tools:1")
    with agents.span("keeper", agent("Is all well?", "All is well.")):
        with (
            agents.span("agent", run("chain", "chain", {}, {}, "agent:1")),
            agents.span("Model", model("Is all well?", "I will ask.", "agent:1", "ask")),
        ):
            pass
        with (
            agents.span("ask", asks | {"gen_ai.tool.name": "ask"}),
            agents.span("bravo", agent("Dry?", "They are dry.", "tools:1")),
            agents.span("Model", model("Dry?", "They are dry.", "tools:1|agent:1")),
        ):
            pass
        with agents.span("Model", model("Is all well?", "All is well.", "agent:2")):
            pass

    found = spooled(tmp_path, ended(agents))

    assert [(key.partition(":")[0], one.opened.role) for key, one in found.lines.items()] == [
        ("conversation", "keeper"),
        ("span", "bravo"),
    ]
    keeper, bravo = found.lines.values()
    assert keeper.texts == [
        *(["user", "Is all well?"], ["assistant", "I will ask."], ["assistant", "All is well."])
    ]
    assert bravo.texts == [["user", "Dry?"], ["assistant", "They are dry."]]
    assert [(call.name, call.input) for call in keeper.calls.values()] == [
        ("ask", {"question": "Dry?"})
    ]
    assert not found.unknown
