"""One namespace as the command service sees it, over what `anabranch up` has open."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from anabranch.backend.backend import Connection
from anabranch.memory.recall import Asking
from anabranch_thinking import Sessions

if TYPE_CHECKING:
    from anabranch.home.servers import Servers
    from anabranch_events import Log
    from anabranch_recall import Embedder

NAMESPACES_MAX: Final = 256


class SharedConnection(Connection):
    """A connection over servers and a log that this process has open already."""

    def __init__(self, servers: Servers, log: Log, embedder: Embedder | None) -> None:
        super().__init__(servers.settings)
        self.servers = servers
        self.log = log
        self.embedder = embedder

    async def _open(self) -> None:
        self._stack.push_async_callback(self._let_graph_go)
        await self.graph()
        self.seen = (await self.log.bounds()).last


class NamespaceMemory(Asking):
    """Recall and the commands on sessions, in one namespace."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self.connection = connection
        self.namespace = namespace
        self.sessions = Sessions(
            connection.log,
            namespace=namespace,
            agent=connection.settings.agent,
            lookup=self.producers,
            listener=connection.saw,
        )


class NamespaceMemories:
    """The namespaces asked for last; another is opened when it is asked for, which costs nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open: OrderedDict[str, NamespaceMemory] = OrderedDict()

    def of(self, namespace: str) -> NamespaceMemory:
        """Return the memory of a namespace. Raises InputInvalid."""
        found = self._open.pop(namespace, None) or NamespaceMemory(self._connection, namespace)
        self._open[namespace] = found
        if len(self._open) > NAMESPACES_MAX:
            self._open.popitem(last=False)
        return found
