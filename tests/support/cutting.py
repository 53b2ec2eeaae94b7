"""A way to a graph's server on which connections break at the worst moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.support.proxy import Proxy

if TYPE_CHECKING:
    import asyncio

    from anabranch_store import GraphAddress

COMMIT: Final = b"\x00\x02\xb0\x12\x00\x00"
"""Bolt's COMMIT, as the chunk it travels in."""


class CutAtCommit(Proxy):
    """Breaks every connection when a commit is sent, `cuts` times: the answer is never heard."""

    def __init__(self, address: GraphAddress, *, cuts: int) -> None:
        super().__init__(address.uri)
        self._address = address
        self.cuts_left = cuts

    @property
    def address(self) -> GraphAddress:
        """Where the graph is reached by this way."""
        return self._address.model_copy(update={"uri": self.url})

    def asks(self, data: bytes, answers: asyncio.StreamWriter) -> None:
        """Pass on what the client asks; after a commit the client hears nothing any more."""
        if COMMIT in data and self.cuts_left:
            self.cuts_left -= 1
            answers.transport.abort()
