"""Ids by their ends and starts: people type what commands print, or the first they see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from anabranch.errors import HistoryNotFound, IdAmbiguous
from anabranch_events.errors import InputInvalid, SessionNotFound
from anabranch_thinking import InsightNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.memory.namespaces import OpenNamespace

_SHORT: Final = re.compile(r"[0-9a-fA-F-]{4,35}")
_DIGITS_OF_WHOLE: Final = 32
_FIELDS: Final = {"sessions": "session_id", "insights": "insight_id", "things": "id"}
_LISTED: Final = 10


async def session_id_of(namespace: OpenNamespace, given: str) -> str:
    """Return the id of the session whose id ends, or begins, with `given`.

    A whole id is returned as it is. Raises InputInvalid, SessionNotFound, and IdAmbiguous where
    there are several.
    """
    found = await _one(namespace, given, "sessions")
    if found is None:
        raise SessionNotFound(f"...{given}...", namespace=namespace.name)
    return found


async def insight_id_of(namespace: OpenNamespace, given: str) -> str:
    """Return the id of the insight whose id ends, or begins, with `given`, as `session_id_of` does.

    Raises InputInvalid, InsightNotFound and IdAmbiguous.
    """
    found = await _one(namespace, given, "insights")
    if found is None:
        raise InsightNotFound(f"...{given}...", namespace=namespace.name)
    return found


async def thing_id_of(namespace: OpenNamespace, given: str) -> str:
    """Return the id of the session, insight or consolidation that ends, or begins, with `given`.

    Raises InputInvalid, HistoryNotFound, and IdAmbiguous where there are several, of any kind.
    """
    found = await _one(namespace, given, "things")
    if found is None:
        raise HistoryNotFound(f"...{given}...", namespace=namespace.name, to=namespace.backend.seen)
    return found


async def _one(namespace: OpenNamespace, given: str, kind: str) -> str | None:
    """Return the one id that ends, or begins, with `given`; None where none does."""
    if len(given.replace("-", "")) >= _DIGITS_OF_WHOLE:
        return given
    if not _SHORT.fullmatch(given):
        field = _FIELDS[kind]
        raise InputInvalid(
            f"{field}: {given!r} is neither an id nor the end or start of one",
            field=field,
            fix="give it as it is printed: whole, or at least four characters of its end or start",
        )
    await namespace.caught_up()
    graph = await namespace.backend.graph()
    rows = await graph.read(
        f"ids/{kind}", namespace=namespace.name, part=given.lower(), limit=_LISTED + 1
    )
    if len(rows) > 1:
        raise IdAmbiguous(given, _listed(rows))
    return str(rows[0]["id"]) if rows else None


def _listed(rows: Sequence[dict[str, object]]) -> list[str]:
    listed = [f"{row['id']} ({_short(str(row['said'] or ''))})" for row in rows[:_LISTED]]
    return listed if len(rows) <= _LISTED else [*listed, "..."]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else line[:39] + "…"
