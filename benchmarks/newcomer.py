"""A new user's path from nothing to an agent that recalls, step by step, in seconds.

The wheel of this tree is built before the clock starts. Then, as the guide for agents says: install it
with the extra `all` into an empty environment, `anabranch mcp install claude` in an empty user's
folder, and start the server as its file says, by the SDK's own client. The first client remembers, and
goes; another one begins and recalls it, over servers and a graph that start anew.
Packages come from uv's cache: what the network needs is not measured. Everything else is first use:
the model is loaded, the servers are started, and the graph is made.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from benchmarks.rows import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT: Final = Path(__file__).parents[1]
ROUNDS: Final = int(os.environ.get("ANABRANCH_BENCH_ROUNDS", "2"))  # The first may fill uv's cache.
GOAL_S: Final = 60.0
FACT: Final = "Staging listens on port 5433"
QUESTION: Final = "Which port has staging?"
_STEPS: Final = ("install the package", "mcp install", "first client remembers", "next recalls")


async def run() -> list[Row]:
    """Walk the path some times; return the whole of the quickest, and each of its steps."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    with tempfile.TemporaryDirectory() as folder:
        wheel = await asyncio.to_thread(_wheel, uv, Path(folder))
        paths = [await _path(uv, wheel, Path(folder) / f"round{at}") for at in range(ROUNDS)]
    best = min(paths, key=lambda taken: sum(taken.values()))
    whole = {"from nothing to an agent that recalls": sum(best.values())}
    return [
        at_most(f"{name}, beside the goal of all", ours=took, theirs=GOAL_S, limit=1, unit="s")
        for name, took in (whole | best).items()
    ]


async def _path(uv: str, wheel: Path, folder: Path) -> dict[str, float]:
    """Walk it once, in a folder; return the seconds of each step."""
    taken: dict[str, float] = {}
    user = folder / "user"
    user.mkdir(parents=True)
    with _timed(taken, _STEPS[0]):
        programs = await asyncio.to_thread(_installed, uv, wheel, folder / "venv")
    environment = _environment(programs, user)
    with _timed(taken, _STEPS[1]):
        words = [str(programs / "anabranch"), "mcp", "install", "claude", "--yes"]
        await asyncio.to_thread(
            subprocess.run, words, env=environment, check=True, capture_output=True
        )
    with _timed(taken, _STEPS[2]):
        await _called(environment, user, "remember", text=FACT)
    with _timed(taken, _STEPS[3]):
        found = await _called(environment, user, "recall", query=QUESTION)
        assert found["hits"][0]["text"] == FACT, found
    said = ", ".join(f"{name} {took:.2f} s" for name, took in taken.items())
    load = f"load {os.getloadavg()[0]:.1f}"
    print(f"  {said}; {sum(taken.values()):.2f} s in all, {load}", file=sys.stderr)
    return taken


async def _called(environment: dict[str, str], user: Path, tool: str, **given: str) -> Any:
    """Start the server as the client's file says, and call one tool."""
    settings = json.loads((user / ".claude.json").read_text())["mcpServers"]["anabranch"]
    server = StdioServerParameters(
        command=settings["command"], args=settings["args"], env=environment, cwd=user
    )
    async with Client(stdio_client(server)) as client:
        answer = await client.call_tool(tool, given)
        assert not answer.is_error, answer
        return answer.structured_content


def _wheel(uv: str, folder: Path) -> Path:
    words = [uv, "build", "--quiet", "--wheel", "--no-build-isolation"]
    where = ["--python", sys.executable, "--out-dir", str(folder / "dist")]
    subprocess.run([*words, *where], cwd=ROOT, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def _installed(uv: str, wheel: Path, venv: Path) -> Path:
    """Install what is locked, and the wheel; return the folder of the programs."""
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], check=True)
    programs = venv / "bin"
    pip = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--compile-bytecode",
        "--python",
        str(programs / "python"),
    ]
    locked = str(ROOT / "requirements" / "all.txt")
    subprocess.run([*pip, "--require-hashes", "--requirements", locked], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    return programs


def _environment(programs: Path, user: Path) -> dict[str, str]:
    """Return the environment of a user who has nothing yet."""
    return {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(user)}


@contextmanager
def _timed(taken: dict[str, float], step: str) -> Generator[None]:
    began = time.perf_counter()
    yield
    taken[step] = time.perf_counter() - began
