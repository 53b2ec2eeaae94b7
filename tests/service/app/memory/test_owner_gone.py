"""Where nobody takes over from an owner that has gone, every public operation says so."""

from __future__ import annotations

import asyncio
import inspect
import io
import sys
from typing import TYPE_CHECKING, Any

import pytest

from anabranch import Memory, Session
from anabranch.errors import OwnerGone
from anabranch.memory.forgetting.retention import MemoryRetention
from anabranch.memory.graph import MemoryGraph
from anabranch.memory.past import MemoryPast
from anabranch.memory.thinking.work import MemoryWork
from anabranch.memory.transfer import MemoryTransfer
from anabranch_events import new_id
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from anabranch.settings import Settings

pytestmark = pytest.mark.timeout(900)

OWNER = """
import asyncio, sys
from anabranch import Memory

async def main():
    async with Memory.open(sys.argv[1]):
        print("ready", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
async def owner(own_settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """Give a process that owns the home."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(own_settings.home)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 120) == b"ready\n"
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


def operations(
    memory: Memory, session: Session, folder: Path
) -> dict[tuple[type, str], Callable[[], Awaitable[Any]]]:
    """Return every public operation on a memory, its parts and a session, ready to be called."""
    one, other = new_id(), new_id()
    graph, past, transfer = memory.graph, memory.past, memory.transfer
    retention = memory.retention
    lines = [b'{"position": 1}']
    return {
        (Memory, "open_session"): lambda: memory.open_session("plan"),
        (Memory, "session"): lambda: memory.session(session.session_id),
        (Memory, "remember"): lambda: memory.remember("The pump is red"),
        (Memory, "remember_all"): lambda: memory.remember_all(["The pump is red"]),
        (Memory, "get"): lambda: memory.get(one),
        (Memory, "update"): lambda: memory.update(one, "The pump is blue"),
        (Memory, "retract"): lambda: memory.retract(one, "it was painted"),
        (Memory, "forget"): lambda: memory.forget(one),
        (Memory, "forget_all"): lambda: memory.forget_all(entity="pump"),
        (Memory, "settle"): memory.settle,
        (Memory, "synthesise"): lambda: memory.synthesise(entity="Munich"),
        (Memory, "conflicts"): memory.conflicts,
        (Memory, "conflict"): lambda: memory.conflict(1),
        (Memory, "resolve_conflict"): lambda: memory.resolve_conflict(1, "measured again"),
        (Memory, "about"): lambda: memory.about("pump"),
        (Memory, "cite"): lambda: memory.cite([one]),
        (Memory, "associate"): lambda: memory.associate(one, other),
        (Memory, "associations"): lambda: memory.associations(one),
        (Memory, "sever"): lambda: memory.sever(one, other),
        (Memory, "recall"): lambda: memory.recall("pump"),
        (Memory, "recall_all"): lambda: memory.recall_all(["pump"]),
        (Memory, "context"): lambda: memory.context("pump"),
        (Memory, "think"): lambda: memory.think("pumps"),
        (Memory, "consolidate"): lambda: memory.consolidate(session.session_id),
        (Memory, "cypher"): lambda: memory.cypher("RETURN 1"),
        (Memory, "show_session"): lambda: memory.show_session(session.session_id),
        (Memory, "list_sessions"): memory.list_sessions,
        (Memory, "session_tree"): lambda: memory.session_tree(session.session_id),
        (Memory, "replay"): lambda: _first(memory.replay()),
        (Memory, "follow"): lambda: _first(memory.follow(after=0)),
        (Memory, "wait_for"): lambda: memory.wait_for(10_000),
        (Memory, "status"): memory.status,
        (MemoryGraph, "digest"): graph.digest,
        (MemoryGraph, "rebuild"): graph.rebuild,
        (MemoryGraph, "repair"): graph.repair,
        (MemoryGraph, "foreign"): graph.foreign,
        (MemoryGraph, "dead_letters"): graph.dead_letters,
        (MemoryGraph, "generations"): graph.generations,
        (MemoryGraph, "use"): lambda: graph.use("graph_0"),
        (MemoryGraph, "drop"): lambda: graph.drop("graph_0"),
        (MemoryRetention, "set"): lambda: retention.set([{"age_days": 30}]),
        (MemoryRetention, "show"): retention.show,
        (MemoryRetention, "apply"): retention.apply,
        (MemoryPast, "position_of"): lambda: past.position_of(10_000),
        (MemoryPast, "history"): lambda: past.history(one),
        (MemoryPast, "diff"): lambda: past.diff(0, 10_000),
        (MemoryPast, "event"): lambda: past.event(1),
        (MemoryTransfer, "export"): lambda: transfer.export(io.BytesIO()),
        (MemoryTransfer, "import_lines"): lambda: transfer.import_lines(iter(lines)),
        (MemoryTransfer, "append_lines"): lambda: transfer.append_lines(iter(lines)),
        (MemoryTransfer, "verify_log"): transfer.verify_log,
        (MemoryTransfer, "namespaces"): transfer.namespaces,
        (MemoryTransfer, "seal_namespace"): transfer.seal_namespace,
        (MemoryTransfer, "delete_namespace"): lambda: transfer.delete_namespace(memory.namespace),
        (MemoryTransfer, "snapshot"): lambda: transfer.snapshot(folder / "log.zip"),
        (MemoryWork, "run_worker"): lambda: memory.work.run_worker(executors=["recalling"]),
        (MemoryWork, "run_pool"): lambda: memory.work.run_pool(most=1, executors=["recalling"]),
        (MemoryWork, "tasks"): memory.work.tasks,
        (MemoryWork, "task"): lambda: memory.work.task(session.session_id),
        (MemoryWork, "retry"): lambda: memory.work.retry(session.session_id),
        (MemoryWork, "cancel"): lambda: memory.work.cancel(session.session_id),
        (MemoryWork, "workers"): memory.work.workers,
        (MemoryWork, "drain"): lambda: memory.work.drain(["nobody"]),
        (MemoryWork, "load"): memory.work.load,
        (MemoryWork, "stats"): memory.work.stats,
        (Session, "branch"): lambda: session.branch("part"),
        (Session, "remember"): lambda: session.remember("The pump is red"),
        (Session, "remember_all"): lambda: session.remember_all(["The pump is red"]),
        (Session, "recall"): lambda: session.recall("pump"),
        (Session, "complete"): lambda: session.complete("done"),
        (Session, "note"): lambda: session.note("key", 1),
        (Session, "clear_note"): lambda: session.clear_note("key"),
        (Session, "hand_off"): lambda: session.hand_off(summary="go on"),
        (Session, "fail"): lambda: session.fail("broken"),
        (Session, "cancel"): lambda: session.cancel("not needed"),
        (Session, "close"): session.close,
        (Session, "show"): session.show,
        (Session, "watch"): lambda: _first(session.watch()),
        (Session, "claim"): lambda: session.claim("pump"),
        (Session, "renew"): lambda: session.renew("pump", token=1),
        (Session, "release"): lambda: session.release("pump", token=1),
    }


async def _remember_on(memory: Memory) -> None:
    while True:
        await memory.remember("Is anybody there?")


async def _first(events: AsyncIterator[Any]) -> Any:
    return await anext(events)


def test_every_operation_is_tried() -> None:
    """The table below names each public method that asks a server."""
    classes = (
        *(Memory, MemoryGraph, MemoryPast, MemoryRetention, MemoryTransfer, MemoryWork),
        Session,
    )
    public = {
        (owner, name)
        for owner in classes
        for name, value in vars(owner).items()
        if not name.startswith("_")
        and (owner, name) != (Memory, "close")
        and (inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value))
    }

    class Nobody:
        def __getattr__(self, _: str) -> Any:
            return self

    nobody: Any = Nobody()

    assert set(operations(nobody, nobody, nobody)) == public


@in_full_only
async def test_each_operation_says_that_the_owner_has_gone(
    own_settings: Settings, owner: asyncio.subprocess.Process, tmp_path: Path
) -> None:
    """Not one points at NATS_URL or at a password, or hangs on a driver's error."""
    # A recall index that this process follows in the owner's place would go on to answer.
    impatient = own_settings.changed(request_timeout_s=1, take_over=False, ranker="graph")
    async with Memory.open(settings=impatient) as memory:
        session = await memory.open_session("plan the trip")
        await memory.remember("The pump is red", session_id=session.session_id)
        await memory.recall("pump")
        owner.kill()
        await owner.wait()
        calls = operations(memory, session, tmp_path)
        # The log's server ends a moment after its owner.
        with pytest.raises(OwnerGone):
            await asyncio.wait_for(_remember_on(memory), 60)

        async def outcome(call: Callable[[], Awaitable[Any]]) -> object:
            try:
                return await call()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is compared.
                return type(error), error.__cause__

        # A rebuild holds a lock of the home: what needs it goes one after another.
        lone = [key for key in calls if key[1] in {"rebuild", "use", "drop"}]
        found = {key: await outcome(calls.pop(key)) for key in lone}
        others = await asyncio.gather(*map(outcome, calls.values()))
        found |= dict(zip(calls, others, strict=True))

    said = {f"{kind.__name__}.{name}": one for (kind, name), one in found.items()}
    assert {name: one for name, one in said.items() if one != (OwnerGone, None)} == {}
