"""A server that cannot be reached: the error says why, for each reason in its own words."""

from __future__ import annotations

import pytest

from anabranch_events import Log
from anabranch_events.errors import LogUnavailable


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nats://127.0.0.1:1", "Connect call failed"),
        ("nats://no-such-host.invalid:4222", "Errno -"),
    ],
)
async def test_the_reason_is_named(url: str, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    """A refused port and an unknown host are told apart; nobody lost a connection before."""
    with pytest.raises(LogUnavailable) as caught:
        async with Log.connect(url):
            pass

    assert reason in caught.value.message
    assert caplog.messages == []
