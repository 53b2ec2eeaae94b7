"""Code that was written against earlier builds goes on, and hears the new names."""

from __future__ import annotations

import importlib
import io
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from anabranch import Memory
from anabranch_events import new_event
from anabranch_events.event.types import InsightRecorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anabranch import Settings


@pytest.fixture
async def memory(own_settings: Settings) -> AsyncIterator[Memory]:
    """A memory itself, without the faces that other tests put before it."""
    async with Memory.open(settings=own_settings) as opened:
        yield opened


async def test_a_memory_answers_to_its_earlier_names(memory: Memory) -> None:
    """The digest, positions, histories and the log are where they were, each with a warning."""
    earlier: Any = memory
    receipt = await memory.remember("The ferry leaves at nine")

    with pytest.warns(DeprecationWarning, match="Memory.digest is Memory.graph.digest now"):
        digest = await earlier.digest()
    now = await memory.graph.digest()
    with pytest.warns(DeprecationWarning, match="Memory.past.position_of"):
        position = await earlier.position_of(receipt.position)
    with pytest.warns(DeprecationWarning, match="Memory.past.history"):
        life = await earlier.history(receipt.insight_id)
    with pytest.warns(DeprecationWarning, match=r"anabranch_events\.Log\.connect"):
        log = earlier.connection.log
    session = await memory.open_session("plan")
    event = new_event(
        InsightRecorded(insight_id=session.session_id, text="The pier is open"),
        session_id=session.session_id,
        namespace=memory.namespace,
    )
    appended = await log.append(event)

    assert digest == now
    assert position == receipt.position
    assert [each.position for each in life] == [receipt.position]
    assert appended.position == session.position + 1


async def test_an_export_is_imported_by_the_earlier_functions(memory: Memory) -> None:
    """`anabranch.transfer` has its two functions of a memory."""
    await memory.remember("The ferry leaves at nine")
    transfer: Any = importlib.import_module("anabranch.transfer")
    exported = io.BytesIO()

    with pytest.warns(DeprecationWarning, match=r"is Memory\.transfer\.export now"):
        written = await transfer.export_events(memory, exported)
    with pytest.warns(DeprecationWarning, match=r"Memory\.transfer\.import_lines"):
        again = await transfer.import_events(memory, io.BytesIO(exported.getvalue()))

    assert again.imported == 0
    assert again.skipped == written


def test_events_have_their_types_where_they_were() -> None:
    """`anabranch_events.types` and `anabranch_events.event` give what they gave, the same objects."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        types = importlib.import_module("anabranch_events.types")
        event = importlib.import_module("anabranch_events.event")
        found = [types.InsightRecorded, event.new_event]

    assert found == [InsightRecorded, new_event]
    assert [str(each.message) for each in heard] == [
        "anabranch_events.types.InsightRecorded is anabranch_events.event.types.InsightRecorded now",
        "anabranch_events.event.new_event is anabranch_events.new_event now",
    ]


@pytest.mark.parametrize("name", ["digests", "_thing"])
def test_a_name_that_never_was_is_no_attribute(name: str) -> None:
    """A slip of the pen gets the usual error."""
    with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
        getattr(Memory.open(), name)
    with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
        getattr(importlib.import_module("anabranch.transfer"), name)
