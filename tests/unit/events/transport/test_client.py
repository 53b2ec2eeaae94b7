"""The quicker client reads what the driver's own reads, and stands on what the driver is."""

# pyright: reportPrivateUsage=false
# What is tested is the driver's own hook.

from __future__ import annotations

import asyncio
import inspect

from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from anabranch_events.transport.client import QuickClient, is_known

_names = st.from_regex(r"[A-Za-z0-9-]{1,40}", fullmatch=True)
_values = st.text(max_size=40).map(lambda text: text.replace("\r", "").replace("\n", ""))


@given(headers=st.dictionaries(_names, _values, max_size=6))
def test_headers_are_read_as_the_driver_reads_them(headers: dict[str, str]) -> None:
    """Any headers a server can send give the same names and values."""
    raw = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"

    found = QuickClient._parse_header_lines(raw)

    assert found.keys() == headers.keys()
    assert found == Client._parse_header_lines(raw)


def test_lines_that_are_no_headers_are_left_out() -> None:
    """Names with blanks or other letters, and lines without a colon, are nobody's headers."""
    raw = "Good:1\r\nno colon\r\nbad name: 2\r\nnäme: 3\r\nEmpty:\r\n\r\n".encode()

    found = QuickClient._parse_header_lines(raw)

    assert found == Client._parse_header_lines(raw) == {"Good": "1", "Empty": ""}


def test_the_driver_is_the_one_the_short_way_was_made_for() -> None:
    """A driver that processes messages otherwise fails here; at run time it is only slower."""
    assert is_known(Client), inspect.getsource(Client._process_msg)
    assert QuickClient().hands_over


def test_a_driver_that_works_otherwise_is_recognised() -> None:
    """Another signature, or a method that is gone, switches the short way off."""

    class Renamed(Client):
        async def _process_msg(  # type: ignore[override]  # the change that is feared
            self,
            sid: int,
            subject: bytes,
            reply: bytes,
            headers: bytes,
            data: bytes,
        ) -> None:
            """Take the same fields in another order."""

    class Synchronous(Client):
        def _process_headers(  # type: ignore[override]  # the change that is feared
            self, headers: bytes
        ) -> None:
            """Parse without a coroutine."""

    assert not is_known(Renamed)
    assert not is_known(Synchronous)


async def test_a_client_that_is_closed_ends_reconnecting_though_a_cancelling_is_lost() -> None:
    """One lost to a refused connection is said again; the driver's task would try for ever."""
    lost = 0

    async def reconnect() -> None:
        nonlocal lost
        while lost < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
        await asyncio.Event().wait()

    client = QuickClient()
    client._reconnection_task = task = asyncio.create_task(reconnect())
    await asyncio.sleep(0)

    await client.end_reconnecting()

    assert task.cancelled()
    assert lost == 2
