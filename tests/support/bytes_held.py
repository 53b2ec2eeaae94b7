"""The search of every byte of folders for what must not be there."""

from __future__ import annotations

import os
from pathlib import Path


def held(folder: Path, *needles: bytes) -> list[str]:
    """Return the files below a folder that hold one of some byte strings, of words in any case."""
    found: list[str] = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            try:
                content = path.read_bytes()
            except OSError:  # Servers remove files as they go, and have sockets.
                continue
            lower = content.lower()
            if any(needle in (lower if needle.isalpha() else content) for needle in needles):
                found.append(str(path.relative_to(folder)))
    return sorted(found)
