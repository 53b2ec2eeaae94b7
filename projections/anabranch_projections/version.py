"""The projector's version: what it makes of the same events."""

from __future__ import annotations

from typing import Final

PROJECTOR_VERSION: Final = 1
"""Stored in each generation; raise it when the same events come to give another graph."""
