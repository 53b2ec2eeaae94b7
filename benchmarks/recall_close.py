"""The floor below which recall says that nothing close is known: how often rightly, how often not.

`ANABRANCH_RECALL_DATA` names a folder of JSON Lines files as in `recall_found`. Each question is
asked of its own memory through the index ranker. Questions without an answer there are those of
LoCoMo's category 5, and the questions of another file, asked of this one's first memory.
`python -m benchmarks.recall_close locomo_obs --strange musique_train100` runs one file.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch_recall import Question
from anabranch_recall.answer import FLOOR, NEAR_AMONG
from anabranch_recall.index.ranker import IndexRanker
from anabranch_recall.question import Floor
from anabranch_store import MiniLM
from benchmarks.recall_quality import Kept, given, learned, read_spaces

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anabranch_projections.recall_index.cut import Cut
    from anabranch_projections.recall_index.namespace_index import NamespaceIndex

SIMILARITIES: Final = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
WORDS: Final = (0.01, 0.25, 0.34, 0.5, 0.67, 1.01)


class Nearness(NamedTuple):
    """The nearest that a question's best hits come, and whether a right answer is among them."""

    similarity: float
    words: float
    found: bool

    def hidden(self, floor: Floor) -> bool:
        """Tell whether `floor` leaves the answer empty."""
        return self.similarity < floor.similarity and self.words < floor.words


class Asked(NamedTuple):
    """Three sorts of questions: with an answer, adversarial, and strange ones."""

    answerable: list[Nearness]
    adversarial: list[Nearness]
    strange: list[Nearness]


class _Made:
    """An embedder of vectors that were made before."""

    model = MiniLM.model
    dimension = MiniLM.dimension

    def __init__(self, vectors: Kept) -> None:
        self._vectors = vectors

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vectors of texts."""
        return [self._vectors.of(text).tolist() for text in texts]


class _One:
    """The index of a space, under any name."""

    def __init__(self, index: NamespaceIndex) -> None:
        self._index = index
        self.position = index.position

    async def cut(self, namespace: str, as_of: int | None = None) -> Cut:
        """Return the index as of a position."""
        assert namespace
        return self._index.cut(as_of)


async def nearness(ranker: IndexRanker, query: dict[str, Any], texts: dict[str, str]) -> Nearness:
    """Ask a question, and return how near its best hits come."""
    question = Question(text=query["text"], namespace="space", k=NEAR_AMONG)
    found = await ranker.recall(question)
    wanted = {texts[each] for each in query["relevant"] if each in texts}
    asked = max(1, len(_asked_words(query["text"])))
    return Nearness(
        max((hit.similarity or 0.0 for hit in found.hits), default=0.0),
        max((len(hit.why.matched) for hit in found.hits), default=0) / asked,
        any(hit.text in wanted for hit in found.hits),
    )


def _asked_words(text: str) -> dict[str, str]:
    from anabranch_recall.asked import read

    return dict(read(text).stems)


async def measure(folder: Path, name: str, strange: str, vectors: Kept) -> Asked:
    """Ask all questions of a file of its memories, and those of `strange` of the first one."""
    spaces = read_spaces(folder, name)
    others = [query for space in read_spaces(folder, strange) for query in space["queries"]]
    for space in spaces:
        queries = [*space["queries"], *others]
        await vectors.make(each["text"] for each in (*space["corpus"], *queries))
    asked = Asked([], [], [])
    for place, space in enumerate(spaces):
        ranker = IndexRanker(_One(learned(space, vectors).index), _Made(vectors))
        texts = {item["id"]: item["text"] for item in space["corpus"]}
        for query in space["queries"]:
            adversarial = "adversarial" in str(query["category"])
            into = asked.adversarial if adversarial else asked.answerable
            into.append(await nearness(ranker, query, texts))
        if place == 0:
            asked.strange.extend([await nearness(ranker, query, {}) for query in others])
    return asked


def _share(questions: Sequence[Nearness], floor: Floor) -> float:
    return 100 * sum(each.hidden(floor) for each in questions) / max(1, len(questions))


def table(name: str, asked: Asked) -> str:
    """Return the shares of answers left empty, by floor."""
    found = [each for each in asked.answerable if each.found]
    lines = [
        (
            f"{name}: {len(asked.answerable)} answerable ({len(found)} found among {NEAR_AMONG}), "
            f"{len(asked.adversarial)} adversarial, {len(asked.strange)} strange questions; % left empty"
        ),
        "  similarity  words  answerable  of them found  adversarial  strange",
    ]
    floors = [Floor(similarity=one, words=other) for one in SIMILARITIES for other in WORDS]
    for floor in [*floors, FLOOR]:
        shares = [
            _share(each, floor)
            for each in (asked.answerable, found, asked.adversarial, asked.strange)
        ]
        lines.append(
            f"  {floor.similarity:10.2f} {floor.words:6.2f} {shares[0]:11.2f} {shares[1]:14.2f}"
            f" {shares[2]:12.2f} {shares[3]:8.2f}{'  (default)' if floor is FLOOR else ''}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure the files that were named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recall_close", description=__doc__)
    parser.add_argument("names", nargs="*", default=["locomo_obs", "locomo_turns"])
    parser.add_argument("--strange", default="musique_train100", help="the file of strange ones")
    arguments, data, vectors = given(parser)
    for name in arguments.names:
        asked = asyncio.run(measure(data, name, arguments.strange, vectors))
        print(table(name, asked), flush=True)


if __name__ == "__main__":
    main()
