"""A sealed namespace of a whole memory: what is forgotten is in no byte of any file of its home."""

from __future__ import annotations

import asyncio
import io
import struct
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.errors import EventInvalid, InputInvalid
from anabranch.memory.memory import namespace_of
from anabranch_store import MiniLM
from tests.support.bytes_held import held
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anabranch.settings import Settings
    from tests.support.fixtures.memory import CommandLine

pytestmark = [in_full_only, pytest.mark.own_servers, pytest.mark.timeout(540)]

SECRET = "The heron Quaggafix nests at Uji"
NEEDLE = b"quaggafix"
KEPT = "The ferry crosses at noon"
STEPS = ("Erasure.run", "erasing._graph_built_again")


def _spellings(vector: list[float]) -> list[bytes]:
    """Return some numbers of a vector in the ways in which a store may keep them."""
    some = vector[3:6]
    found = [struct.pack(f"{order}3{size}", *some) for order in "<>" for size in "fd"]
    return [*found, b"".join(map(_zigzag, some))]


def _zigzag(number: float) -> bytes:
    """Return a number as ArcadeDB keeps it: its 32 bits, zigzag, seven to a byte."""
    (bits,) = struct.unpack(">i", struct.pack(">f", number))
    left = (bits << 1 ^ bits >> 31) & 0xFFFFFFFF
    made = bytearray()
    while left >= 0x80:
        made.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*made, left])


async def _learned(memory: Memory) -> tuple[str, list[bytes]]:
    """Seal a namespace, learn two things; return the one to forget, and the bytes of its vector."""
    await memory.transfer.seal_namespace()
    async with await memory.open_session("Watch birds") as session:
        found = await session.remember(SECRET, entities=["Quaggafix"], tags=["bird"])
        kept = await session.remember(KEPT)
    await memory.associate(found.insight_id, kept.insight_id, reason=f"{SECRET}, by the ferry")
    backend = namespace_of(memory).backend
    await backend.wait_for(memory.position, projection="vectors", timeout_s=PATIENCE_S)
    hits = (await memory.recall("Where does the heron nest?")).hits
    assert hits[0].text == SECRET
    query = "MATCH (i:Insight {id: $id}) RETURN i.embedding AS vector"
    rows = (await memory.cypher(query, {"id": found.insight_id})).rows
    return found.insight_id, _spellings(list(rows[0]["vector"]))


async def test_what_is_forgotten_is_in_no_file(own_settings: Settings, tmp_path: Path) -> None:
    """Before and after a rebuild, over a start; nor in exports and snapshots made before."""
    settings = own_settings.changed(embedder="builtin", namespace="acme")
    home, copies = own_settings.home, tmp_path / "copies"
    copies.mkdir()
    async with Memory.open(settings=settings) as memory:
        insight_id, vector = await _learned(memory)
        exported = io.BytesIO()
        await memory.transfer.export(exported)
        (copies / "export.jsonl").write_bytes(exported.getvalue())
        await memory.transfer.snapshot(copies / "log.zip")
        zipfile.ZipFile(copies / "log.zip").extractall(copies / "log")
        await memory.graph.rebuild()  # The graph before it is kept.
        before = held(home, NEEDLE), held(home, *vector)

        receipt = await memory.forget(insight_id)

        assert all(any(name.startswith("graph") for name in found) for found in before)
        assert held(home, NEEDLE, *vector) == []
        told = receipt.erasure
        assert told is not None
        assert told.position == receipt.position
        assert (told.graph, told.index) == ("rewritten", "rewritten")
        digest = (await memory.graph.digest()).digest
        rebuilt = await memory.graph.rebuild()
        assert rebuilt.digest == digest
        assert rebuilt.dead_letters == 0
        assert [hit.text for hit in (await memory.recall("ferry")).hits] == [KEPT]
        assert (await memory.get(insight_id)).text is None
        shown = [record.document async for record in memory.replay()]
        assert any(KEPT.encode() in document for document in shown)
        with pytest.raises(EventInvalid, match="its keys are not in the export"):
            await memory.transfer.import_lines(exported.getvalue().splitlines())
    assert held(home, NEEDLE, *vector) == []
    assert held(copies, NEEDLE, *vector, KEPT.encode()) == []
    async with Memory.open(settings=settings) as memory:
        assert [hit.text for hit in (await memory.recall("ferry")).hits] == [KEPT]
    assert held(home, NEEDLE, *vector) == []


async def test_forgetting_embeds_nothing_that_stays(
    own_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No cache may keep the vectors of sealed texts: they are those of the graph before."""
    settings = own_settings.changed(embedder="builtin", namespace="acme", ranker="graph")
    async with Memory.open(settings=settings) as memory:
        insight_id, _ = await _learned(memory)
    asked: list[str] = []
    embed = MiniLM.embed

    async def noted(self: MiniLM, texts: Sequence[str]) -> list[list[float]]:
        asked.extend(texts)
        return await embed(self, texts)

    monkeypatch.setattr(MiniLM, "embed", noted)
    async with Memory.open(settings=settings) as memory:
        receipt = await memory.forget(insight_id)
        query = "MATCH (i:Insight {text: $text}) RETURN size(i.embedding) AS dimension"
        rows = (await memory.cypher(query, {"text": KEPT})).rows

    assert receipt.erasure is not None
    assert receipt.erasure.graph == "rewritten"
    assert rows == [{"dimension": MiniLM.dimension}]
    assert KEPT not in asked
    assert SECRET not in asked


_KILLED = """
import asyncio, os, signal, sys
from anabranch import Memory
from anabranch.generations import erasing
from anabranch_events.erasure import Erasure

async def killed(*arguments, **names):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with Memory.open(sys.argv[1], namespace="acme") as memory:
        where, _, name = sys.argv[3].partition(".")
        setattr({"Erasure": Erasure, "erasing": erasing}[where], name, killed)
        await memory.forget(sys.argv[2])

asyncio.run(main())
"""


@in_full_only
@pytest.mark.parametrize("step", STEPS)
async def test_a_forgetting_that_was_killed_is_finished_by_the_next_start(
    own_settings: Settings, step: str
) -> None:
    """By SIGKILL before the keys, before each kind of file, and before the note."""
    settings = own_settings.changed(embedder="none", namespace="acme")
    home = own_settings.home
    async with Memory.open(settings=settings) as memory:
        await memory.transfer.seal_namespace()
        found = await memory.remember(SECRET, entities=["Quaggafix"])
        await memory.remember(KEPT)
    command = [sys.executable, "-c", _KILLED, str(home), found.insight_id, step]
    killed = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr

    async with Memory.open(settings=settings) as memory:
        async with asyncio.timeout(120):
            while held(home, NEEDLE) or not home.joinpath("erased.json").exists():  # noqa: ASYNC110 - no other process tells.
                await asyncio.sleep(0.2)
        assert (await memory.get(found.insight_id)).text is None
        assert [hit.text for hit in (await memory.recall("ferry")).hits] == [KEPT]
    assert held(home, NEEDLE) == []


@in_full_only
async def test_keys_whose_loss_is_accepted_leave_nothing_plain_in_the_home(
    own_settings: Settings,
) -> None:
    """The owner rewrites its files, as after a forgetting; what comes later is kept."""
    settings = own_settings.changed(embedder="none", namespace="acme")
    async with Memory.open(settings=settings) as memory:
        await memory.transfer.seal_namespace()
        await memory.remember(SECRET, entities=["Quaggafix"])
        await memory.wait_for(memory.position)
        there = held(settings.home, NEEDLE)
        client = namespace_of(memory).backend.log.connection
        await client.jetstream().delete_stream("ANABRANCH_KEYS_acme")

        await memory.transfer.seal_namespace(accept_loss=True)
        kept = await memory.remember(KEPT)
        async with asyncio.timeout(120):
            while held(settings.home, NEEDLE):  # noqa: ASYNC110 - no other process tells.
                await asyncio.sleep(0.2)

        assert there
        assert [hit.text for hit in (await memory.recall("ferry")).hits] == [KEPT]
        assert (await memory.get(kept.insight_id)).text == KEPT


async def test_a_subject_is_forgotten_in_a_sealed_namespace_too(own_settings: Settings) -> None:
    """A dry run changes nothing; an open namespace beside it stays as it was."""
    settings = own_settings.changed(embedder="none", namespace="acme")
    async with Memory.open(settings=settings) as memory:
        await memory.transfer.seal_namespace()
        async with await memory.open_session(SECRET) as session:
            await session.remember("Said within")
            await session.note("bird", SECRET)

        dry = await memory.forget_all(session_id=session.session_id, dry_run=True)
        there = held(settings.home, NEEDLE)
        done = await memory.forget_all(session_id=session.session_id)

        assert there
        assert (dry.log_keeps, dry.erasure) == (False, None)
        assert done.erasure is not None
        assert held(settings.home, NEEDLE) == []


def test_the_command_line_seals_and_says_what_was_erased(alone: CommandLine) -> None:
    """And refuses what cannot be sealed any more."""
    told = alone("namespace", "create", "acme", "--sealed", "--json").value
    alone("--namespace", "open", "remember", KEPT)
    late = alone("namespace", "create", "open", "--sealed", "--json")
    without = alone("namespace", "create", "other", "--json")
    found = alone("--namespace", "acme", "remember", SECRET, "--json").value

    forgotten = alone("--namespace", "acme", "forget", found["insight_id"])

    assert told == {"namespace": "acme", "position": 1}
    assert (late.code, without.code) == (2, 2)
    assert "open for ever" in late.error["message"]
    assert "hold nothing that can be read" in forgotten.out
    assert held(alone.home, NEEDLE) == []


async def test_an_open_namespace_keeps_what_it_always_kept(own_settings: Settings) -> None:
    """`forget` hides there, and says that the log still holds it; it cannot be sealed later."""
    settings = own_settings.changed(embedder="none", namespace="open")
    async with Memory.open(settings=settings) as memory:
        found = await memory.remember(SECRET)

        receipt = await memory.forget(found.insight_id)

        assert receipt.erasure is None
        with pytest.raises(InputInvalid, match="has events already"):
            await memory.transfer.seal_namespace()
