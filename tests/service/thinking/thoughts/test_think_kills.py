"""kill -9 in the middle of a thought: what was acknowledged is there, what is open is known."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from anabranch_events.event.types import BranchCreated
from anabranch_thinking import Sessions, consolidate_thought
from tests.support.patience import PATIENCE_S
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from anabranch_events import Log, NatsServer


async def killed_after(lines: int, *arguments: str) -> list[list[str]]:
    """Run the thinker, kill it once it said `lines` lines, and return all it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.thinker", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    said: list[bytes] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(said) < lines and (line := await process.stdout.readline()):
            said.append(line)
        process.kill()
        said += [line async for line in process.stdout if line.endswith(b"\n")]
        await process.wait()
    return [line.decode().split() for line in said]


@pytest.mark.parametrize("lines", [42, 60, 97, 131])
async def test_a_killed_thought_is_known_and_can_be_finished(
    nats_server: NatsServer, log: Log, namespace: str, lines: int
) -> None:
    """Nothing acknowledged is missing; an heir reads from the log what is open and finishes it."""
    said = await killed_after(lines, nats_server.url, nats_server.token, namespace)
    assert len(said) >= lines

    stored = {recorded.position: recorded async for recorded in log.read_all()}
    for position, event_id, session_id, _ in said:
        assert stored[int(position)].decode().id == event_id
        assert stored[int(position)].session_id == session_id

    sessions = Sessions(log, namespace=namespace)
    branch_ids = [
        recorded.session_id
        for recorded in stored.values()
        if isinstance(recorded.decode().data, BranchCreated)
    ]
    states = [await sessions.state(branch_id) for branch_id in branch_ids]
    finished = {session_id for _, _, session_id, kind in said if kind == "completed"}
    unfinished = [state for state in states if not state.ended]
    assert len(branch_ids) == 40
    assert finished <= {state.session_id for state in states if state.status == "completed"}
    assert {str(state.status) for state in unfinished} <= {"pending", "running"}
    assert unfinished

    for state in unfinished:
        claim = await sessions.start(state.session_id, worker="heir", attempt=state.attempt + 1)
        seen = [f"Seen at {state.task} by the heir."]
        await sessions.complete(state.session_id, "done", insights=seen, claim=claim)
    made = await consolidate_thought(sessions, states[0].root_id, session_ids=branch_ids)

    ended = [await sessions.state(branch_id) for branch_id in branch_ids]
    assert {str(state.status) for state in ended} == {"completed"}
    learned = [insight.insight_id for state in ended for insight in state.insights]
    assert sorted(made.sources) == sorted(learned)
