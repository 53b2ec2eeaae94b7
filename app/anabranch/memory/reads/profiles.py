"""Profiles: what memory knows about a name, as of a moment, each statement with its source."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from anabranch.memory.reads.conflicts import open_conflicts
from anabranch.memory.reads.links import reached_for
from anabranch.views import InsightDetails
from anabranch_events.errors import InputInvalid
from anabranch_events.event.identifiers import composed
from anabranch_recall.question import OpenConflict
from anabranch_recall.text.mention import Mention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment
    from anabranch_store import Graph

BESIDE_MAX: Final = 10
NEAR_MAX: Final = 10
_NAMES_MAX: Final = 5000
FACTS_MAX: Final = 1000


class Profile(BaseModel):
    """All that is known about a name at a position: the insights that hold, the latest first.

    `beside` has the names that stand beside it most often, with the number of insights.
    `conflicts` has the open ones by the insight that they are about. Where nothing is known by the
    name, `near` has names like it that are known.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)
    name: str
    position: int
    insights: tuple[InsightDetails, ...]
    beside: dict[str, int]
    conflicts: dict[str, tuple[OpenConflict, ...]]
    near: tuple[str, ...] = ()


async def about(
    namespace: OpenNamespace, name: str, *, as_of: Moment | None = None, limit: int = 100
) -> Profile:
    """Return the profile of a name as `Memory.about` says."""
    wanted = composed(" ".join(name.split()))
    if not wanted:
        raise InputInvalid("name: is empty", field="name", fix="name who or what it is about")
    if not 1 <= limit <= FACTS_MAX:
        raise InputInvalid(
            f"limit: {limit} is not from 1 to {FACTS_MAX}", field="limit", fix="ask for fewer"
        )
    until = await reached_for(namespace, as_of)
    graph = await namespace.backend.graph()
    rows = await graph.read(
        "insights/about",
        namespace=namespace.name,
        name=wanted.lower(),
        pattern=Mention(wanted).java,
        until=until,
        limit=limit,
    )
    found = tuple(InsightDetails.model_validate(row) for row in rows)
    beside = Counter(
        each for one in found for each in one.entities if each.lower() != wanted.lower()
    )
    known = None if found else await _names(graph, namespace.name, until=until)
    return Profile(
        name=wanted,
        position=until,
        insights=found,
        beside=dict(beside.most_common(BESIDE_MAX)),
        conflicts=await open_conflicts(namespace, [one.insight_id for one in found], until=until),
        near=() if known is None else near_names(wanted, known),
    )


async def _names(graph: Graph, namespace: str, *, until: int) -> list[str]:
    rows = await graph.read("insights/names", namespace=namespace, until=until, limit=_NAMES_MAX)
    return [row["name"] for row in rows]


def near_names(wanted: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return the names that share a word with one, or are spelled almost like it: ten at most.

    Those spelled alike come first, then the others in the order of `known`.
    """
    folded = {name.casefold(): name for name in reversed(known)}
    words = {*wanted.casefold().split()}
    sharing = [name for name in folded if words & {*name.split()}]
    spelled = get_close_matches(wanted.casefold(), [*folded], n=NEAR_MAX, cutoff=0.7)
    found = dict.fromkeys([*spelled, *reversed(sharing)])
    return tuple(folded[name] for name in found)[:NEAR_MAX]
