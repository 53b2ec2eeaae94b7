"""Spreading: from the hits of a recall, or from one insight, along associations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.memory.reads.insights import get_insight
from anabranch.past.as_of import position_of
from anabranch_events.errors import InputInvalid
from anabranch_recall import Question
from anabranch_recall.question import ASSOCIATED_MAX, SPREAD_MAX, TIMEOUT_S, Lane
from anabranch_store.recall.lanes import attempt
from anabranch_store.recall.spread import spread

if TYPE_CHECKING:
    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment
    from anabranch_recall import Associated, Recollection

LANE = "spread"


async def spread_from(
    namespace: OpenNamespace, question: Question, found: Recollection, *, steps: int
) -> Recollection:
    """Return an answer with the insights that its hits' associations lead to over `steps` links.

    It is a lane of its own: where it fails, the answer is the one without it.
    """
    if not steps or not found.hits:
        return found
    graph = await namespace.backend.graph()
    starts = [hit.insight_id for hit in found]
    outcome = await attempt(
        spread(graph, question, starts, steps=steps, limit=ASSOCIATED_MAX),
        nothing=[],
        timeout_s=question.timeout_s or TIMEOUT_S,
    )
    lane = Lane(
        state=outcome.state,
        position=found.position,
        reason=outcome.reason,
        duration_ms=outcome.duration_ms,
    )
    return found.model_copy(
        update={"associated": tuple(outcome.found), "lanes": {**found.lanes, LANE: lane}}
    )


async def associations(
    namespace: OpenNamespace,
    insight_id: str,
    *,
    steps: int,
    as_of: Moment | None,
    include_retired: bool,
    limit: int,
) -> list[Associated]:
    """Return the insights that associations lead to as `Memory.associations` says."""
    checked_steps(steps, least=1)
    if not 1 <= limit <= ASSOCIATED_MAX:
        raise InputInvalid(
            f"limit: {limit} is not from 1 to {ASSOCIATED_MAX}",
            field="limit",
            fix=f"ask for 1 to {ASSOCIATED_MAX}",
        )
    start = (await get_insight(namespace, insight_id)).insight_id
    backend = namespace.backend
    position = None if as_of is None else await position_of(backend, as_of)
    if position is not None:
        timeout_s = backend.settings.wait_timeout_s
        await backend.wait_for(position, projection="graph", timeout_s=timeout_s)
    recorded = None if position is None else await backend.log.at(position)
    question = Question(
        text=start,
        namespace=namespace.name,
        as_of=position,
        asked_at=None if recorded is None else recorded.stored_at,
        include_retired=include_retired,
    )
    graph = await backend.graph()
    return await spread(graph, question, [start], steps=steps, limit=limit)


def checked_steps(steps: int, *, least: int) -> None:
    """Raise InputInvalid for a number of links that is not followed."""
    if not least <= steps <= SPREAD_MAX:
        raise InputInvalid(
            f"spread: {steps} is not from {least} to {SPREAD_MAX}",
            field="spread",
            fix=f"follow {least} to {SPREAD_MAX} links",
        )
