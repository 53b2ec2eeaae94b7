"""Context: recalled memory as text for a prompt."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Unpack

from anabranch.memory.recall import recall
from anabranch.past.as_of import position_of
from anabranch_events.errors import EventInvalid, InputInvalid
from anabranch_events.event.types import ConsolidationRecorded
from anabranch_recall.context import TOKENS_MAX, Synthesis, context_of
from anabranch_recall.differences import Difference
from anabranch_recall.question import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.memory.recall import AskedFields
    from anabranch_recall import RecalledContext, Recollection

_DERIVED_MAX: Final = 12
_SUPERSEDES: Final = "SUPERSEDES"


async def context(
    namespace: OpenNamespace, query: str, *, tokens: int, **asked: Unpack[AskedFields]
) -> RecalledContext:
    """Return the context of a question as `Memory.context` says."""
    if not 1 <= tokens <= TOKENS_MAX:
        raise InputInvalid(
            f"tokens: {tokens} is not from 1 to {TOKENS_MAX}",
            field="tokens",
            fix="say how many tokens of the prompt are for memory",
        )
    as_of = asked.get("as_of")
    then = asked["as_of"] = None if as_of is None else await position_of(namespace.backend, as_of)
    found = await recall(namespace, query, **asked)
    until = found.position if then is None else then
    syntheses, differences = await _around(namespace, found, until=until)
    return context_of(
        found,
        tokens=tokens,
        syntheses=syntheses,
        differences=differences,
        narrowed=_narrowed(asked),
    )


def _narrowed(asked: AskedFields) -> bool:
    """Tell whether a question is about less than its whole namespace."""
    scope = asked.get("scope")
    around = asked.get("session_id") is not None and scope != Scope.NAMESPACE
    return around or any((asked.get("filters") or {}).values())


async def _around(
    namespace: OpenNamespace, found: Recollection, *, until: int
) -> tuple[list[Synthesis], list[Difference]]:
    """Return the consolidations of recalled insights, and the insights that differ."""
    if len(found.hits) < 2:
        return [], []
    graph = await namespace.backend.graph()
    positions = {hit.insight_id: hit.position for hit in found}
    also = [each.insight_id for hit in found for each in hit.also]
    asked: dict[str, Any] = {"namespace": namespace.name, "until": until}
    derived, differing = await asyncio.gather(
        graph.read("recall/read_derived", ids=[*positions, *also], limit=_DERIVED_MAX, **asked),
        graph.read("recall/read_differences", ids=list(positions), **asked),
    )
    syntheses = await _syntheses(namespace, [row["position"] for row in derived])
    return syntheses, [_difference(row, positions) for row in differing]


async def _syntheses(namespace: OpenNamespace, positions: Sequence[int]) -> list[Synthesis]:
    """Read consolidations from the log: the graph does not keep the order of their sources."""
    log = namespace.backend.log
    found: list[Synthesis] = []
    for recorded in await asyncio.gather(*map(log.at, positions)):
        if recorded is None or recorded.namespace != namespace.name:
            continue
        try:
            data = recorded.decode().data
        except EventInvalid:
            continue
        if isinstance(data, ConsolidationRecorded):
            found.append(
                Synthesis(
                    consolidation_id=data.consolidation_id,
                    text=data.text,
                    position=recorded.position,
                    sources=data.sources,
                )
            )
    return found


def _difference(row: dict[str, Any], positions: dict[str, int]) -> Difference:
    one, other = row["one"], row["other"]
    if row["kind"] == _SUPERSEDES:
        return Difference(one, other, "superseded")
    newer, older = sorted((one, other), key=lambda each: (-positions[each], each))
    return Difference(newer, older, "conflict")
