"""Damage: a file of the index is not what was written."""

from __future__ import annotations


class Damaged(Exception):
    """A file of the index is missing, cut short, altered, or of another format.

    It never reaches a user: the index is built anew from the log, and the reason is logged.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason
