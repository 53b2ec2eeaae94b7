"""Each file of a tool is opened once to be read, and stays for that what it was."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from anabranch.importers.files import cache
from anabranch.importers.files.cache import FileCache, RowCache
from anabranch.importers.files.databases import is_left_over
from anabranch.importers.files.lines import Line
from anabranch.importers.readers import google_adk, langgraph_sqlite
from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.records.model import Broken, ToolResult
from tests.support.opens import opens
from tests.support.transcripts import CASES, cases

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import ModuleType

    from anabranch.importers.records.model import Record

_COPY = "database "
"""A copy of a database has no name."""


def of_files(counted: Counter[str], folder: Path) -> dict[str, int]:
    """Return how often each transcript below a folder was opened."""
    return {
        name: count
        for name, count in counted.items()
        if name.startswith(str(folder)) and name.endswith((".json", ".jsonl", ".zst"))
    }


def read(folder: Path) -> list[Record]:
    """Return all that is read below a folder."""
    return [
        record for source in sources_below([folder]) for record in READERS[source.tool].read(source)
    ]


def shown(records: Iterable[Record]) -> list[str]:
    """Return records as they can be compared: outputs of tools as what they hold."""
    return [
        f"{one.line} {one.call_id} {one.output} {one.failed} {one.time}"
        if isinstance(one, ToolResult)
        else repr(one)
        for one in records
    ]


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_file_is_opened_once_to_be_read(case: Path) -> None:
    """To be found it is opened twice at most: to tell whose it is, and what belongs together."""
    with opens() as finding:
        sources = sources_below([case])
    with opens() as reading:
        for source in sources:
            list(READERS[source.tool].read(source))

    files = {str(path) for source in sources for path in source.files}
    assert max(of_files(finding, case).values(), default=0) <= 2
    assert set(of_files(reading, case).values()) <= {1}
    texts = {name for name in files if name.endswith((".json", ".jsonl", ".zst"))}
    assert texts <= of_files(reading, case).keys()
    assert reading[_COPY] == len(files - texts)


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in cases()
        if not any(is_left_over(path) for path in case.iterdir() if path.is_file())
    ],
    ids=lambda case: f"{case.parent.name}-{case.name}",
)
def test_no_database_is_copied_to_be_found(case: Path) -> None:
    """A look at its tables and at the names of its sessions is all that it takes."""
    with opens() as finding:
        sources_below([case])

    assert finding[_COPY] == 0


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_file_that_is_too_long_to_be_kept_tells_the_same(
    case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read anew for each question; none takes from what another one was given."""
    kept = shown(read(case))
    monkeypatch.setattr(cache, "CACHED_BYTES_MAX", 0)

    assert shown(read(case)) == kept


def test_a_store_that_is_too_large_to_be_kept_is_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once to see which sessions were forked, and once for its records, a session at a time."""
    for case in (CASES / "opencode-1.1.11").iterdir():
        shutil.copytree(case, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(cache, "CACHED_BYTES_MAX", 20_000)
    (source,) = sources_below([tmp_path])

    with opens() as reading:
        list(READERS["opencode"].read(source))

    counted = of_files(reading, tmp_path)
    assert len(counted) > 80
    assert max(counted.values()) == 2


@pytest.mark.parametrize("bytes_max", [0, cache.CACHED_BYTES_MAX])
def test_what_is_written_while_a_file_is_read_is_left_to_the_next_time(
    tmp_path: Path, bytes_max: int
) -> None:
    """Else a question that was answered before would have had another answer."""
    path = tmp_path / "one.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b": ')
    files = FileCache(bytes_max=bytes_max)
    first = list(files.lines(path))
    with path.open("ab") as file:
        file.write(b'2}\n{"rolled": "back"}\n')

    again = list(files.lines(path))

    assert again == first
    assert not files.holds(path, b"rolled")
    assert FileCache(bytes_max=bytes_max).holds(path, b"rolled")


@pytest.mark.parametrize("data", [b"{}\n", b'{"c": 3}\n{"d": 4}\n'], ids=["shorter", "another"])
def test_a_file_that_is_written_anew_while_it_is_read_is_no_mix_of_two(
    tmp_path: Path, data: bytes
) -> None:
    """A long one is broken, a short one stays the old one; the next time it is the new one."""
    path, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b": 2}\n')
    other.write_bytes(data)
    long, short = FileCache(bytes_max=0), FileCache()
    first = list(long.lines(path))
    assert list(short.lines(path)) == first
    if len(data) < path.stat().st_size:
        path.write_bytes(data)
    else:
        other.replace(path)

    assert list(short.lines(path)) == first
    why = "it was written anew while it was read"
    assert list(long.lines(path)) == [Broken(path=path, number=1, reason=why, more=False)]
    assert not long.holds(path, b"d")
    assert b"".join(line.data for line in FileCache().lines(path) if isinstance(line, Line)) == data


def test_files_that_are_kept_are_bounded_together(tmp_path: Path) -> None:
    """Those that were asked for longest ago are let go of, and read again when they are wanted."""
    paths = [tmp_path / f"{number}.jsonl" for number in range(4)]
    for path in paths:
        path.write_bytes(b'{"a": 1}\n')
    files = FileCache(bytes_max=20)

    with opens() as counted:
        for path in (*paths, paths[3], paths[2], paths[0]):
            list(files.lines(path))

    assert [counted[os.fspath(path)] for path in paths] == [2, 1, 1, 1]


@pytest.mark.parametrize("bytes_max", [0, cache.CACHED_BYTES_MAX], ids=["many", "few"])
@pytest.mark.parametrize(
    ("module", "name", "case"),
    [
        (google_adk, "json_of", "google-adk-2.13.0/rewind"),
        (langgraph_sqlite, "unpacked", "langgraph-sqlite-3.1.2/fork"),
    ],
    ids=["google-adk", "langgraph"],
)
def test_rows_are_parsed_once_where_they_are_few(
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    name: str,
    case: str,
    bytes_max: int,
) -> None:
    """Of many each is parsed twice: for its place, and for what it says."""
    parse = getattr(module, name)
    parsed: Counter[str] = Counter()

    def counting(*given: Any) -> Any:
        parsed[repr(given)] += 1
        return parse(*given)

    monkeypatch.setattr(module, name, counting)
    monkeypatch.setattr(cache, "CACHED_BYTES_MAX", bytes_max)

    assert read(CASES / case)
    assert set(parsed.values()) == {1 if bytes_max else 2}


def test_rows_that_were_not_all_read_are_not_kept() -> None:
    """Who comes later gets all of them."""
    rows = RowCache(lambda: ((1, number) for number in range(3)))
    first = next(iter(rows))

    assert first == 0
    assert [*rows] == [*rows] == [0, 1, 2]


FORKED = [
    ("claude-code-2.1.332", "fork-of-fork-and-rewind"),
    ("codex-0.80.0", "fork"),
    ("copilot-cli-1.0.102", "compact-and-fork"),
    ("gemini-cli-0.61.0", "parallel"),
    ("pi-1.6.0", "resume-and-fork"),
    ("qwen-code-0.24.4", "resume-and-fork"),
]


@pytest.mark.parametrize("bytes_max", [0, cache.CACHED_BYTES_MAX])
@pytest.mark.parametrize(("tool", "name"), FORKED, ids=[tool for tool, _ in FORKED])
def test_a_source_that_is_written_while_it_is_told_is_told_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, name: str, bytes_max: int
) -> None:
    """News are read the next time, with all that follows from them."""
    monkeypatch.setattr(cache, "CACHED_BYTES_MAX", bytes_max)
    shutil.copytree(CASES / tool / name, tmp_path, dirs_exist_ok=True)
    sources = sources_below([tmp_path])
    before = [shown(READERS[source.tool].read(source)) for source in sources]

    for source, was in zip(sources, before, strict=True):
        records = READERS[source.tool].read(source)
        told = shown([next(records)])
        for path in source.files:
            with path.open("ab") as file:
                file.write(b'{"type": "news", "uuid": "news", "id": "news"}\n')

        told += shown(records)

        assert told == was
    assert [shown(READERS[source.tool].read(source)) for source in sources] != before
