"""The `anabranch` command."""

from __future__ import annotations

from anabranch.cli.application import main, run

__all__ = ["main", "run"]
