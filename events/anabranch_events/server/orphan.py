"""A server that its killed owner left behind on the same folder: found and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path


async def end(pid_file: Path, *, config: Path, timeout_s: float) -> None:
    """End the nats-server that `pid_file` names, if it lives and runs with `config`.

    A process id that now belongs to another program is left alone.
    """
    pid = _recorded(pid_file)
    if pid is None or not await _is_ours(pid, config):
        return
    for number, patience_s in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, timeout_s)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if not await _is_ours(pid, config):
                return
            await asyncio.sleep(0.01)


def _recorded(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None


async def _is_ours(pid: int, config: Path) -> bool:
    command = await _command_line(pid)
    return "nats-server" in command and str(config) in command


async def _command_line(pid: int) -> str:
    """Return the command line of `pid`, empty when it has ended."""
    if sys.platform == "linux":
        return _from_proc(pid)
    asked = await asyncio.create_subprocess_exec(
        *("ps", "-ww", "-o", "args=", "-p", str(pid)), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asked.communicate()
    return output.decode(errors="replace")


def _from_proc(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
