"""The executor that runs a command: so a coding agent or a script becomes a branch."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Final, Self

from anabranch_events.errors import InputInvalid
from anabranch_events.event.trace_context import VARIABLE, traceparent_here
from anabranch_thinking.errors import BranchTimedOut, ExecutorFailed
from anabranch_thinking.executors.environment import passed_on
from anabranch_thinking.executors.output import OUTPUT_MAX, branch_as_json, finding_in, text_of
from anabranch_thinking.sessions.findings import plain

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from anabranch_thinking.executors.base import BranchContext, ForkedWork
    from anabranch_thinking.sessions.findings import Finding

ERRORS_MAX: Final = 16 * 1024
ERROR_LINES: Final = 5
GRACE_S: Final = 2.0
POLL_S: Final = 0.02
_GUARD: Final = str(Path(__file__).with_name("guard.py"))
_GUARDED: Final = sys.platform == "linux" and bool(sys.executable)
_CHUNK: Final = 64 * 1024


class CommandExecutor:
    """An executor that runs `argv` for each branch, never through a shell.

    The branch comes on stdin as one JSON object and its ids in `ANABRANCH_SESSION`,
    `ANABRANCH_PARENT`, `ANABRANCH_ROOT` and `ANABRANCH_NAMESPACE`; its trace, where it is in one,
    in `TRACEPARENT`. The command's stdout is the result: plain text, or
    `{"result": TEXT, "insights": [TEXT or object, ...]}`. With
    `{"branches": [TEXT or object, ...], "join": "all"}` it forks instead, and the branch completes
    with what the forks find. Another exit code than 0 fails the attempt with the last lines of
    stderr.

    Of the environment it gets the variables that any program needs, and those named in `passes`.
    Keys and passwords of this process must be named. With `environment` it gets just that.

    All processes that come of the command end with it, on a timeout, and when the branch is
    cancelled. On Linux they also end when this process is killed.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float | None = None,
        environment: Mapping[str, str] | None = None,
        passes: Sequence[str] = (),
    ) -> None:
        if not argv:
            raise InputInvalid("executor: the command is empty", field="executor", fix="name it")
        if timeout_s is not None and not timeout_s > 0:
            raise InputInvalid(
                f"timeout_s: {timeout_s:g} s is no time to run in",
                field="timeout_s",
                fix="give more than 0 seconds, or none",
            )
        self._argv = tuple(argv)
        self._timeout_s = timeout_s
        self._environment = environment
        self._passes = tuple(passes)
        self.name = f"command:{os.path.basename(argv[0])}"[:256]  # noqa: PTH119 - a name, not a path.

    def check_here(self) -> None:
        """Raise InputInvalid where there is no such command, or it may not be run."""
        if self._missing(self._given()):
            raise InputInvalid(
                f"executor: there is no command {self._argv[0]} that may be run",
                field="executor",
                fix="check its spelling, name it by its whole path, or have PATH lead to it",
            )

    def _given(self) -> Mapping[str, str]:
        """Return the environment of the command, without what is a branch's own."""
        given = self._environment
        return passed_on(os.environ, self._passes) if given is None else given

    def _missing(self, environment: Mapping[str, str]) -> bool:
        return which(self._argv[0], path=environment.get("PATH")) is None

    async def run(self, branch: BranchContext) -> Finding | ForkedWork | str:
        """Return the finding in the command's output. Raises ExecutorFailed and BranchTimedOut."""
        with Line() as line:
            process = await self._start(branch, line)
            try:
                async with asyncio.timeout(self._timeout_s):
                    output, errors = await _exchange(process, branch_as_json(branch))
            except TimeoutError:
                raise BranchTimedOut(branch.session_id, timeout_s=self._timeout_s or 0) from None
            finally:
                await _end_group(process, line)
        if process.returncode != 0:
            raise _failed(self.name, _ended_by(process.returncode), errors)
        return _finding(self.name, output, errors)

    async def _start(self, branch: BranchContext, line: Line) -> asyncio.subprocess.Process:
        environment = self._given()
        if self._missing(environment):
            raise ExecutorFailed(
                f"{self.name} cannot be started: there is no command {self._argv[0]}",
                fix="check that the command exists and may be run",
            )
        try:
            return await asyncio.create_subprocess_exec(
                *line.guarding(self._argv),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**environment, **_variables(branch)},
                pass_fds=line.ends,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise ExecutorFailed(
                f"{self.name} cannot be started: {error}",
                fix="check that the command exists and may be run",
            ) from error


class Line:
    """The line by which a guard knows that this process lives: a pipe, cut at our end."""

    def __init__(self) -> None:
        self._theirs, self._ours = os.pipe()
        self._cut = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        os.close(self._theirs)

    @property
    def ends(self) -> tuple[int, ...]:
        """The descriptors that the guard inherits."""
        return (self._theirs,) if _GUARDED else ()

    def guarding(self, argv: Sequence[str]) -> list[str]:
        """Return the command that runs `argv` under a guard, or `argv` where there is none."""
        if not _GUARDED:
            return [*argv]
        return [sys.executable, "-I", "-S", _GUARD, str(self._theirs), *argv]

    def cut(self) -> None:
        """Have the guard end all that came of the command."""
        if not self._cut:
            self._cut = True
            os.close(self._ours)


def _variables(branch: BranchContext) -> dict[str, str]:
    traceparent = traceparent_here()
    return {
        **({} if traceparent is None else {VARIABLE: traceparent}),
        "ANABRANCH_SESSION": branch.session_id,
        "ANABRANCH_PARENT": branch.parent_id,
        "ANABRANCH_ROOT": branch.root_id,
        "ANABRANCH_NAMESPACE": branch.namespace,
    }


async def _exchange(process: asyncio.subprocess.Process, task: bytes) -> tuple[bytes, bytes]:
    """Write the task while both outputs are read to their end; a pipe nobody reads would block."""
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise AssertionError("the command was started with three pipes")
    output = asyncio.create_task(_first(stdout))
    errors = asyncio.create_task(_last(stderr))
    others = [asyncio.create_task(_write(stdin, task)), asyncio.create_task(_until_exit(process))]
    try:
        await asyncio.gather(output, errors, *others)
        return output.result(), errors.result()
    finally:
        for waiting in (output, errors, *others):
            waiting.cancel()
        await asyncio.gather(output, errors, *others, return_exceptions=True)


async def _write(stream: asyncio.StreamWriter, task: bytes) -> None:
    # A command may end, or close its stdin, without having read its task.
    with suppress(BrokenPipeError, ConnectionResetError):
        stream.write(task)
        await stream.drain()
        stream.close()
        await stream.wait_closed()


async def _until_exit(process: asyncio.subprocess.Process) -> None:
    """Wait for the command, then end its leftover processes, which would hold its pipes open."""
    await _exited(process)
    _signal_group(process, signal.SIGKILL)


async def _exited(process: asyncio.subprocess.Process) -> None:
    # Until Python 3.12 `process.wait()` waits for the pipes too, which a grandchild may hold open.
    while process.returncode is None:  # noqa: ASYNC110 - the child watcher sets it, and tells nobody.
        await asyncio.sleep(POLL_S)


async def _first(stream: asyncio.StreamReader) -> bytes:
    taken = bytearray()
    while chunk := await stream.read(_CHUNK):
        taken += chunk
        if len(taken) > OUTPUT_MAX:
            raise ExecutorFailed(
                f"the command's output is longer than {OUTPUT_MAX:,} bytes",
                fix="have it write its result only, and anything else to a file",
            )
    return bytes(taken)


async def _last(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while chunk := await stream.read(_CHUNK):
        kept = (kept + chunk)[-ERRORS_MAX:]
    return kept


async def _end_group(process: asyncio.subprocess.Process, line: Line) -> None:
    """End all that came of the command: asked first, then killed."""
    try:
        if process.returncode is None:
            _signal_group(process, signal.SIGTERM)
            await _within(GRACE_S, _exited(process))
        line.cut()
        if process.returncode is None and _GUARDED:
            await _within(GRACE_S, _exited(process))
    finally:
        _signal_group(process, signal.SIGKILL)
    # The rest in the pipes is read away, for only at their end are they closed.
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            await _within(GRACE_S, _last(stream))
    await _within(GRACE_S, process.wait())


async def _within(seconds: float, waiting: Coroutine[None, None, object]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await waiting


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # macOS answers EPERM for a group of which only a zombie is left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _finding(name: str, output: bytes, errors: bytes) -> Finding | ForkedWork | str:
    """Read the command's output: its JSON, or its text without terminal codes."""
    text = text_of(output, by=name, what="its output")
    if not text:
        raise _failed(name, "wrote no result", errors)
    return finding_in(text, by=name)


def _ended_by(code: int | None) -> str:
    """Return how a command ended; a negative code is that of a signal."""
    try:
        return f"was ended by {signal.Signals(-(code or 0)).name}"
    except ValueError:
        return f"ended with exit code {code}"


def _failed(name: str, what: str, errors: bytes) -> ExecutorFailed:
    lines = plain(errors.decode(errors="replace")).splitlines()[-ERROR_LINES:]
    said = f": {' / '.join(lines)}" if lines else " and said nothing on stderr"
    return ExecutorFailed(f"{name} {what}{said}", fix="run the command by hand with the task")
