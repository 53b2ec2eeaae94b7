"""Sessions that the frameworks' own libraries write here, offline, and that are read at once."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest
from agents import Agent, RunConfig, Runner, SQLiteSession
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import MessagesState  # noqa: TC002 - LangGraph reads what nodes take.

from anabranch.importers.readers.catalogue import READERS, sources_below
from tests.support.langgraph_graphs import THREAD, ask_again, ask_side_by_side, graph_of
from tests.support.patience import PATIENCE_S
from tests.support.scripted_model import ScriptedModel
from tests.support.transcripts import shows, told

if TYPE_CHECKING:
    from pathlib import Path

    from langgraph.checkpoint.base import CheckpointTuple

    from tests.support.transcripts import Told

OFFLINE: Final = RunConfig(tracing_disabled=True)


def read(folder: Path) -> Told:
    """Return all that is told of the sessions below a folder."""
    found = told(
        record for source in sources_below([folder]) for record in READERS[source.tool].read(source)
    )
    assert (found.broken, found.unknown) == ([], {})
    return found


def talk(found: Told) -> list[tuple[str, str | None, str | None, list[str]]]:
    """Return each line as its kind, its parent's task, its result, and its texts."""
    return [
        (
            line.opened.kind,
            found.lines[line.opened.parent].task if line.opened.parent else None,
            line.result,
            [text for _, text in line.texts],
        )
        for line in found.lines.values()
    ]


@shows("openai-agents", "parallel", "resume")
async def test_agents_that_one_answer_calls_and_a_session_that_is_taken_up_again(
    tmp_path: Path,
) -> None:
    """Each agent that was called as a tool is a line; what is said later goes on in the session."""
    helpers = [
        Agent(name=name, model=ScriptedModel([f"{name} says dry."])).as_tool(name, f"Ask {name}")
        for name in ("bravo", "charlie")
    ]
    calls = [("bravo", {"input": "Check the lens."}), ("charlie", {"input": "Check the horn."})]
    model = ScriptedModel([calls, "Both are dry.", "Good night."])
    keeper = Agent(name="keeper", model=model, tools=[*helpers])
    for asked in ("Is all dry?", "Thanks."):
        with closing(SQLiteSession("watch", tmp_path / "agents.db")) as session:
            await Runner.run(keeper, asked, session=session, run_config=OFFLINE)

    found = read(tmp_path)

    assert talk(found) == [
        ("main", None, "Good night.", ["Is all dry?", "Both are dry.", "Thanks.", "Good night."]),
        ("subagent", "Is all dry?", "bravo says dry.", []),
        ("subagent", "Is all dry?", "charlie says dry.", []),
    ]
    assert [line.task for line in found.lines.values()][1:] == [
        "Check the lens.",
        "Check the horn.",
    ]


@shows("langgraph-sqlite", "parallel", "nested", "resume")
def test_graphs_that_run_beside_and_within_each_other_and_a_thread_that_is_taken_up_again(
    tmp_path: Path,
) -> None:
    """Each graph of a node is a line below the one that invoked it; a thread goes on."""
    for ask in (ask_side_by_side, ask_again):
        with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.db")) as saver:
            ask(saver)

    found = read(tmp_path)

    main, *graphs = talk(found)
    assert main[3] == [
        "Is all dry?",
        "horn: Looked: Check the horn.",
        "lens: Looked: Check the lens.",
        "And the wick?",
        "Looked: And the wick?",
    ]
    horn_said, lens_said = "Looked: Check the horn.", "Looked: Check the lens."
    assert sorted(graphs) == [
        ("subagent", "Check the lens.", lens_said, ["Check the lens.", lens_said]),
        ("subagent", "Is all dry?", horn_said, ["Check the horn.", horn_said]),
        ("subagent", "Is all dry?", lens_said, ["Check the lens.", lens_said]),
    ]


def test_an_answer_beside_a_node_that_failed_is_told_once(tmp_path: Path) -> None:
    """It stands in no checkpoint of LangGraph 1.2.24 until the step is taken up again.

    See findings/langgraph_get_state_shows_an_answer_that_no_checkpoint_has.sh.
    """
    question: Any = {"messages": [HumanMessage("All well?", id="1")]}
    failing = [True]

    def is_kept(found: CheckpointTuple | None) -> bool:
        written = found.pending_writes if found else None
        return any(channel == "messages" for _, channel, _ in written or [])

    def well(_: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage("All is well.", id="2")]}

    def boats(_: MessagesState) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_S
        while failing and not is_kept(saver.get_tuple(THREAD)):
            assert time.monotonic() < until
            time.sleep(0.01)
        if failing:
            raise ConnectionError
        return {"messages": [AIMessage("Three boats.", id="3")]}

    with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.db")) as saver:
        app = graph_of(well, boats=boats).compile(checkpointer=saver)
        with pytest.raises(ConnectionError):
            app.invoke(question, THREAD)
        failed = talk(read(tmp_path))
        failing.clear()
        app.invoke(None, THREAD)

    (main,) = talk(read(tmp_path))
    assert failed == [("main", None, "All is well.", ["All well?", "All is well."])]
    assert sorted(main[3]) == ["All is well.", "All well?", "Three boats."]
