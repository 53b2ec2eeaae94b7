"""The file of the MCP reference memory server: an entity a line, a relation a line.

Sessions are entities, and what they found are their observations. Whatever an insight names is an
entity too, with the texts that name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch.exporters.exported import ExportedSession, ExportedTree

SESSION: Final = "session"
NAMED: Final = "entity"


def mcp_memory(tree: ExportedTree) -> Iterator[bytes]:
    """Yield the lines of the file, entities before the relations between them."""
    names = {one.view.session_id: _name(one) for one in tree.sessions}
    about: dict[str, dict[str, None]] = {}
    relations: dict[tuple[str, str, str], None] = {}
    for session in tree.sessions:
        name = names[session.view.session_id]
        texts: dict[str, None] = {}
        for insight in session.insights:
            if insight.retired is None and insight.text:
                texts[insight.text] = None
                for entity in insight.entities:
                    about.setdefault(entity, {})[insight.text] = None
                    relations[name, "mentions", entity] = None
        if session.view.result:
            texts[session.view.result] = None
        yield _entity(name, SESSION, list(texts))
        parent = names.get(session.view.parent_id or "")
        if parent is not None:
            relations[name, "branches from", parent] = None
    for entity, texts in about.items():
        if entity not in names.values():
            yield _entity(entity, NAMED, list(texts))
    for start, kind, end in relations:
        yield _json({"type": "relation", "from": start, "to": end, "relationType": kind})


def _name(session: ExportedSession) -> str:
    """Return a name that is unique in the file, and readable."""
    return f"{session.view.task} ({session.view.session_id})"


def _entity(name: str, kind: str, observations: list[str]) -> bytes:
    return _json({"type": "entity", "name": name, "entityType": kind, "observations": observations})


def _json(value: object) -> bytes:
    return orjson.dumps(value) + b"\n"
