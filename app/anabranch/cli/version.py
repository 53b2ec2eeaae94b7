"""The installed version."""

from __future__ import annotations


def version_line() -> str:
    """Return what `--version` says."""
    from importlib.metadata import version

    return f"anabranch {version('anabranch')}\n"
