"""Having the process that projects move to another generation of the graph."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from anabranch.errors import HomeBusy
from anabranch.projecting import MOVE, SKIP

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from anabranch.connection import Connection
    from anabranch_store import GraphAddress

_MOVE_TIMEOUT_S: Final = 30.0
_T = TypeVar("_T")


async def move(connection: Connection, fresh: GraphAddress, *, skip: bool) -> None:
    """Have the process that projects use the generation `fresh` from now on. Raises HomeBusy."""
    database = fresh.database or ""
    order = f"{database} {SKIP}" if skip else database
    client = connection.log.connection
    try:
        if connection.projecting is not None:
            problem = await connection.projecting.move(database, skip=skip)
        else:
            answer = await client.request(MOVE, order.encode(), timeout=_MOVE_TIMEOUT_S)
            problem = answer.data.decode()
    except (NoRespondersError, NatsTimeoutError) as error:
        raise HomeBusy(
            "the process that projects does not answer",
            fix="try again: what is filled stays. `anabranch graph generations` says which is live, "
            "`anabranch doctor` who owns the home",
        ) from error
    if problem:
        raise HomeBusy(
            f"the process that projects could not use the new graph: {problem}",
            fix="try again in a moment: what is filled stays",
        )


async def while_served(connection: Connection, work: Coroutine[None, None, _T]) -> _T:
    """Do `work` for as long as the home's servers run.

    A projection waits for a server that is away, but one of a home comes back at another address.
    Raises OwnerGone or ServerEnded.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(connection.servers.watch_owner())
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            watching.result()
        return await working
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)
