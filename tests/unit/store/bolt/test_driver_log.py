"""The driver's own log: no line of it is shown to a program that set up no logging."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from anabranch_store.graph.graph import open_driver

if TYPE_CHECKING:
    import pytest


async def test_a_program_without_logging_is_not_shown_the_drivers_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A connection that is lost is told by our errors alone."""
    monkeypatch.setattr(logging.root, "handlers", [])
    driver = open_driver("bolt://127.0.0.1:1", username="neo4j", password="no", timeout_s=1.0)

    logging.getLogger("neo4j.io").error("a connection is defunct")

    await driver.close()
    assert capsys.readouterr().err == ""
