"""Files of Zstandard: what is held in memory of one that is packed very small."""

from __future__ import annotations

import io
import tracemalloc

import zstandard

from anabranch.importers.files.zstd import ZstdFile

MB = 1024 * 1024


def test_little_is_held_of_a_file_that_is_thousands_of_times_as_long() -> None:
    """Equal lines take next to nothing packed."""
    packed = zstandard.compress(b"The lamp is lit, and it turns.\n" * (4 * MB))
    length = 0
    tracemalloc.start()

    with io.BufferedReader(ZstdFile(io.BytesIO(packed)), MB) as file:
        while data := file.read(MB):
            length += len(data)

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length == 31 * 4 * MB
    assert most < 40 * MB
