"""A fork that is not joined yet moves to another log as one piece, whoever else writes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.memory.memory import namespace_of
from anabranch_events import Log, encode, new_event, new_id
from anabranch_events.event.types import BranchCreated, JoinTerms, SessionOpened
from anabranch_thinking.sessions.forks import fork_ids, join_id_of
from tests.support.events import note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anabranch.settings import Settings
    from anabranch_events import Event, Receipt

pytestmark = pytest.mark.timeout(1200)


def forked(before: int, branches: int) -> list[Event]:
    """Return some notes, and behind them a thought that has just begun."""
    root = new_id()
    terms = JoinTerms(join_id=join_id_of(root, 0), branches=branches)
    notes = [note(new_id(), number) for number in range(before)]
    opened = new_event(SessionOpened(task="Move"), session_id=root, namespace="default")
    forks = [
        new_event(
            BranchCreated(
                parent_id=root,
                root_id=root,
                forked_at=before + 1,
                depth=1,
                task="Part",
                executor="echo",
                join=terms,
            ),
            session_id=session_id,
            namespace="default",
        )
        for session_id in fork_ids(terms.join_id, branches)
    ]
    return [*notes, opened, *forks]


def beside_a_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have another one write behind each batch that is stored from now on."""
    append_all = Log.append_all

    async def contended(
        self: Log, events: Sequence[Event], *, expected: Mapping[str, int] | None = None
    ) -> list[Receipt]:
        receipts = await append_all(self, events, expected=expected)
        await self.append(note(new_id(), 0, namespace="other"))
        return receipts

    monkeypatch.setattr(Log, "append_all", contended)


@pytest.mark.parametrize("exported", [True, False])
@pytest.mark.parametrize(("before", "branches"), [(0, 3), (499, 3), (300, 800)])
async def test_a_forks_branches_stand_one_after_another(
    own_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    exported: bool,
    before: int,
    branches: int,
) -> None:
    """Otherwise a joiner would take those for lost that have not come yet."""
    events = forked(before, branches)
    lines = [
        encode(event)[:-1] + (b',"position":%d}\n' % position if exported else b"}\n")
        for position, event in enumerate(events, start=1)
    ]
    beside_a_writer(monkeypatch)

    async with Memory.open(settings=own_settings.changed(embedder="none")) as memory:
        if exported:
            await memory.transfer.import_lines(lines)
        else:
            await memory.transfer.append_lines(lines)
        log = namespace_of(memory).backend.log
        stored = [
            (one.position, one.decode().data)
            async for one in log.read_all()
            if one.namespace == "default"
        ]

    places = [position for position, data in stored if isinstance(data, BranchCreated)]
    assert len(stored) == len(events)
    assert places == list(range(places[0], places[0] + branches))
