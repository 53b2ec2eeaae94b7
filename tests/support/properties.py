"""Properties that are held to a server: hypothesis runs in a thread, what it asks for on our loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import HealthCheck, Phase, settings

from tests.support.rounds import examples

if TYPE_CHECKING:
    from collections.abc import Coroutine

_T = TypeVar("_T")


class OnThisLoop:
    """Runs coroutines on the loop in which it was made, for the thread that it is called in."""

    def __init__(self, *, timeout_s: float = 60) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s

    def __call__(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what `work` returns, within `timeout_s`."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(self._timeout_s)


def held(many: int, *, shrink: bool = False) -> settings:
    """Return the settings of a property whose examples are slow: `many` of them in CI.

    To `shrink` what fails costs many examples more.
    """
    return settings(
        max_examples=examples(many),
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
