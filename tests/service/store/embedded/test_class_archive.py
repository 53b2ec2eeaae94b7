"""The archive of the JVM's classes: made behind one's back, used from then on, never in the way."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from anabranch_store import EmbeddedGraph
from tests.support.rounds import in_full_only

pytestmark = pytest.mark.timeout(900)


def _archived(cache: Path) -> Path:
    """Wait until the archive is whole, and nothing else is left beside it."""
    deadline = time.monotonic() + 120
    while [file.suffix for file in cache.glob("*")] != [".jsa"]:
        assert time.monotonic() < deadline, [*cache.glob("*")]
        time.sleep(0.05)
    [archive] = cache.glob("*")
    return archive


async def _mapped(folder: Path) -> bool:
    """Start a graph; tell whether its JVM uses an archive."""
    async with EmbeddedGraph(folder, engine="jvm") as graph:
        return ".jsa" in _maps(graph.pid)


def _maps(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the place of archives, in a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "anabranch" / "embedded-graph"


@in_full_only
@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process has mapped")
async def test_the_second_start_uses_what_the_first_has_loaded(cache: Path, tmp_path: Path) -> None:
    """It is made once the first graph is closed, of what that one's JVM has loaded."""
    first = await _mapped(tmp_path / "first")
    archive = _archived(cache)
    made = archive.read_bytes()[:4096]
    second = await _mapped(tmp_path / "second")

    assert (first, second) == (False, True)
    assert _archived(cache).read_bytes()[:4096] == made
    assert not (tmp_path / "first" / "classes.txt").exists()


@in_full_only
async def test_a_damaged_archive_is_left_alone(cache: Path, tmp_path: Path) -> None:
    """A graph starts without it all the same."""
    await _mapped(tmp_path / "first")
    archive = _archived(cache)
    archive.write_bytes(archive.read_bytes()[:100_000])

    async with EmbeddedGraph(tmp_path / "second", engine="jvm") as graph:
        assert graph.running


@in_full_only
async def test_a_cache_that_cannot_be_written_is_no_error(cache: Path, tmp_path: Path) -> None:
    """Nothing is made, and nothing is left in the graph's folder."""
    cache.parent.parent.write_text("a file in the way")

    async with EmbeddedGraph(tmp_path / "first", engine="jvm") as graph:
        assert graph.running

    assert not (tmp_path / "first" / "classes.txt").exists()
