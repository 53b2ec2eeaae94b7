"""`anabranch worker`, `tasks` and `workers`, as processes on a home that is up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import termios
import time
from typing import TYPE_CHECKING

from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures.memory import CommandLine

NAMESPACE = "work"
POOLED = "pooled"
SELDOM = 10_000
"""Objects that are made before Python looks for cycles: in a worker more than that, usually 700."""
_THRESHOLDS = """
import gc

async def thresholds(branch):
    return str(gc.get_threshold()[0])
"""
SHOWN_AGAIN = b"\x1b[?1049l"
"""The sequence that leaves the screen of a live picture."""


@in_full_only
def test_a_worker_runs_what_it_is_asked_and_drains(anabranch: CommandLine, tmp_path: Path) -> None:
    """Seen, asked for a thought, interrupted at one that waits, drained: each with its answer."""
    words = anabranch.command(
        *("worker", "-N", NAMESPACE, "--json", "--slots", "2", "--executors", "up=tr a-z A-Z"),
        *("--executors", "of_worker:thresholds", "--labels", "gpu, region=eu"),
    )
    (tmp_path / "of_worker.py").write_text(_THRESHOLDS)
    environment = anabranch.environment | {"PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        said = json.loads(worker.stdout.readline())

        thought = anabranch.here(
            *("think", "a plan", "-N", NAMESPACE, "-n", "2", "--over", "workers"),
            *("-x", "up", "--labels", "gpu", "--json"),
        ).value
        collects = anabranch.here(
            *("think", "rest", "-N", NAMESPACE, "-b", "rest", "--over", "workers"),
            *("-x", "of_worker:thresholds", "--json"),
        ).value
        listed = anabranch.here("workers", "list", "-N", NAMESPACE, "--json").lines
        _end_one_that_waits(anabranch, signal.SIGINT, code=130)
        _end_one_that_waits(anabranch, signal.SIGTERM, code=143)
        tasks = anabranch.here("tasks", "list", "-N", NAMESPACE, "--json").lines
        shown = anabranch.here(
            "tasks", "show", thought["branches"][0]["session_id"], "-N", NAMESPACE, "--json"
        ).value
        drained = anabranch.here("workers", "drain", said["worker"], "-N", NAMESPACE, "--json")
        code = worker.wait(PATIENCE_S)

    assert said["executors"] == ["of_worker:thresholds", "up"]
    assert said["labels"] == ["gpu", "region=eu"]
    assert int(collects["branches"][0]["result"]) > SELDOM
    assert (listed[0]["labels"], shown["labels"]) == (["gpu", "region=eu"], ["gpu"])
    assert [one["status"] for one in thought["branches"]] == ["completed", "completed"]
    assert {one["worker"] for one in thought["branches"]} == {said["worker"]}
    assert [(one["worker"], one["slots"]) for one in listed] == [(said["worker"], 2)]
    assert tasks == []
    assert [one["outcome"] for one in shown["history"]] == ["completed"]
    assert [one["draining"] for one in drained.lines] == [True]
    assert code == 0


def _end_one_that_waits(anabranch: CommandLine, sent: signal.Signals, *, code: int) -> None:
    """Send a signal to a thought that nobody works on: it is called off, and its tasks go."""
    words = anabranch.command("think", "-N", NAMESPACE, "x", "--over", "workers", "-x", "nobody")
    with subprocess.Popen(
        words, env=anabranch.environment, stderr=subprocess.PIPE, text=True
    ) as waiting:
        deadline = time.monotonic() + PATIENCE_S
        while not anabranch.here("tasks", "list", "-N", NAMESPACE, "--json").lines:
            assert time.monotonic() < deadline
        waiting.send_signal(sent)
        _, err = waiting.communicate(timeout=PATIENCE_S)
    assert waiting.returncode == code
    assert "Traceback" not in err
    while anabranch.here("tasks", "list", "-N", NAMESPACE, "--json").lines:
        assert time.monotonic() < deadline


@in_full_only
def test_top_is_live_on_a_terminal_and_one_look_elsewhere(anabranch: CommandLine) -> None:
    """It draws until `q` is pressed, and restores the terminal; a pipe gets one picture."""
    here, there = os.openpty()
    before = termios.tcgetattr(there)
    words = anabranch.command("top", "-N", NAMESPACE, "--interval", "0.1")
    with subprocess.Popen(
        words, env={**anabranch.environment, "TERM": "xterm"}, stdin=there, stdout=there
    ) as watching:
        drawn = b""
        while drawn.count(b"in flight") < 2:
            drawn += os.read(here, 4096)
        os.write(here, b"q")
        while SHOWN_AGAIN not in drawn:
            drawn += os.read(here, 4096)
        code = watching.wait(PATIENCE_S)
    restored = termios.tcgetattr(there)
    os.close(here)
    os.close(there)

    once = anabranch.here("top", "-N", NAMESPACE)
    load = anabranch.here("top", "-N", NAMESPACE, "--once", "--json").value

    assert (code, restored) == (0, before)
    assert b"No worker answers." in drawn
    assert "oldest waiting" in once.out
    assert [(one["priority"], one["waiting"]) for one in load["priorities"]] == [
        ("critical", 0),
        ("high", 0),
        ("normal", 0),
        ("low", 0),
    ]
    assert (load["workers"], load["ended_per_s"], load["more"]) == ([], None, False)


def test_stats_are_grouped_and_limited(anabranch: CommandLine) -> None:
    """Lines of JSON, or a table; what is nothing to group by is refused."""
    namespace = "stats"
    anabranch.here("think", "plan", "-N", namespace, "-n", "2", "-x", "echo found")

    lines = anabranch.here("stats", "-N", namespace, "--by", "executor", "--json").lines
    table = anabranch.here("stats", "-N", namespace, "--by", "role").out
    refused = anabranch.here("stats", "-N", namespace, "--by", "task", "--json")

    assert [(one["executor"], one["branches"], one["completed"]) for one in lines] == [
        ("command:echo", 2, 2)
    ]
    assert "pattern recognition" in table
    assert (refused.code, refused.error["type"]) == (2, "InputInvalid")


@in_full_only
def test_a_pool_starts_workers_as_the_load_asks_and_ends_with_its_scaler(
    anabranch: CommandLine,
) -> None:
    """A pool of none has two workers for a thought of two; killed, the scaler takes them along."""
    words = anabranch.command(
        *("worker", "-N", POOLED, "--json", "--max", "2", "--slots", "1"),
        *("--executors", "up=tr a-z A-Z", "--grace", "5"),
    )
    with subprocess.Popen(
        words, env=anabranch.environment, stdout=subprocess.PIPE, text=True
    ) as scaler:
        assert scaler.stdout is not None
        before = json.loads(scaler.stdout.readline())

        thought = anabranch.here(
            *("think", "a plan", "-N", POOLED, "-n", "2", "--over", "workers"),
            *("-x", "up", "--json"),
        ).value
        during = json.loads(scaler.stdout.readline())
        begun = anabranch.here("workers", "list", "-N", POOLED, "--json").lines
        scaler.kill()
        deadline = time.monotonic() + PATIENCE_S
        while anabranch.here("workers", "list", "-N", POOLED, "--json").lines:
            assert time.monotonic() < deadline

    assert (before["workers"], before["wanted"]) == (0, 0)
    assert (during["workers"], during["wanted"]) == (2, 2)
    assert [one["status"] for one in thought["branches"]] == ["completed", "completed"]
    assert all(one["worker"].startswith("local-") for one in begun)


@in_full_only
def test_a_second_pool_waits_and_says_so_and_one_with_a_name_stands_beside(
    anabranch: CommandLine,
) -> None:
    """Of three pools of a namespace two start a worker: the first, and the one with a name."""
    space = f"{POOLED}-named"
    words = anabranch.command(
        *("worker", "-N", space, "--json", "--min", "1", "--max", "1"),
        *("--executors", "up=tr a-z A-Z", "--grace", "1"),
    )

    def begun(*more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*words, *more],
            env=anabranch.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    with begun() as first:
        assert first.stdout is not None
        first.stdout.readline()  # It has a worker, and so the place.
        with begun() as second, begun("--name", "loud") as named:
            assert second.stderr is not None
            assert named.stdout is not None
            said = next(one for one in second.stderr if "scales the pool" in one)
            there = json.loads(named.stdout.readline())
            for one in (second, named):
                one.terminate()
            codes = [one.wait(PATIENCE_S) for one in (second, named)]
        first.terminate()
        codes.append(first.wait(PATIENCE_S))

    assert "starts no workers until that one has ended" in json.loads(said)["warning"]["message"]
    assert (there["workers"], there["wanted"]) == (1, 1)
    assert codes == [0, 0, 0]


def test_a_pool_needs_a_maximum(anabranch: CommandLine) -> None:
    """Terms of a pool that make none say how to go on, as does a lifetime, which none has."""
    none = anabranch.here("worker", "--executors", "recalling", "--min", "2", "--json")
    above = anabranch.here(
        *("worker", "--executors", "recalling", "--min", "3", "--max", "2", "--json")
    )
    kind = anabranch.here(
        *("worker", "--executors", "recalling", "--max", "2", "--pool", "cloud", "--json")
    )
    lifetime = anabranch.here(
        *("worker", "--executors", "recalling", "--max", "2", "--lifetime", "9", "--json")
    )

    assert [one.code for one in (none, above, kind, lifetime)] == [2, 2, 2, 2]
    assert "--lifetime" in lifetime.error["fix"]
    assert "--max" in none.error["fix"]
    assert "not below the minimum" in above.error["fix"]
    assert "local, slurm, pbs" in kind.error["fix"]


def test_a_worker_runs_nothing_that_was_not_named(anabranch: CommandLine) -> None:
    """Without executors, or with an executor or a priority that is none, it says how to go on."""
    none = anabranch.here("worker", "--json")
    bad = anabranch.here("worker", "--executors", "bad name", "--json")
    priority = anabranch.here(
        "worker", "--executors", "recalling", "--priorities", "urgent", "--json"
    )
    nobody = anabranch.here("workers", "drain", "nobody", "--json")

    assert [one.code for one in (none, bad, priority, nobody)] == [2, 2, 2, 3]
    assert "name them" in none.error["fix"]
    assert "module:function" in bad.error["fix"]
