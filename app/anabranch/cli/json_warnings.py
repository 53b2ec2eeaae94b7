"""Logged warnings as JSON, beside the JSON of a command."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from anabranch.terminal.output import warning_line

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def warnings_as_json() -> Generator[None]:
    """Write what is logged meanwhile as JSON on stderr, so that nothing else stands there."""
    handler = _JsonHandler(logging.WARNING)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


class _JsonHandler(logging.Handler):
    """Writes a JSON object a record."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's message."""
        try:
            print(warning_line(record.getMessage()), file=sys.stderr)  # noqa: T201  For machines.
        except Exception:  # noqa: BLE001  A log never ends what logs.
            self.handleError(record)
