"""The file of the MCP reference memory server: an entity a line, a relation a line.

Sessions are entities, and what they found are their observations. Whatever an insight names is an
entity too, with the texts that name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

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
        texts = dict.fromkeys(one.text for one in _holding(session))
        for insight in _holding(session):
            for entity in insight.entities:
                about.setdefault(entity, {})[insight.text] = None
                relations[name, "mentions", entity] = None
        ends = (session.view.result, tree.conclusion if session is tree.root else None)
        texts |= dict.fromkeys(end for end in ends if end)
        yield _entity(name, SESSION, list(texts))
        parent = names.get(session.view.parent_id or "")
        if parent is not None:
            relations[name, "branches from", parent] = None
    for entity, texts in about.items():
        if entity not in names.values():
            yield _entity(entity, NAMED, list(texts))
    for start, kind, end in relations:
        yield _json({"type": "relation", "from": start, "to": end, "relationType": kind})


class _Said(NamedTuple):
    text: str
    entities: tuple[str, ...]


def _holding(session: ExportedSession) -> list[_Said]:
    """Return what a session found that still holds."""
    return [
        _Said(one.text, one.entities)
        for one in session.insights
        if one.retired is None and one.text
    ]


def _name(session: ExportedSession) -> str:
    """Return a name that is unique in the file, and readable."""
    return f"{session.view.task} ({session.view.session_id})"


def _entity(name: str, kind: str, observations: list[str]) -> bytes:
    return _json({"type": "entity", "name": name, "entityType": kind, "observations": observations})


def _json(value: object) -> bytes:
    return orjson.dumps(value) + b"\n"
