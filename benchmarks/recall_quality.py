"""Quality of the index ranker, beside BM25, vectors alone, RRF of both, and the bare recipe.

`ANABRANCH_RECALL_DATA` names a folder of JSON Lines files as in `recall_found`. Each space is
folded from events into a recall index, and asked through it. `python -m benchmarks.recall_quality
realmem` runs one file; `a+b` joins files into one space. Vectors that were made are kept in
`--vectors`, a file outside of the project.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from anabranch_events import NAME_LENGTH_MAX, new_event
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import InsightRecorded, SessionOpened
from anabranch_projections import PositionedEvent
from anabranch_projections.recall_index.namespace_index import NamespaceIndex
from anabranch_recall import Question, entities
from anabranch_recall.asked import read
from anabranch_recall.index.eligible import eligible
from anabranch_recall.index.lanes import occurrences, weighed
from anabranch_recall.index.ranking import rank
from anabranch_recall.recipe import RECIPE
from anabranch_store import MiniLM

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from numpy.typing import NDArray

NO_DAY: Final = "2000-01-01"
BARE: Final = replace(
    RECIPE,
    words=0.4,
    meaning=0.6,
    candidates=0,
    date=0,
    subject=0,
    question=0,
    answer=0,
    recency=0,
    path=0.2,
    shared_by_max=4,
)
"""The recipe of the research, without the bonuses."""
LUCENE: Final = replace(RECIPE, k1=1.2, b=0.75)
RRF: Final = 60
DRAWS: Final = 2000


@dataclass(frozen=True)
class Space:
    """One memory and its questions: each with its vector, and the rows that answer it."""

    index: NamespaceIndex
    questions: list[tuple[str, NDArray[np.float32], int | None, set[int]]]


class Kept:
    """Vectors of texts, made once and kept in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._vectors: dict[str, NDArray[np.float32]] = {}
        if path.exists():
            with np.load(path) as kept:
                self._vectors = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))

    async def make(self, texts: Iterable[str]) -> None:
        """Make the vectors that are not there yet."""
        new = [text for text in dict.fromkeys(texts) if _key(text) not in self._vectors]
        if new:
            made = np.asarray(await MiniLM().embed(new), np.float32)
            self._vectors.update(zip(map(_key, new), made, strict=True))
            keys = np.array(list(self._vectors))
            np.savez(self._path, keys=keys, vectors=np.stack(list(self._vectors.values())))

    def of(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a text."""
        return self._vectors[_key(text)]


def _key(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def read_spaces(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the spaces of a file, or those of several, named `a+b`, as one."""
    files = [folder / f"{each}.jsonl" for each in name.split("+")]
    found = [
        json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()
    ]
    return [_as_one(found)] if len(files) > 1 else found


def _as_one(spaces: list[dict[str, Any]]) -> dict[str, Any]:
    """Return spaces as one: a text that several hold stands there once."""
    places: dict[str, str] = {}
    corpus: list[dict[str, Any]] = []
    questions: list[dict[str, Any]] = []
    for space in spaces:
        names: dict[str, str] = {}
        for item in space["corpus"]:
            place = places.setdefault(item["text"], str(len(corpus)))
            names[item["id"]] = place
            if place == str(len(corpus)):
                corpus.append({**item, "id": place})
        questions += [
            {**each, "relevant": [names[item] for item in each["relevant"]]}
            for each in space["queries"]
        ]
    return {"corpus": corpus, "queries": questions}


def told(
    space: dict[str, Any], *, namespace: str, after: int = 0
) -> tuple[list[PositionedEvent], dict[str, int]]:
    """Return the events that tell a space, past a position, and the position of each item."""
    sessions: dict[str, str] = {}
    events: list[PositionedEvent] = []
    positions: dict[str, int] = {}
    for item in space["corpus"]:
        day = datetime.fromisoformat((item.get("ts") or NO_DAY)[:10]).replace(tzinfo=UTC)
        text = item["text"]
        data: list[SessionOpened | InsightRecorded] = []
        if item["session"] not in sessions:
            sessions[item["session"]] = new_id()
            data.append(SessionOpened(task="A session"))
        names = tuple(name for name in entities(text) if len(name) <= NAME_LENGTH_MAX)
        data.append(InsightRecorded(insight_id=new_id(), text=text, entities=names))
        for each in data:
            event = new_event(
                each, session_id=sessions[item["session"]], namespace=namespace, time=day
            )
            events.append(PositionedEvent(after + len(events) + 1, event))
        positions[item["id"]] = events[-1].position
    return events, positions


def learned(space: dict[str, Any], vectors: Kept) -> Space:
    """Fold a space from events into an index."""
    index = NamespaceIndex("space", dimension=MiniLM.dimension)
    events, positions = told(space, namespace="space")
    for each in events:
        index.apply(each)
    corpus = space["corpus"]
    rows = {item["id"]: row for row, item in enumerate(corpus)}
    at = [positions[item["id"]] for item in corpus]
    index.add_vectors(np.stack([vectors.of(item["text"]) for item in corpus]))
    return Space(index, [_asked(each, rows, at, vectors) for each in answerable(space)])


def answerable(space: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the questions that have an answer."""
    return [each for each in space["queries"] if "adversarial" not in str(each["category"])]


def _asked(
    question: dict[str, Any], rows: dict[str, int], positions: list[int], vectors: Kept
) -> tuple[str, NDArray[np.float32], int | None, set[int]]:
    visible = question.get("visible")
    as_of = positions[visible - 1] if visible else None
    text = question["text"]
    return text, vectors.of(text), as_of, {rows[each] for each in question["relevant"]}


def rankings(space: Space) -> dict[str, list[tuple[list[int], set[int]]]]:
    """Return the first ten rows of each way to rank, and the rows that answer, by question."""
    found: dict[str, list[tuple[list[int], set[int]]]] = {}
    for text, vector, as_of, relevant in space.questions:
        cut = space.index.cut(as_of)
        asked, question = read(text), Question(text=text, namespace="space")
        reach = eligible(cut, question)
        words = weighed(occurrences(cut, asked, reach, recipe=LUCENE), reach.count)
        meaning = cut.exact_similarities(vector, np.arange(reach.total))
        ways = {
            "BM25": _best(words),
            "vectors": _best(meaning),
            "RRF": _best(1 / (RRF + _places(words)) + 1 / (RRF + _places(meaning))),
        }
        for name, recipe in (("recipe", BARE), ("index", RECIPE)):
            ranking = rank(cut, asked, reach, k=10, vector=vector, recipe=recipe)
            ways[name] = [each.row for each in ranking.best[:10]]
        for name, rows in ways.items():
            found.setdefault(name, []).append((rows, relevant))
    return found


def _best(scores: NDArray[np.float64]) -> list[int]:
    best: list[int] = np.argsort(-scores, kind="stable")[:10].tolist()
    return best


def _places(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.empty(len(scores))
    places[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return places


def measures(rows: Sequence[int], relevant: set[int]) -> tuple[float, float, float, float]:
    """Return recall at 5 and at 10, nDCG at 10 and the reciprocal rank of one question."""
    hits = [row in relevant for row in rows]
    gain = sum(hit / np.log2(place + 2) for place, hit in enumerate(hits))
    ideal = sum(1 / np.log2(place + 2) for place in range(min(10, len(relevant))))
    first = next((1 / (place + 1) for place, hit in enumerate(hits) if hit), 0.0)
    return sum(hits[:5]) / len(relevant), sum(hits) / len(relevant), gain / ideal, first


def interval(differences: NDArray[np.float64]) -> str:
    """Return the mean of paired differences with its 95 % interval by bootstrap, in points."""
    chance = np.random.default_rng(20261123)
    draws = chance.integers(0, len(differences), (DRAWS, len(differences)))
    low, high = np.percentile(differences[draws].mean(axis=1), [2.5, 97.5])
    return f"{100 * differences.mean():+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


async def measure(folder: Path, name: str, vectors: Kept) -> str:
    """Return what each way finds in one file, as lines."""
    spaces = read_spaces(folder, name)
    for space in spaces:
        await vectors.make(each["text"] for each in (*space["corpus"], *answerable(space)))
    measured: dict[str, list[tuple[float, float, float, float]]] = {}
    for space in spaces:
        for way, answers in rankings(learned(space, vectors)).items():
            measured.setdefault(way, []).extend(measures(*each) for each in answers)
    table = {way: np.asarray(values) for way, values in measured.items()}
    lines = [f"{name}: {len(table['index'])} questions; R@5, R@10, nDCG@10, MRR"]
    for way, values in table.items():
        lines.append(f"  {way:8}" + "".join(f"{each:7.1f}" for each in 100 * values.mean(axis=0)))
    gained = interval(table["index"][:, 0] - table["recipe"][:, 0])
    return "\n".join([*lines, f"  index over recipe, R@5: {gained}"])


def given(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, Path, Kept]:
    """Return the arguments, the folder with the data, and the vectors that are kept."""
    kept = Path(tempfile.gettempdir()) / "anabranch-recall-vectors.npz"
    parser.add_argument("--vectors", type=Path, default=kept, help="where vectors are kept")
    arguments = parser.parse_args()
    data = os.environ.get("ANABRANCH_RECALL_DATA")
    if not data:
        sys.exit("set ANABRANCH_RECALL_DATA to the folder with the data")
    return arguments, Path(data), Kept(arguments.vectors)


def measure_named(
    measure: Callable[[Path, str, Kept], Coroutine[Any, Any, str]],
    prog: str,
    description: str | None,
    show: Callable[[str], None],
) -> None:
    """Show the measurement of each file that was named on the command line, or of all there are."""
    parser = argparse.ArgumentParser(prog=f"python -m {prog}", description=description)
    parser.add_argument("names", nargs="*", help="files, without .jsonl; `a+b` for both as one")
    arguments, data, vectors = given(parser)
    names = arguments.names or sorted(each.stem for each in data.glob("*.jsonl"))
    for name in names:
        show(asyncio.run(measure(data, name, vectors)))
        sys.stdout.flush()


def main(show: Callable[[str], None] = print) -> None:
    """Measure the files that were named, or all there are."""
    measure_named(measure, "benchmarks.recall_quality", __doc__, show)


if __name__ == "__main__":
    main()
