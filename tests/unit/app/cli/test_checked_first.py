"""Options are checked before a server starts, as far as none is needed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fixtures.memory import CommandLine

if TYPE_CHECKING:
    from pathlib import Path

WORKER = ("worker", "--executors", "recalling")
THINK = ("think", "Which way?", "-n", "2")


@pytest.mark.parametrize("place", ["local", "workers"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--join", "5"), "join: 5 results cannot come of 2 branches"),
        (("--join", "most"), "join: 'most' is no join"),
        (("--deadline", "0"), "deadline: 0 s is no time to think in"),
        (("--priority", "urgent"), "priority: 'urgent' is none"),
        (("--labels", "a b"), "labels.0: 'a b' is not a label"),
        (("--labels", ","), "labels: ',' names none"),
        (("--branches-max", "1"), "branches: 1 more may be forked here, not 2"),
        (("-n", "0"), "count: 0 is not a number of branches"),
        (("--roles", "none.toml"), "roles: "),
        (("-b", "The mill", "-b", " "), "branches.1.task: is empty"),
    ],
)
def test_a_thought_s_terms_are(
    tmp_path: Path, place: str, words: tuple[str, ...], message: str
) -> None:
    """One error, no word of workers that are missing before it, and no home."""
    home = tmp_path / "home"

    ran = CommandLine(home).here(*THINK, *words, "--over", place, "--json")

    assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran.err
    assert ran.error["message"].startswith(message)
    assert not home.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere:work",), "executor: 'nowhere:work': cannot be imported: "),
        (("os:sep",), "executor: 'os:sep': is str, which cannot be called"),
        (("no-such-command",), "executor: there is no command no-such-command"),
        (("json:dumps", "--env", "HOME"), "env: no command runs that could get a variable"),
        (("recalling", "--env", "HOME"), "env: no command runs that could get a variable"),
    ],
)
def test_what_runs_a_branch_here_is(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    """A name is that of a function, of a command, or recalling; one that cannot run starts nothing."""
    home = tmp_path / "home"

    ran = CommandLine(home).here(*THINK, "--executor", *words, "--json")

    assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran.err
    assert ran.error["message"].startswith(message)
    assert not home.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*WORKER, "--priorities", "urgent"), "priorities: 'urgent' is none"),
        ((*WORKER, "--priorities", ""), "priorities: without any a worker takes no branch"),
        ((*WORKER, "--reserved", "4"), "reserved: 4 of 4 slots cannot be kept"),
        (
            (*WORKER, "--priorities", "high", "--reserved", "1"),
            "reserved: 1 of 4 slots would stay idle",
        ),
        ((*WORKER, "--labels", "a b"), "labels.0: 'a b' is not a label"),
        ((*WORKER, "--labels", " , "), "labels: ' , ' names none"),
        ((*WORKER, "--priorities", ","), "priorities: ',' names none"),
        ((*WORKER, "--executors", ","), "executors: ',' names none"),
        (("stats", "--by", ","), "by: ',' names none"),
        (("worker",), "executors: none is allowed"),
        (("worker", "--max", "2"), "executors: none is allowed"),
        (("worker", "--executors", "nowhere"), "executors: 'nowhere': names no executor"),
        ((*WORKER, "--min", "3", "--max", "2"), "max: from 3 to 2 workers is no range"),
        ((*WORKER, "--max", "2", "--pool", "cloud"), "pool: 'cloud' is none"),
        ((*WORKER, "--max", "2", "--pool", "slurm"), "pool: NATS_URL is not set"),
        ((*WORKER, "--cooldown", "5"), "a pool without a maximum"),
    ],
)
def test_a_worker_s_options_are(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    """A worker, or a pool, that could not work as said starts no server, and no worker."""
    home = tmp_path / "home"

    ran = CommandLine(home).here(*words, "--json")

    assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran.err
    assert ran.error["message"].startswith(message)
    assert not home.exists()
