"""Knowing that the server has what was sent: a message to oneself, where nats-py's flush overtakes."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import nats

from anabranch_events.transport.client import settled
from tests.support.patience import PATIENCE_S
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from anabranch_events import NatsServer

_WORDS = re.compile(rb"^(?:SUB|PUB) (?:question|news|_INBOX)", re.MULTILINE)


class Overheard(Proxy):
    """A proxy that notes what a client asks of the server."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.said: list[bytes] = []

    def asks(self, data: bytes, answers: asyncio.StreamWriter) -> None:
        """Note the words of interest."""
        del answers
        self.said += _WORDS.findall(data)


async def ignore(message: Msg) -> None:
    """Take a message."""


async def test_what_was_sent_before_is_with_the_server_once_settled(
    nats_server: NatsServer,
) -> None:
    """Its own message stands behind all others, and comes back from the server.

    nats-py 2.16.0 writes the PING of `flush` before what it is to flush: see
    findings/nats_py_flush_overtakes_what_it_flushes.sh.
    """
    async with Overheard(nats_server.url) as between, asyncio.timeout(PATIENCE_S):
        client = await nats.connect(between.url, token=nats_server.token)
        await client.subscribe("question", cb=ignore)
        await client.publish("news")

        await settled(client)

        said = list(between.said)
        await client.close()
    assert said == [b"SUB question", b"PUB news", b"SUB _INBOX", b"PUB _INBOX"]
