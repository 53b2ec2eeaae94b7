"""A real HTTP server with OpenAI's embeddings API, for tests: it counts, stumbles and dawdles."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

DIMENSION = 8
MODEL = "test-embedding"


def vector_of(text: str, *, dimension: int = DIMENSION) -> list[float]:
    """Return the vector that the server has for a text: not of length one."""
    seed = hashlib.sha256(text.encode()).digest()
    return [float(1 + seed[place % len(seed)]) for place in range(dimension)]


class EmbeddingsServer:
    """Answers `POST /v1/embeddings`; what is in `failing` is answered first, in order.

    A failure is a status, with a body if it is one of 200, "drop" for a connection that is closed
    without an answer, or a number of seconds to wait before the answer.
    """

    def __init__(self, *, dimension: int = DIMENSION) -> None:
        self.dimension = dimension
        self.failing: deque[tuple[int, str] | int | float | str] = deque()
        self.dawdle_s = 0.0
        self.bad: dict[str, object] = {}
        """What stands in the place of a text's vector, or the status with which it is refused.

        "drop" closes the connection without an answer, "hang" never answers, and with "left out"
        the others' vectors alone are given.
        """
        self.characters_max: int | None = None
        """A longer text is refused with status 400."""
        self.texts: list[str] = []
        """Every text that was asked for and answered, repeated ones too."""
        self.asked = threading.Event()
        """Set by each request."""
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @property
    def url(self) -> str:
        """What ANABRANCH_EMBEDDER_URL is set to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.handle(self, json.loads(self.rfile.read(length)))

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name.
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def handle(self, call: BaseHTTPRequestHandler, asked: dict[str, Any]) -> None:
        """Answer one request."""
        with self._lock:
            self.requests.append(asked)
            self.asked.set()
            self.keys.append(call.headers["Authorization"])
            failure = self.failing.popleft() if self.failing else None
        if failure == "drop":
            call.close_connection = True
            return
        if isinstance(failure, float):
            time.sleep(failure)
        if isinstance(failure, int):
            _send(call, failure, '{"error": {"message": "not now"}}')
            return
        if isinstance(failure, tuple):
            _send(call, *failure)
            return
        time.sleep(self.dawdle_s)
        texts = asked["input"]
        if self._is_silent(call, texts):
            return
        bad = [self.bad.get(text) for text in texts]
        refused = {one for one in bad if isinstance(one, int)}
        if any(len(text) > (self.characters_max or len(text)) for text in texts):
            refused.add(400)
        if refused:
            _send(call, min(refused), '{"error": {"message": "bad input"}}')
            return
        rows = [
            {
                "index": index,
                "embedding": self.bad.get(text, vector_of(text, dimension=self.dimension)),
            }
            for index, text in enumerate(text for text in texts if self.bad.get(text) != "left out")
        ]
        with self._lock:
            self.texts += texts
        # The API does not promise the order.
        _send(call, 200, json.dumps({"object": "list", "data": rows[::-1], "model": MODEL}))

    def _is_silent(self, call: BaseHTTPRequestHandler, texts: list[str]) -> bool:
        """Give no answer where a text is bad in that way."""
        bad = [self.bad.get(text) for text in texts]
        if "hang" in bad:
            self._ended.wait()
        call.close_connection = "hang" in bad or "drop" in bad
        return call.close_connection


def _send(call: BaseHTTPRequestHandler, status: int, body: str) -> None:
    try:
        call.send_response(status)
        call.send_header("Content-Type", "application/json")
        call.send_header("Content-Length", str(len(body.encode())))
        call.send_header("Retry-After", "0")
        call.end_headers()
        call.wfile.write(body.encode())
    except OSError:
        # Who asked has gone: killed, or tired of waiting.
        call.close_connection = True
