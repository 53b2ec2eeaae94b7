"""Forgetting: an insight, what was derived from it, and what others said about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anabranch.generations.erasing import finish_forgetting
from anabranch_thinking import ForgetReceipt
from anabranch_thinking.sessions.insights import LocatedInsight
from anabranch_thinking.sessions.journal import checked_id
from anabranch_thinking.sessions.receipts import AssociationEnds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch_store import Graph
    from anabranch_thinking import Sessions

LISTED_MAX: Final = 1000
_IDS_MAX: Final = 500


async def forget_insight(
    namespace: OpenNamespace,
    insight_id: str,
    *,
    receipt: str,
    sessions: Sessions,
    session_id: str | None = None,
    wait: bool = True,
) -> ForgetReceipt:
    """Forget an insight as `Memory.forget` says, by commands of `sessions`.

    Without `wait` the files of a sealed namespace are erased later, by the owner of the home.
    """
    key = checked_id(insight_id, field="insight_id")
    await namespace.caught_up()
    graph = await namespace.backend.graph()
    derived = await derived_from(graph, [key], namespace=namespace.name)
    ids = [key, *(row["insight_id"] for row in derived)]
    copies = await copies_of(graph, ids, namespace=namespace.name)
    stored = await sessions.forget(key, receipt=receipt, session_id=session_id)
    left = not_yet_done(derived)
    await sessions.forget_derived(left, forgotten=stored, receipt=receipt)
    copies["insights"] = [one.insight_id for one in left]
    listed = {name: found[:LISTED_MAX] for name, found in copies.items()}
    sums = {name: len(found) for name, found in sorted(copies.items())}
    erasure = await finish_forgetting(namespace.backend, namespace.name, wait=wait)
    return ForgetReceipt.model_validate(
        {**dict(stored), **listed, "sums": sums, "erasure": erasure}
    )


def not_yet_done(derived: Iterable[Mapping[str, Any]]) -> list[LocatedInsight]:
    """Return the derived insights that have not ended for the log."""
    return [
        LocatedInsight(row["insight_id"], row["session_id"], row["root_id"])
        for row in derived
        if not row["done"]
    ]


async def derived_from(
    graph: Graph, insight_ids: Sequence[str], *, namespace: str
) -> list[dict[str, Any]]:
    """Return the other insights that are derived from some, through any number of steps."""
    known = {*insight_ids}
    found: list[dict[str, Any]] = []
    left = [*insight_ids]
    while left:
        some, left = left[:_IDS_MAX], left[_IDS_MAX:]
        for row in await graph.read("insights/derived", namespace=namespace, ids=some):
            if row["insight_id"] not in known:
                known.add(row["insight_id"])
                found.append(row)
                left.append(row["insight_id"])
    return found


async def copies_of(graph: Graph, ids: Sequence[str], *, namespace: str) -> dict[str, list[Any]]:
    """Return what the graph holds of words about insights, by kind, each thing once."""
    rows: list[dict[str, Any]] = []
    for start in range(0, len(ids), _IDS_MAX):
        some = list(ids[start : start + _IDS_MAX])
        rows += await graph.read("insights/copies", namespace=namespace, ids=some)
    ends = _once(
        pair
        for row in rows
        for pair in (
            *((row["insight_id"], other, kind) for other, kind in row["outward"]),
            *((other, row["insight_id"], kind) for other, kind in row["inward"]),
        )
    )
    return {
        "consolidations": _once(one for row in rows for one in row["consolidations"]),
        "sessions": _once(one for row in rows for one in (*row["producers"], *row["joiners"])),
        "associations": [
            AssociationEnds(from_id=one, to_id=other, kind=kind) for one, other, kind in ends
        ],
        "conflicts": _once(
            tuple(sorted((row["insight_id"], other))) for row in rows for other in row["opposed"]
        ),
    }


def _once(found: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(found))
