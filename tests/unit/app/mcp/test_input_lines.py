"""Lines of standard input, whatever that is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from anabranch.mcp.input_lines import HELD_MAX, lines_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", []),
        (b"a\nb\n", [b"a", b"b"]),
        (b"a\n\nb", [b"a", b"", b"b"]),
        (b"x" * 3_000_000 + b"\ny\n", [b"x" * 3_000_000, b"y"]),
        (b"n\n" * (3 * HELD_MAX), [b"n"] * (3 * HELD_MAX)),
    ],
    ids=["empty", "two", "without its end", "long", "many"],
)
async def test_a_file_is_read_line_by_line(tmp_path: Path, text: bytes, lines: list[bytes]) -> None:
    """Short lines and long ones, the last one with its end or without."""
    path = tmp_path / "input"
    path.write_bytes(text)
    descriptor = os.open(path, os.O_RDONLY)

    found = [one async for one in lines_of(descriptor)]

    os.close(descriptor)
    assert found == lines


async def test_a_line_comes_while_the_input_is_open() -> None:
    """It does not wait for the next one, nor for the end."""
    theirs, ours = os.pipe()
    lines = lines_of(theirs)
    os.write(ours, b"first\nsec")

    first = await anext(lines)

    os.write(ours, b"ond\n")
    os.close(ours)
    rest = [one async for one in lines]
    os.close(theirs)
    assert (first, rest) == (b"first", [b"second"])


async def test_a_descriptor_that_is_none_has_no_lines() -> None:
    """A closed standard input is an ended one."""
    theirs, ours = os.pipe()
    os.close(theirs)
    os.close(ours)

    assert [one async for one in lines_of(theirs)] == []
