"""Quality of recall: at 5 and at 10 on data with known answers, through a real graph.

`ANABRANCH_RECALL_DATA` names a folder of JSON Lines files, one space a line: `{"space", "corpus":
[{"id", "session", "ts", "text"}], "queries": [{"text", "relevant", "category", "visible"?}]}`. Most
such data may not be passed on, so none is here. `python -m benchmarks.recall_found realmem` runs
one file; with `--indexes` candidates come from the store's indexes, whatever the size.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anabranch_events import new_event
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import InsightRecorded, SessionOpened
from anabranch_projections import PositionedEvent, fold
from anabranch_recall import Question, entities
from anabranch_store import EmbeddedGraph, Graph, GraphRanker, MiniLM, Step
from anabranch_store.recall.ranker import SCAN_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH: Final = 500
NO_DAY: Final = "2000-01-01"


class Remembering(MiniLM):
    """The shipped embedder, with the vectors it has made kept."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, list[float]] = {}

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text, in the order given."""
        new = list(dict.fromkeys(text for text in texts if text not in self._made))
        self._made.update(zip(new, await super().embed(new), strict=True))
        return [self._made[text] for text in texts]


async def measure(name: str, spaces: list[dict[str, Any]], *, scan_max: int) -> str:
    """Learn the spaces, ask their questions, and return what was found as a line."""
    embedder = Remembering()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            EmbeddedGraph(Path(folder) / "graph") as embedded,
            Graph.connect(embedded.address) as graph,
        ):
            await graph.apply_schema(dimension=embedder.dimension)
            ranker = GraphRanker(graph, embedder, scan_max=scan_max, timeout_s=60)
            found: list[tuple[float, float, float]] = []
            after = 0
            for space in spaces:
                learned = await _learn(graph, embedder, space, after)
                after = max(learned.values())
                found += [await _ask(ranker, each, space, learned) for each in _asked(space)]
    at_5, at_10, seconds = zip(*found, strict=True)
    return (
        f"{name}: {len(found)} questions, R@5 {100 * statistics.fmean(at_5):.1f}, "
        f"R@10 {100 * statistics.fmean(at_10):.1f}, median {1000 * statistics.median(seconds):.0f} ms"
    )


def _asked(space: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the questions that have an answer."""
    return [each for each in space["queries"] if "adversarial" not in str(each["category"])]


async def _learn(
    graph: Graph, embedder: Remembering, space: dict[str, Any], after: int
) -> dict[str, int]:
    """Write a space as sessions and insights; return the position of each item."""
    sessions: dict[str, str] = {}
    positions: dict[str, int] = {}
    events: list[PositionedEvent] = []
    for item in space["corpus"]:
        learned: list[SessionOpened | InsightRecorded] = []
        if item["session"] not in sessions:
            sessions[item["session"]] = new_id()
            learned.append(SessionOpened(task=str(item["session"])))
        text = item["text"]
        learned.append(InsightRecorded(insight_id=new_id(), text=text, entities=entities(text)))
        day = datetime.fromisoformat((item.get("ts") or NO_DAY)[:10]).replace(tzinfo=UTC)
        for data in learned:
            session_id, namespace = sessions[item["session"]], space["space"]
            event = new_event(data, session_id=session_id, namespace=namespace, time=day)
            events.append(PositionedEvent(after + len(events) + 1, event))
        positions[item["id"]] = events[-1].position
    for start in range(0, len(events), BATCH):
        await _write(graph, embedder, events[start : start + BATCH])
    return positions


async def _write(graph: Graph, embedder: Remembering, events: list[PositionedEvent]) -> None:
    told = [(each, each.event.data) for each in events]
    insights = [(each, data) for each, data in told if isinstance(data, InsightRecorded)]
    vectors = await embedder.embed([data.text for _, data in insights])
    rows = [
        {
            "namespace": each.namespace,
            "id": data.insight_id,
            "recorded": each.position,
            "embedding": vector,
        }
        for (each, data), vector in zip(insights, vectors, strict=True)
    ]
    embeddings = Step("projection/set_embeddings", {"rows": rows, "model": embedder.model})
    await graph.write([*fold(events), embeddings])


async def _ask(
    ranker: GraphRanker, asked: dict[str, Any], space: dict[str, Any], positions: dict[str, int]
) -> tuple[float, float, float]:
    """Return the share of the answers among the first 5 and 10, and the seconds it took.

    The question is asked as of the last item it may see.
    """
    visible = asked.get("visible")
    as_of = positions[space["corpus"][visible - 1]["id"]] if visible else None
    question = Question(text=asked["text"], namespace=space["space"], as_of=as_of)
    start = time.perf_counter()
    found = await ranker.recall(question)
    seconds = time.perf_counter() - start
    if found.lanes["meaning"].state != "ok":
        raise AssertionError(f"meaning did not answer: {found.lanes['meaning']}")
    relevant = {positions[item_id] for item_id in asked["relevant"]}
    hits = [hit.position for hit in found.hits]
    return (
        len(relevant & set(hits[:5])) / len(relevant),
        len(relevant & set(hits)) / len(relevant),
        seconds,
    )


def main() -> None:
    """Measure the files that were named, or all there are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recall_found", description=__doc__)
    parser.add_argument("names", nargs="*", help="files, without .jsonl")
    parser.add_argument("--indexes", action="store_true", help="never scan")
    arguments = parser.parse_args()
    folder = os.environ.get("ANABRANCH_RECALL_DATA")
    if not folder:
        sys.exit("set ANABRANCH_RECALL_DATA to the folder with the data")
    files = [Path(folder) / f"{name}.jsonl" for name in arguments.names]
    for file in files or sorted(Path(folder).glob("*.jsonl")):
        scan_max = 0 if arguments.indexes else SCAN_MAX
        spaces = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        print(asyncio.run(measure(file.stem, spaces, scan_max=scan_max)), flush=True)


if __name__ == "__main__":
    main()
