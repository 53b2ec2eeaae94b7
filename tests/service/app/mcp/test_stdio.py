"""`anabranch mcp` as clients start it: a process, its standard streams, and its end."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from anabranch.mcp.project import project_namespace
from tests.support.mcp_messages import HANDSHAKE, call
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures.memory import CommandLine

pytestmark = pytest.mark.timeout(900)
ERAS: Final = {"auto": "2026-07-28", "legacy": "2025-11-25"}


def server(line: CommandLine, *options: str, **variables: str) -> StdioServerParameters:
    """Return how a client starts the server on a home."""
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "anabranch", "mcp", *options],
        env={**line.environment, **variables},
    )


def script(*messages: dict[str, Any]) -> bytes:
    """Return messages as a client writes them, a line each."""
    lines = (json.dumps({"jsonrpc": "2.0", **one}) for one in (*HANDSHAKE, *messages))
    return "".join(f"{one}\n" for one in lines).encode()


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_starts_it_and_asks_the_running_home(
    anabranch: CommandLine, era: Any
) -> None:
    """Its session is the client's own one, and is closed when the client goes."""
    options = ("--namespace", f"stdio-{era}")
    parameters = server(anabranch, *options, CLAUDE_CODE_SESSION_ID="c-7")

    async with Client(stdio_client(parameters), mode=era) as client:
        version = client.protocol_version
        opened = await client.call_tool("open_session", {"task": "Feed the cat"})
        learned = await client.call_tool("remember", {"text": "The cat eats at six"})
        found = await client.call_tool("recall", {"query": "When does the cat eat?"})

    session = opened.structured_content["session_id"]
    shown = (
        await asyncio.to_thread(anabranch.here, *options, "session", "show", session, "--json")
    ).value
    events = (await asyncio.to_thread(anabranch.here, *options, "replay", "--json")).lines
    assert version == ERAS[era]
    assert [one["insight_id"] for one in found.structured_content["hits"]] == [
        learned.structured_content["insight_id"]
    ]
    assert (shown["status"], shown["agent"]) == ("closed", "mcp")
    assert events[0]["data"]["attributes"] == {"client_session": "c-7"}
    assert events[-1]["data"]["reason"] == "the client went"


def test_a_script_gets_every_answer(anabranch: CommandLine) -> None:
    """What is asked before standard input ends is answered; stdout has the protocol alone."""
    written = script(
        call(2, "remember", text="The dog sleeps at noon"),
        call(3, "recall", query=""),
        {"id": 4, "method": "tools/list"},
        {"id": 5, "method": "sing"},
    )

    ran = anabranch("mcp", "--namespace", "stdio-script", text=written)

    answers = {one["id"]: one for one in map(json.loads, ran.out.splitlines())}
    assert (ran.code, ran.err) == (0, "")
    assert set(answers) == {"hello", 2, 3, 4, 5}
    assert answers["hello"]["result"]["serverInfo"]["name"] == "anabranch"
    assert answers[2]["result"]["structuredContent"]["position"] > 0
    assert answers[3]["result"]["isError"] is True
    assert len(answers[4]["result"]["tools"]) == 12
    assert answers[5]["error"]["code"] == -32601


def test_a_signal_ends_it_while_stdin_stays_open(anabranch: CommandLine) -> None:
    """What the client opened is closed before the process goes."""
    process = subprocess.Popen(
        anabranch.command("mcp", "--namespace", "stdio-signal"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=anabranch.environment,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(script(call(2, "open_session", task="Walk the dog")))
    process.stdin.flush()
    answers = [json.loads(process.stdout.readline()) for _ in range(2)]

    process.send_signal(signal.SIGTERM)
    code = process.wait(120)

    process.stdin.close()
    rest = process.stdout.read()
    process.stdout.close()
    session = answers[1]["result"]["structuredContent"]["session_id"]
    line = ("--namespace", "stdio-signal", "session", "show", session, "--json")
    assert (code, rest) == (0, b"")
    assert anabranch.here(*line).value["status"] == "closed"


def test_a_client_that_reads_no_more_ends_it(anabranch: CommandLine) -> None:
    """It has gone: what it opened is closed, and nothing is complained of."""
    session = given_up(anabranch)

    line = ("--namespace", "stdio-deaf", "session", "show", session, "--json")
    assert anabranch.here(*line).value["status"] == "closed"


@in_full_only
def test_without_an_up_a_client_that_reads_no_more_ends_it(alone: CommandLine) -> None:
    """It ends the servers, too."""
    given_up(alone)

    assert not (alone.home / "runtime.json").exists()


def given_up(line: CommandLine) -> str:
    """Open a session over a process that nobody reads any more after that; return its id."""
    process = subprocess.Popen(
        line.command("mcp", "--namespace", "stdio-deaf"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=line.environment,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(script(call(2, "open_session", task="Walk the dog")))
    process.stdin.flush()
    answers = [json.loads(process.stdout.readline()) for _ in range(2)]

    process.stdout.close()
    with suppress(BrokenPipeError):
        process.stdin.write(script(call(3, "remember", text="The dog is back")))
        process.stdin.close()
    code = process.wait(120)

    said = process.stderr.read().decode()
    process.stderr.close()
    assert (code, said) == (0, "")
    session: str = answers[1]["result"]["structuredContent"]["session_id"]
    return session


@in_full_only
def test_without_an_up_it_runs_the_servers_itself(alone: CommandLine) -> None:
    """The first answer comes before the home is open; at the end nobody owns the home."""
    written = script(call(2, "remember", text="The pond is frozen"))

    ran = alone("mcp", text=written)
    status = alone("recall", "What is frozen?", "--json")

    answers = [json.loads(one) for one in ran.out.splitlines()]
    assert (ran.code, [one["id"] for one in answers]) == (0, ["hello", 2])
    assert not (alone.home / "runtime.json").exists()
    assert status.value["hits"][0]["text"] == "The pond is frozen"


def test_what_cannot_be_is_said_before_it_begins(alone: CommandLine) -> None:
    """Two namespaces, or a session that is none, are errors of the command."""
    both = alone.here("mcp", "--namespace", "a", "--namespace-by-project")
    session = alone.here("mcp", "--session", "42")

    assert (both.code, session.code) == (2, 2)
    assert "leave one of the two out" in both.err
    assert "give a session's whole id" in session.err


def test_a_project_has_a_namespace_of_its_own(tmp_path: Path) -> None:
    """It is named for the folder that holds the repository, and differs with its place."""
    inner = tmp_path / "the shop" / "src" / "deep"
    other = tmp_path / "elsewhere" / "the shop"
    for folder in (inner, other, tmp_path / "the shop" / ".git"):
        folder.mkdir(parents=True)

    names = [
        project_namespace({"CLAUDE_PROJECT_DIR": str(one)}) for one in (inner, inner.parent, other)
    ]

    assert names[0] == names[1] != names[2]
    assert [name.rpartition("-")[0] for name in names] == ["the-shop"] * 3
