"""The drawing of pairs of remembered texts to be labelled: what `settle_pairs.tsv` was made from.

`ANABRANCH_RECALL_DATA=... python -m benchmarks.settle_draw` prints the pairs of each space with
their texts. The draw is the same each time. It holds neighbours by meaning in three bands,
neighbours by words, and pairs by chance. So those are there, too, that no rule would look at.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from anabranch_recall import tokens
from benchmarks.recall_quality import given, read_spaces

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.recall_quality import Kept

FILES: Final = ("realmem", "locomo_obs")
NEAREST: Final = 5
BANDS: Final = ((0.9, 1.01, 24), (0.8, 0.9, 14), (0.65, 0.8, 8))
"""Cosine from, cosine below, and the most pairs of the band in one space."""
BY_WORDS: Final = 4
BY_CHANCE: Final = 4
SEED: Final = 19


class DrawnPair(NamedTuple):
    """Two texts of a space, the older one first."""

    file: str
    space: str
    one: str
    other: str
    cosine: float


def drawn(file: str, space: dict[str, Any], vectors: Kept) -> list[DrawnPair]:
    """Return the pairs of one space, in the order in which they were drawn."""
    corpus = space["corpus"]
    matrix = np.stack([vectors.of(item["text"]) for item in corpus])
    meaning = matrix @ matrix.T
    words = _overlap([frozenset(tokens(item["text"])) for item in corpus])
    chance = Random(f"{SEED}:{space['space']}")  # noqa: S311 - a draw that can be repeated.
    found: dict[tuple[int, int], None] = {}
    near = list(_mutual(meaning))
    for low, high, most in BANDS:
        band = [pair for pair in near if low <= meaning[pair] < high]
        found |= dict.fromkeys(_sample(chance, band, most))
    alike = sorted(_mutual(words), key=lambda pair: -words[pair])
    found |= dict.fromkeys([pair for pair in alike if pair not in found][:BY_WORDS])
    for _ in range(BY_CHANCE):
        one, other = sorted(chance.sample(range(len(corpus)), 2))
        found[one, other] = None
    return [
        DrawnPair(file, space["space"], corpus[a]["id"], corpus[b]["id"], float(meaning[a, b]))
        for a, b in found
    ]


def _sample(
    chance: Random, pairs: Sequence[tuple[int, int]], most: int
) -> Sequence[tuple[int, int]]:
    return pairs if len(pairs) <= most else chance.sample(pairs, most)


def _mutual(likeness: Any) -> Iterator[tuple[int, int]]:
    """Yield each two of which either is among the nearest of the other."""
    square = np.array(likeness, copy=True)
    np.fill_diagonal(square, -1.0)
    nearest = np.argsort(-square, axis=1, kind="stable")[:, :NEAREST]
    sets = [set(row) for row in nearest.tolist()]
    for one, near in enumerate(sets):
        for other in sorted(near):
            if one < other and one in sets[other]:
                yield one, other


def _overlap(sets: Sequence[frozenset[str]]) -> Any:
    columns = {stem: column for column, stem in enumerate(sorted(frozenset().union(*sets)))}
    holds = np.zeros((len(sets), len(columns)), np.float32)
    for row, stems in enumerate(sets):
        holds[row, [columns[stem] for stem in stems]] = 1
    shared = holds @ holds.T
    sizes = holds.sum(axis=1)
    return shared / np.maximum(sizes[:, None] + sizes[None, :] - shared, 1)


async def draw(folder: Path, vectors: Kept) -> list[tuple[DrawnPair, str, str]]:
    """Return all pairs with their texts."""
    pairs: list[tuple[DrawnPair, str, str]] = []
    for file in FILES:
        for space in read_spaces(folder, file):
            await vectors.make(item["text"] for item in space["corpus"])
            texts = {item["id"]: item["text"] for item in space["corpus"]}
            pairs += [
                (pair, texts[pair.one], texts[pair.other]) for pair in drawn(file, space, vectors)
            ]
    return pairs


def main() -> None:
    """Print the pairs to be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.settle_draw", description=__doc__)
    _, folder, vectors = given(parser)
    for number, (pair, one, other) in enumerate(asyncio.run(draw(folder, vectors))):
        sys.stdout.write(f"{number}\t{pair.space} {pair.one} {pair.other}\n A {one}\n B {other}\n")


if __name__ == "__main__":
    main()
