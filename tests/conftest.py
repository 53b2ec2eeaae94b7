"""The fixtures every test may ask for; each room's stand in a module of their own."""

from __future__ import annotations

import signal

pytest_plugins = ["tests.fixtures.log", "tests.fixtures.graph", "tests.fixtures.memory"]


def pytest_configure() -> None:
    """Let the processes that tests start hear Ctrl-C, also where the whole run ignores it.

    A shell starts its background jobs with SIGINT ignored, and children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
