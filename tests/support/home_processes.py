"""The live processes of a home, whoever started them."""

from __future__ import annotations

from pathlib import Path


def processes(home: Path) -> dict[int, str]:
    """Return the command lines of the live processes whose home is `home`, by their ids."""
    found: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (folder / "environ").read_bytes()
            state = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except (OSError, UnicodeDecodeError, IndexError):
            continue
        of_home = str(home) in command or f"ANABRANCH_HOME={home}\0".encode() in environment
        if of_home and state != "Z":
            found[int(folder.name)] = command
    return found
