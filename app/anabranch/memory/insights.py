"""One insight of a namespace: looked up by its id, and replaced by a newer text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.views import InsightDetails
from anabranch_events import canonical_uuid
from anabranch_events.errors import InputInvalid
from anabranch_thinking import InsightNotFound, draft_of

if TYPE_CHECKING:
    from collections.abc import Mapping

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


async def update_insight(
    namespace: OpenNamespace,
    insight_id: str,
    insight: InsightDraft | str,
    *,
    sessions: Sessions,
    session_id: str | None = None,
    fields: InsightFields | Mapping[str, object],
) -> InsightReceipt:
    """Replace an insight as `Memory.update` says, by commands of `sessions`."""
    old = await get_insight(namespace, insight_id)
    if isinstance(insight, str):
        fields = {**{name: getattr(old, name) for name in _INHERITED}, **fields}
    draft = draft_of(insight, fields)
    return await sessions.remember(draft, session_id=session_id, supersedes=[old.insight_id])
