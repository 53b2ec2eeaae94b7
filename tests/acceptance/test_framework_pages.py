"""The pages on agent frameworks, run as a reader would run them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.test_docs import LIMIT_S, blocks, environment
from tests.support.claude_files import ClaudeFile
from tests.support.repository import ROOT
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(LIMIT_S)

OFFLINE = """
from tests.support.scripted_model import ScriptedModel

call = ("remember", {"fact": "Ada drinks green tea"})
asyncio.run(main(ScriptedModel([call, "Noted.", "Green tea."])))
"""

SCRIPTED = """
import json
from pathlib import Path
from tests.support.scripted_claude import ScriptedClaude

entries = json.loads(Path({!r}).read_text())
asyncio.run(main(ScriptedClaude(entries[0]["sessionId"], entries, project="-work-pier")))
"""


def printed(page: str, home: Path, *, ending: str = "") -> list[str]:
    """Run the program of a page in a process of its own; return the lines it prints."""
    program = home.parent / "page.py"
    (block,) = blocks(f"docs/how-to/use-with-{page}.md", "python")
    program.write_text(block + ending)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        env={**environment(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@in_full_only
def test_langgraph_remembers_as_its_page_says(tmp_path: Path) -> None:
    """The graph finds what was put in an earlier run, and so does recall."""
    lines = printed("langgraph", tmp_path / "home")

    assert lines == ["Ada drinks green tea before her run"] * 2


@in_full_only
def test_langchain_retrieves_as_its_page_says(tmp_path: Path) -> None:
    """The chain's prompt has the insight, and its document says why."""
    prompt, *_, document, found = printed("langchain", tmp_path / "home")

    assert prompt == "Human: The staging database moved to port 5433"
    assert "'words'" in document
    assert found == "2"


@in_full_only
def test_llama_index_retrieves_as_its_page_says(tmp_path: Path) -> None:
    """The engine's answer stands on the insight."""
    lines = printed("llama-index", tmp_path / "home")

    assert lines[-1].endswith(" The staging database moved to port 5433")


@in_full_only
def test_the_openai_sdk_converses_as_its_page_says(tmp_path: Path) -> None:
    """Two runs share a conversation, and the tool's insight is recalled."""
    lines = printed("openai-agents", tmp_path / "home", ending=OFFLINE)

    assert lines == ["6 items", "Ada drinks green tea"]


@in_full_only
def test_the_claude_sdk_mirrors_as_its_page_says(tmp_path: Path) -> None:
    """What the program wrote while it worked is recalled; its own folder is not there."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    entries = tmp_path / "entries.json"
    entries.write_text("[" + ",".join(file.lines) + "]")

    lines = printed("claude-agent-sdk", tmp_path / "home", ending=SCRIPTED.format(str(entries)))

    assert sorted(lines) == ["The buoy 0 lies at the pier.", "Where is buoy 0?"]
