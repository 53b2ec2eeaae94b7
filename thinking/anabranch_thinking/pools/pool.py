"""The seam of pools: where workers are started, on this machine or by a scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class PoolWorker:
    """A worker as its pool knows it.

    `handle` is the pool's own name for it, such as the id of its job; None where that is not known.
    One that `waits` has not begun: it waits for a place in the scheduler's queue.
    """

    name: str
    handle: str | None
    waits: bool = False


class Pool(Protocol):
    """A place for workers. Each of its calls may raise PoolFailed.

    The names of its workers begin with `prefix`, so that they are found again: in the scheduler's
    list, and among the workers that answer.
    """

    @property
    def prefix(self) -> str:
        """The beginning of the name of each worker of this pool, and of no other."""
        ...

    async def submit(self, name: str) -> str:
        """Start a worker of that name, now or once there is room for it; return its handle."""
        ...

    async def cancel(self, worker: PoolWorker) -> None:
        """Take a worker that waits out of the scheduler's queue."""
        ...

    async def list(self, noted: Mapping[str, str | None]) -> list[PoolWorker]:
        """Return the workers that are there; `noted` has the handles of those submitted before."""
        ...

    async def close(self) -> None:
        """Let go of the pool: workers that cannot be found again are drained first."""
        ...
