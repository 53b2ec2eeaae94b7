"""Sessions as texts that other tools read: a hand-off note, a memory server's file, spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from anabranch.errors import InputInvalid
from anabranch.exporters.targets import export_session
from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.records.model import Fact, Opened
from tests.support.transcripts import told

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tests.service.app.exporters.conftest import Pier


async def text(pier: Pier, to: str) -> str:
    """Return the export of the whole thought."""
    exported = await export_session(pier.memory, pier.root, to=to)
    assert exported is not None
    return exported.decode()


async def test_a_handoff_note_says_where_it_stands_and_what_was_found(
    pier: Pier, tmp_path: Path
) -> None:
    """Decisions and branches stand in sections that an import takes as facts again."""
    note = await text(pier, "markdown")
    path = tmp_path / "handoff.md"
    path.write_text(note)
    (source,) = sources_below([path])
    records = list(READERS[source.tool].read(source))

    opened, *facts = records
    assert isinstance(opened, Opened)
    assert opened.task == "Hand-off: Repair the pier"
    headings = {fact.text.partition(":")[0]: fact.text for fact in facts if isinstance(fact, Fact)}
    assert set(headings) == {"Where it stands", "Decisions", "Working memory", "Branches"}
    assert "We take larch instead of pine." in headings["Decisions"]
    assert "- next: order larch" in headings["Working memory"]
    assert "- Look at the piles (diver), completed: Pile 7 is hollow." in headings["Branches"]
    assert "- Add up the costs, pending" in headings["Branches"]
    assert "4711" not in note


async def test_a_memory_servers_file_has_entities_before_relations(
    pier: Pier, tmp_path: Path
) -> None:
    """Its own reader reads it: sessions, what they name, and how branches hang together."""
    lines = await text(pier, "mcp-memory")
    path = tmp_path / "memory.jsonl"
    path.write_text(lines)
    (source,) = sources_below([path])
    facts = [one for one in READERS["mcp-memory"].read(source) if isinstance(one, Fact)]

    root, survey = f"Repair the pier ({pier.root})", f"Look at the piles ({pier.survey})"
    assert f"{survey} branches from {root}" in [one.text for one in facts]
    assert "larch: We take larch instead of pine." in [one.text for one in facts]
    assert f"{root} mentions pine" in [one.text for one in facts]
    assert f"{survey}: Pile 7 is hollow." in [one.text for one in facts]
    assert "4711" not in lines


async def test_spans_are_what_otlp_takes(pier: Pier) -> None:
    """Each session is a span below its parent's, an insight an event of it."""
    request = Parse(await text(pier, "otel"), ExportTraceServiceRequest())

    spans = {
        _of(one)["anabranch.task"]: one for one in request.resource_spans[0].scope_spans[0].spans
    }
    root, diver = spans["Repair the pier"], spans["Look at the piles"]
    assert set(spans) == {"Repair the pier", "Look at the piles", "Add up the costs"}
    assert {one.trace_id for one in spans.values()} == {root.trace_id}
    assert (diver.parent_span_id, root.parent_span_id) == (root.span_id, b"")
    assert (root.name, diver.name) == ("invoke_agent planner", "invoke_agent diver")
    assert _of(diver)["gen_ai.conversation.id"] == pier.root
    assert _of(diver)["anabranch.result"] == "Pile 7 is hollow."
    assert [one.name for one in root.events] == ["anabranch.insight"] * 3
    assert all(one.start_time_unix_nano <= one.end_time_unix_nano for one in spans.values())
    assert len({one.span_id for one in spans.values()}) == 3


def _of(span: Span) -> dict[str, str]:
    """Return a span's attributes."""
    return {one.key: one.value.string_value for one in span.attributes}


async def test_a_branch_is_exported_without_its_siblings(pier: Pier) -> None:
    """The session that was asked for is the root of what leaves."""
    exported = await export_session(pier.memory, pier.survey, to="mcp-memory")

    assert exported is not None
    assert b"Repair the pier" not in exported
    assert b"Look at the piles" in exported


async def test_an_unknown_form_and_a_missing_file_are_refused(pier: Pier) -> None:
    """Both say the option to mend."""
    with pytest.raises(InputInvalid, match="to: 'pdf' is no form") as form:
        await export_session(pier.memory, pier.root, to="pdf")
    with pytest.raises(InputInvalid, match="SQLite file") as file:
        await export_session(pier.memory, pier.root, to="langgraph")

    assert (form.value.field, file.value.field) == ("to", "output")


@pytest.mark.parametrize("name", ["nowhere/note.md", "full"])
async def test_a_file_that_cannot_be_written_is_told(pier: Pier, tmp_path: Path, name: str) -> None:
    """A folder that is not there, a disk without room: the file is named, and the fix."""
    (tmp_path / "full").symlink_to("/dev/full")

    with pytest.raises(InputInvalid, match=r"cannot be (opened|written)") as told:
        await export_session(pier.memory, pier.root, to="otel", path=tmp_path / name)

    assert told.value.fix


async def test_a_thought_leaves_with_its_conclusion(pier: Pier) -> None:
    """The text that its branches were consolidated to stands in each form."""
    consolidation = await pier.memory.consolidate(pier.root)
    line = consolidation.text.splitlines()[0]

    assert f"## Conclusion\n\n{line}" in await text(pier, "markdown")
    assert "anabranch.conclusion" in await text(pier, "otel")
    assert line in await text(pier, "mcp-memory")


async def test_spans_come_in_again_as_they_left(pier: Pier, tmp_path: Path) -> None:
    """A branch that was cancelled was, one that goes on has no end, and insights have their names.

    OTLP has a status for what failed, and none for either.
    """
    stairs = await (await pier.memory.session(pier.root)).branch("Mend the stairs")
    await stairs.cancel("no wood")
    path = tmp_path / "spans.json"
    await export_session(pier.memory, pier.root, to="otel", path=path)
    (source,) = sources_below([path])

    found = told(READERS[source.tool].read(source))

    ends = {line.task: line.ended for line in found.lines.values()}
    assert {task: end and (end.how, end.reason) for task, end in ends.items()} == {
        "Repair the pier": None,
        "Look at the piles": ("completed", None),
        "Add up the costs": None,
        "Mend the stairs": ("cancelled", "no wood"),
    }
    root = next(iter(found.lines.values()))
    assert [one.entities for one in root.facts] == [(), ("larch", "pine"), ()]
    assert "Mend the stairs, cancelled: no wood" in await text(pier, "markdown")


async def test_what_was_asked_and_answered_comes_in_once(pier: Pier, tmp_path: Path) -> None:
    """An imported session has it as its task or result, and as an insight: the export has both."""
    root = await pier.memory.session(pier.root)
    await root.remember("Repair the pier", kind="request")
    stairs = await root.branch("Mend the stairs")
    await stairs.remember("The stairs hold.", kind="report")
    await stairs.remember("Oak is best.", kind="report")
    await stairs.complete(result="The stairs hold.")
    path = tmp_path / "spans.json"
    await export_session(pier.memory, pier.root, to="otel", path=path)
    (source,) = sources_below([path])

    found = told(READERS[source.tool].read(source))

    facts = [(one.kind, one.text) for line in found.lines.values() for one in line.facts]
    said = [text for line in found.lines.values() for text in line.texts]
    assert [one for one in facts if one[0] in {"request", "report"}] == [
        ("request", "Which planks are rotten?"),
        ("report", "Oak is best."),
    ]
    assert sum("Repair the pier" in str(one) for one in said) == 1
    assert sum("The stairs hold." in str(one) for one in said) == 1
