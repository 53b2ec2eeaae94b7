"""The fixtures every test may ask for; each room's stand in a module of their own."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

pytest_plugins = ["tests.fixtures.log", "tests.fixtures.graph", "tests.fixtures.memory"]


def pytest_configure() -> None:
    """Let the processes that tests start hear Ctrl-C, also where the whole run ignores it.

    A shell starts its background jobs with SIGINT ignored, and children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the modules that may take longest: whoever gets the last one ends last."""
    patience_s: dict[Path, float] = {}
    for item in items:
        limit = item.get_closest_marker("timeout")
        limit_s = float(limit.args[0]) if limit is not None else 0.0
        patience_s[item.path] = max(limit_s, patience_s.get(item.path, 0.0))
    items.sort(key=lambda item: -patience_s[item.path])
