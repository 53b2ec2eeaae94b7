"""Quality of recall through a real graph: both rankers on the same insights, with intervals.

`ANABRANCH_RECALL_DATA` names a folder of JSON Lines files, one space a line: `{"space", "corpus":
[{"id", "session", "ts", "text"}], "queries": [{"text", "relevant", "category", "visible"?}]}`. Most
such data may not be passed on, so none is here. `python -m benchmarks.recall_found realmem` runs
one file on the stores of `ANABRANCH_BENCH_STORE`. The graph ranker answers by a scan of all and by
the candidates of the store's indexes, whatever the size; the index ranker stands beside it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from anabranch_events.event.types import InsightRecorded
from anabranch_projections import fold
from anabranch_recall import Question
from anabranch_recall.asked import read
from anabranch_recall.index.eligible import eligible
from anabranch_recall.index.ranking import rank
from anabranch_store import GraphRanker, MiniLM, Step
from benchmarks.projection_stores import bench, stores
from benchmarks.recall_quality import (
    Kept,
    answerable,
    interval,
    learned,
    measure_named,
    measures,
    read_spaces,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from anabranch_projections import PositionedEvent
    from anabranch_store import Graph
    from benchmarks.recall_quality import Space

BATCH: Final = 500
WAYS: Final = {"graph, by its indexes": 0, "graph, by a scan": 10**6}
"""Up to how many insights the graph ranker scans, by the name of the way."""


class Measured(NamedTuple):
    """R@5, R@10, nDCG@10 and the reciprocal rank of a question, and the seconds it took."""

    values: tuple[float, float, float, float]
    seconds: float


class Embedding:
    """The vectors that were made beforehand."""

    model = MiniLM.model
    dimension = MiniLM.dimension

    def __init__(self, vectors: Kept) -> None:
        self._vectors = vectors

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vector of each text."""
        return [self._vectors.of(text).tolist() for text in texts]


async def measure(folder: Path, name: str, vectors: Kept) -> str:
    """Learn the spaces of a file on each store, ask their questions, and return lines."""
    spaces = read_spaces(folder, name)
    for space in spaces:
        await vectors.make(each["text"] for each in (*space["corpus"], *answerable(space)))
    lines: list[str] = []
    for store in stores():
        with tempfile.TemporaryDirectory() as place:
            async with bench(store, Path(place)) as opened:
                if opened is not None:
                    found = await _on(opened.graph, spaces, vectors)
                    lines += _lines(f"{name} on {store}", found)
    return "\n".join(lines)


async def _on(
    graph: Graph, spaces: list[dict[str, Any]], vectors: Kept
) -> dict[str, list[Measured]]:
    """Return what each way finds, question by question."""
    found: dict[str, list[Measured]] = {name: [] for name in (*WAYS, "index")}
    after, positions = 0, []
    for number, space in enumerate(spaces):
        events, rows = told(space, namespace=f"space-{number}", after=after)
        after = events[-1].position
        positions.append([rows[item["id"]] for item in space["corpus"]])
        for start in range(0, len(events), BATCH):
            await _write(graph, vectors, events[start : start + BATCH])
    rankers = {
        name: GraphRanker(graph, Embedding(vectors), scan_max=scan_max, timeout_s=60)
        for name, scan_max in WAYS.items()
    }
    for number, space in enumerate(spaces):
        as_index = learned(space, vectors)
        for asked, of_index in zip(answerable(space), as_index.questions, strict=True):
            text, _, _, relevant = of_index
            visible = asked.get("visible")
            as_of = positions[number][visible - 1] if visible else None
            question = Question(text=text, namespace=f"space-{number}", as_of=as_of)
            for name, ranker in rankers.items():
                found[name].append(await _by_graph(ranker, question, positions[number], relevant))
            found["index"].append(_by_index(as_index, of_index))
    return found


async def _write(graph: Graph, vectors: Kept, events: list[PositionedEvent]) -> None:
    rows = [
        {
            "namespace": each.namespace,
            "id": data.insight_id,
            "recorded": each.position,
            "embedding": vectors.of(data.text).tolist(),
        }
        for each in events
        if isinstance(data := each.event.data, InsightRecorded)
    ]
    embeddings = Step("projection/set_embeddings", {"rows": rows, "model": MiniLM.model})
    await graph.write([*fold(events), embeddings])


async def _by_graph(
    ranker: GraphRanker, question: Question, positions: list[int], relevant: set[int]
) -> Measured:
    start = time.perf_counter()
    answer = await ranker.recall(question)
    seconds = time.perf_counter() - start
    if answer.lanes["meaning"].state != "ok":
        raise AssertionError(f"meaning did not answer: {answer.lanes['meaning']}")
    places = {position: row for row, position in enumerate(positions)}
    return Measured(measures([places[hit.position] for hit in answer.hits], relevant), seconds)


def _by_index(
    space: Space, asked: tuple[str, NDArray[np.float32], int | None, set[int]]
) -> Measured:
    text, vector, as_of, relevant = asked
    start = time.perf_counter()
    cut = space.index.cut(as_of)
    reach = eligible(cut, Question(text=text, namespace="space"))
    best = rank(cut, read(text), reach, k=10, vector=vector).best[:10]
    seconds = time.perf_counter() - start
    return Measured(measures([each.row for each in best], relevant), seconds)


def _lines(heading: str, found: dict[str, list[Measured]]) -> list[str]:
    values = {name: np.asarray([each.values for each in all_]) for name, all_ in found.items()}
    lines = [f"{heading}: {len(found['index'])} questions; R@5, R@10, nDCG@10, MRR, median ms"]
    for name, each in values.items():
        ms = 1000 * statistics.median(one.seconds for one in found[name])
        means = "".join(f"{mean:7.1f}" for mean in 100 * each.mean(axis=0))
        lines.append(f"  {name:22}{means}{ms:8.1f}")
    by_indexes, by_scan = (values[name] for name in WAYS)
    for name, one, other in (
        ("indexes over scan", by_indexes, by_scan),
        ("index over graph", values["index"], by_indexes),
    ):
        at_5, at_10 = (interval(one[:, at] - other[:, at]) for at in (0, 1))
        lines.append(f"  {name}: R@5 {at_5}, R@10 {at_10}")
    return lines


def main(show: Callable[[str], None] = print) -> None:
    """Measure the files that were named, or all there are."""
    measure_named(measure, "benchmarks.recall_found", __doc__, show)


if __name__ == "__main__":
    main()
