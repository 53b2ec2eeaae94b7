"""The installed version."""

from __future__ import annotations


def print_version() -> None:
    """Write the version to stdout."""
    from importlib.metadata import version

    print(f"anabranch {version('anabranch')}")  # noqa: T201  The command's one line of output.
