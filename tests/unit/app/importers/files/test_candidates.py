"""Files that may hold sessions: which are looked at below a folder, and what is told of others."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from anabranch.importers.files.candidates import candidates
from anabranch.importers.readers.catalogue import sources_below
from tests.support.transcripts import CASES

if TYPE_CHECKING:
    from pathlib import Path


def test_pipes_and_links_that_lead_elsewhere_are_passed_over(tmp_path: Path) -> None:
    """A pipe would never end; a link to a folder may lead to anything, or around in a circle."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    shutil.copytree(CASES / "pi-1.6.0" / "compact", outside)
    shutil.copytree(CASES / "codex-0.171.0" / "revert", inside)
    os.mkfifo(inside / "pipe.jsonl")
    (inside / "around").symlink_to(inside)
    (inside / "elsewhere").symlink_to(outside)
    (inside / "nowhere.jsonl").symlink_to(tmp_path / "nothing")

    found = sources_below([inside])
    by_its_link = sources_below([inside / "elsewhere"])

    assert [source.tool for source in found] == ["codex"]
    assert [source.tool for source in by_its_link] == ["pi"]


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """What was named and cannot be looked into is handed on, and the others are found."""
    told: list[OSError] = []

    found = sources_below([tmp_path / "gone", CASES / "pi-1.6.0" / "compact"], unread=told.append)

    assert [source.tool for source in found] == ["pi"]
    assert [error.filename for error in told] == [str(tmp_path / "gone")]


def test_a_file_that_goes_while_it_is_looked_at_is_told(tmp_path: Path) -> None:
    """Its beginning is empty, and why is known."""
    path = tmp_path / "one.jsonl"
    path.write_text("{}\n")
    (candidate,) = candidates(tmp_path)
    path.unlink()

    head = candidate.head

    assert head == b""
    assert isinstance(candidate.unread, FileNotFoundError)
