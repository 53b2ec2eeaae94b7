"""A way to a graph's server on which connections break at the worst moment."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

    from anabranch_store import GraphAddress

COMMIT: Final = b"\x00\x02\xb0\x12\x00\x00"
"""Bolt's COMMIT, as the chunk it travels in."""


class CutAtCommit:
    """Passes a client's bytes on; breaks the connection when a commit was sent, `cuts` times."""

    def __init__(self, address: GraphAddress, *, cuts: int) -> None:
        self.address = address
        self.cuts_left = cuts
        self._target = address
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.address = self._target.model_copy(update={"uri": f"bolt://127.0.0.1:{port}"})
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(
            *self._tasks,
            *(writer.wait_closed() for writer in self._writers),
            return_exceptions=True,
        )

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = int(self._target.uri.rpartition(":")[2])
        from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
        self._writers += [writer, to_server]
        for work in (self._ask(reader, to_server, writer), _pass_on(from_server, writer)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(
        self,
        client: asyncio.StreamReader,
        server: asyncio.StreamWriter,
        answers: asyncio.StreamWriter,
    ) -> None:
        """Pass on what the client asks; after a commit the client hears nothing any more."""
        with contextlib.suppress(OSError):
            while piece := await client.read(65536):
                if COMMIT in piece and self.cuts_left:
                    self.cuts_left -= 1
                    answers.transport.abort()
                server.write(piece)
                await server.drain()
            server.close()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
        sink.close()
