"""Files that may hold sessions: which are looked at below a folder, and what is told of others."""

from __future__ import annotations

import gzip
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from anabranch.errors import InputInvalid
from anabranch.importers.files.candidates import candidates
from anabranch.importers.inventory import located
from anabranch.importers.readers.catalogue import READERS, sources_below
from tests.support.transcripts import CASES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

NOBODY: Final = 65534
CUT: Final = gzip.compress(b"{}\n" * 9)[:-9]


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
    told: list[tuple[Path, str]] = []
    case = CASES / "pi-1.6.0" / "compact"

    found = sources_below([tmp_path / "gone", case], unread=into(told))

    assert [source.tool for source in found] == ["pi"]
    assert told == [(tmp_path / "gone", "No such file or directory")]


def test_a_file_that_goes_while_it_is_looked_at_is_told(tmp_path: Path) -> None:
    """Its beginning is empty, and why is known."""
    path = tmp_path / "one.jsonl"
    path.write_text("{}\n")
    (candidate,) = candidates(tmp_path)
    path.unlink()

    head = candidate.head

    assert head == b""
    assert candidate.unread == "No such file or directory"


def into(told: list[tuple[Path, str]]) -> Callable[[Path, str], None]:
    """Return a function that keeps what it hears."""
    return lambda path, why: told.append((path, why))


@contextmanager
def closed(folder: Path) -> Generator[None]:
    """Close a folder to this process: also to root, which becomes nobody for a while."""
    is_root = os.geteuid() == 0
    folder.chmod(0)
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o700)


def test_what_lies_in_a_closed_folder_is_told_wherever_it_is_named(tmp_path: Path) -> None:
    """A file, a folder, and a tool's own place: each is named, and no error ends the search."""
    place = tmp_path / ".codex" / "sessions"
    shutil.copytree(CASES / "codex-0.171.0" / "revert", place)
    told: list[tuple[Path, str]] = []
    where = [str(place / "rollout.jsonl"), str(place / "2026"), "codex"]

    with closed(tmp_path / ".codex"):
        found = located(where, home=tmp_path, environment={}, unread=into(told))

    assert found == []
    paths = {Path(where[0]), Path(where[1]), *READERS["codex"].places(tmp_path, {})}
    assert {path for path, _ in told} == paths
    assert {why for _, why in told} == {"Permission denied"}


@pytest.mark.parametrize(
    "name", ["gone.jsonl", "x" * 5000, "circle"], ids=["gone", "long", "circle"]
)
def test_a_path_where_nothing_can_be_is_refused(name: str, tmp_path: Path) -> None:
    """A name that is too long, and a link to itself, too."""
    (tmp_path / "circle").symlink_to(tmp_path / "circle")

    with pytest.raises(InputInvalid, match="where"):
        located([str(tmp_path / name)], home=tmp_path, environment={})


def test_a_path_without_a_name_is_not_the_working_folder(tmp_path: Path) -> None:
    """An empty variable of a script imports nothing that nobody named."""
    with pytest.raises(InputInvalid, match="where: '' is neither"):
        located([""], home=tmp_path, environment={})


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        pytest.param("a.jsonl.gz", b"no gzip", "Not a gzipped file (b'no')", id="no gz"),
        pytest.param("a.jsonl.gz", CUT, "ended before", id="gz-cut"),
        pytest.param("a.jsonl.gz", CUT[:10] + b"\xff" * 99, "invalid", id="gz"),
        pytest.param("a.jsonl.zst", b"no frame at all", "rame", id="zst"),
        pytest.param("a.db", b"SQLite format 3\x00" + b"no page" * 99, "database", id="db"),
    ],
)
def test_a_file_that_is_damaged_is_told_with_its_name(
    name: str, data: bytes, why: str, tmp_path: Path
) -> None:
    """Its compression or its database: the reason is that of what reads it."""
    (tmp_path / name).write_bytes(data)
    told: list[tuple[Path, str]] = []

    found = sources_below([tmp_path], unread=into(told))

    assert found == []
    ((path, reason),) = told
    assert path == tmp_path / name
    assert why in reason


def test_a_link_to_itself_among_others_is_told(tmp_path: Path) -> None:
    """It cannot be looked at; one to nothing is passed over."""
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "gone")
    told: list[tuple[Path, str]] = []

    assert sources_below([tmp_path], unread=into(told)) == []
    assert [path.name for path, _ in told] == ["a.jsonl"]
