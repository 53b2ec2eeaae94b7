"""LangGraph's checkpoints in a real PostgreSQL: what is read is what is read of SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.shallow import ShallowPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from psycopg.rows import dict_row

from anabranch.errors import InputInvalid
from anabranch.importers.inventory import located
from anabranch.importers.readers.catalogue import READERS
from tests.support.langgraph_graphs import (
    THREAD,
    ask_again,
    ask_in_deltas,
    ask_side_by_side,
    graph_of,
    look,
)
from tests.support.postgres_server import REQUIRED, postgres, programs
from tests.support.rounds import in_full_only
from tests.support.transcripts import shows, told

if TYPE_CHECKING:
    from pathlib import Path

    from langgraph.checkpoint.base import BaseCheckpointSaver


def keep_watch(saver: BaseCheckpointSaver[Any]) -> None:
    """Talk in two threads: one is left at an earlier checkpoint, one asks a helper's graph.

    The latter stopped in a step of which one node had answered.
    """
    helper = StateGraph(MessagesState)
    helper.add_node("look", look)
    helper.add_edge(START, "look")
    helper.add_edge("look", END)
    helping = helper.compile()

    def answer(state: MessagesState) -> dict[str, Any]:
        last = state["messages"][-1]
        if isinstance(last, ToolMessage):
            return {"messages": [AIMessage("The helper is back.")]}
        if str(last.content).startswith("Ask"):
            call = {"name": "ask", "args": {"task": "the lens"}, "id": "call_1"}
            return {"messages": [AIMessage("I send one.", tool_calls=[call])]}
        return {"messages": [AIMessage(f"It is so: {last.content}")]}

    def ask(state: MessagesState) -> dict[str, Any]:
        del state
        found = helping.invoke({"messages": [HumanMessage("Check the lens.")]})
        said = found["messages"][-1].content
        return {"messages": [ToolMessage(said, tool_call_id="call_1", name="ask")]}

    def route(state: MessagesState) -> str:
        return "ask" if getattr(state["messages"][-1], "tool_calls", None) else END

    graph = StateGraph(MessagesState)
    graph.add_node("answer", answer)
    graph.add_node("ask", ask)
    graph.add_edge(START, "answer")
    graph.add_conditional_edges("answer", route)
    graph.add_edge("ask", "answer")
    app = graph.compile(checkpointer=saver)
    first: Any = {"configurable": {"thread_id": "lamp"}}
    app.invoke({"messages": [HumanMessage("Lamp?")]}, first)
    earlier = app.get_state(first).config
    app.invoke({"messages": [HumanMessage("Fog?")]}, first)
    app.invoke({"messages": [HumanMessage("Clear?")]}, earlier)
    helped: Any = {"configurable": {"thread_id": "helped"}}
    app.invoke({"messages": [HumanMessage("Ask one helper.")]}, helped)
    unfinished = [("messages", [AIMessage("The horn is dry.", id="2")])]
    saver.put_writes(app.get_state(helped).config, unfinished, task_id=str(UUID(int=1)))


def shown(where: str) -> tuple[str, list[tuple[Any, ...]]]:
    """Return the tool that reads a place, and each line as kind, parent's task and texts."""
    (source,) = located([where], home=None, environment={})  # type: ignore[arg-type]  # No tool is looked for.
    found = told(READERS[source.tool].read(source))
    assert (found.broken, found.unknown) == ([], {})
    return source.tool, [
        (
            line.opened.kind,
            found.lines[line.opened.parent].task if line.opened.parent else None,
            line.texts,
            [(call.name, call.input) for call in line.calls.values()],
        )
        for line in found.lines.values()
    ]


def kept_by_a_shallow_saver(address: str) -> list[tuple[Any, ...]]:
    """Return the lines of a thread that a saver for one checkpoint keeps, in a schema of its own."""
    with psycopg.connect(address, autocommit=True) as database:
        database.execute("CREATE SCHEMA shallow")
    there = f"{address}{'&' if '?' in address else '?'}options=-csearch_path%3Dshallow"
    connection: Any = psycopg.connect(there, autocommit=True)
    with connection as database:
        database.row_factory = dict_row
        with pytest.warns(DeprecationWarning, match="ShallowPostgresSaver"):
            saver = ShallowPostgresSaver(database)
        saver.setup()
        app = graph_of(look).compile(checkpointer=saver)
        app.invoke({"messages": [HumanMessage("Lamp?")]}, THREAD)
        ask_again(saver)
    return shown(there)[1]


with_postgres = pytest.mark.skipif(
    programs() is None and not REQUIRED, reason="PostgreSQL is not on this machine; CI has it"
)


@shows("langgraph-postgres", "parallel", "nested", "resume")
@in_full_only
@with_postgres
def test_graphs_beside_and_within_each_other_are_read_as_those_in_sqlite(tmp_path: Path) -> None:
    """Each is a line below the one that invoked it, and the thread goes on."""
    folder = programs()
    assert folder is not None
    for ask in (ask_side_by_side, ask_again):
        with SqliteSaver.from_conn_string(str(tmp_path / "threads.sqlite")) as saver:
            ask(saver)

    with postgres(folder) as address:
        with PostgresSaver.from_conn_string(address) as saver:
            saver.setup()
        for ask in (ask_side_by_side, ask_again):
            with PostgresSaver.from_conn_string(address) as saver:
                ask(saver)
        _, found = shown(address)

    _, right = shown(str(tmp_path / "threads.sqlite"))
    assert [line[:2] for line in found].count(("subagent", "Is all dry?")) == 2
    assert ("subagent", "Check the lens.") in [line[:2] for line in found]
    assert _without_order(found) == _without_order(right)


def _without_order(lines: list[tuple[Any, ...]]) -> list[str]:
    """Return lines, and what nodes said at a time within them, in no order."""
    return sorted(str((*line[:2], sorted(line[2]), line[3])) for line in lines)


@shows("langgraph-postgres", "plain", "tools", "sub-agent", "rewind")
@in_full_only
@with_postgres
def test_threads_in_postgres_are_read_as_those_in_sqlite(tmp_path: Path) -> None:
    """A part that was left, a helper's graph, tools, messages beside checkpoints.

    A wrong address is refused without its password. A saver that keeps the newest checkpoint alone
    has what that holds.
    """
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.sqlite")) as saver:
        keep_watch(saver)
        ask_in_deltas(saver)
    folder = programs()
    assert folder is not None

    with postgres(folder) as address:
        with pytest.raises(InputInvalid) as nothing_there:
            shown(address)
        with PostgresSaver.from_conn_string(address) as saver:
            saver.setup()
            keep_watch(saver)
            ask_in_deltas(saver)
        found = shown(address)
        shallow = kept_by_a_shallow_saver(address)
        with psycopg.connect(address) as database:
            counted = database.execute("SELECT count(*) FROM checkpoints").fetchone()
    with pytest.raises(InputInvalid) as away:
        shown(address)

    assert found[0] == "langgraph-postgres"
    assert ("langgraph-sqlite", found[1]) == shown(str(tmp_path / "threads.sqlite"))
    assert shallow == [
        (
            "main",
            None,
            [
                ["user", "Lamp?"],
                ["assistant", "Looked: Lamp?"],
                ["user", "And the wick?"],
                ["assistant", "Looked: And the wick?"],
            ],
            [],
        )
    ]
    assert found[1][2][2][-1] == ["assistant", "The horn is dry."]
    kinds = ["main", "abandoned", "main", "subagent", "main", "abandoned"]
    assert [line[0] for line in found[1]] == kinds
    assert counted is not None
    assert counted[0] > 10
    for error in (nothing_there.value, away.value):
        assert (error.field, "f0ghorn" in str(error)) == ("where", False)
