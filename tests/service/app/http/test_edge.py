"""The edge of the HTTP service: strangers, slow ones, and those who ask too much."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from anabranch.api.admission import REQUEST_BYTES_MAX
from anabranch.errors import PortTaken, ServiceBusy, TooManyRequests
from anabranch.http.access.bind import HOST
from anabranch.http.access.callers import OpenAccess
from anabranch.http.answers import refused
from anabranch.http.edge import Edge
from anabranch.http.events.streams import Turnstile
from anabranch.http.server import HEAD_BYTES_MAX, BoundedProtocol, listening, serving
from tests.support.fixtures.http import client_at, problem
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx2
    from starlette.types import ASGIApp, Receive, Scope, Send

SHORT_S = 0.2


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body that was sent, and as many bytes as the path says."""
    size = len((await receive())["body"])
    body = f"{size}".encode() + b"x" * int(scope["path"].lstrip("/") or 0)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def edge(application: ASGIApp = echo, **options: Any) -> Edge:
    """Put the edge around an application that needs no backend."""
    return Edge(application, hosts={HOST, "memory.example"}, access=OpenAccess(), **options)


@asynccontextmanager
async def at_work(application: ASGIApp) -> AsyncGenerator[tuple[str, int]]:
    """Serve an application; give where."""

    async def ending() -> None:
        """End nothing."""

    listener = listening(HOST, 0)
    port: int = listener.getsockname()[1]
    async with serving(application, listener, ending=ending):
        yield HOST, port


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Host": "memory.example"}, 200),
        ({"Host": "MEMORY.example:8765"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "memory.example.evil.example"}, 421),
        ({"Host": "memory.example@evil.example"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "[memory.example"}, 421),
        ({"Host": "memory.example:port"}, 421),
        ({"Host": "memory.example:99999"}, 421),
        ({"Host": "memory.example/x"}, 421),
        ({"Host": "memory.example?y"}, 421),
        ({"Host": "someone@memory.example"}, 421),
        ({"Host": "memory.example", "Origin": "http://[memory.example"}, 421),
        ({"Host": "memory.example", "Origin": "http://memory.example"}, 200),
        ({"Host": "memory.example", "Origin": "http://evil.example"}, 421),
        ({"Host": "memory.example", "Origin": "null"}, 421),
        ({"Sec-Fetch-Site": "cross-site"}, 421),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
async def test_only_known_hosts_and_own_pages_are_let_in(
    headers: dict[str, str], expected: int
) -> None:
    """A name that leads here from elsewhere, and a page of another site, are turned away."""
    async with at_work(edge()) as (host, port), client_at(f"http://{host}:{port}") as client:
        answer = await client.post("/", headers=headers)

    assert answer.status_code == expected
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_body_has_a_bound() -> None:
    """One that says that it is too large is refused, and so is one that turns out to be."""

    async def parts() -> AsyncGenerator[bytes]:
        for _ in range(REQUEST_BYTES_MAX // (1 << 20) + 1):
            yield b"x" * (1 << 20)

    async with at_work(edge()) as (host, port), client_at(f"http://{host}:{port}") as client:
        whole = await client.post("/", content=b"x" * (1 << 20))
        said = await client.post("/", content=b"x" * (REQUEST_BYTES_MAX + 1))
        found = await client.post("/", content=parts())

    assert whole.text == str(1 << 20)
    assert problem(said) == problem(found) == (413, "RequestTooLarge")


async def test_a_head_has_a_bound_and_a_body_no_coding() -> None:
    """Each is named, with the status that says what the client can do about it."""
    async with at_work(edge()) as (host, port), client_at(f"http://{host}:{port}") as client:
        headed = await client.post("/", headers={"X-Large": "x" * HEAD_BYTES_MAX})
        asked = await client.post("/", params={"x": "x" * HEAD_BYTES_MAX})
        coded = await client.post("/", headers={"Content-Encoding": "gzip"}, content=b"x")
        plain = [
            await client.post("/", headers={"Content-Encoding": none}, content=b"x")
            for none in ("identity", "Identity", "")
        ]

    assert problem(headed) == problem(asked) == (413, "RequestTooLarge")
    assert problem(coded) == (415, "MediaRefused")
    assert [answer.text for answer in plain] == ["1", "1", "1"]


async def test_a_coding_that_the_application_unpacks_comes_through() -> None:
    """Its name is taken in any case; the body is the one that was sent."""
    async with (
        at_work(edge(codings={"gzip"})) as (host, port),
        client_at(f"http://{host}:{port}") as client,
    ):
        taken, refused = [
            await client.post("/", headers={"Content-Encoding": coding}, content=b"xyz")
            for coding in ("GZip", "br")
        ]

    assert taken.text == "3"
    assert problem(refused) == (415, "MediaRefused")
    assert refused.json()["fix"] == "send the body uncompressed, or as gzip"


async def told(
    host: str, port: int, first: bytes = b"", then: bytes = b"", *, reading: bool = True
) -> bytes:
    """Send bytes, `then` after an answer has come; return what comes until the other side ends."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(first)
        await writer.drain()
        if not reading:
            await asyncio.sleep(5 * SHORT_S)
        found = await reader.readuntil(b"\r\n\r\n") if then else b""
        writer.write(then)
        return found + await asyncio.wait_for(reader.read(), PATIENCE_S)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


HEAD = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"


async def test_slow_and_half_open_requests_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that does not come whole is cut off, also a second one; a body gets a problem."""
    monkeypatch.setattr(BoundedProtocol, "head_timeout_s", SHORT_S)
    async with at_work(edge(body_timeout_s=SHORT_S)) as where:
        silent = await told(*where)
        half = await told(*where, HEAD)
        second = await told(*where, HEAD + b"Content-Length: 0\r\n\r\n", HEAD)
        body = await told(*where, HEAD + b"Content-Length: 9\r\n\r\nabc")

    assert (silent, half) == (b"", b"")
    assert second.startswith(b"HTTP/1.1 200 OK")
    assert body.startswith(b"HTTP/1.1 408 ")
    assert b"RequestUnfinished" in body


async def test_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that nobody reads is held for a bounded time only."""
    monkeypatch.setattr(BoundedProtocol, "write_timeout_s", SHORT_S)
    size = 64 << 20
    head = b"GET /%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % size
    async with at_work(edge()) as where:
        found = await told(*where, head, reading=False)

    assert len(found) < size


async def test_connections_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than there may be is closed at once; the others work on."""
    monkeypatch.setattr(BoundedProtocol, "connections_max", 2)
    async with at_work(edge()) as (host, port), AsyncExitStack() as stack:
        kept = [await asyncio.open_connection(host, port) for _ in range(2)]
        for _, writer in kept:
            stack.callback(writer.close)
            writer.write(HEAD + b"Content-Length: 0\r\n\r\n")
        firsts = [await reader.readuntil(b"\r\n") for reader, _ in kept]

        refused = await told(host, port)

    assert firsts == [b"HTTP/1.1 200 OK\r\n"] * 2
    assert refused == b""


def test_streams_have_a_bound() -> None:
    """One caller cannot take all of them, and one that ends makes room."""
    turnstile = Turnstile(streams_max=3, each_max=2)
    first = turnstile.passed("a", alone=False)
    turnstile.passed("a", alone=False)

    with pytest.raises(ServiceBusy):
        turnstile.passed("a", alone=False)
    turnstile.passed("b", alone=False)
    with pytest.raises(ServiceBusy):
        turnstile.passed("c", alone=True)
    first.close()

    turnstile.passed("c", alone=True)


def test_a_port_is_one_service_s() -> None:
    """A port on which another one listens is named."""
    with listening(HOST, 0) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(PortTaken, match=str(port)):
            listening(HOST, port)


@pytest.mark.parametrize(("left_s", "said"), [(0.1, "1"), (1.0, "1"), (1.4, "2"), (3600.2, "3601")])
def test_who_comes_again_when_told_is_not_too_early(left_s: float, said: str) -> None:
    """Retry-After is in whole seconds, and none is less than is left."""
    assert refused(TooManyRequests(left_s)).headers["retry-after"] == said


@in_full_only
async def test_too_many_streams_are_a_problem(web: httpx2.AsyncClient) -> None:
    """A stream past the bound is refused before it begins, with 503 and when to come again."""
    async with AsyncExitStack() as stack:
        for _ in range(256):
            await stack.enter_async_context(web.stream("GET", "/v1/events/stream"))
        answer = await web.get("/v1/events/stream")

    assert problem(answer) == (503, "ServiceBusy")
    assert answer.headers["retry-after"] == "1"
