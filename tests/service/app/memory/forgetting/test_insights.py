"""Forgetting: nothing says any more what a forgotten insight said, and the receipt lists it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from anabranch import Memory
from anabranch.memory.memory import namespace_of
from anabranch_thinking.sessions.receipts import AssociationEnds

if TYPE_CHECKING:
    from anabranch.settings import Settings

SECRET = "Ann lives in Uji"


async def _shown(memory: Memory, session_ids: list[str], insight_ids: list[str]) -> str:
    """Return all that a memory tells of sessions and insights, as text."""
    told: list[object] = []
    for one in session_ids:
        told.append((await memory.show_session(one)).model_dump(mode="json"))
        told += [each.model_dump(mode="json") for each in await memory.session_tree(one)]
        told += [each.model_dump(mode="json") for each in await memory.past.history(one)]
    for one in insight_ids:
        told.append((await memory.get(one)).model_dump(mode="json"))
        told += [each.model_dump(mode="json") for each in await memory.past.history(one)]
    told.append((await memory.past.diff(0, memory.position)).model_dump(mode="json"))
    told.append((await memory.recall("Where does Ann live?")).model_dump(mode="json"))
    query = (
        "MATCH (n {namespace: $n}) OPTIONAL MATCH (n)-[r]->() "
        "RETURN properties(n) AS one, properties(r) AS other"
    )
    told.append((await memory.cypher(query, {"n": memory.namespace})).rows)
    return json.dumps(told, default=str)


async def test_nothing_says_what_was_forgotten(namespace_settings: Settings) -> None:
    """Findings, results, reasons, subjects, consolidations; what is said afterwards neither."""
    async with Memory.open(settings=namespace_settings) as memory:
        await _nothing_says(memory)


async def _nothing_says(memory: Memory) -> None:
    root = await memory.open_session("Find the plant")
    branch = await root.branch("Ask around")
    tea = await memory.remember("Tea grows near Kyoto")
    done = await branch.complete(f"They say: {SECRET}", insights=[SECRET])
    one = done.insight_ids[0]
    derived = await memory.remember("The one of Uji is Ann", sources=[one])
    further = await memory.remember("Uji again: Ann", sources=[derived.insight_id])
    await memory.associate(one, tea.insight_id, reason="Ann grows it")
    sessions = namespace_of(memory).sessions
    await sessions.open_conflict(tea.insight_id, one, subject="Is it Ann")
    made = await memory.consolidate(root.session_id)  # It forms associations too.
    ids = [one, derived.insight_id, further.insight_id, tea.insight_id, made.consolidation_id]
    before = await _shown(memory, [branch.session_id, root.session_id], ids[:4])

    receipt = await memory.forget(one, receipt="ticket 7")

    await memory.associate(tea.insight_id, one, kind="again", reason="Ann again")
    late = await memory.remember("Later: Ann of Uji", sources=[further.insight_id])
    after = await _shown(memory, [branch.session_id, root.session_id], [*ids[:4], late.insight_id])
    life = str(await memory.past.history(made.consolidation_id))
    again = await memory.forget(one)
    assert before.count("Ann") > 12
    assert (after.count("Ann"), life.count("Ann")) == (after.count("Where does Ann live?"), 0)
    assert receipt.insights == (derived.insight_id, further.insight_id)
    assert receipt.consolidations == (made.consolidation_id,)
    assert receipt.sessions == (branch.session_id,)
    own = AssociationEnds(from_id=one, to_id=tea.insight_id, kind="related")
    assert own in receipt.associations
    assert receipt.conflicts == (tuple(sorted((one, tea.insight_id))),)
    assert receipt.sums == {
        "associations": len(receipt.associations),
        "conflicts": 1,
        "consolidations": 1,
        "insights": 2,
        "sessions": 1,
    }
    assert (again.insights, again.sums["insights"]) == ((late.insight_id,), 1)
    assert (await memory.get(late.insight_id)).text is None
