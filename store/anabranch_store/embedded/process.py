"""The embedded graph's process, seen from its owner: start it, end it, end one that was left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from anabranch_store.errors import GraphUnavailable, SetupInvalid

HOST: Final = Path(__file__).with_name("host.py")
_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 30.0
_PID_FILE: Final = "host.pid"
_LOG_FILE: Final = "host.log"


class HostStartFailed(Exception):
    """The process ended, or reported a failure, before it was ready; the text gives the reason."""


class HostProcess:
    """One running host over `folder`; `close` ends it after its databases are closed."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self.pid = process.pid

    @classmethod
    async def start(cls, folder: Path, order: dict[str, Any]) -> HostProcess:
        """Start a host in `folder` and wait until it is ready.

        Raises HostStartFailed with the host's own words.
        """
        with (folder / _LOG_FILE).open("wb") as log:
            process = _spawned(folder, log)
        host = cls(process, folder)
        try:
            (folder / _PID_FILE).write_text(f"{process.pid}\n", encoding="ascii")
            async with asyncio.timeout(_START_TIMEOUT_S):
                said = await asyncio.to_thread(_exchange, process, json.dumps(order))
        except TimeoutError as error:
            host.kill()
            raise HostStartFailed(f"it was not ready after {_START_TIMEOUT_S:.0f} s") from error
        except BaseException:
            host.kill()
            raise
        answer: dict[str, Any] = json.loads(said) if said else {}
        if not answer.get("ready"):
            host.kill()
            raise HostStartFailed(str(answer.get("error") or host._last_words()))
        return host

    @property
    def running(self) -> bool:
        """True while the process is there."""
        return self._process.poll() is None

    async def close(self) -> None:
        """End the process by ending its input, and wait until it is gone."""
        stop = asyncio.ensure_future(asyncio.to_thread(self._stop))
        try:
            await asyncio.shield(stop)
        except asyncio.CancelledError:
            await stop
            raise

    def kill(self) -> None:
        """End the process at once; the write-ahead log brings its databases back."""
        self._process.kill()
        self._stop()

    def _stop(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - we opened it, see _spawned.
        assert self._process.stdout is not None  # noqa: S101 - as above.
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_TIMEOUT_S)
        self._process.stdout.close()
        (self._folder / _PID_FILE).unlink(missing_ok=True)

    def _last_words(self) -> str:
        log = (self._folder / _LOG_FILE).read_text(encoding="utf-8", errors="replace")
        return log.strip()[-1000:] or "it ended without a word"


def end_leftover(folder: Path) -> None:
    """End a host that a killed owner left in `folder`. The caller holds the folder's lock.

    Such a host is closing its databases, because its input has ended: it gets time for that, then
    SIGTERM, then SIGKILL. A process that only reuses the number is left alone.
    """
    try:
        pid = int((folder / _PID_FILE).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return
    for number, patience_s in ((0, 10.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
        if not _is_host(pid, folder):
            (folder / _PID_FILE).unlink(missing_ok=True)
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        _wait_gone(pid, folder, patience_s)
    if _is_host(pid, folder):
        raise GraphUnavailable(
            f"process {pid} holds the graph in {folder} and does not end",
            fix=f"end process {pid}, then start again",
        )


def _spawned(folder: Path, log: IO[bytes]) -> subprocess.Popen[str]:
    """Start the host's process, in a session of its own so that Ctrl-C reaches only its owner."""
    try:
        return subprocess.Popen(
            [sys.executable, "-P", str(HOST), str(folder)],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            text=True,
            encoding="utf-8",
        )
    except OSError as error:
        raise SetupInvalid(
            f"the embedded graph's process cannot be started: {error}",
            fix="check that this Python can start processes",
        ) from error


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment of the host. A JVM knows a path by the encoding of its locale."""
    plain = str(folder).isascii() or sys.platform != "linux"
    return {**os.environ} if plain else {**os.environ, "LC_ALL": "C.UTF-8"}


def _exchange(process: subprocess.Popen[str], order: str) -> str:
    assert process.stdin is not None  # noqa: S101 - we opened it, see _spawned.
    assert process.stdout is not None  # noqa: S101 - as above.
    with suppress(BrokenPipeError):
        process.stdin.write(order + "\n")
        process.stdin.flush()
    return process.stdout.readline()


def _is_host(pid: int, folder: Path) -> bool:
    """Tell by its command line whether `pid` is a host over `folder`."""
    answer = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],  # noqa: S607 - where ps is differs.
        check=False,
        capture_output=True,
        text=True,
        timeout=10,
    )
    return HOST.name in answer.stdout and str(folder) in answer.stdout


def _wait_gone(pid: int, folder: Path, patience_s: float) -> None:
    until = time.monotonic() + patience_s
    while time.monotonic() < until and _is_host(pid, folder):
        time.sleep(0.05)
