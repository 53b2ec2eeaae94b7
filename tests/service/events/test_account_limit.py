"""The log in an account that has a limit, as a hosted NATS gives one."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Bounds, Event, Log, new_event, server_binary
from anabranch_events.errors import LogFull
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import WorkingMemorySet
from tests.support.events import NAMESPACE
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONFIG = """
listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{folder}" }}
accounts {{ A {{ users: [{{ user: a, password: a }}], jetstream {{ max_file: 1MB }} }} }}
"""


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[str]:
    """The address of a server whose account may store a megabyte."""
    port = free_port()
    config = tmp_path / "nats-server.conf"
    config.write_text(_CONFIG.format(port=port, folder=tmp_path / "jetstream"))
    server = subprocess.Popen([server_binary(), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        while not listens(port):
            time.sleep(0.01)
        yield f"nats://a:a@127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait(PATIENCE_S)


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def large(size: int) -> Event:
    """Return an event of about `size` bytes that does not compress."""
    value = os.urandom(size // 2).hex()
    return new_event(
        WorkingMemorySet(key="large", value=value), session_id=new_id(), namespace=NAMESPACE
    )


async def test_an_account_without_room_is_a_full_log(limited: str) -> None:
    """Its limit is one for the log, its objects and its buckets; what was stored stands.

    nats-server 2.15.1 answers as if the message were wrong, with the status 400 (findings/
    nats_a_full_account_is_a_bad_request.sh). A projector that notes how far it is goes on.
    """
    async with Log.connect(limited, timeout_s=PATIENCE_S) as log:
        bucket = await log.bucket("ANABRANCH_VECTORS")
        events = [large(100_000) for _ in range(30)]
        refused: LogFull | None = None
        stored = 0
        while refused is None:
            try:
                await log.append(events[stored])
                stored += 1
            except LogFull as error:
                refused = error

        assert "account" in refused.message
        assert (await log.append(events[stored - 1])).position == stored
        assert await log.bounds() == Bounds(1, stored)
        with pytest.raises(LogFull):
            await log.append_all([large(100_000) for _ in range(5)])
        with pytest.raises(LogFull):
            await log.append(large(1_000_000))
        with pytest.raises(LogFull):
            await bucket.put("model.abc", os.urandom(200_000))
