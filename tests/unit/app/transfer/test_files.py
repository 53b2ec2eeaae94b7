"""Files of exports have their name once they are whole; until then what was there stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from anabranch.transfer.files import reading, replacing, writing
from anabranch_events.errors import InputInvalid, LogDamaged

ENDS: Final = ("jsonl", "jsonl.gz", "jsonl.zst")
_KILLED: Final = """
import os, signal, sys
from pathlib import Path
from anabranch.transfer.files import writing

with writing(Path(sys.argv[1])) as target:
    target.write(b"half a line")
    target.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def lines_of(path: Path) -> list[bytes]:
    """Return the lines of a file."""
    with reading(path) as lines:
        return list(lines)


def failing(path: Path, text: bytes, error: Exception) -> None:
    """Write some, and fail."""
    with writing(path) as target:
        target.write(text)
        raise error


@pytest.mark.parametrize("end", ENDS)
def test_a_whole_file_takes_the_place_of_the_one_before(tmp_path: Path, end: str) -> None:
    """Nothing else is left in its folder."""
    path = tmp_path / f"export.{end}"
    for text in (b"before\n", b"after\n"):
        with writing(path) as target:
            target.write(text)

    assert lines_of(path) == [b"after\n"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_no_file_to_write() -> None:
    """An empty name is the working folder's."""
    with pytest.raises(InputInvalid, match="is no file"), replacing(Path()):
        pass


@pytest.mark.parametrize("end", ENDS)
def test_a_failure_leaves_the_file_that_was_there(tmp_path: Path, end: str) -> None:
    """What was written of the new one goes."""
    path = tmp_path / f"export.{end}"
    with writing(path) as target:
        target.write(b"before\n")

    with pytest.raises(RuntimeError):
        failing(path, b"half a line", RuntimeError())

    assert lines_of(path) == [b"before\n"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    """The half file has another name, which the next one does not take."""
    path = tmp_path / "export.jsonl"
    path.write_bytes(b"before\n")

    killed = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    left = path.read_bytes()
    with writing(path) as target:
        target.write(b"after\n")

    assert (killed.returncode, left) == (-signal.SIGKILL, b"before\n")
    assert lines_of(path) == [b"after\n"]
    assert [one.suffix for one in tmp_path.iterdir() if one != path] == [".part"]


def test_a_file_keeps_its_mode(tmp_path: Path) -> None:
    """What only its owner may read is never open to others, while it is written either."""
    path = tmp_path / "export.jsonl"
    path.touch(mode=0o400)

    with writing(path) as target:
        (unfinished,) = (one for one in tmp_path.iterdir() if one != path)
        meanwhile = unfinished.stat().st_mode & 0o777
        target.write(b"after\n")

    assert (meanwhile, path.stat().st_mode & 0o777) == (0o600, 0o400)
    assert lines_of(path) == [b"after\n"]


def test_two_at_once_write_a_file_each(tmp_path: Path) -> None:
    """The later one stays, whole, and so does a file of the user's that ends in `.part`."""
    path, own = tmp_path / "export.jsonl", tmp_path / "export.jsonl.part"
    own.write_bytes(b"the user's\n")

    with writing(path) as first:
        first.write(b"the first\n")
        with writing(path) as second:
            second.write(b"the second, longer\n")
        between = lines_of(path)

    assert (between, lines_of(path)) == ([b"the second, longer\n"], [b"the first\n"])
    assert own.read_bytes() == b"the user's\n"


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power failure then leaves the one before, or this one."""
    path = tmp_path / "export.jsonl"
    found: list[tuple[bool, int]] = []

    def noted(descriptor: int) -> None:
        found.append((path.exists(), os.fstat(descriptor).st_size))

    monkeypatch.setattr("os.fsync", noted)

    with writing(path) as target:
        target.write(b"after\n")

    assert found == [(False, 6)]


def test_an_export_of_a_damaged_log_is_kept(tmp_path: Path) -> None:
    """Its manifest says what is missing."""
    path = tmp_path / "export.jsonl"

    with pytest.raises(LogDamaged):
        failing(path, b"manifest\n", LogDamaged(missing=[(1, 2)]))

    assert lines_of(path) == [b"manifest\n"]


def test_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    """It has no place beside it, and is never replaced."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as reader:  # noqa: S607 - the system's.
        with writing(path) as target:
            target.write(b"through\n")
        read, _ = reader.communicate()

    assert read == b"through\n"
    assert path.is_fifo()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file that it leads to is replaced."""
    path, link = tmp_path / "export.jsonl", tmp_path / "latest.jsonl"
    path.write_bytes(b"before\n")
    link.symlink_to(path)

    with writing(link) as target:
        target.write(b"after\n")

    assert link.is_symlink()
    assert path.read_bytes() == b"after\n"
