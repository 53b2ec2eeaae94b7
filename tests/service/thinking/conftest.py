"""The commands on sessions, on an empty log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch_thinking import Sessions

if TYPE_CHECKING:
    from anabranch_events import Log


@pytest.fixture
def namespace() -> str:
    """The namespace of a test."""
    return "test"


@pytest.fixture
def sessions(log: Log, namespace: str) -> Sessions:
    """The commands on the sessions of the namespace."""
    return Sessions(log, namespace=namespace, agent="tester")
