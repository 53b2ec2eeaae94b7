"""Ten thousand sessions for the page: stored, served, and more that begin meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import httpx2

from anabranch import Memory
from anabranch.memory.memory import namespace_of
from anabranch_events import new_event, new_id
from anabranch_events.event.types import (
    BranchCompleted,
    BranchCreated,
    BranchStarted,
    ConsolidationRecorded,
    Insight,
    SessionClosed,
    SessionOpened,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from anabranch_events import Event

SESSIONS: Final = int(os.environ.get("ANABRANCH_BENCH_SESSIONS", "10000"))
BRANCHES: Final = 9
WAIT_S: Final = 300.0
_NAMESPACE: Final = "default"


def events(sessions: int) -> Iterator[Event]:
    """Yield thoughts of nine branches, each with two insights, joined and closed; in waves."""
    wave = 4
    for _ in range(sessions // ((BRANCHES + 1) * wave)):
        roots = [new_id() for _ in range(wave)]
        branches = {root: [new_id() for _ in range(BRANCHES)] for root in roots}
        for root in roots:
            yield _event(SessionOpened(task="Map the canal"), root)
        for at in range(BRANCHES):
            for root in roots:
                yield _event(_branch(root, at), branches[root][at])
                yield _event(BranchStarted(worker="w"), branches[root][at])
        sources: dict[str, list[str]] = {root: [] for root in roots}
        for at in range(BRANCHES):
            for root in roots:
                found = tuple(Insight(insight_id=new_id(), text=f"Lock {at} {n}") for n in range(2))
                sources[root] += [one.insight_id for one in found]
                yield _event(BranchCompleted(result="seen", insights=found), branches[root][at])
        for root in roots:
            yield _event(
                ConsolidationRecorded(
                    consolidation_id=new_id(),
                    root_id=root,
                    sessions=tuple(branches[root]),
                    sources=tuple(sources[root]),
                    text="The canal is mapped",
                ),
                root,
            )
            yield _event(SessionClosed(reason="joined"), root)


def _branch(root: str, at: int) -> BranchCreated:
    return BranchCreated(
        parent_id=root,
        root_id=root,
        forked_at=0,
        depth=1,
        task=f"Look at lock {at}",
        role="surveyor",
    )


def _event(data: Any, session_id: str) -> Event:
    return new_event(data, session_id=session_id, namespace=_NAMESPACE)


async def fill(home: Path) -> None:
    """Store the sessions in a home, and wait until the graph has them."""
    from anabranch.settings import Settings

    settings = Settings(home=home, embedder="none")
    async with Memory.open(settings=settings) as memory:
        backend = namespace_of(memory).backend
        await backend.log.ingest(events(SESSIONS))
        last = (await backend.log.bounds()).last
        print(f"  {last:,} events", file=sys.stderr)
        await backend.wait_for(last, projection="graph", timeout_s=WAIT_S)


@asynccontextmanager
async def served(home: Path) -> AsyncGenerator[str]:
    """Serve a home by `anabranch serve`, as users do."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "anabranch", "--home", str(home), "serve", "--port", "0", "--json"),
        env={**os.environ, "ANABRANCH_EMBEDDER": "none"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), WAIT_S)
        yield json.loads(line)["http"]
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def beginning(url: str) -> AsyncGenerator[None]:
    """Begin ten sessions a second for as long as this is open. Raises what stopped that."""

    async def begin() -> None:
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:
            while True:
                answer = await client.post("/v1/sessions", json={"task": "Look at the lock"})
                answer.raise_for_status()
                await asyncio.sleep(0.1)

    begun = asyncio.create_task(begin())
    try:
        yield
        if begun.done():
            begun.result()
    finally:
        begun.cancel()
        await asyncio.gather(begun, return_exceptions=True)
