"""The demo: three people's real sessions become a memory that thinks, recalls and replays itself.

Each step does its part on real servers and returns what came of it; `telling` shows it.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict

from anabranch.memory.memory import namespace_of
from anabranch_recall import Hit
from anabranch_thinking import (
    BranchContext,
    BranchTask,
    Finding,
    RecallExecutor,
    Sessions,
    Thought,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anabranch.demo.dataset import ExampleSession
    from anabranch.memory.memory import Memory
    from anabranch_thinking import EventListener

NAMESPACE: Final = "demo"
QUESTION: Final = "What stands between Kenta, Ji-young and Adeleke and their plans, and what helps?"
RECALLED: Final = "Which project management tool has Adeleke chosen?"
_TURN: Final = datetime(2026, 1, 9, tzinfo=UTC)
CONCURRENCY: Final = 16
MODEL_S: Final = 0.3
"""The time that the answer of a model takes here: a pause, for the demo has none."""
_AGAIN: Final = "What helps everybody"
_BRANCHES: Final = (
    ("focus", "What wears Kenta out after work, and what eases it"),
    ("focus", "What Ji-young needs in order to study without fear"),
    ("focus", "What Adeleke's business runs on, and what stops it"),
    ("pattern recognition", "Which small steps keep coming back for Kenta"),
    ("pattern recognition", "What keeps coming back in Ji-young's plans and budget"),
    ("pattern recognition", "What keeps coming back in Adeleke's tools and money"),
    ("creative synthesis", _AGAIN),
    ("creative synthesis", "How Kenta and Ji-young find rest and quiet"),
    ("risk analysis", "What could go wrong with money: debts, budgets, funds"),
    ("risk analysis", "What could go wrong with network, internet and power"),
    ("meta-cognition", "What memory holds about exhaustion, stress and panic"),
    ("meta-cognition", "What memory holds about simple, low-effort plans"),
)
_HELPS: Final = ("Kenta", "Ji-young", "Adeleke")
_LINKS: Final = """\
MATCH (a:Insight {namespace: $namespace})-[r:ASSOCIATED_WITH]->(b:Insight)
WHERE r.retired IS NULL AND a.session_id <> b.session_id AND NOT b.id IN a.sources
  AND r.weight < 0.75 // Above that the one says the other in other words.
RETURN a.text AS one, b.text AS other, r.kind AS kind, r.weight AS weight
ORDER BY weight DESC, one, other LIMIT 3"""
SHAPE: Final = """\
MATCH (c:Consolidation {namespace: $namespace})
MATCH (c)-[:DERIVED_FROM]->(i:Insight)<-[:PRODUCED]-(s:Session)
RETURN s.role AS role, count(DISTINCT s) AS branches,
  count(i) AS insights
ORDER BY insights DESC, role"""


class Ingested(BaseModel):
    """The first things learned. At `turning_point` people had not yet changed their minds."""

    model_config = ConfigDict(frozen=True)
    people: tuple[str, ...]
    sessions: int
    insights: int
    position: int
    turning_point: int
    seconds: float


class Linked(BaseModel):
    """An association between insights of two sessions."""

    model_config = ConfigDict(frozen=True)
    one: str
    other: str
    kind: str
    weight: float


class Told(BaseModel):
    """The whole story, for machines."""

    model_config = ConfigDict(frozen=True)
    home: str | None
    ingested: Ingested
    thought: Thought
    side_by_side_ms: float
    one_after_another_ms: float
    associations: list[Linked]
    recalled: list[Hit]
    as_of: int
    recalled_then: list[Hit]
    cypher: list[dict[str, Any]]
    events: int
    rebuilt_in: float
    digest: str
    digests_agree: bool
    seconds: float


class BranchesAgain:
    """Asks memory as its role does; the branch about everybody branches again, once a person.

    A model would then be waited for: that is simulated by a pause of `MODEL_S`. `asked` gathers its
    branches, so that the same can be asked once more.
    """

    name = "recalling"

    def __init__(self) -> None:
        self.asked: list[BranchContext] = []
        self._recalling = RecallExecutor()

    async def run(self, branch: BranchContext) -> Finding:
        """Return what the branch found, with what its own branches found."""
        self.asked.append(branch)
        if branch.task != _AGAIN:
            return await self._answered(branch)
        outcomes = await branch.branch(
            [BranchTask(task=f"What helps {name}", role="focus") for name in _HELPS]
        )
        own = await self._answered(branch)
        results = [outcome.result for outcome in outcomes if outcome.result]
        return own.model_copy(update={"result": "\n".join([own.result, *results])})

    async def _answered(self, branch: BranchContext) -> Finding:
        """Ask memory, and wait as long as for a quick model's answer."""
        found = await self._recalling.run(branch)
        await asyncio.sleep(MODEL_S)
        return found

    async def ask_again(self, *, at_once: int) -> float:
        """Ask what the branches asked again, `at_once` at a time; return the seconds it took."""
        slots = asyncio.Semaphore(at_once)

        async def ask(branch: BranchContext) -> None:
            async with slots:
                await self._answered(branch)

        began = time.perf_counter()
        await asyncio.gather(*map(ask, self.asked))
        return time.perf_counter() - began


async def ingest(
    memory: Memory, sessions: Sequence[ExampleSession], *, progress: Callable[[int], None]
) -> Ingested:
    """Record each session as it happened: opened, and completed with what was learned."""
    began = time.perf_counter()
    backend = namespace_of(memory).backend
    turning_point = 0
    for number, session in enumerate(sessions, start=1):
        journal = Sessions(
            backend.log,
            namespace=memory.namespace,
            agent=session.person,
            clock=_at(session.time),
            listener=backend.saw,
        )
        opened = await journal.open_session(session.task, role="assistant")
        await journal.complete(
            opened.session_id,
            f"learned {len(session.insights)} things",
            insights=session.insights,
        )
        progress(number)
        if session.time < _TURN:
            turning_point = memory.position
    return Ingested(
        people=tuple(dict.fromkeys(session.person for session in sessions)),
        sessions=len(sessions),
        insights=sum(len(session.insights) for session in sessions),
        position=memory.position,
        turning_point=turning_point,
        seconds=time.perf_counter() - began,
    )


async def projected(memory: Memory, projection: str, *, progress: Callable[[int], None]) -> None:
    """Wait until a projection has reached what was learned, saying how far it has come."""
    backend = namespace_of(memory).backend
    graph = await backend.graph()
    end = backend.seen
    async with backend.log.announced(projection) as announced:
        position = await graph.checkpoint(projection)
        while position < end:
            progress(position)
            async with asyncio.timeout(memory.settings.wait_timeout_s):
                position = max(position, await anext(announced))
    progress(end)


async def think(memory: Memory, executor: BranchesAgain, *, on_event: EventListener) -> Thought:
    """Think about the question over branches that ask memory from different sides."""
    return await memory.think(
        QUESTION,
        branches=[BranchTask(task=task, role=role) for role, task in _BRANCHES],
        executor=executor,
        concurrency=CONCURRENCY,
        on_event=on_event,
    )


async def links(memory: Memory) -> list[Linked]:
    """Return the strongest associations between insights of different sessions."""
    rows = (await memory.cypher(_LINKS)).rows
    return [Linked.model_validate(row) for row in rows]


def _at(moment: datetime) -> Callable[[], datetime]:
    """Return a clock that stands still."""
    return lambda: moment
