"""The page on models, run as a reader would run it, with an endpoint on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.test_docs import LIMIT_S, blocks, environment
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(LIMIT_S)

SAYS = {"advocate": "Tools expect port 5432.", "sceptic": "Every client knows port 5433 by now."}


class Endpoint(BaseHTTPRequestHandler):
    """Answers chat completions: each role has one opinion."""

    asked: list[str]

    def do_POST(self) -> None:
        """Answer by the role that the system's message names."""
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        told = request["messages"][0]["content"]
        self.asked.append(told)
        (text,) = (words for role, words in SAYS.items() if f"as {role}." in told)
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": text},
        }
        answer = {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": request["model"],
            "choices": [choice],
        }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name.
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[str]]]:
    """Run an endpoint; give its address, and what it is asked."""
    asked: list[str] = []
    handler = type("Asked", (Endpoint,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
        server.shutdown()
        serving.join()


@in_full_only
def test_a_model_thinks_as_its_page_says(tmp_path: Path, endpoint: tuple[str, list[str]]) -> None:
    """Each branch is given what memory knows, and what the model says is recalled."""
    address, asked = endpoint
    program = tmp_path / "think.py"
    (block,) = blocks("docs/how-to/use-your-model.md", "python")
    program.write_text(block)
    keys = {"OPENAI_BASE_URL": address, "OPENAI_API_KEY": "none"}

    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        env={**environment(tmp_path / "home"), **keys},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    opinions, recalled = done.stdout.splitlines()[:2], done.stdout.splitlines()[2:]
    assert opinions == [f"{role}: {words}" for role, words in SAYS.items()]
    assert f"recalled: {SAYS['sceptic']}" in recalled or f"recalled: {SAYS['advocate']}" in recalled
    assert len(asked) == len(SAYS)
    assert all("- The staging database moved to port 5433" in one for one in asked)
