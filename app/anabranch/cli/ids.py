"""Ids on the command line: whole, or the end or start of one as it is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.memory.memory import Memory


@overload
async def session_id_in(memory: Memory, given: str) -> str: ...
@overload
async def session_id_in(memory: Memory, given: str | None) -> str | None: ...
async def session_id_in(memory: Memory, given: str | None) -> str | None:
    """Return the whole id of a session. Raises InputInvalid, SessionNotFound and IdAmbiguous."""
    from anabranch.memory.memory import namespace_of
    from anabranch.memory.reads.short_ids import session_id_of

    return None if given is None else await session_id_of(namespace_of(memory), given)


async def insight_id_in(memory: Memory, given: str) -> str:
    """Return the whole id of an insight. Raises InputInvalid, InsightNotFound and IdAmbiguous."""
    from anabranch.memory.memory import namespace_of
    from anabranch.memory.reads.short_ids import insight_id_of

    return await insight_id_of(namespace_of(memory), given)


async def insight_ids_in(memory: Memory, given: Sequence[str]) -> list[str]:
    """Return the whole ids of insights, as `insight_id_in` does."""
    return [await insight_id_in(memory, one) for one in given]


async def thing_id_in(memory: Memory, given: str) -> str:
    """Return the whole id of a session, an insight or a consolidation.

    Raises InputInvalid, HistoryNotFound and IdAmbiguous.
    """
    from anabranch.memory.memory import namespace_of
    from anabranch.memory.reads.short_ids import thing_id_of

    return await thing_id_of(namespace_of(memory), given)
