"""A clock on the wall that jumps for some processes, as when somebody sets it; spans go on."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final

COMPILER: Final = shutil.which("cc")
_SOURCE: Final = Path(__file__).with_name("wall_clock.c")


class WallClock:
    """The clock of the processes that are started with its environment, and of their children."""

    def __init__(self, folder: Path) -> None:
        assert COMPILER is not None
        library, self._file = folder / "wall_clock.so", folder / "wall_clock"
        subprocess.run(
            [COMPILER, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"],
            check=True,
        )
        self._file.write_bytes(struct.pack("q", 0))
        self.environment = {"LD_PRELOAD": str(library), "ANABRANCH_TEST_WALL": str(self._file)}

    def jump(self, seconds: int) -> None:
        """Set it so many seconds off the machine's; all see it at once."""
        with self._file.open("r+b", buffering=0) as file:
            file.write(struct.pack("q", seconds))
