"""A SQLite file of LangGraph's checkpoints: a thread a session, from which a graph goes on.

A thread has the channel `messages`, as `MessagesState` does. That of a branch begins with what was
said before it was forked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch.adapters.framework import framework

with framework("langgraph", extra="langgraph"):
    from langchain_core.messages import AIMessage, HumanMessage
    from langgraph.checkpoint.base import empty_checkpoint
    from langgraph.checkpoint.sqlite import SqliteSaver

from anabranch.transfer.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_core.messages import BaseMessage

    from anabranch.exporters.exported import ExportedSession, ExportedTree

CHANNEL: Final = "messages"
_ASKED: Final = "request"


def write_threads(tree: ExportedTree, path: Path) -> int:
    """Write a new file with a thread for each session; return how many.

    A file of that name is replaced once the new one is whole.
    """
    with replacing(path) as unfinished:
        _write(tree, unfinished)
    return len(tree.sessions)


def _write(tree: ExportedTree, path: Path) -> None:
    said: dict[str, list[tuple[int, BaseMessage]]] = {}
    with SqliteSaver.from_conn_string(str(path)) as saver:
        for session in tree.sessions:
            view = session.view
            forked_at = view.forked_at or 0
            before = [
                one
                for one in said.get(view.parent_id or "", [])
                if not one[0] or one[0] <= forked_at
            ]
            said[view.session_id] = [*before, *_messages(session)]
            if session is tree.root and tree.conclusion:
                last = AIMessage(tree.conclusion, id=f"{view.session_id}-conclusion")
                said[view.session_id].append((view.position, last))
            version = saver.get_next_version(None, None)
            saver.put(
                {"configurable": {"thread_id": view.session_id, "checkpoint_ns": ""}},
                {
                    **empty_checkpoint(),
                    "channel_values": {CHANNEL: [one for _, one in said[view.session_id]]},
                    "channel_versions": {CHANNEL: version},
                },
                {"source": "update", "step": 0, "parents": {}},
                {CHANNEL: version},
            )


def _messages(session: ExportedSession) -> list[tuple[int, BaseMessage]]:
    """Return what was said in a session, each with its position."""
    view = session.view
    asked = [one.text for one in session.insights if one.kind == _ASKED]
    found: list[tuple[int, BaseMessage]] = []
    if asked[:1] != [view.task]:
        found.append((0, HumanMessage(view.task, id=view.session_id)))
    for insight in session.insights:
        if insight.retired is None and insight.text:
            kind = HumanMessage if insight.kind == _ASKED else AIMessage
            found.append((insight.position, kind(insight.text, id=insight.insight_id)))
    if view.result and view.result not in {one.text for one in session.insights}:
        found.append((view.position, AIMessage(view.result, id=f"{view.session_id}-result")))
    return found
