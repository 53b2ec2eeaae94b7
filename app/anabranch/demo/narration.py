"""Narration of the demo: a short story in a terminal, plain lines elsewhere, one object as JSON."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from anabranch.demo import scenario
from anabranch.demo.dataset import example_sessions
from anabranch.demo.scenario import Told
from anabranch.memory.memory import Memory
from anabranch.terminal.counting import counted
from anabranch.terminal.narrator import Story
from anabranch.terminal.recall_table import hits_table
from anabranch.terminal.thought_tree import ThoughtPicture, duration

if TYPE_CHECKING:
    from rich.console import Console

    from anabranch.demo.scenario import Ingested, Linked
    from anabranch.settings import Settings
    from anabranch_projections import RebuildResult
    from anabranch_recall import Hit
    from anabranch_store import QueryResult
    from anabranch_thinking import Thought

_BAR_WIDTH: Final = 30
_POINTS_MAX: Final = 5
_HITS_MAX: Final = 3
_TEXT_MAX: Final = 160


async def tell(settings: Settings, console: Console, *, keep: bool) -> Told:
    """Tell the whole story on servers of its own, over a home that goes when it ends.

    With `keep` the home stays.
    """
    began = time.perf_counter()
    home = Path(tempfile.mkdtemp(prefix="anabranch-demo-"))
    own = settings.model_copy(
        update={"home": home, "namespace": scenario.NAMESPACE, "nats_url": None, "neo4j_uri": None}
    )
    story = Story(console)
    story.title()
    try:
        story.chapter("Two servers of its own, on this machine only")
        memory = Memory(own, command="demo")
        with story.waiting("starting nats-server and the graph"):
            await memory.__aenter__()
        try:
            told = await _chapters(memory, story, began=began)
        finally:
            await memory.__aexit__()
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)
    seconds = time.perf_counter() - began
    story.end(seconds, home=home if keep else None)
    return told.model_copy(update={"seconds": seconds, "home": str(home) if keep else None})


async def _chapters(memory: Memory, story: Story, *, began: float) -> Told:
    status = await memory.status()
    story.took(
        f"nats-server holds the log, {status.graph.product} {status.graph.version} the graph",
        time.perf_counter() - began,
    )
    ingested = await _learn(memory, story)
    thought, together_s, apart_s = await _think(memory, story)
    linked = await _link(memory, story, thought)
    now, then, as_of = await _recall(memory, story, ingested)
    shape = await _query(memory, story)
    before, rebuilt = await _replay(memory, story)
    return Told(
        home=None,
        ingested=ingested,
        thought=thought,
        side_by_side_ms=together_s * 1000,
        one_after_another_ms=apart_s * 1000,
        associations=linked,
        recalled=now,
        as_of=as_of,
        recalled_then=then,
        cypher=shape.rows,
        events=rebuilt.events,
        rebuilt_in=rebuilt.seconds,
        digest=before,
        digests_agree=before == rebuilt.digest,
        seconds=0,
    )


async def _learn(memory: Memory, story: Story) -> Ingested:
    sessions = example_sessions()
    story.chapter("Three people's assistants tell what they learned")
    with story.bar("sessions", total=len(sessions)) as progress:
        ingested = await scenario.ingest(memory, sessions, progress=progress)
    story.took(
        f"{', '.join(ingested.people)}: {counted(ingested.sessions, 'session')}, "
        f"{counted(ingested.insights, 'insight')}",
        ingested.seconds,
    )
    for projection, done in (("graph", "folded into the graph"), ("vectors", "read for meaning")):
        began = time.perf_counter()
        with story.bar(done, total=ingested.position) as progress:
            await scenario.projected(memory, projection, progress=progress)
        story.took(done, time.perf_counter() - began)
    return ingested


async def _think(memory: Memory, story: Story) -> tuple[Thought, float, float]:
    story.chapter("A question is thought about by branches, in parallel")
    executor = scenario.BranchesAgain()
    with ThoughtPicture(story.console) as picture:
        thought = await scenario.think(memory, executor, on_event=picture)
    with story.waiting("the same, asked once more"):
        together_s = await executor.ask_again(at_once=scenario.CONCURRENCY)
        apart_s = await executor.ask_again(at_once=1)
    side_by_side(story, branches=thought.total_branches, together_s=together_s, apart_s=apart_s)
    again = sum(branch.depth > 1 for branch in thought.branches)
    story.line(f"{again} of them are branches of a branch. What they found, consolidated:")
    if thought.consolidation is not None:
        lines = thought.consolidation.text.splitlines()
        points = [line for line in lines if line[:1].isdigit()]
        story.points(points[:_POINTS_MAX])
        more = f"and {len(points) - _POINTS_MAX} more; " if len(points) > _POINTS_MAX else ""
        sources = len(thought.consolidation.sources)
        story.line(Text(f"{more}every point cites its insights, {sources} in all", style="dim"))
    return thought, together_s, apart_s


def side_by_side(story: Story, *, branches: int, together_s: float, apart_s: float) -> None:
    """Show a bar for each way of asking; the wait in it is simulated, and said to be."""
    story.line(
        f"{branches} branches: each asks memory, then waits {duration(scenario.MODEL_S)} as for a "
        "model's answer (simulated)"
    )
    longest = max(together_s, apart_s)
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, seconds in (("side by side", together_s), ("one after another", apart_s)):
        bar = Text("█" * max(1, round(_BAR_WIDTH * seconds / longest)), style="cyan")
        table.add_row(name, bar, duration(seconds))
    story.show(table)


async def _link(memory: Memory, story: Story, thought: Thought) -> list[Linked]:
    count = thought.consolidation.associations if thought.consolidation else 0
    story.chapter("Insights of different sessions are associated")
    linked = await scenario.links(memory)
    for one in linked:
        story.pair(f"{one.kind} {one.weight:.2f}", one.one, one.other)
    story.line(Text(f"{counted(count, 'association')} formed", style="dim"))
    return linked


async def _recall(
    memory: Memory, story: Story, ingested: Ingested
) -> tuple[list[Hit], list[Hit], int]:
    story.chapter(f"Recall: {scenario.RECALLED}")
    began = time.perf_counter()
    now = (await memory.recall(scenario.RECALLED, k=_HITS_MAX)).hits
    story.took("best first, each with its reasons", time.perf_counter() - began)
    story.show(hits_table(now, length_max=_TEXT_MAX))
    as_of = ingested.turning_point
    story.chapter(f"The same question as of position {as_of}: what was known then")
    then = (await memory.recall(scenario.RECALLED, k=_HITS_MAX, as_of=as_of)).hits
    story.show(hits_table(then, length_max=_TEXT_MAX))
    return now, then, as_of


async def _query(memory: Memory, story: Story) -> QueryResult:
    story.chapter("The same graph, by Cypher: which roles the answer stands on")
    story.quote(scenario.SHAPE.splitlines())
    shape = await memory.cypher(scenario.SHAPE)
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in shape.columns:
        table.add_column(column)
    for row in shape.rows:
        table.add_row(*(str(row[column]) for column in shape.columns))
    story.show(table)
    return shape


async def _replay(memory: Memory, story: Story) -> tuple[str, RebuildResult]:
    story.chapter("The log is the truth: replayed into a fresh graph, it is the same graph")
    before = await memory.graph.digest()
    with story.bar("events", total=before.position) as progress:
        rebuilt = await memory.graph.rebuild(progress=lambda at: progress(at.position))
    story.took(f"{counted(rebuilt.events, 'event')} folded again", rebuilt.seconds)
    agree = before.digest == rebuilt.digest
    mark = Text("✓ the digests agree", "green") if agree else Text("✗ they differ", "red")
    story.line(Text.assemble(f"{before.digest[:16]}…  {rebuilt.digest[:16]}…  ", mark))
    return before.digest, rebuilt
