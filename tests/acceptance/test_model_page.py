"""The page on models, run as a reader would run it, with an endpoint on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.test_docs import LIMIT_S, blocks, environment
from tests.support.answering_http import JSON, Asked, answering
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(LIMIT_S)

SAYS = {"advocate": "Tools expect port 5432.", "sceptic": "Every client knows port 5433 by now."}


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[str]]]:
    """Run an endpoint at which each role has one opinion; give its address, and what it is asked."""
    told: list[str] = []

    def answer(asked: Asked) -> tuple[bytes, str]:
        request = json.loads(asked.body)
        told.append(request["messages"][0]["content"])
        (text,) = (words for role, words in SAYS.items() if f"as {role}." in told[-1])
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": text},
        }
        completion = {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": request["model"],
            "choices": [choice],
        }
        return json.dumps(completion).encode(), JSON

    with answering(answer) as address:
        yield f"{address}/v1", told


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
