"""The pages on workers and on the end of a namespace, run as their readers would run them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.test_docs import LIMIT_S, blocks
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.fixtures.memory import CommandLine

pytestmark = [pytest.mark.timeout(LIMIT_S), in_full_only]


def shell(line: CommandLine, script: str, *, namespace: str) -> str:
    """Run a script of a page on a home that is up; return its output, which nothing may break."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-c", f"set -euo pipefail\n{script}"],
        env={**line.environment, "PATH": path, "ANABRANCH_NAMESPACE": namespace},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def stopping() -> Iterator[ExitStack]:
    """Hold processes of the test, which are ended with it."""
    with ExitStack() as held:
        yield held


def started(line: CommandLine, words: str, *, namespace: str) -> subprocess.Popen[bytes]:
    """Start a command of a page that goes on until it is ended."""
    return subprocess.Popen(
        line.command(*shlex.split(words)[1:]),
        env={**line.environment, "ANABRANCH_NAMESPACE": namespace},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_branches_run_on_workers_as_the_page_says(
    anabranch: CommandLine, stopping: ExitStack
) -> None:
    """A worker takes a thought's branches; one that waits for another worker is called off."""
    space = "workers-page"
    start, ask, *_others, look = blocks("docs/how-to/run-workers.md", "sh")
    up, work = start.strip().splitlines()

    shell(anabranch, up, namespace=space)
    worker = stopping.enter_context(started(anabranch, work, namespace=space))
    stopping.callback(worker.terminate)
    thought = shell(anabranch, ask, namespace=space)
    asked = "anabranch think 'Who knows?' -n 1 --over workers -x nobody"
    waiting = stopping.enter_context(started(anabranch, asked, namespace=space))
    stopping.callback(waiting.terminate)
    queued = ""
    while not queued:
        assert waiting.poll() is None
        queued = shell(anabranch, "anabranch tasks list --json", namespace=space)
    task = json.loads(queued.splitlines()[0])["session_id"][-8:]
    said = shell(anabranch, look.replace("25da4fe2", task), namespace=space)

    assert "5 branches took" in thought
    assert "Cancelled 1 session\n" in said
    assert "Queued again as " in said
    assert "recalling" in said
    assert waiting.wait(LIMIT_S) == 1
    assert worker.poll() is None


def test_a_namespace_is_deleted_as_the_page_says(anabranch: CommandLine) -> None:
    """The commands say what would go and delete it, and the program deletes another one."""
    for name in ("acme", "initech"):
        anabranch.here("remember", "The pump is red.", "-N", name)
    (commands,) = blocks("docs/how-to/delete-a-namespace.md", "bash")
    (block,) = blocks("docs/how-to/delete-a-namespace.md", "python")
    listing, look, delete = commands.strip().splitlines()
    program = "\n".join(
        [
            "import asyncio",
            "from anabranch import Memory",
            "async def main():",
            textwrap.indent(block.replace("acme", "initech"), "    "),
            "asyncio.run(main())",
        ]
    )

    said = shell(
        anabranch,
        f"{listing}\n{look}\n{delete} --yes\npython - <<'END'\n{program}\nEND",
        namespace="default",
    )
    refused = [
        anabranch.here("remember", "Again", "-N", name, "--json") for name in ("acme", "initech")
    ]

    assert "acme" in said.partition("Would delete ")[0]
    assert "\nDeleted " in said
    assert [one.error["type"] for one in refused] == ["NamespaceEnded"] * 2
