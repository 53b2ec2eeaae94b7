"""Graphs of LangGraph that run beside and within each other, in a thread that is taken up again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph.checkpoint.base import BaseCheckpointSaver

THREAD: Final[Any] = {"configurable": {"thread_id": "pier"}}


def graph_of(node: Any, **others: Any) -> Any:
    """Return a graph in which nodes answer side by side."""
    graph = StateGraph(MessagesState)
    for name, one in {"node": node, **others}.items():
        graph.add_node(name, one)
        graph.add_edge(START, name)
        graph.add_edge(name, END)
    return graph


def ask_side_by_side(saver: BaseCheckpointSaver[Any]) -> None:
    """Ask two nodes at a time; each invokes a graph, and one of these another."""
    both = threading.Barrier(2)

    def helper(name: str, inner: Any) -> Callable[[MessagesState], dict[str, Any]]:
        def ask(state: MessagesState) -> dict[str, Any]:
            if state["messages"][-1].content != "Is all dry?":
                return {"messages": []}
            both.wait(PATIENCE_S)
            said = inner.invoke({"messages": [HumanMessage(f"Check the {name}.")]})["messages"][-1]
            return {"messages": [AIMessage(f"{name}: {said.content}")]}

        return ask

    def passed_on(state: MessagesState) -> dict[str, Any]:
        return {"messages": [deep.invoke({"messages": state["messages"][-1:]})["messages"][-1]]}

    deep = graph_of(look).compile()
    lens, horn = graph_of(passed_on).compile(), graph_of(look).compile()
    app = graph_of(helper("lens", lens), horn=helper("horn", horn)).compile(checkpointer=saver)
    app.invoke({"messages": [HumanMessage("Is all dry?")]}, THREAD)


def ask_again(saver: BaseCheckpointSaver[Any]) -> None:
    """Go on in the same thread."""
    app = graph_of(look).compile(checkpointer=saver)
    app.invoke({"messages": [HumanMessage("And the wick?")]}, THREAD)


def look(state: MessagesState) -> dict[str, Any]:
    """Say what was looked at."""
    return {"messages": [AIMessage(f"Looked: {state['messages'][-1].content}")]}
