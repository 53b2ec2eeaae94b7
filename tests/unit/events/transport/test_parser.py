"""The parser finds the same messages as the driver's, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from anabranch_events.transport.parser import QuickParser

Found = tuple[object, ...]
_OURS = b"NATS/1.0\r\nNats-Msg-Id: 1\r\nContent-Type: application/cloudevents+json\r\n\r\n"
_BINARY = b"NATS/1.0\r\nce-specversion: 1.0\r\nContent-Type: application/json\r\n\r\n"


class Recorder(Client):
    """A client that keeps what a parser hands to it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Found] = []
        self.errors: list[Exception] = []

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        self.found.append((sid, bytes(subject), bytes(reply), data, headers))

    async def _process_ping(self) -> None:
        self.found.append(("PING",))

    async def _process_err(self, err_msg: str) -> None:
        self.found.append(("ERR", err_msg))

    async def note(self, error: Exception) -> None:
        """Keep what a receiver raised."""
        self.errors.append(error)

    def receive(
        self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None
    ) -> None:
        """Keep what comes without the driver, as if it had come by it."""
        assert headers is None
        self.found.append((7, subject.encode(), reply.encode(), data, None))


def message(sid: int, reply: bytes, data: bytes, headers: bytes = b"") -> bytes:
    """Return a message as the server sends it."""
    words = [b"HMSG" if headers else b"MSG", b"a.b", b"%d" % sid]
    words += [reply] if reply else []
    words += [b"%d" % len(headers)] if headers else []
    return (
        b" ".join([*words, b"%d" % (len(headers) + len(data))]) + b"\r\n" + headers + data + b"\r\n"
    )


_frames = st.lists(
    st.sampled_from([b"PING\r\n", b"+OK\r\n", b"-ERR 'MSG 7 7 7'\r\n"])
    | st.builds(
        message,
        st.sampled_from([7, 8, 77]),
        st.sampled_from([b"", b"_INBOX.1", b"$JS.ACK.S.C.1.2.3.4.0"]),
        st.binary(max_size=40) | st.sampled_from([b"PING\r\n", b"MSG a 7 1\r\nx\r\n"]),
        st.sampled_from([b"", _OURS, _BINARY, b"NATS/1.0 404 No Messages\r\n\r\n"]),
    ),
    max_size=12,
)


def without_headers(found: list[Found]) -> list[Found]:
    """Leave out the headers that our own receiver does not want."""
    return [(*one[:4], None) if one[0] == 7 and one[-1] == _OURS else one for one in found]


@given(frames=_frames, cuts=st.lists(st.integers(min_value=0, max_value=1500), max_size=12))
async def test_the_same_is_found_as_by_the_driver_wherever_reads_are_cut(
    frames: list[bytes], cuts: list[int]
) -> None:
    """Messages, pings and errors come in their order, whole, and each once."""
    sent = b"".join(frames)
    places = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    theirs, ours = Recorder(), Recorder()
    parser = QuickParser(ours, note=ours.note)
    parser.receivers[b"7"] = ours.receive

    await Parser(theirs).parse(sent)
    for start, end in pairwise(places):
        await parser.parse(sent[start:end])

    assert without_headers(ours.found) == without_headers(theirs.found)
    assert ours.errors == []


async def test_what_is_no_protocol_is_refused_as_by_the_driver() -> None:
    """A line that begins nothing known ends the connection, also one that looks like a message."""
    for nonsense in (b"HELLO there\r\n", b"MSG a 7 b x\r\n", b"\r\n"):
        ours = Recorder()

        with pytest.raises(ProtocolError):
            await QuickParser(ours, note=ours.note).parse(nonsense)


async def test_a_receiver_that_fails_is_reported_and_the_next_message_comes() -> None:
    """An error in a receiver ends nothing."""
    client = Recorder()
    parser = QuickParser(client, note=client.note)
    problem = ValueError("no")

    def receive(subject: str, reply: str, data: bytes, headers: dict[str, str] | None) -> None:
        del reply, headers
        if data == b"1":
            raise problem
        client.receive(subject, "", data, None)

    parser.receivers[b"7"] = receive
    await parser.parse(message(7, b"", b"1") + message(7, b"", b"2"))

    assert client.errors == [problem]
    assert client.found == [(7, b"a.b", b"", b"2", None)]


async def test_a_frame_begun_on_a_lost_connection_is_forgotten() -> None:
    """The next connection starts with a frame of its own."""
    client = Recorder()
    parser = QuickParser(client, note=client.note)
    parser.receivers[b"7"] = client.receive
    await parser.parse(message(7, b"", b"lost")[:-3])

    parser.reset()
    await parser.parse(message(7, b"", b"found"))

    assert client.found == [(7, b"a.b", b"", b"found", None)]
