"""A local stand-in for a service that answers over HTTP."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

JSON = "application/json"
EVENTS = "text/event-stream"


class Asked(NamedTuple):
    """A request: its method, its path with the query, its body, and its headers in lower case."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


class Reply(NamedTuple):
    """An answer. One that is `cut` promises twice its length, and then the connection is closed."""

    body: bytes = b""
    media: str = JSON
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    cut: bool = False


@contextmanager
def answering(answer: Callable[[Asked], Reply | tuple[bytes, str]]) -> Generator[str]:
    """Serve on loopback by a function from a request to a reply, or to a body and its media type.

    Gives the address.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  The base's own name.
            """Say nothing."""

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, self.rfile.read(length), headers)
            given = answer(asked)
            reply = given if isinstance(given, Reply) else Reply(body=given[0], media=given[1])
            self.send_response(reply.status)
            self.send_header("content-type", reply.media)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body) * (2 if reply.cut else 1)))
            self.end_headers()
            self.wfile.write(reply.body)
            if reply.cut:
                self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
