"""Real clients of agents with this memory, against a stand-in for a model: no network, no key."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support import responses_model
from tests.support.messages_model import MessagesModel, serving
from tests.support.patience import PATIENCE_S, until
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.fixtures.memory import CommandLine

pytestmark = [
    in_full_only,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("npm") is None, reason="Node is not on this machine"),
]
CLAUDE: Final = "@anthropic-ai/claude-code@2.1.332"
CODEX: Final = "@openai/codex@0.171.0"
INSPECTOR: Final = "@modelcontextprotocol/inspector@0.15.0"
TOOL: Final = "mcp__anabranch__"
QUIET: Final = {
    "ANTHROPIC_API_KEY": "no-key",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
}


def npm(folder: Path, *packages: str) -> Path:
    """Install packages of npm, without their scripts; return the folder where they are."""
    folder.mkdir()
    (folder / "package.json").write_text('{"private": true}')
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    subprocess.run(["npm", "install", *options, *packages], cwd=folder, check=True)  # noqa: S607  It is on the path, or the test is skipped.
    return folder / "node_modules"


def run(words: Sequence[str], *, folder: Path, home: Path, **variables: str) -> str:
    """Run a client in a folder, with a user's folder of its own; return its stdout."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **variables}
    done = subprocess.run(
        [*words],
        cwd=folder,
        env=environment,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def claude(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the program of Claude Code."""
    modules = npm(tmp_path_factory.mktemp("claude") / "npm", CLAUDE)
    (program,) = modules.glob("@anthropic-ai/claude-code-*/claude")
    return str(program)


@pytest.fixture(scope="module")
def codex(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the program of Codex."""
    return str(npm(tmp_path_factory.mktemp("codex") / "npm", CODEX) / ".bin" / "codex")


def codex_words(program: str, address: str, *settings: str) -> list[str]:
    """Return the words that run Codex against a model at an address, up to what it is asked."""
    given = (
        "model=scripted",
        "model_provider=local",
        f'model_providers.local={{name="local",base_url="{address}/v1",wire_api="responses"}}',
        *settings,
    )
    options = ("--skip-git-repo-check", "--json", "--dangerously-bypass-approvals-and-sandbox")
    return [program, "exec", *options, *(f"--config={one}" for one in given)]


def test_claude_code_recalls_records_and_branches(
    anabranch: CommandLine, claude: str, tmp_path: Path
) -> None:
    """Set up by `anabranch mcp install`, it works in a session that is tied to its own."""
    space = ("--namespace", "claude")
    known = anabranch.here(*space, "remember", "Staging listens on port 5433", "--json").value
    home, project = tmp_path / "user", tmp_path / "shop"
    home.mkdir()
    project.mkdir()
    own = {"HOME": str(home)}
    set_up = anabranch.here(
        *("mcp", "install", "claude", "--yes", "--home", str(anabranch.home), *space),
        environment=own,
    )
    model = MessagesModel(
        (
            lambda _: (f"{TOOL}recall", {"query": "Which port has staging?"}),
            lambda _: (f"{TOOL}open_session", {"task": "Move staging"}),
            lambda done: (
                f"{TOOL}branch_session",
                {"parent_id": done[1]["session_id"], "task": "Find a port"},
            ),
            lambda done: (
                f"{TOOL}complete_session",
                {
                    "session_id": done[2]["session_id"],
                    "result": "5434 is free",
                    "insights": ["Port 5434 is free on staging"],
                },
            ),
            lambda done: (
                f"{TOOL}cite_insights",
                {
                    "insight_ids": [done[0]["hits"][0]["insight_id"]],
                    "recall_id": done[0]["recall_id"],
                    "session_id": done[1]["session_id"],
                },
            ),
        ),
        wait="WaitForMcpServers",
        last="Staging moves to 5434.",
    )

    with serving(model) as address:
        words = [claude, "-p", "Move staging", "--output-format", "json"]
        said = json.loads(
            run(
                [*words, "--allowedTools", "mcp__anabranch"],
                folder=project,
                home=home,
                ANTHROPIC_BASE_URL=address,
                **QUIET,
            )
        )

    events = anabranch.here(*space, "replay", "--after", str(known["position"]), "--json").lines
    recalled = anabranch.here(*space, "recall", "Which port is free?", "--json").value
    assert set_up.code == 0, set_up.err
    assert said["result"] == "Staging moves to 5434."
    assert [one["insight_id"] for one in model.results[0]["hits"]] == [known["insight_id"]]
    types = [one["type"] for one in events if one.get("agent") == "claude-code"]
    assert types[:4] == [
        "anabranch.session.opened.v1",
        "anabranch.branch.created.v1",
        "anabranch.branch.completed.v1",
        "anabranch.insight.cited.v1",
    ]
    assert events[0]["data"]["attributes"] == {"client_session": said["session_id"]}
    assert recalled["hits"][0]["text"] == "Port 5434 is free on staging"


def test_codex_recalls_records_and_branches(
    anabranch: CommandLine, codex: str, tmp_path: Path
) -> None:
    """Another agent, of another maker and another model's protocol, set up in the same way."""
    space = ("--namespace", "codex")
    known = anabranch.here(*space, "remember", "Staging listens on port 5433", "--json").value
    home, project = tmp_path / "user", tmp_path / "shop"
    home.mkdir()
    project.mkdir()
    set_up = anabranch.here(
        *("mcp", "install", "codex", "--yes", "--home", str(anabranch.home), *space),
        environment={"HOME": str(home)},
    )
    model = responses_model.ResponsesModel(
        (
            lambda _: ("recall", {"query": "Which port has staging?"}),
            lambda _: ("open_session", {"task": "Move staging"}),
            lambda done: (
                "branch_session",
                {"parent_id": done[1]["session_id"], "task": "Find a port"},
            ),
            lambda done: (
                "complete_session",
                {
                    "session_id": done[2]["session_id"],
                    "result": "5434 is free",
                    "insights": ["Port 5434 is free on staging"],
                },
            ),
        ),
        server="mcp__anabranch",
        last="Staging moves to 5434.",
    )

    with responses_model.serving(model) as address:
        words = codex_words(codex, address, "mcp_servers.anabranch.required=true")
        said = run([*words, "Move staging"], folder=project, home=home).splitlines()

    events = anabranch.here(*space, "replay", "--after", str(known["position"]), "--json").lines
    items = [json.loads(line) for line in said]
    texts = [one["item"]["text"] for one in items if one.get("item", {}).get("text")]
    assert set_up.code == 0, set_up.err
    assert texts == ["Staging moves to 5434."]
    assert [one["insight_id"] for one in model.results[0]["hits"]] == [known["insight_id"]]
    assert [(one["type"], one["agent"]) for one in events[:3]] == [
        ("anabranch.session.opened.v1", "codex-mcp-client"),
        ("anabranch.branch.created.v1", "codex-mcp-client"),
        ("anabranch.branch.completed.v1", "codex-mcp-client"),
    ]
    assert events[0]["data"]["attributes"] == {"client_session": items[0]["thread_id"]}
    assert events[2]["data"]["insights"][0]["text"] == "Port 5434 is free on staging"


def test_two_agents_are_followed_live_and_a_third_recalls_what_they_found(
    anabranch: CommandLine, claude: str, codex: str, tmp_path: Path
) -> None:
    """Claude Code and Codex know of no memory; what they wrote is imported as they end."""
    space = ("--namespace", "followed")
    home, third, project = tmp_path / "user", tmp_path / "third", tmp_path / "pump"
    for folder in (home, third, project):
        folder.mkdir()
    anabranch.here(
        *("mcp", "install", "codex", "--yes", "--home", str(anabranch.home), *space),
        environment={"HOME": str(third)},
    )
    watching = subprocess.Popen(
        anabranch.command("sessions", "watch", "claude-code", "codex", *space, "--json"),
        env={**anabranch.environment, "HOME": str(home)},
        stdout=subprocess.PIPE,
    )
    texts = ["The fuse of the pump is 20 A.", "The pump's fuse lies in box seven."]

    def found() -> bool:
        hits = anabranch(*space, "recall", "fuse of the pump", "--json").value["hits"]
        return {hit["text"] for hit in hits} >= set(texts)

    try:
        with serving(MessagesModel((), wait="", last=texts[0])) as address:
            words = [claude, "-p", "Which fuse has the pump?"]
            run(words, folder=project, home=home, ANTHROPIC_BASE_URL=address, **QUIET)
        with responses_model.serving(
            responses_model.ResponsesModel((), server="none", last=texts[1])
        ) as address:
            words = [*codex_words(codex, address), "Where is the pump's fuse?"]
            run(words, folder=project, home=home)
        asyncio.run(until(found))
    finally:
        watching.terminate()
        told, _ = watching.communicate(timeout=PATIENCE_S)
    model = responses_model.ResponsesModel(
        (lambda _: ("recall", {"query": "fuse of the pump"}),),
        server="mcp__anabranch",
        last="It is a fuse of 20 A out of box seven.",
    )
    with responses_model.serving(model) as address:
        words = codex_words(codex, address, "mcp_servers.anabranch.required=true")
        run([*words, "Mend the pump"], folder=project, home=third)

    sessions = [json.loads(line) for line in told.splitlines()]
    assert {(one["kind"], one["task"], one["result"]) for one in sessions if one["result"]} == {
        ("main", "Which fuse has the pump?", texts[0]),
        ("main", "Where is the pump's fuse?", texts[1]),
    }
    assert {hit["text"] for hit in model.results[0]["hits"]} >= set(texts)


def test_the_inspector_lists_and_calls_tools(anabranch: CommandLine, tmp_path: Path) -> None:
    """An independent client's command line sees every tool, and what one of them gives."""
    modules = npm(tmp_path / "npm", INSPECTOR)
    server = anabranch.command("mcp", "--namespace", "inspector")
    words = [str(modules / ".bin" / "mcp-inspector"), "--cli", *server]
    variables = {**anabranch.environment, "HOME": str(tmp_path)}

    def inspect(*options: str) -> Any:
        given = [*words, "--method", *options]
        return json.loads(run(given, folder=tmp_path, home=tmp_path, **variables))

    tools = inspect("tools/list")["tools"]
    called = inspect("tools/call", "--tool-name", "remember", "--tool-arg", "text=Oil is low")

    assert len(tools) == 12
    assert json.loads(called["content"][0]["text"]) == called["structuredContent"]
