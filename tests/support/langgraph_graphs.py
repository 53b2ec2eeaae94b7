"""Graphs of LangGraph that run beside and within each other, in a thread that is taken up again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated, Any, Final

from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph import message as graph_messages
from langgraph.types import Command, Overwrite, interrupt
from typing_extensions import TypedDict

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


_noted: Any = vars(graph_messages)["_messages_delta_reducer"]  # It has no public name yet.


class Noted(TypedDict):
    """A state whose messages stand beside its checkpoints, but for each third time."""

    messages: Annotated[list[Any], DeltaChannel(_noted, snapshot_frequency=3)]


def ask_in_deltas(saver: BaseCheckpointSaver[Any]) -> None:
    """Ask, leave what was asked, ask the same again, remove an answer, begin anew."""

    def plain(state: Noted) -> dict[str, Any]:
        if state["messages"][-1].content == "Forget it.":
            return {"messages": [RemoveMessage("2"), AIMessage("That answer is gone.", id="3")]}
        return {"messages": [AIMessage(f"Looked: {state['messages'][-1].content}")]}

    noting: Any = StateGraph(Noted)
    noting.add_node("plain", plain)
    noting.add_edge(START, "plain")
    app = noting.compile(checkpointer=saver)
    thread: Any = {"configurable": {"thread_id": "deltas"}}
    app.invoke({"messages": [("user", "Is it lit?")]}, thread)
    earlier = app.get_state(thread).config
    app.invoke({"messages": ["Is there fog?"]}, thread)
    app.invoke({"messages": ["Is there fog?"]}, earlier)
    app.invoke({"messages": [{"role": "user", "content": "And the boat?"}]}, thread)
    app.update_state(app.get_state(thread).config, {"messages": [AIMessage("Away.", id="2")]})
    app.invoke({"messages": [HumanMessage("Forget it.")]}, thread)
    app.update_state(
        app.get_state(thread).config, {"messages": Overwrite([HumanMessage("Begin anew.")])}
    )
    app.invoke({"messages": [HumanMessage("Is it day?")]}, thread)


def ask_again_at_earlier_checkpoints(saver: BaseCheckpointSaver[Any]) -> None:
    """Have an answer made again, then the question edited; resume an interrupt twice."""

    def ask(_: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(f"I may: {interrupt('May I?')}")]}

    app = graph_of(look).compile(checkpointer=saver)
    app.invoke({"messages": [HumanMessage("Is it lit?", id="1")]}, THREAD)
    (asked,) = [one for one in app.get_state_history(THREAD) if one.next == ("node",)]
    app.invoke(None, asked.config)
    edited = app.update_state(asked.config, {"messages": [HumanMessage("Is it dark?", id="1")]})
    app.invoke(None, edited)
    gated: Any = StateGraph(MessagesState)
    gated.add_node("gate", graph_of(look).compile())
    gated.add_node("ask", ask)
    gated.add_edge(START, "gate")
    gated.add_edge("gate", "ask")
    app = gated.compile(checkpointer=saver)
    thread: Any = {"configurable": {"thread_id": "gate"}}
    app.invoke({"messages": [HumanMessage("Open it.", id="2")]}, thread)
    stopped = app.get_state(thread).config
    app.invoke(Command(resume="yes"), thread)
    app.invoke(Command(resume="no"), stopped)


def look(state: MessagesState) -> dict[str, Any]:
    """Say what was looked at."""
    return {"messages": [AIMessage(f"Looked: {state['messages'][-1].content}")]}
