"""The pause that a service asks for, as its answers spell it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from anabranch_thinking.errors import RetryLater
from anabranch_thinking.executors.service_errors import (
    PAUSE_MAX_S,
    end_long_pauses,
    refused,
)


@pytest.mark.parametrize(
    "said",
    [
        "Thu, 01 Jan 2026 00:00:00 +9999",
        "Thu, 01 Jan 2026 00:00:00 +99999999999999",
        "Thu, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Thu, 01 Jan 99999 00:00:00 GMT",
        "soon",
        "",
    ],
)
async def test_a_date_that_is_none_asks_for_nothing(said: str) -> None:
    """It stops neither a good answer nor the error of a bad one."""
    headers = {"retry-after": said}

    await end_long_pauses(SimpleNamespace(headers=headers))
    error = refused("openai", 429, "slow down", headers)

    assert isinstance(error, RetryLater)
    assert 0 <= error.delay_s <= PAUSE_MAX_S


async def test_a_date_far_away_ends_the_pauses_within_a_call() -> None:
    """A client would sleep until then."""
    headers = {"retry-after": "Fri, 31 Dec 2100 23:59:59 GMT"}

    await end_long_pauses(SimpleNamespace(headers=headers))

    assert headers["x-should-retry"] == "false"
