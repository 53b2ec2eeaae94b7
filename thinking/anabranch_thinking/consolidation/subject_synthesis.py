"""The synthesis of a session, an entity or a period: the same text as that of a thought, cited.

Each subject has a session of its own for it. Run again over the same insights, the consolidation
that stands there is returned. It joins no session: whatever sees a session sees it as before.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from anabranch_events.errors import PositionConflict, SessionNotFound
from anabranch_events.event.types import SessionOpened
from anabranch_thinking.consolidation.consolidate import Found, record, text_of, vectors_of
from anabranch_thinking.consolidation.synthesis import SESSIONS, synthesise
from anabranch_thinking.sessions.journal import Fact, checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_recall import Embedder
    from anabranch_thinking.consolidation.abstractive import Writer, Written
    from anabranch_thinking.consolidation.points import Point
    from anabranch_thinking.sessions.sessions import Sessions
    from anabranch_thinking.sessions.state import SessionState
    from anabranch_thinking.thought import Consolidation


async def consolidate_subject(
    sessions: Sessions,
    session_id: str,
    points: Sequence[Point],
    *,
    task: str,
    embedder: Embedder | None = None,
    opposed: Sequence[tuple[str, str]] = (),
    writer: Writer | None = None,
) -> Consolidation:
    """Synthesise `points`, at least one, and record it in the session `session_id`.

    The session is opened where it is not there yet; `task` says what the synthesis is about.
    `opposed` are the pairs of insights between which a conflict is open: they are set side by side.
    A `writer` has a model write the text.
    """
    asked: dict[str, Written] = {}
    vectors = await vectors_of(points, embedder, {})

    async def attempt() -> Consolidation:
        root = await _opened(sessions, session_id, task)
        synthesis = await asyncio.to_thread(
            synthesise, root.task, points, vectors=vectors, seen_by=SESSIONS, opposed=opposed
        )
        text = await text_of(
            root, synthesis, writer, embedder=embedder, asked=asked, opposed=opposed
        )
        return await record(sessions, root, Found((), text, ()))

    return await sessions.settle(attempt)


async def _opened(sessions: Sessions, session_id: str, task: str) -> SessionState:
    try:
        return await sessions.state(session_id)
    except SessionNotFound:
        opening = Fact(session_id, checked(SessionOpened, task=task))
        with suppress(PositionConflict):  # Another one opened it.
            await sessions.append([opening], root_id=session_id, expected={session_id: 0})
        return await sessions.state(session_id)
