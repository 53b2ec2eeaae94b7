"""The terminal of a command, of rich."""

from __future__ import annotations

from typing import NoReturn

import rich.console


class Console(rich.console.Console):
    """A terminal whose reader may go: the command hears of it, and ends as any other does."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise the BrokenPipeError that rich met; rich itself would end the process with 1."""
        raise  # noqa: PLE0704  rich calls this where it handles the error.
