"""Sessions as threads of LangGraph's SQLite checkpoints, from which a graph goes on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from anabranch.exporters.targets import export_session
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_core.runnables import RunnableConfig

    from tests.service.app.exporters.conftest import Pier

# LangGraph takes longer to import than the tests take.
pytestmark = [in_full_only, pytest.mark.timeout(360)]


async def test_a_graph_goes_on_where_a_branch_stands(pier: Pier, tmp_path: Path) -> None:
    """A branch has what was said before it left, and not what came later."""
    from langchain_core.messages import AIMessage, HumanMessage
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import START, MessagesState, StateGraph

    path = tmp_path / "threads.sqlite"
    await export_session(pier.memory, pier.root, to="langgraph", path=path)
    await export_session(pier.memory, pier.root, to="langgraph", path=path)

    def answer(state: MessagesState) -> dict[str, list[AIMessage]]:
        return {"messages": [AIMessage(f"after {len(state['messages'])}")]}

    with SqliteSaver.from_conn_string(str(path)) as saver:
        graph = StateGraph(MessagesState)
        graph.add_node("answer", answer)
        graph.add_edge(START, "answer")
        compiled = graph.compile(checkpointer=saver)
        thread: RunnableConfig = {"configurable": {"thread_id": pier.survey}}
        before = compiled.get_state(thread).values["messages"]
        after = compiled.invoke({"messages": [HumanMessage("And pile 8?")]}, thread)["messages"]

    assert [(one.type, one.content) for one in before] == [
        ("human", "Repair the pier"),
        ("human", "Which planks are rotten?"),
        ("ai", "We take larch instead of pine."),
        ("human", "Look at the piles"),
        ("ai", "Pile 7 sounds hollow."),
        ("ai", "Pile 7 is hollow."),
    ]
    assert [one.content for one in after[len(before) :]] == ["And pile 8?", "after 7"]
    assert os.listdir(tmp_path) == ["threads.sqlite"]  # noqa: PTH208 - a Path's would block, too.
