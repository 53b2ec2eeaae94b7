"""The projector's version: it names the graph that the same events come to."""

from __future__ import annotations

from typing import Final

PROJECTOR_VERSION: Final = 9
"""Stored in each generation; raise it when the same events come to give another graph."""
