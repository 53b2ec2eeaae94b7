"""The pieces of lines become whole lines again, wherever they were parted."""

from __future__ import annotations

import pytest

from anabranch_events.transcripts.piece import WholeLines

_LINES = b"a\n" + b"b" * 40 + b"\n\ncd\n"


@pytest.mark.parametrize("size", [1, 2, 7, 41, 100])
def test_lines_come_whole_at_their_ends(size: int) -> None:
    """None before, none twice; what goes on after the last end is kept for the next message."""
    whole = WholeLines()
    parts = [_LINES[start : start + size] for start in range(0, len(_LINES), size)]

    found = [whole.take(part) for part in parts]

    assert b"".join(found) == _LINES
    assert all(lines.endswith(b"\n") for lines in found if lines)
    assert [bool(lines) for lines in found] == [b"\n" in part for part in parts]


def test_a_beginning_can_be_dropped() -> None:
    """So that what comes after a transcript was dropped is no part of what stood there."""
    whole = WholeLines()
    whole.take(b"a\nb")

    whole.clear()

    assert whole.take(b"c\n") == b"c\n"
