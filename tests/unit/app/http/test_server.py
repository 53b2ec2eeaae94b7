"""The sockets of the HTTP service."""

from __future__ import annotations

import asyncio
import socket

from anabranch.http.server import listening


async def test_an_answer_is_sent_at_once() -> None:
    """No answer waits for the client's acknowledgement of its first part (TCP_NODELAY).

    asyncio (CPython 3.11, `_set_nodelay` in Lib/asyncio/base_events.py) sets it on sockets that say
    they are TCP. `socket.socket()` does not say so, and an accepted socket takes that over.
    """
    set_to = asyncio.get_running_loop().create_future()

    def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        set_to.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = listening("127.0.0.1", 0)
    server = await asyncio.start_server(connected, sock=listener)
    async with server:
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await set_to == 1
        writer.close()
