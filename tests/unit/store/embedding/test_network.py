"""A local embedder's threads: the pieces that they take, and when they stop."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from threading import Event
from typing import TYPE_CHECKING, Final

import pytest

from anabranch_store.embedding.network import PIECE, LocalEmbedder, Network
from anabranch_store.errors import EmbedderRefused
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

EMBEDDING: Final = """
import asyncio, os
from anabranch_store import MiniLM
[vector] = asyncio.run(MiniLM().embed(["a river"]))
print(len(vector), os.environ.get("ORT_DISABLE_TELEMETRY"))
"""
UNASKED: Final = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME")
"""Variables that keep the runtime from reporting, or put its reports elsewhere."""


class Refusing(Network):
    """A network that refuses the longest texts, while another piece is with it."""

    def __init__(self) -> None:
        self.pieces = 0
        self.other = Event()
        self.let = Event()

    def vectors(self, texts: list[str]) -> list[list[float]]:
        """Return a vector a text once it is let, or refuse."""
        self.pieces += 1
        if len(texts[0]) > 1:
            assert self.other.wait(PATIENCE_S)
            raise EmbedderRefused("a text is refused", fix="take another")
        self.other.set()
        assert self.let.wait(PATIENCE_S)
        return [[1.0] for _ in texts]


class Embedder(LocalEmbedder):
    """An embedder of that network."""

    def __init__(self, network: Network) -> None:
        super().__init__(threads=2)
        self._made = network

    def _key(self) -> Hashable:
        return id(self._made)

    def _load(self) -> Network:
        return self._made


async def test_after_an_error_no_further_piece_is_taken() -> None:
    """The caller has its error, and nothing works on for nobody."""
    network = Refusing()
    texts = ["longest"] * PIECE + ["x"] * (10 * PIECE)

    with pytest.raises(EmbedderRefused, match="refused"):
        await Embedder(network).embed(texts)
    network.let.set()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*left, return_exceptions=True)

    assert network.pieces == 2


@pytest.mark.parametrize("theirs", [{}, {"ORT_DISABLE_TELEMETRY": "0"}])
def test_nothing_is_kept_for_the_maker_of_the_runtime(
    tmp_path: Path, theirs: dict[str, str]
) -> None:
    """Neither an id of the device nor a report is written, and the variable is as it was.

    onnxruntime 1.32 makes both when it is imported, and sends the reports.
    """
    ours = {name: value for name, value in os.environ.items() if name not in UNASKED}

    ran = subprocess.run(
        [sys.executable, "-c", EMBEDDING],
        env={**ours, **theirs, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.split() == ["384", str(theirs.get("ORT_DISABLE_TELEMETRY"))]
    assert [*tmp_path.rglob("*")] == []
