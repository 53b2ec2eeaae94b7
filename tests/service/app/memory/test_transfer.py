"""The transfer of a memory by its Python face: each operation once, value and main error."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import orjson
import pytest

from anabranch import Memory
from anabranch.errors import PositionFromFuture
from anabranch.transfer.manifest import verify_lines
from anabranch.transfer.snapshot import read_snapshot
from anabranch_events import encode, new_id
from anabranch_events.errors import EventInvalid, InputInvalid
from tests.support.events import note
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "The lock of the north gate was changed in May."


async def test_export_writes_lines(memory: Memory) -> None:
    """Chained lines end with a manifest that holds; plain ones are the events alone."""
    await memory.remember(TEXT)
    chained, plain, part = io.BytesIO(), io.BytesIO(), io.BytesIO()

    counts = (
        await memory.transfer.export(chained),
        await memory.transfer.export(plain, chained=False),
        await memory.transfer.export(part, after=1, to=2, chained=False),
    )

    chained.seek(0)
    assert counts == (2, 2, 1)
    assert verify_lines(chained).events == 2
    assert len(plain.getvalue().splitlines()) == 2
    first, second = map(orjson.loads, plain.getvalue().splitlines())
    assert orjson.loads(part.getvalue()) == second | {"before": first["id"]}
    with pytest.raises(PositionFromFuture):
        await memory.transfer.export(io.BytesIO(), to=3)
    with pytest.raises(InputInvalid, match="to: 1 is earlier than after, which is 2"):
        await memory.transfer.export(io.BytesIO(), after=2, to=1)


async def test_import_lines_makes_the_same_memory(memory: Memory, tmp_path: Path) -> None:
    """In another home the same is recalled; a second import appends nothing."""
    kept = await memory.remember(TEXT)
    lines = io.BytesIO()
    await memory.transfer.export(lines)
    digest = (await memory.graph.digest()).digest

    async with Memory.open(tmp_path / "other", settings=memory.settings) as other:
        first = await other.transfer.import_lines(io.BytesIO(lines.getvalue()))
        again = await other.transfer.import_lines(io.BytesIO(lines.getvalue()))
        await other.wait_for(first.position, timeout_s=PATIENCE_S)
        recalled = await other.recall("north gate lock", after=first.position)
        same = (await other.graph.digest()).digest

    assert (first.imported, first.skipped, first.complete) == (2, 0, True)
    assert (again.imported, again.skipped, again.position) == (0, 2, 2)
    assert [hit.insight_id for hit in recalled.hits] == [kept.insight_id]
    assert same == digest


async def test_import_lines_refuses_what_is_no_event(memory: Memory) -> None:
    """Nothing of its batch is appended."""
    with pytest.raises(EventInvalid):
        await memory.transfer.import_lines([b"hello\n"])

    assert memory.position == 0


@pytest.mark.parametrize("transfer", ["append_lines", "import_lines"])
async def test_an_error_says_how_many_events_were_stored_before_it(
    memory: Memory, transfer: str
) -> None:
    """A batch that is stored stays so, and is left out when the lines are given again."""
    session_id, batch = new_id(), 500
    lines = [
        encode(note(session_id, number))[:-1] + b',"position":%d}' % number
        for number in range(1, batch + 2)
    ]
    bad = encode(note(session_id, 1)).replace(b'"key"', b'"kee"')

    with pytest.raises(EventInvalid) as refused:
        await getattr(memory.transfer, transfer)([*lines, bad[:-1] + b',"position":502}'])

    assert str(refused.value).startswith("line 502: ")
    assert str(refused.value).endswith("; of these lines at least 500 events are stored")
    assert refused.value.message == str(refused.value)
    assert memory.position == batch


async def test_snapshot_keeps_the_whole_log(memory: Memory, tmp_path: Path) -> None:
    """The file can be read elsewhere; where it cannot be written, the error says so."""
    await memory.remember(TEXT)
    file = tmp_path / "log.snapshot"

    taken = await memory.transfer.snapshot(file)

    assert (taken.records, taken.first, taken.last) == (2, 1, 2)
    assert read_snapshot(file) == taken
    with pytest.raises(InputInvalid):
        await memory.transfer.snapshot(tmp_path / "missing" / "log.snapshot")
