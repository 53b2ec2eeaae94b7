"""The edge of the service: a request is let in only from where, and as large and slow, as it may.

It stands before everything else. It looks at the host that a request is for, the site it comes
from, and its caller. The body is read whole, within bounds of size and time, before anybody works.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders

from anabranch.api.admission import REQUEST_BYTES_MAX
from anabranch.api.fixes import OPERATORS
from anabranch.errors import HostRefused, MediaRefused, RequestTooLarge, RequestUnfinished
from anabranch.http.answers import refused
from anabranch.http.page_files import FILES
from anabranch.http.places import STREAMED
from anabranch.http.server import HEAD_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from anabranch.http.access.callers import Access

BODY_TIMEOUT_S: Final = 30.0
BODIES_BYTES_MAX: Final = 128 * 1024 * 1024
OPEN_PATHS: Final = frozenset({"/health", *FILES})
"""Paths that need no key: a load balancer asks there; the page holds nothing, and asks for one."""
_CALLER: Final = "anabranch.caller"
_PLAIN: Final = "identity"
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "private, no-cache",
}


class Edge:
    """Lets requests in to `app`, for the `hosts` it is known by and the callers of `access`.

    A body comes uncompressed, or in one of the `codings` that `app` unpacks itself.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        access: Access,
        codings: Collection[str] = (),
        body_timeout_s: float = BODY_TIMEOUT_S,
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._access = access
        self._codings = tuple(codings)
        self._body_timeout_s = body_timeout_s
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return  # There is no lifespan here, and no websocket.
        send = _with_headers(send)
        headers = Headers(scope=scope)
        body = b""
        try:
            _check_size(scope, headers)
            self._check_coding(headers)
            self._check_host(headers)
            if scope["path"] not in OPEN_PATHS:
                scope[_CALLER] = await self._access.caller(headers)
            body = await self._body(headers, receive)
        except Exception as error:  # noqa: BLE001 - whoever asked gets an answer.
            await refused(error)(scope, receive, send)
            return
        if scope["method"] == "HEAD" and scope["path"] not in STREAMED:
            scope = {**scope, "method": "GET"}  # The server knows, and sends no body for it.
        try:
            await self._app(scope, _replayed(body, receive), send)
        finally:
            self._held_bytes -= len(body)

    def _check_coding(self, headers: Headers) -> None:
        """Raise MediaRefused for a body in a coding that nobody unpacks here."""
        coding = headers.get("content-encoding", "")
        if coding.strip().lower() not in {"", _PLAIN, *self._codings}:
            packed = f", or as {' or '.join(self._codings)}" if self._codings else ""
            raise MediaRefused(
                coding, header="Content-Encoding", fix=f"send the body uncompressed{packed}"
            )

    def _check_host(self, headers: Headers) -> None:
        """Raise HostRefused for a host that is not ours, and for what another site's page sends.

        A page can make a browser send requests to this machine. It does so across origins, or
        under a name of its own that leads here (DNS rebinding).
        """
        host = headers.get("host", "")
        if _name_in(host) not in self._hosts:
            raise HostRefused(
                f"Host: {host[:100]!r} is not a name of this service",
                fix="use the address that the service printed when it began, or ask "
                f"{OPERATORS} to name the host with `--allow-host`",
            )
        origin = headers.get("origin")
        foreign = origin is not None and _parts(origin).netloc.lower() != host.lower()
        if foreign or headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            raise HostRefused(
                "a page of another site sent this request",
                fix="ask from this service's own page, or from a program",
            )

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """Return the whole body. Raises RequestTooLarge and RequestUnfinished."""
        said = headers.get("content-length", "")
        if said.isdecimal() and int(said[:20]) > REQUEST_BYTES_MAX:
            raise RequestTooLarge(int(said[:20]), size_max=REQUEST_BYTES_MAX)
        parts = bytearray()
        try:
            async with asyncio.timeout(self._body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        break
                    part = message.get("body", b"")
                    self._take(len(part), len(parts) + len(part))
                    parts += part
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            self._held_bytes -= len(parts)
            raise RequestUnfinished(self._body_timeout_s) from None
        except BaseException:
            self._held_bytes -= len(parts)
            raise
        return bytes(parts)

    def _take(self, part: int, whole: int) -> None:
        """Make room for a part of a body. Raises RequestTooLarge."""
        if whole > REQUEST_BYTES_MAX or self._held_bytes + part > BODIES_BYTES_MAX:
            raise RequestTooLarge(whole, size_max=REQUEST_BYTES_MAX)
        self._held_bytes += part


def _parts(address: str) -> SplitResult:
    """Return the parts of an address. One that is malformed has none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _name_in(host: str) -> str | None:
    """Return the name in a Host header; None where it is not a name alone, or with a port."""
    parts = _parts(f"//{host}")
    try:
        _ = parts.port
    except ValueError:
        return None
    is_plain = host.isprintable() and parts.netloc == host and "@" not in host
    return parts.hostname if is_plain else None


def _check_size(scope: Scope, headers: Headers) -> None:
    """Raise RequestTooLarge for a head that is too large."""
    size = len(scope["query_string"]) + sum(len(name) + len(value) for name, value in headers.raw)
    if size > HEAD_BYTES_MAX:
        raise RequestTooLarge(size, size_max=HEAD_BYTES_MAX, field="head")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body that was read, and then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _with_headers(send: Send) -> Send:
    """Return a `send` that adds the headers that every answer has, where it has not its own."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
