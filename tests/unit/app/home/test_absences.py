"""The plan behind an absence of a home's servers, as its files tell it."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

from anabranch.home.absences import Absences
from anabranch.home.folder import Home

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_pause_is_told_once_and_is_over_after_its_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An operator's mark is a pause for so long, and those who wait say so once."""
    home = Home(tmp_path)
    home.prepare()
    absences = Absences(home, bound_s=60)

    before = absences.paused()
    home.pause()
    with caplog.at_level(logging.WARNING, logger="anabranch"):
        during = [absences.paused(), absences.paused()]
    told = [record.getMessage() for record in caplog.records]
    os.utime(home.paused, (time.time() - 61, time.time() - 61))
    after = absences.paused()

    assert (before, during, after) == (False, [True, True], False)
    assert told == [
        f"the servers of {tmp_path} were ended by their operator: waiting up to 60 s for them"
    ]


def test_the_files_tell_a_kill_from_a_plan(tmp_path: Path) -> None:
    """A killed owner leaves its runtime file; one that leaves takes it away, with a mark or not."""
    home = Home(tmp_path)
    home.prepare()
    absences = Absences(home, bound_s=60)
    home.runtime.write_text("{}")

    killed = absences.reason()
    home.retire_runtime()
    left = absences.reason()
    home.pause()
    paused = absences.reason()

    assert (killed, left, paused) == (None, "handed over", "paused")
