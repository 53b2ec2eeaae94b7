"""A session that many write to can still be ended: its end waits for its turn."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from anabranch_thinking import Sessions
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from anabranch_events import Log

WRITERS = 6


@in_full_only
async def test_a_session_ends_under_six_writers(log: Log, namespace: str) -> None:
    """Close, complete and hand-off succeed while six others record without a pause."""
    ends = {}
    for end in ("close", "complete", "hand_off"):
        sessions = Sessions(log, namespace=namespace)
        session_id = (await sessions.open_session("Watch the river")).session_id
        writing = [
            asyncio.create_task(_write(Sessions(log, namespace=namespace), session_id))
            for _ in range(WRITERS)
        ]
        await asyncio.sleep(0.2)  # The writers are at it.
        try:
            if end == "close":
                await sessions.close(session_id)
            elif end == "complete":
                await sessions.complete(session_id, "It rises.")
            else:
                await sessions.hand_off(session_id, summary="It rises.")
        finally:
            for each in writing:
                each.cancel()
            await asyncio.gather(*writing, return_exceptions=True)
        ends[end] = str((await sessions.state(session_id)).status)

    assert ends == {"close": "closed", "complete": "completed", "hand_off": "handed_off"}


async def _write(sessions: Sessions, session_id: str) -> None:
    number = 0
    while True:
        number += 1
        await sessions.remember(f"Gauge {number} drifts.", session_id=session_id)
