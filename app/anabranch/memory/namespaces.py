"""One namespace of an open backend, and the few that a service has open at a time."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from anabranch.errors import MemoryNotOpen
from anabranch_thinking import Sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.backend.backend import Backend

NAMESPACES_MAX: Final = 256
VECTORS_WAIT_S: Final = 5.0
_VECTORS_BEHIND_MAX: Final = 512


class OpenNamespace:
    """One namespace: the commands on its sessions, and the waiting that its reads need.

    Every surface stands on it: `Memory`, its sessions and parts, and the command service. Raises
    InputInvalid for a `name` that is none.
    """

    def __init__(self, backend: Backend, name: str) -> None:
        self._backend = backend
        self._closed = False
        self.name = name
        self._sessions = Sessions(
            backend.log,
            namespace=name,
            agent=backend.settings.agent,
            lookup=self.producers,
            listener=backend.saw,
        )

    @property
    def backend(self) -> Backend:
        """The backend. Raises MemoryNotOpen once it is closed."""
        if self._closed:
            raise MemoryNotOpen
        return self._backend

    @property
    def sessions(self) -> Sessions:
        """The commands on its sessions. Raises MemoryNotOpen once the backend is closed."""
        if self._closed:
            raise MemoryNotOpen
        return self._sessions

    async def close(self) -> None:
        """Close the backend; whatever still stands on this says so."""
        self._closed = True
        await self._backend.__aexit__()

    def sessions_of(self, agent: str | None) -> Sessions:
        """Return the commands in the name of `agent`, or else of the memory's own."""
        return self.sessions.for_command(agent=agent)

    async def producers(self, insight_ids: Sequence[str]) -> dict[str, str]:
        """Return the session of each insight that exists, as of the last position seen here."""
        await self.caught_up()
        graph = await self.backend.graph()
        rows = await graph.read("insights/producers", namespace=self.name, ids=list(insight_ids))
        return {row["insight_id"]: row["session_id"] for row in rows}

    async def caught_up(self) -> None:
        """Let the graph reach the last position seen here, within the bound of the settings."""
        backend = self.backend
        timeout_s = backend.settings.wait_timeout_s
        await backend.reached(backend.seen, projection="graph", timeout_s=timeout_s)

    async def ready(
        self,
        after: int | None = None,
        *,
        wait_s: float | None = None,
        vectors_wait_s: float = VECTORS_WAIT_S,
    ) -> None:
        """Let the graph, and then the vectors, reach the position that an answer must know.

        With `after` it raises WaitTimedOut where the graph does not reach it within `wait_s`.
        Without, the last position seen here is waited for, and missing it is no error. Vectors are
        waited for `vectors_wait_s` more at most.
        """
        backend = self.backend
        bound_s = backend.settings.wait_timeout_s if wait_s is None else wait_s
        vectors = await backend.note_reached(backend.seen if after is None else after)
        if after is not None:
            await backend.wait_for(after, projection="graph", timeout_s=bound_s)
        else:
            after = backend.seen
            await backend.reached(after, projection="graph", timeout_s=bound_s)
        if 0 < after - vectors <= _VECTORS_BEHIND_MAX and await backend.vectors_follow():
            timeout_s = min(bound_s, vectors_wait_s)
            await backend.reached(after, projection="vectors", timeout_s=timeout_s)


class Namespaces:
    """The namespaces asked for last; another one is opened when asked for, which costs nothing."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._open: OrderedDict[str, OpenNamespace] = OrderedDict()

    def of(self, name: str) -> OpenNamespace:
        """Return a namespace. Raises InputInvalid."""
        found = self._open.pop(name, None) or OpenNamespace(self._backend, name)
        self._open[name] = found
        if len(self._open) > NAMESPACES_MAX:
            self._open.popitem(last=False)
        return found
