"""Having the process that projects move to another generation of the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from anabranch.backend.projection_runner import MOVE, SKIP
from anabranch.errors import HomeBusy

if TYPE_CHECKING:
    from anabranch.backend.backend import Backend
    from anabranch_store import GraphAddress

_MOVE_TIMEOUT_S: Final = 30.0


async def move(backend: Backend, fresh: GraphAddress, *, skip: bool) -> None:
    """Have the process that projects use the generation `fresh` from now on. Raises HomeBusy."""
    database = fresh.database or ""
    order = f"{database} {SKIP}" if skip else database
    client = backend.log.connection
    try:
        if backend.projecting is not None:
            problem = await backend.projecting.move(database, skip=skip)
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
