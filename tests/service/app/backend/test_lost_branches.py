"""kill -9 of a process that thinks: its branches are ended as lost; those of a slow one go on."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anabranch.backend.lost_branches import end_lost_branches
from anabranch.home.running_thoughts import lost_thoughts
from anabranch_events.event.types import BranchCreated, SessionOpened
from anabranch_thinking import Sessions
from tests.support.patience import PATIENCE_S
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from anabranch_events import Log, NatsServer

NAMESPACE = "test"
BEGUN = {"opened": 1, "created": 6, "started": 6}
"""The events of a thinker that waits: a root, three branches, and one below each."""


@asynccontextmanager
async def thinker(server: NatsServer, folder: Path, *session_id: str) -> AsyncGenerator[Process]:
    """Start a process that thinks; enter once all its branches run, and kill it on exit."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.recorded_thinker"),
        *(server.url, server.token, NAMESPACE, str(folder), *session_id),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        wanted = sum(BEGUN.values()) - len(session_id)
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(wanted):
                assert await process.stdout.readline()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def standing(log: Log) -> dict[str, tuple[str, str | None]]:
    """Return the status of every session, and its error."""
    sessions = Sessions(log, namespace=NAMESPACE)
    found: dict[str, tuple[str, str | None]] = {}
    async for recorded in log.read_all():
        if isinstance(recorded.decode().data, SessionOpened | BranchCreated):
            state = await sessions.state(recorded.session_id)
            found[recorded.session_id] = (str(state.status), state.error)
    return found


async def test_the_sessions_of_a_killed_thought_end_as_lost(
    nats_server: NatsServer, log: Log, tmp_path: Path
) -> None:
    """All of them, also below branches, with a reason that names the process; and once."""
    said: list[int] = []
    async with thinker(nats_server, tmp_path) as process:
        process.kill()
        await process.wait()

        await end_lost_branches(tmp_path, log, listener=lambda _event, at: said.append(at))

    ended = await standing(log)
    assert {status for status, _ in ended.values()} == {"failed"}
    assert len(ended) == 7
    assert all(
        str(error).startswith(f"lost: process {process.pid} on ") for _, error in ended.values()
    )
    assert len(said) == 7
    assert list(lost_thoughts(tmp_path)) == []


async def test_branches_of_a_closed_root_end_too(
    nats_server: NatsServer, log: Log, tmp_path: Path
) -> None:
    """A session that was given to a thought is left as it is: open, or closed by its owner."""
    sessions = Sessions(log, namespace=NAMESPACE)
    given = (await sessions.open_session("Count")).session_id
    async with thinker(nats_server, tmp_path, given) as process:
        process.kill()
        await process.wait()
    await sessions.close(given)

    await end_lost_branches(tmp_path, log, listener=lambda _event, _at: None)

    ended = await standing(log)
    assert ended.pop(given) == ("closed", None)
    assert [status for status, _ in ended.values()] == ["failed"] * 6


async def test_a_process_that_is_stopped_is_not_taken_for_dead(
    nats_server: NatsServer, log: Log, tmp_path: Path
) -> None:
    """It answers nothing and beats no heart, but it lives: its branches go on running."""
    async with thinker(nats_server, tmp_path) as process:
        process.send_signal(signal.SIGSTOP)

        await end_lost_branches(tmp_path, log, listener=lambda _event, _at: None)

        found = await standing(log)
        assert sorted(status for status, _ in found.values()) == ["open", *["running"] * 6]
        process.send_signal(signal.SIGCONT)


async def test_what_the_log_does_not_know_holds_up_nothing(log: Log, tmp_path: Path) -> None:
    """A record of sessions that never began, a torn one and an empty one are taken away."""
    (tmp_path / "1.thought").write_bytes(b"")
    (tmp_path / "2.thought").write_bytes(
        b'{"namespace":"%s","process":"1"}\n["0198c0de-0000-7000-8000-000000000001"]\n["0198'
        % NAMESPACE.encode()
    )

    await end_lost_branches(tmp_path, log, listener=lambda _event, _at: None)

    assert list(lost_thoughts(tmp_path)) == []
