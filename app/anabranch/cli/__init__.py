"""The `anabranch` command.

Others use: `main`.
"""

from __future__ import annotations

from anabranch.cli.application import main, run

__all__ = ["main", "run"]
