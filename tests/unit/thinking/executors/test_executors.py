"""Executors run functions and real commands, and end what they started."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from anabranch_events.errors import InputInvalid
from anabranch_events.event.trace_context import traced
from anabranch_thinking import (
    BranchContext,
    BranchTimedOut,
    CallableExecutor,
    CommandExecutor,
    ExecutorFailed,
    Finding,
    InsightDraft,
)
from tests.support.commanding_process import lone_branch
from tests.support.patience import PATIENCE_S, until
from tests.support.repository import ROOT
from tests.support.rounds import in_full_only

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def branch() -> BranchContext:
    """A branch whose log nobody needs to reach."""
    return lone_branch()


def python(program: str, **options: float) -> CommandExecutor:
    """A command that runs `program`."""
    return CommandExecutor([sys.executable, "-c", program], **options)  # type: ignore[arg-type]  # only timeout_s is given.


async def test_an_async_function_runs_on_the_loop(branch: BranchContext) -> None:
    """It gets the branch, and what it returns is the finding."""

    async def work(given: BranchContext) -> Finding:
        return Finding(result=f"{given.task}: {threading.current_thread().name}")

    found = await CallableExecutor(work).run(branch)

    assert found == Finding(result=f"find a hotel: {threading.current_thread().name}")


async def test_plain_functions_run_in_threads_of_their_own(branch: BranchContext) -> None:
    """Forty that wait for each other all run, whatever the machine's pool of threads holds."""
    meeting = threading.Barrier(40, timeout=PATIENCE_S)

    def work(_branch: BranchContext) -> str:
        meeting.wait()
        return "met"

    executor = CallableExecutor(work)

    assert await asyncio.gather(*(executor.run(branch) for _ in range(40))) == ["met"] * 40


async def test_what_a_function_raises_is_raised(branch: BranchContext) -> None:
    """An error in the thread reaches the one who waits, as it was."""

    def work(_branch: BranchContext) -> str:
        raise ZeroDivisionError("by zero")

    with pytest.raises(ZeroDivisionError, match="by zero"):
        await CallableExecutor(work).run(branch)


async def test_an_object_with_an_async_call_is_a_function(branch: BranchContext) -> None:
    """A callable object may be async too."""

    class Worker:
        async def __call__(self, given: BranchContext) -> str:
            return given.task

    executor = CallableExecutor(Worker())

    assert (executor.name, await executor.run(branch)) == ("callable:Worker", "find a hotel")


async def test_a_branch_without_memory_says_so(branch: BranchContext) -> None:
    """Asking memory where there is none is an error that says what to give."""
    with pytest.raises(InputInvalid, match="recall"):
        await branch.recall("anything")


async def test_a_command_gets_the_branch_and_gives_text(branch: BranchContext) -> None:
    """The task comes on stdin, the ids in the environment; stdout is the result."""
    executor = python(
        "import json, os, sys; task = json.load(sys.stdin);"
        "print(task['task'], task['role'], task['depth'], task['attempt'],"
        " task['session_id'] == os.environ['ANABRANCH_SESSION'],"
        " task['root_id'] == os.environ['ANABRANCH_ROOT'], os.environ['ANABRANCH_NAMESPACE'])"
    )

    assert await executor.run(branch) == "find a hotel focus 1 1 True True test"


async def test_a_command_gives_json_with_insights(branch: BranchContext) -> None:
    """A result with insights, as texts or as objects, is a finding."""
    executor = python(
        "import json; print(json.dumps({'result': 'two', 'insights':"
        " ['The bath is warm.', {'text': 'It rains.', 'kind': 'risk', 'confidence': 0.5}]}))"
    )

    assert await executor.run(branch) == Finding(
        result="two",
        insights=(
            InsightDraft(text="The bath is warm."),
            InsightDraft(text="It rains.", kind="risk", confidence=0.5),
        ),
    )


@pytest.mark.parametrize(
    "written",
    ["[1, 2]", '{"answer": 42}', '{"answer": broken', "{result}", "\x1b[1mplain\x1b[0m"],
)
async def test_other_output_is_text(branch: BranchContext, written: str) -> None:
    """JSON of another shape is text, and terminal codes are dropped."""
    found = await python(f"print({written!r})").run(branch)

    assert found == written.replace("\x1b[1m", "").replace("\x1b[0m", "")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('no hotel')", "exit code 1: no hotel"),
        ("import sys; sys.exit(3)", "exit code 3 and said nothing on stderr"),
        ("pass", "wrote no result"),
        ("print('{\"result\": 7}')", "not a finding"),
        ('print(\'{"result": "x", "insights": "one"}\')', "insights: is no list"),
        ('print(\'{"branches": "one"}\')', "branches: is no list"),
        (
            'print(\'{"branches": [{"task": "Look", "deadline": "20261130"}]}\')',
            "deadline: is no time",
        ),
        ('print(\'{"result": "x", "insights": [{"txt": 1}]}\')', "not a finding"),
        ("print('x' * 5_000_000)", "output is longer than 4,194,304 bytes"),
        ('print(\'{"result": "x", "insights": [\')', "beginning of a finding that is not JSON"),
        ('print(\'{ "result": "x"}\\ndone\')', "beginning of a finding that is not JSON"),
        ("import sys; sys.stdout.buffer.write(b'caf\\xe9')", "is not UTF-8 text"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
        ("import os; os._exit(137)", "ended with exit code 137"),
    ],
)
async def test_a_command_that_fails_says_why(
    branch: BranchContext, program: str, said: str
) -> None:
    """Its exit code, its last words on stderr, or what is wrong with its output."""
    with pytest.raises(ExecutorFailed, match=said):
        await python(program).run(branch)


async def test_a_missing_command_says_so(branch: BranchContext) -> None:
    """A command that cannot be started is an error of the tree."""
    with pytest.raises(ExecutorFailed, match="cannot be started"):
        await CommandExecutor(["/nowhere/at-all"]).run(branch)


async def test_a_command_that_does_not_read_its_task_is_fine(branch: BranchContext) -> None:
    """A command may ignore stdin, even close it, and still give its result."""
    found = await python("import os; os.close(0); print('done')").run(branch)

    assert found == "done"


async def test_chatter_on_stderr_does_not_block(branch: BranchContext) -> None:
    """Megabytes on stderr are read away while the command works."""
    found = await python("import sys; sys.stderr.write('x' * 3_000_000); print('done')").run(branch)

    assert found == "done"


def gone(pid: int) -> bool:
    """Say whether no process of this id runs; one that waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z"


HANGS = (
    "import os, pathlib, subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "pathlib.Path(sys.argv[1]).write_text(f'{os.getpid()} {child.pid}');"
    "time.sleep(600)"
)


def words_in(path: Path) -> list[str]:
    """Return what stands in a file that may not be there yet."""
    return path.read_text().split() if path.exists() else []


async def pids_in(path: Path) -> list[int]:
    """Wait until the command has written its process ids."""
    await until(lambda: len(words_in(path)) == 2)
    return [int(pid) for pid in words_in(path)]


@in_full_only
async def test_a_command_that_hangs_is_stopped_with_its_children(
    branch: BranchContext, tmp_path: Path
) -> None:
    """A timeout ends the command's whole process group."""
    noted = tmp_path / "pids"
    executor = CommandExecutor([sys.executable, "-c", HANGS, str(noted)], timeout_s=2)

    with pytest.raises(BranchTimedOut, match="2 s"):
        await executor.run(branch)

    for pid in await pids_in(noted):
        await until(partial(gone, pid))


async def test_cancelling_stops_the_command(branch: BranchContext, tmp_path: Path) -> None:
    """Cancellation ends the process group and goes on."""
    noted = tmp_path / "pids"
    running = asyncio.create_task(
        CommandExecutor([sys.executable, "-c", HANGS, str(noted)]).run(branch)
    )
    pids = await pids_in(noted)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    for pid in pids:
        await until(partial(gone, pid))


async def test_what_a_command_leaves_behind_does_not_hold_the_branch(
    branch: BranchContext,
) -> None:
    """A child in the background that keeps stdout open ends with the command."""
    executor = python(
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print(child.pid)"
    )

    found = await executor.run(branch)

    assert isinstance(found, str)
    await until(partial(gone, int(found)))


ESCAPES = (
    "import os, pathlib, sys, time;"
    "path = pathlib.Path(sys.argv[1]);"
    "child = os.fork();"
    "os.setsid() if child == 0 else None;"
    "path.with_suffix(f'.{os.getpid()}').touch();"
    "time.sleep(600)"
)
"""A command with a child that leaves its session, as daemons do."""


def escaped(folder: Path) -> list[int]:
    """Return the processes of the command that have begun."""
    return [int(path.suffix[1:]) for path in folder.glob("said.*")]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process adopts what is orphaned")
async def test_commands_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    """After kill -9 of a thinking process neither its command runs on, nor a daemon of that."""
    starter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.commanding_process"),
        *(sys.executable, "-c", ESCAPES, str(tmp_path / "said")),
        cwd=ROOT,
    )
    await until(lambda: len(escaped(tmp_path)) == 2)
    pids = escaped(tmp_path)

    starter.kill()
    await starter.wait()

    for pid in pids:
        await until(partial(gone, pid))


async def test_a_daemon_ends_with_its_branch(branch: BranchContext, tmp_path: Path) -> None:
    """A timeout ends also a child that left the command's session."""
    executor = CommandExecutor(
        [sys.executable, "-c", ESCAPES, str(tmp_path / "said")], timeout_s=PATIENCE_S
    )
    running = asyncio.create_task(executor.run(branch))
    await until(lambda: len(escaped(tmp_path)) == 2)

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    for pid in escaped(tmp_path):
        await until(partial(gone, pid))


async def test_a_command_gets_no_secrets(
    branch: BranchContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys and passwords of this process reach a command only where they are named."""
    for name in ("NEO4J_PASSWORD", "ANABRANCH_EMBEDDER_KEY", "NATS_URL", "CREW_KEY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_TIME", "C")
    program = [sys.executable, "-c", "import os; print(' '.join(sorted(os.environ)))"]

    bare = await CommandExecutor(program).run(branch)
    named = await CommandExecutor(program, passes=["CREW_KEY"]).run(branch)

    assert isinstance(bare, str)
    assert isinstance(named, str)
    own = {"ANABRANCH_SESSION", "ANABRANCH_PARENT", "ANABRANCH_ROOT", "ANABRANCH_NAMESPACE"}
    assert own | {"PATH", "LC_TIME"} <= {*bare.split()}
    assert {*named.split()} - {*bare.split()} == {"CREW_KEY"}
    assert not {"NEO4J_PASSWORD", "ANABRANCH_EMBEDDER_KEY", "NATS_URL"} & {*named.split()}


async def test_a_command_goes_on_in_the_trace_of_its_branch(branch: BranchContext) -> None:
    """The trace is in the variable that OpenTelemetry's tools read; without one it is not there."""
    program = [sys.executable, "-c", "import os; print(os.environ.get('TRACEPARENT'))"]

    alone = await CommandExecutor(program).run(branch)
    with traced(TRACE):
        within = await CommandExecutor(program).run(branch)

    assert (alone, within) == ("None", TRACE)


@pytest.mark.parametrize("timeout_s", [0, -1])
def test_a_command_needs_time_to_run_in(timeout_s: float) -> None:
    """No time, or less, is refused before anything is appended."""
    with pytest.raises(InputInvalid) as caught:
        CommandExecutor(["cat"], timeout_s=timeout_s)

    assert caught.value.field == "timeout_s"
