"""One insight of a namespace: looked up by its id, and replaced by a newer text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.errors import InsightEnded
from anabranch.views import InsightDetails
from anabranch_events import canonical_uuid
from anabranch_events.errors import InputInvalid
from anabranch_thinking import InsightNotFound, draft_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch_thinking import InsightDraft, InsightFields, InsightReceipt, Sessions

_INHERITED = ("kind", "tags", "subject")


async def get_insight(namespace: OpenNamespace, insight_id: str) -> InsightDetails:
    """Return an insight as `Memory.get` says."""
    try:
        key = canonical_uuid(insight_id)
    except ValueError as error:
        raise InputInvalid(
            f"insight_id: {error}", field="insight_id", fix="take it from a recall or a receipt"
        ) from error
    await namespace.caught_up()
    graph = await namespace.backend.graph()
    rows = await graph.read("insights/get", namespace=namespace.name, id=key)
    if not rows:
        raise InsightNotFound(key, namespace=namespace.name)
    return InsightDetails.model_validate(rows[0])


async def _in_its_place(namespace: OpenNamespace, insight_id: str) -> list[str]:
    """Return the insights that hold and took the place of an insight, by one step or by several.

    They are what the graph has by now, in the order in which they were recorded.
    """
    graph = await namespace.backend.graph()
    known, waiting = {insight_id}, [insight_id]
    current: list[tuple[int, str]] = []
    while waiting:
        rows = await graph.read("insights/replacing", namespace=namespace.name, ids=waiting)
        found = [row for row in rows if row["insight_id"] not in known]
        waiting = [row["insight_id"] for row in found]
        known.update(waiting)
        current += [(row["position"], row["insight_id"]) for row in found if row["holds"]]
    return [one for _, one in sorted(current)]


async def update_insight(
    namespace: OpenNamespace,
    insight_id: str,
    insight: InsightDraft | str,
    *,
    sessions: Sessions,
    session_id: str | None = None,
    fields: InsightFields | Mapping[str, object],
    anyway: bool = False,
    repeated: Callable[[Sequence[str]], bool] | None = None,
) -> InsightReceipt:
    """Replace an insight as `Memory.update` says, by commands of `sessions`.

    `repeated` tells of the insights that took its place whether this very request recorded one.
    """
    old = await get_insight(namespace, insight_id)
    again = repeated is not None and repeated(old.superseded_by)
    if old.retired is not None and not anyway and not again:
        current = await _in_its_place(namespace, old.insight_id)
        raise InsightEnded(old.insight_id, why=old.retired_reason, current=current)
    if isinstance(insight, str):
        fields = {**{name: getattr(old, name) for name in _INHERITED}, **fields}
    draft = draft_of(insight, fields)
    return await sessions.remember(draft, session_id=session_id, supersedes=[old.insight_id])
