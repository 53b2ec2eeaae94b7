"""The search of every byte of folders for what must not be there."""

from __future__ import annotations

import os
from pathlib import Path


def held(folder: Path, *needles: bytes) -> list[str]:
    """Return the files below a folder that hold one of some byte strings, without case."""
    wanted = [needle.lower() for needle in needles]
    found: list[str] = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            try:
                content = path.read_bytes().lower()
            except OSError:  # Servers remove files as they go, and have sockets.
                continue
            if any(needle in content for needle in wanted):
                found.append(str(path.relative_to(folder)))
    return sorted(found)
