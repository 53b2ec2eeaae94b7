"""Files are looked through without being cut into lines."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from anabranch.importers.files import lines
from anabranch.importers.files.lines import holds

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("before", range(12))
def test_bytes_are_found_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """Also across two pieces that are read, and in a file that is compressed."""
    monkeypatch.setattr(lines, "_BUFFER", 8)
    data = b"x" * before + b"rolled" + b"y" * 9
    plain, packed = tmp_path / "one.jsonl", tmp_path / "one.jsonl.gz"
    plain.write_bytes(data)
    packed.write_bytes(gzip.compress(data))

    assert all(holds(path, b"rolled") for path in (plain, packed))
    assert not any(holds(path, b"rolled back") for path in (plain, packed))


def test_a_file_that_cannot_be_read_holds_nothing(tmp_path: Path) -> None:
    """Who reads its lines says why it cannot be read."""
    damaged = tmp_path / "one.jsonl.gz"
    damaged.write_bytes(b"no gzip")

    assert not holds(damaged, b"gzip")
    assert not holds(tmp_path / "none.jsonl", b"x")
