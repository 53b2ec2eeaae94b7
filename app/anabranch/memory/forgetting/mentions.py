"""The texts that have a name as words, for those who ask to be forgotten.

A text mentions the names that were found in it when it was learned. One word alone at the start of
a sentence is none of them, nor is a name in small letters; and sessions mention nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anabranch_recall.text.mention import Mention

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection

    from anabranch.memory.namespaces import OpenNamespace

_ROWS_MAX: Final = 500


async def insights_saying(
    namespace: OpenNamespace, name: str
) -> AsyncGenerator[list[dict[str, Any]]]:
    """Yield the insights that are not forgotten and have a name in their texts, some at a time."""
    mention = Mention(name)
    graph = await namespace.backend.graph()
    after, after_id = 0, ""
    while True:
        rows = await graph.read(
            "insights/to_look_through",
            namespace=namespace.name,
            spelt=mention.spelt,
            after=after,
            after_id=after_id,
            limit=_ROWS_MAX,
        )
        if found := [row for row in rows if mention.stands_in(row["texts"])]:
            yield found
        if len(rows) < _ROWS_MAX:
            return
        after, after_id = rows[-1]["position"], rows[-1]["insight_id"]


async def sessions_saying(
    namespace: OpenNamespace,
    name: str,
    *,
    results_going: Collection[str] = (),
    consolidations_going: Collection[str] = (),
) -> list[str]:
    """Return the sessions that are not forgotten and say a name themselves.

    The results of sessions and the consolidations that are going anyway do not count.
    """
    mention = Mention(name)
    graph = await namespace.backend.graph()
    found: list[str] = []
    after = ""
    while True:
        rows = await graph.read(
            "sessions/to_look_through",
            namespace=namespace.name,
            spelt=mention.spelt,
            after=after,
            limit=_ROWS_MAX,
        )
        for row in rows:
            texts = [*row["texts"], None if row["id"] in results_going else row["result"]]
            texts += [
                text for key, text in row["consolidations"] if key not in consolidations_going
            ]
            if mention.stands_in(texts):
                found.append(row["id"])
        if len(rows) < _ROWS_MAX:
            return found
        after = rows[-1]["id"]
