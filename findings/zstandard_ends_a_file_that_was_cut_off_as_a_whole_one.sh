#!/usr/bin/env bash
# zstandard 0.25.0 (Python): a file that was cut off ends like a whole one in every way that reads a stream, with an empty
# read and no error. Three of the ways read the first frame of a file alone.
#
# Of a `.gz` file that was cut off Python's gzip raises EOFError, and the program zstd says "premature end". One would
# guess the same of the library that most programs read `.zst` files with, and that all of its readers see the same file.
# In fact, of 100,000 lines, with a checksum in the frame:
#
# 1. Half of the file gives 32,768 whole lines, and then the end: Zstandard's blocks have 128 KiB, so lines of eight bytes
#    are not even broken. `open`, `stream_reader`, `copy_stream`, `stream_writer`, `read_to_iter` and `decompressobj` are
#    alike. Only `decompress`, which takes the file in one piece, raises ZstdError.
# 2. Without its last four bytes, which are the checksum, the file is whole to most; to two of them a last block is gone.
# 3. Of a file of two frames, as `cat a.zst b.zst`, a log that is appended to, or pzstd makes, `decompress`,
#    `read_to_iter` and `decompressobj` give the first one. The others give both.
# 4. backports.zstd, which is Python 3.14's compression.zstd, raises EOFError in the first two, and reads both frames.
#
# So a copy that broke off is an export that lost its end, and nothing tells. Ask a decompressobj for `eof` when the file
# has ended, or read with backports.zstd.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "zstandard==0.25.0" "backports.zstd==1.8.0"
cd "$work"
cat >trial.py <<'PY'
import gzip
import io

import zstandard
from backports import zstd

LINES = b"".join(b"%07d\n" % number for number in range(100_000))
FIRST, SECOND = (zstandard.ZstdCompressor(write_checksum=True).compress(text) for text in (LINES, b"0000000\n"))
FILES = {
    "whole": FIRST,
    "half": FIRST[: len(FIRST) // 2],
    "without its checksum": FIRST[:-4],
    "of two frames": FIRST + SECOND,
}


def unpacking():
    return zstandard.ZstdDecompressor()


def by_open(file):
    return zstandard.open(file, "rb").read()


def by_stream_reader(file):
    return unpacking().stream_reader(file).read()


def by_copy_stream(file):
    unpacking().copy_stream(file, into := io.BytesIO())
    return into.getvalue()


def by_stream_writer(file):
    into = io.BytesIO()
    with unpacking().stream_writer(into, closefd=False) as writer:
        writer.write(file.read())
    return into.getvalue()


def by_read_to_iter(file):
    return b"".join(unpacking().read_to_iter(file))


def by_decompressobj(file):
    return unpacking().decompressobj().decompress(file.read())


def by_decompress(file):
    return unpacking().decompress(file.read())


def by_backports(file):
    return zstd.open(file).read()


ways = (
    by_open,
    by_stream_reader,
    by_copy_stream,
    by_stream_writer,
    by_read_to_iter,
    by_decompressobj,
    by_decompress,
    by_backports,
)
for name, data in FILES.items():
    for way in ways:
        try:
            found = way(io.BytesIO(data))
            end = "whole" if found.endswith(b"\n") else "broken"
            said = f"{len(found.splitlines()):,} lines, the last one {end}"
        except (EOFError, zstandard.ZstdError, zstd.ZstdError) as error:
            said = type(error).__name__
        print(f"{name}, {way.__name__}: {said}")
try:
    gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(LINES)[:-4])).read()
except EOFError:
    print("gzip, without its last four bytes: EOFError")
half = unpacking().decompressobj()
half.decompress(FILES["half"])
print("decompressobj.eof of the half:", half.eof)
PY
cat >expected.txt <<'TXT'
whole, by_open: 100,000 lines, the last one whole
whole, by_stream_reader: 100,000 lines, the last one whole
whole, by_copy_stream: 100,000 lines, the last one whole
whole, by_stream_writer: 100,000 lines, the last one whole
whole, by_read_to_iter: 100,000 lines, the last one whole
whole, by_decompressobj: 100,000 lines, the last one whole
whole, by_decompress: 100,000 lines, the last one whole
whole, by_backports: 100,000 lines, the last one whole
half, by_open: 32,768 lines, the last one whole
half, by_stream_reader: 32,768 lines, the last one whole
half, by_copy_stream: 32,768 lines, the last one whole
half, by_stream_writer: 32,768 lines, the last one whole
half, by_read_to_iter: 32,768 lines, the last one whole
half, by_decompressobj: 32,768 lines, the last one whole
half, by_decompress: ZstdError
half, by_backports: EOFError
without its checksum, by_open: 100,000 lines, the last one whole
without its checksum, by_stream_reader: 100,000 lines, the last one whole
without its checksum, by_copy_stream: 98,304 lines, the last one whole
without its checksum, by_stream_writer: 98,304 lines, the last one whole
without its checksum, by_read_to_iter: 100,000 lines, the last one whole
without its checksum, by_decompressobj: 100,000 lines, the last one whole
without its checksum, by_decompress: ZstdError
without its checksum, by_backports: EOFError
of two frames, by_open: 100,001 lines, the last one whole
of two frames, by_stream_reader: 100,001 lines, the last one whole
of two frames, by_copy_stream: 100,001 lines, the last one whole
of two frames, by_stream_writer: 100,001 lines, the last one whole
of two frames, by_read_to_iter: 100,000 lines, the last one whole
of two frames, by_decompressobj: 100,000 lines, the last one whole
of two frames, by_decompress: 100,000 lines, the last one whole
of two frames, by_backports: 100,001 lines, the last one whole
gzip, without its last four bytes: EOFError
decompressobj.eof of the half: False
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
