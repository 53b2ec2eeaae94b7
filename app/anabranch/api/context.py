"""The circumstances of one request: in whose name it is asked, and which one it may repeat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anabranch.api.idempotency import Ids, Repetition

if TYPE_CHECKING:
    from anabranch.api.requests import Reading, Writing
    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.namespace_graphs import NamespaceGraphs
    from anabranch_thinking import Sessions


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of one request.

    `key` makes it one that may be sent again: the same key with the same content is the same
    request. `expected` is the last position that an append expects of its session. With `graphs`
    Cypher is asked of a graph that holds the namespace alone.
    """

    namespace: OpenNamespace
    key: str | None = None
    expected: int | None = None
    graphs: NamespaceGraphs | None = None

    async def waited(self, request: Reading) -> None:
        """Wait until the graph has reached the position that a request names, if it names one.

        Raises WaitTimedOut and PositionFromFuture.
        """
        if request.after is not None:
            await self.namespace.backend.wait_for(
                request.after, projection="graph", timeout_s=request.wait_s, field="after"
            )

    def writing(self, name: str, request: Writing) -> tuple[Sessions, Repetition | None]:
        """Return the sessions in the name of the request's agent, and what finds an earlier one."""
        sessions, namespace = self.namespace.sessions, self.namespace.name
        if self.key is None:
            return sessions.for_command(agent=request.agent), None
        ids = Ids(namespace, name, self.key, request)
        repetition = Repetition(self.namespace.backend.log, namespace=namespace, ids=ids)
        return sessions.for_command(agent=request.agent, ids=ids), repetition
