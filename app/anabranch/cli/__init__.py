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
    if sys.argv[1:] == ["--version"]:
        from anabranch.cli.version import print_version

        return print_version()
    from anabranch.cli.streams import given_arguments

    sys.argv[1:] = given_arguments(sys.argv[1:])
    from anabranch.cli.application import finish

    return finish(run())


def run(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    from anabranch.cli.application import run as run_command

    return run_command(arguments)
