"""The `anabranch` command.

Others use: `main`.
"""

from __future__ import annotations

import sys

__all__ = ["main", "run"]


def main() -> None:
    """Run the command of this process, and end with its exit code."""
    from anabranch.cli.interrupt import end_quietly_on_interrupt

    end_quietly_on_interrupt()
    from anabranch.cli.streams import finish, given_arguments

    if sys.argv[1:] == ["--version"]:
        from anabranch.cli.version import version_line

        return finish(0, text=version_line())
    sys.argv[1:] = given_arguments(sys.argv[1:])
    return finish(run())


def run(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    from anabranch.cli.application import run as run_command

    return run_command(arguments)
