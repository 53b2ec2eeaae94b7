"""Targets of an export: the forms in which other tools take a session."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from anabranch.exporters.exported import exported
from anabranch.exporters.markdown import markdown
from anabranch.exporters.mcp_memory import mcp_memory
from anabranch.exporters.otel import otel
from anabranch.transfer.files import writing
from anabranch_events.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from anabranch.exporters.exported import ExportedTree
    from anabranch.memory.memory import Memory

LANGGRAPH: Final = "langgraph"
TEXTS: Final[dict[str, Callable[[ExportedTree], Iterator[bytes]]]] = {
    "markdown": markdown,
    "mcp-memory": mcp_memory,
    "otel": otel,
}
TARGETS: Final = (*TEXTS, LANGGRAPH)


async def export_session(
    memory: Memory, session_id: str, *, to: str, path: Path | None = None
) -> bytes | None:
    """Export a session and its branches; return the text, unless `path` takes it.

    LangGraph's form is a SQLite file and needs `path`. A file that is there is replaced. Raises
    InputInvalid, SessionNotFound and FrameworkMissing.
    """
    if to not in TARGETS:
        raise InputInvalid(
            f"to: {to!r} is no form that a session leaves in",
            field="to",
            fix=f"use one of {', '.join(TARGETS)}",
        )
    if to == LANGGRAPH and path is None:
        raise InputInvalid(
            "output: LangGraph's checkpoints are a SQLite file",
            field="output",
            fix="name the file with --output",
        )
    tree = await exported(memory, session_id)
    if path is None:
        return b"".join(TEXTS[to](tree))
    try:
        _write(tree, path, to=to)
    except (OSError, sqlite3.Error) as error:
        raise InputInvalid(
            f"output: {path} cannot be written: {error}",
            field="output",
            fix="check that its folder is there and has room",
        ) from error
    return None


def _write(tree: ExportedTree, path: Path, *, to: str) -> None:
    if to == LANGGRAPH:
        from anabranch.exporters.langgraph import write_threads

        write_threads(tree, path)
        return
    with writing(path) as target:
        target.writelines(TEXTS[to](tree))
