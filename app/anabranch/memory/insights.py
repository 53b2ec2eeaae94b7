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
_STEPS_MAX = 100


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


async def _in_its_place(namespace: OpenNamespace, old: InsightDetails) -> list[str]:
    """Return the insights that hold and took the place of an insight, by one step or by several."""
    known = {old.insight_id}
    waiting, current = [*old.superseded_by], list[str]()
    while waiting and len(known) < _STEPS_MAX:
        insight_id = waiting.pop(0)
        if insight_id in known:
            continue
        known.add(insight_id)
        newer = await get_insight(namespace, insight_id)
        if newer.retired is None:
            current.append(insight_id)
        waiting += newer.superseded_by
    return current


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
        current = await _in_its_place(namespace, old)
        raise InsightEnded(old.insight_id, why=old.retired_reason, current=current)
    if isinstance(insight, str):
        fields = {**{name: getattr(old, name) for name in _INHERITED}, **fields}
    draft = draft_of(insight, fields)
    return await sessions.remember(draft, session_id=session_id, supersedes=[old.insight_id])
