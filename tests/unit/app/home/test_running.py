"""The `up` of a home, held against the runtime file that it writes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from anabranch.home.folder import Home, Lock
from anabranch.home.running import COMMAND, RunningUp, running_up
from anabranch.home.runtime_file import LogAddress, Runtime
from anabranch_store import GraphAddress

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path)


def written(home: Home, **changed: Any) -> None:
    """Write a runtime file as an `up` does, but for what is changed."""
    values: dict[str, Any] = {
        "instance": "one",
        "pid": 7,
        "command": COMMAND,
        "started_at": datetime.now(UTC),
        "log_url": "nats://127.0.0.1:4222",
        "graph_uri": "bolt://127.0.0.1:7687",
        "log": LogAddress(url="nats://127.0.0.1:4222", token="secret"),
        "graph": GraphAddress(uri="bolt://127.0.0.1:7687", username="a", password=SecretStr("b")),
    }
    Runtime(**{**values, **changed}).write(home)


def test_an_up_is_found_while_it_owns_the_home(home: Home) -> None:
    """The runtime file counts while its writer holds the lock: one that was killed is not found."""
    written(home)

    with Lock(home.owner_lock) as lock:
        assert lock.take()
        found = running_up(home)
    after = running_up(home)

    assert found == RunningUp("one", 7, "nats://127.0.0.1:4222", "secret")
    assert after is None


@pytest.mark.parametrize("changed", [{"command": "memory"}, {"log": None}, {"graph": None}])
def test_an_owner_that_serves_nothing_is_not_found(home: Home, changed: dict[str, Any]) -> None:
    """A program that owns the home is no service, nor is an `up` over servers elsewhere asked."""
    written(home, **changed)

    with Lock(home.owner_lock) as lock:
        assert lock.take()
        assert running_up(home) is None


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"{}", b'{"version": 2}'])
def test_a_file_that_cannot_be_read_is_no_up(home: Home, content: bytes | None) -> None:
    """A runtime file of another version, half a one, or none at all: whoever opens the home waits."""
    if content is not None:
        home.runtime.write_bytes(content)

    with Lock(home.owner_lock) as lock:
        assert lock.take()
        assert running_up(home) is None
