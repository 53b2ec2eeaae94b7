"""A TCP proxy between a client and a server: holds up answers, falls silent, cuts connections."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

CHUNK_BYTES = 65536


class Proxy:
    """Forwards both ways. While `hold_answers`, what the server says waits in the proxy.

    After `fall_silent`, nothing passes in either direction, and nobody is told that anything ended.
    Connections made from now on go to `target`.
    """

    def __init__(self, target: str, *, port: int = 0) -> None:
        self.target = target
        self._port = port
        self._open = asyncio.Event()
        self._open.set()
        self._questions = asyncio.Event()
        self._questions.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        scheme = self.target.partition("://")[0]
        self.url = f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)  # The loop closes the sockets in its next turn.

    def hold_answers(self) -> None:
        """Let questions pass, keep the answers back."""
        self._open.clear()

    def let_answers_pass(self) -> None:
        """Hand on what was kept back."""
        self._open.set()
        self._questions.set()

    def fall_silent(self) -> None:
        """Be a network on which everything gets lost, until `let_answers_pass`."""
        self._open.clear()
        self._questions.clear()

    def cut(self) -> None:
        """Cut every connection; what was kept back is lost. New ones are taken and work."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    def asks(self, data: bytes, answers: asyncio.StreamWriter) -> None:
        """See what a client asks, before it is passed on, and where it hears the answers."""

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio's would complain about being cancelled.
        self._writers.add(writer)
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.target.partition("://")[2].rpartition(":")
        try:
            server_reader, server_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        self._writers.add(server_writer)
        if writer.is_closing():  # Cut while the way on was made.
            server_writer.close()
        await asyncio.gather(
            self._forward(reader, server_writer, passing=self._questions, answers=writer),
            self._forward(server_reader, writer, passing=self._open),
        )

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        passing: asyncio.Event,
        answers: asyncio.StreamWriter | None = None,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await passing.wait()
                if writer.is_closing():
                    break
                if answers is not None:
                    self.asks(data, answers)
                writer.write(data)
                await writer.drain()
        writer.close()
