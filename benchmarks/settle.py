"""Settling measured: how often the rules are right, what they do to recall, and what they cost.

`ANABRANCH_RECALL_DATA=... make bench ONLY=settle`. The pairs are those of `settle_pairs.tsv`, whose
method is in `settle_pairs.md`; only the part that was left out counts. Recall is asked with the
index ranker, of spaces that were settled after each session and of the same ones that were not.
"""

from __future__ import annotations

import asyncio
import csv
import os
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from math import log
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from anabranch_events import new_event, new_id
from anabranch_events.event.types import (
    AssociationFormed,
    ConflictOpened,
    ConsolidationRecorded,
    InsightRecorded,
    InsightSuperseded,
    SessionOpened,
)
from anabranch_projections import PositionedEvent
from anabranch_projections.recall_index.namespace_index import NamespaceIndex
from anabranch_recall import Question
from anabranch_recall.asked import read
from anabranch_recall.candidates import RESTATED
from anabranch_recall.index.eligible import eligible
from anabranch_recall.index.ranking import rank
from anabranch_recall.recipe import RECIPE
from anabranch_recall.text.language import DROPPED
from anabranch_store import MiniLM
from anabranch_thinking.consolidation.support import fault_of, worded
from anabranch_thinking.consolidation.wording import Wording
from anabranch_thinking.settling.book import Book
from anabranch_thinking.settling.recording import AT_ONCE
from anabranch_thinking.settling.rules import judged
from anabranch_thinking.settling.settlement import settle
from benchmarks.recall_quality import Kept, answerable, measures, read_spaces
from benchmarks.rows import at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anabranch_events import Event
    from anabranch_events.event.types import EventData
    from anabranch_thinking.settling.settlement import Settlement
    from benchmarks.rows import Row

PAIRS: Final = Path(__file__).parent / "settle_pairs.tsv"
FILES: Final = ("realmem", "locomo_obs")
"""The sets from which the pairs were drawn."""
FEW, MANY = 10_240, 102_400
"""Numbers of insights that are whole batches."""
NO_DAY: Final = "2000-01-01"
WORDS: Final = 20_000
HEADING: Final = re.compile(r"\u3010[^\u3011]*\u3011\s*")
CONTENT: Final = re.compile(r"(?<![\w-])[a-z]{3,}(?![\w-])")
"""A word in lower case, no part of another one."""
PARTS: Final = (-0.05, -0.1, -0.2, -0.4)
"""The parts of a score that evidence is given, one after another."""


async def run() -> list[Row]:
    """Measure, and return the rows."""
    rows = [_growth()]
    data = os.environ.get("ANABRANCH_RECALL_DATA")
    if not data:
        print("set ANABRANCH_RECALL_DATA for pairs and recall", file=sys.stderr)
        return rows
    vectors = Kept(Path(tempfile.gettempdir()) / "anabranch-recall-vectors.npz")
    spaces = {name: await _embedded(Path(data), name, vectors) for name in FILES}
    rows += _pairs(spaces, vectors)
    rows += _supported(spaces, vectors)
    for name in _sets(Path(data)):
        found = spaces.get(name) or await _embedded(Path(data), name, vectors)
        rows += _recall(name, found, vectors, parts=PARTS if name in FILES else ())
    return rows


def _sets(data: Path) -> list[str]:
    return sorted(each.stem for each in data.glob("*.jsonl"))


async def _embedded(data: Path, name: str, vectors: Kept) -> list[dict[str, Any]]:
    """Return the spaces of a set, once their texts and questions have vectors."""
    spaces = read_spaces(data, name)
    for space in spaces:
        await vectors.make(each["text"] for each in (*space["corpus"], *answerable(space)))
    return spaces


def _left_out(
    spaces: Mapping[str, list[dict[str, Any]]], vectors: Kept
) -> Iterator[tuple[dict[str, str], Wording, Wording, float]]:
    """Yield the pairs that were left out, with both texts and their cosine."""
    texts = {
        (space["space"], item["id"]): item["text"]
        for found in spaces.values()
        for space in found
        for item in space["corpus"]
    }
    with PAIRS.open(encoding="utf-8") as file:
        for pair in csv.DictReader(file, delimiter="\t"):
            if pair["part"] == "left_out":
                one, other = (texts[pair["space"], pair[side]] for side in ("one", "other"))
                cosine = float(vectors.of(one) @ vectors.of(other))
                yield pair, Wording(one), Wording(other), cosine


def _supported(spaces: Mapping[str, list[dict[str, Any]]], vectors: Kept) -> Iterator[Row]:
    """Hold each text of a pair against the other one, as a model's sentence against its source.

    A sentence has no heading in brackets. Then each source is said again with one word swapped: for
    a word of another text, or with another word of its own.
    """
    said: Counter[bool] = Counter()
    drawn: Counter[bool] = Counter()
    sources: list[str] = []
    for pair, one, other, cosine in _left_out(spaces, vectors):
        sources += (one.text, other.text)
        kept = [
            fault_of(worded(HEADING.sub("", text.text)), worded(source.text), cosine) is None
            for text, source in ((one, other), (other, one))
        ]
        if pair["label"] != "same":
            said.update(kept)
        elif pair["draw"] == "drawn":
            drawn[any(kept)] += 1
    others = said.total()
    yield at_most(
        f"left-out pairs of different facts, sentences that pass as supported, of {others}",
        ours=said[True],
        theirs=others,
        limit=0.05,
        unit="sentences",
    )
    yield at_least(
        f"left-out pairs of one fact: the share with a sentence that passes, of {drawn.total()} drawn",
        ours=drawn[True] / max(1, drawn.total()),
        theirs=1,
        limit=0.35,
        unit="share",
    )
    yield from _swapped(list(dict.fromkeys(sources)))


def _swapped(sources: list[str]) -> Iterator[Row]:
    """Hold texts with one word swapped against themselves, as near in meaning as can be."""
    chance = Random(len(sources))  # noqa: S311 - swaps that can be made again.
    texts = [HEADING.sub("", one) for one in sources]
    known = sorted({word for text in texts for word in CONTENT.findall(text)} - DROPPED)
    passed: Counter[str] = Counter()
    swapped, unchanged = 0, 0
    for text, source in zip(texts, map(worded, sources), strict=True):
        own = [one for one in CONTENT.finditer(text) if one[0] not in DROPPED]
        if len({one[0] for one in own}) < 2:
            continue
        swapped += 1
        one, other = sorted(chance.sample(own, 2), key=lambda found: found.start())
        strange = chance.choice(known)
        while strange in text:
            strange = chance.choice(known)
        between = text[one.end() : other.start()]
        swaps = {
            "for one of another text": f"{text[: one.start()]}{strange}{text[one.end() :]}",
            "with another one of it": (
                f"{text[: one.start()]}{other[0]}{between}{one[0]}{text[other.end() :]}"
            ),
        }
        unchanged += fault_of(worded(text), source, 1.0) is None
        for kind, said in swaps.items():
            passed[kind] += said != text and fault_of(worded(said), source, 1.0) is None
    for kind in ("for one of another text", "with another one of it"):
        yield at_most(
            f"a text with one word swapped {kind}, passes as supported by it, of {swapped}; "
            f"as it is, {unchanged} pass",
            ours=passed[kind],
            theirs=swapped,
            limit=0.01 if kind == "for one of another text" else 0.1,
            unit="sentences",
        )


def _pairs(spaces: Mapping[str, list[dict[str, Any]]], vectors: Kept) -> Iterator[Row]:
    said: Counter[tuple[str, str, str]] = Counter()
    for pair, one, other, cosine in _left_out(spaces, vectors):
        found = judged(one, other, cosine)
        said[found.verdict.value if found else "", pair["label"], pair["draw"]] += 1

    def count(verdict: str | None, label: str | None, draw: str | None = None) -> int:
        return sum(
            number
            for (v, lab, d), number in said.items()
            if verdict in {None, v} and label in {None, lab} and draw in {None, d}
        )

    for verdict, label, goal in (
        ("same", "same", 0.98),
        ("supersedes", "changed", 0.99),
        ("conflicts", "changed", 0.9),
    ):
        yield at_least(
            f"left-out pairs, {verdict}: the share that is right, of {count(verdict, None)}",
            ours=count(verdict, label) / max(1, count(verdict, None)),
            theirs=1,
            limit=goal,
            unit="share",
        )
    for verdicts, label in ((("same",), "same"), (("supersedes", "conflicts"), "changed")):
        yield at_least(
            f"left-out pairs, {label}: the share found of {count(None, label, 'drawn')} drawn",
            ours=sum(count(one, label, "drawn") for one in verdicts)
            / max(1, count(None, label, "drawn")),
            theirs=1,
            limit=0,
            unit="share",
        )
    yield at_most(
        f"left-out pairs superseded wrongly, of {count(None, None)}",
        ours=count("supersedes", None) - count("supersedes", "changed"),
        theirs=count(None, None),
        limit=0.01,
        unit="pairs",
    )


def _recall(
    name: str, spaces: list[dict[str, Any]], vectors: Kept, *, parts: Sequence[float]
) -> Iterator[Row]:
    settled = [_learned(space, vectors, settles=True) for space in spaces]
    unsettled = [_learned(space, vectors, settles=False) for space in spaces]

    def points(learned: list[Learned], *, evidence: float = 0.0) -> float:
        return 100 * float(
            np.mean(
                [
                    each
                    for space, one in zip(spaces, learned, strict=True)
                    for each in _found(space, vectors, one, evidence=evidence)
                ]
            )
        )

    without = points(unsettled)
    found = points(settled)
    yield at_least(
        f"{name}: R@5 settled, beside the same unsettled",
        ours=found,
        theirs=without,
        limit=(without - 1) / without,
        unit="points",
    )
    cited = sum(len(one.evidence) for one in settled)
    for part in parts:
        yield at_least(
            f"{name}: R@5 settled, with {part} for the evidence of {cited} insights that are cited",
            ours=points(settled, evidence=part),
            theirs=found,
            limit=(found - 1) / found,
            unit="points",
        )


def _found(
    space: dict[str, Any], vectors: Kept, learned: Learned, *, evidence: float
) -> Iterator[float]:
    """Yield the recall at 5 of each question of a space."""
    index, rows, positions = learned.index, learned.rows, learned.positions
    recipe = replace(RECIPE, evidence=evidence)
    for each in answerable(space):
        visible = each.get("visible")
        as_of = positions[visible - 1] if visible else None
        cut = index.cut(as_of)
        asked, question = read(each["text"]), Question(text=each["text"], namespace="space")
        reach = eligible(cut, question)
        best = rank(cut, asked, reach, k=10, vector=vectors.of(each["text"]), recipe=recipe).best
        relevant = {rows[item] for item in each["relevant"]}
        yield measures([one.row for one in best[:10]], relevant)[0]


@dataclass(frozen=True)
class Learned:
    """A space as an index, the row and the position of each item, and what is cited of it."""

    index: NamespaceIndex
    rows: dict[str, int]
    positions: list[int]
    evidence: set[str]


def _learned(space: dict[str, Any], vectors: Kept, *, settles: bool) -> Learned:
    """Fold a space into an index, and settle it after each session where that is asked."""
    index = NamespaceIndex("space", dimension=MiniLM.dimension)
    book, made, waiting = Book(), {}, []
    sessions: dict[str, str] = {}
    rows: dict[str, int] = {}
    positions: list[int] = []
    evidence: set[str] = set()

    def apply(data: EventData, session_id: str, day: datetime) -> list[str]:
        event = new_event(data, session_id=session_id, namespace="space", time=day)
        index.apply(PositionedEvent(index.position + 1, event))
        return book.take(event, index.position)

    corpus = space["corpus"]
    for row, item in enumerate(corpus):
        day = datetime.fromisoformat((item.get("ts") or NO_DAY)[:10]).replace(tzinfo=UTC)
        if item["session"] not in sessions:
            sessions[item["session"]] = new_id()
            apply(SessionOpened(task="A session"), sessions[item["session"]], day)
        session_id = sessions[item["session"]]
        insight = InsightRecorded(insight_id=new_id(), text=item["text"])
        waiting += apply(insight, session_id, day)
        made[insight.insight_id] = vectors.of(item["text"])
        rows[item["id"]] = row
        positions.append(index.position)
        last = row + 1 == len(corpus) or corpus[row + 1]["session"] != item["session"]
        if settles and last:
            for data in _facts(settle(book, waiting, vectors=made)):
                apply(data, session_id, day)
                if isinstance(data, ConsolidationRecorded):
                    evidence.update(data.sources)
            waiting = []
    index.add_vectors(np.stack([vectors.of(item["text"]) for item in corpus]))
    return Learned(index, rows, positions, evidence)


def _facts(found: Settlement) -> Iterator[EventData]:
    for said in found.restated:
        yield ConsolidationRecorded(
            consolidation_id=new_id(),
            root_id=new_id(),
            sessions=(),
            sources=said.sources,
            text=said.text,
            method=RESTATED,
        )
    for gone in found.superseded:
        yield InsightSuperseded(insight_id=gone.older, by=gone.newer, reason=gone.reason)
    for pair in found.opposed:
        yield ConflictOpened(insights=(pair.older, pair.newer), subject=pair.subject)
    for one in found.links:
        yield AssociationFormed(
            from_id=one.link.from_id,
            to_id=one.link.to_id,
            kind=one.link.kind,
            weight=one.weight,
            reason=one.reason,
        )


def _growth() -> Row:
    """Compare the time for ten times as many insights with the growth of n log n.

    The many and the few are settled in turns, a batch of each: all else that the machine does slows
    both. The few begin anew until the many are done.
    """
    few = chain.from_iterable(_batches(FEW) for _ in range(MANY // FEW))
    took = [(one, other) for one, other in zip(_batches(MANY), few, strict=True)]
    insights = len(took) * AT_ONCE
    each_of_many, each_of_few = (1000 * sum(side) / insights for side in zip(*took, strict=True))
    return at_most(
        f"settling {MANY} made-up insights, beside {FEW} in turns, in time of the processor: "
        f"each took {each_of_many:.3f} ms of {MANY}, {each_of_few:.3f} ms of {FEW}",
        ours=each_of_many * MANY,
        theirs=each_of_few * FEW,
        limit=MANY * log(MANY) / (FEW * log(FEW)),
        unit="ms",
    )


def _batches(size: int) -> Iterator[float]:
    """Settle made-up insights; yield the time of each batch. Every tenth says another one again."""
    chance = Random(size)  # noqa: S311 - texts that can be made again.
    numbers = np.random.default_rng(size)
    book, texts = Book(), [""]
    coming: list[tuple[Event, int]] = []
    vectors: dict[str, Any] = {}
    for position in range(1, size + 1):
        words = (f"w{int(WORDS * chance.random() ** 3)}" for _ in range(12))
        text = f"{chance.choice(texts)} again" if position % 10 == 0 else " ".join(words)
        texts.append(text)
        insight = InsightRecorded(insight_id=new_id(), text=text)
        coming.append((new_event(insight, session_id=new_id(), namespace="space"), position))
        vector = numbers.normal(size=MiniLM.dimension).astype(np.float32)
        vectors[insight.insight_id] = vector / np.linalg.norm(vector)
        if len(coming) == AT_ONCE or position == size:
            begun = time.process_time()
            waiting = [each for one in coming for each in book.take(*one)]
            settle(book, waiting, vectors=vectors)
            yield time.process_time() - begun
            coming = []


if __name__ == "__main__":
    for one in asyncio.run(run()):
        print(f"{one.name}: {one.ours:.3f} of {one.theirs:.3f} {one.unit}; {one.goal}, {one.met}")
