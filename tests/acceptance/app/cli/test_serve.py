"""`anabranch serve`: an address that answers, and an end without a fuss."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import httpx2

from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from tests.support.fixtures.memory import CommandLine


@in_full_only
def test_serve_joins_what_runs_and_ends_with_open_streams(anabranch: CommandLine) -> None:
    """It says its address, answers from the home that is up, and ends at once on SIGTERM."""
    words = anabranch.command("serve", "--port", "0", "--json", "-N", "served")
    with subprocess.Popen(words, env=anabranch.environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        with httpx2.Client(base_url=said["http"], timeout=PATIENCE_S, trust_env=False) as client:
            kept = client.post("/v1/insights", json={"text": "Otters hold hands"}).json()
            found = anabranch.here(
                "recall", "otters", "-N", "served", "--json", "--after", str(kept["position"])
            )
            with client.stream("GET", "/v1/events/stream") as stream:
                lines = stream.iter_lines()
                first = next(lines)
                process.send_signal(signal.SIGTERM)
                rest = list(lines)
        ended = process.wait(PATIENCE_S)

    assert said["pid"] == process.pid
    assert found.value["hits"][0]["text"] == "Otters hold hands"
    assert (first, rest[0], ended) == ("retry: 1000", ": anabranch", 0)
