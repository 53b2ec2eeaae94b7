"""Reaching a server: addresses, tokens, and one that is not there."""

from __future__ import annotations

import asyncio

import pytest

from anabranch_events import Bounds, Log, NatsServer
from anabranch_events.errors import (
    InputInvalid,
    LogRefused,
    LogUnavailable,
)
from tests.support.patience import FOREVER_S, PATIENCE_S


def limitless(url: str, token: str | None = None) -> Log:
    """Return a log that may try for as long as it likes: what ends soon did not wait."""
    return Log.connect(url, token=token, timeout_s=FOREVER_S)


async def test_a_wrong_token_is_refused_at_once(nats_server: NatsServer) -> None:
    """Waiting would not make the token right."""
    for token in ("wrong", None):
        with pytest.raises(LogRefused):
            async with asyncio.timeout(PATIENCE_S), limitless(nats_server.url, token):
                pass


@pytest.mark.parametrize("url", ["nats://127.0.0.1:1", "nats://no-such-host.invalid:4222"])
async def test_a_server_that_is_not_there_is_said_at_once(url: str) -> None:
    """Nobody listening and an unknown host are told without waiting for the limit."""
    with pytest.raises(LogUnavailable):
        async with asyncio.timeout(PATIENCE_S), limitless(url):
            pass


@pytest.mark.parametrize(
    "url",
    ["", "nats://", "nats://[", "http://host:4222", "nats://host:0", "nats://host:x", "nats://a,,"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """What cannot be an address is refused before anything is tried."""
    with pytest.raises(InputInvalid) as refused:
        Log.connect(url)

    assert refused.value.field == "url"


async def test_an_error_does_not_repeat_the_password_of_an_address() -> None:
    """A password in NATS_URL is not shown in messages."""
    with pytest.raises(LogUnavailable) as refused:
        async with Log.connect("nats://user:hidden@127.0.0.1:1"):
            pass

    assert "hidden" not in refused.value.message
    assert "127.0.0.1:1" in refused.value.message


async def test_the_token_may_stand_in_the_address(nats_server: NatsServer) -> None:
    """NATS_URL alone is enough, also when it names several servers."""
    url = nats_server.url.replace("//", f"//{nats_server.token}@")

    async with Log.connect(f"{url},{url}") as log:
        assert await log.bounds() == Bounds(0, 0)
