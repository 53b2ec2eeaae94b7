"""The index on disk: it opens again as it was, or begins anew; what was forgotten is gone."""

from __future__ import annotations

import logging
import random
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anabranch_events.event import types
from anabranch_projections.recall_index.damage import Damaged
from anabranch_projections.recall_index.index_folder import IndexFolder
from tests.support.histories import at, insight
from tests.support.indexed_histories import DIMENSION, histories, index_over, recalled, take_in
from tests.support.rounds import examples, in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_projections import PositionedEvent
    from anabranch_projections.recall_index.namespace_index import NamespaceIndex

QUESTION = "Which gauge drifts in Delta Bay?"


def opened(folder: Path, *, log: str = "log", source: str = "source") -> IndexFolder:
    """Open the index in a folder."""
    return IndexFolder.open(folder, log=log, source=source, dimension=DIMENSION)


def write(
    folder: Path, events: list[PositionedEvent], *, stretch: int, compact: bool = True
) -> None:
    """Write an index over `events`, with a flush after each `stretch` of them."""
    index = opened(folder)
    for place, each in enumerate(events, start=1):
        take_in(index.index("default"), each)
        if place % stretch == 0 or place == len(events):
            index.flush(each.position)
            while compact and index.compact():
                pass
    index.close()


def answers(folder: IndexFolder, *, last: int) -> list[object]:
    """Return what is recalled as of some positions."""
    index = folder.index("default")
    return [recalled(index, QUESTION, as_of=position) for position in range(0, last + 1, 4)]


def lore() -> list[PositionedEvent]:
    """Return a short history."""
    texts = [f"Gauge {number} in Delta Bay drifts by {number * 7} mm" for number in range(40)]
    said = [types.InsightRecorded(insight_id=insight(n), text=text) for n, text in enumerate(texts)]
    opening = at(1, types.SessionOpened(task="Watch the river"))
    return [opening, *(at(place, data) for place, data in enumerate(said, start=2))]


@in_full_only
@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(histories(), st.integers(3, 30))
def test_it_opens_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, events: list[PositionedEvent], stretch: int
) -> None:
    """Read again from its files, joined and erased, it gives every answer it gave in memory."""
    folder = tmp_path_factory.mktemp("index")
    write(folder, events, stretch=stretch)

    again = opened(folder)

    assert (again.position, again.lost) == (len(events), None)
    assert answers(again, last=len(events)) == [
        recalled(index_over(events), QUESTION, as_of=position)
        for position in range(0, len(events) + 1, 4)
    ]
    again.close()


def test_it_goes_on_where_it_stood(tmp_path: Path) -> None:
    """What was not flushed is taken in again after opening, and the answers are the same."""
    events = lore()
    write(tmp_path, events[:17], stretch=5)

    again = opened(tmp_path)
    for each in events[again.position :]:
        take_in(again.index("default"), each)

    assert again.position == 17
    assert answers(again, last=len(events)) == [
        recalled(index_over(events), QUESTION, as_of=position)
        for position in range(0, len(events) + 1, 4)
    ]
    again.close()


def test_small_files_are_joined(tmp_path: Path) -> None:
    """Forty flushes leave a few files of words and a few of vectors."""
    write(tmp_path, lore(), stretch=1)

    names = [path.name for path in tmp_path.glob("*/*.seg")]

    assert len(names) <= 8
    assert {name.split("-")[0] for name in names} == {"words", "vectors"}


def test_what_was_forgotten_is_in_no_byte(tmp_path: Path) -> None:
    """After compaction neither text, nor names, nor tags, nor the vector stand in any file."""
    secret = types.InsightRecorded(
        insight_id=insight(99),
        text="Zacharias hid the Xylophone under the Quagmire",
        tags=("verysecret",),
        entities=("Quagmire Hall",),
    )
    events = lore()
    said = [*events, at(42, secret)]
    write(tmp_path, said, stretch=8, compact=False)
    vector = index_over(said).open_vectors()
    needles = [
        *(b"Zacharias", b"zacharias", b"Xylophone", b"verysecret", b"Quagmire"),
        vector.codes[-1].tobytes(),
        vector.full[-1].tobytes(),
    ]
    before = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    index = opened(tmp_path)
    index.index("default").apply(
        at(43, types.InsightForgotten(insight_id=insight(99), receipt="R"))
    )
    index.flush(43)
    while index.compact():
        pass
    index.close()

    after = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert [needle in before for needle in needles] == [True] * 7
    assert [needle in after for needle in needles] == [False] * 7


@pytest.mark.parametrize("forgotten_at", [44, 46, 48])
def test_what_is_derived_from_the_forgotten_is_forgotten(tmp_path: Path, forgotten_at: int) -> None:
    """Before it is recorded or after, through several steps, and once the files were read again."""
    chain = [
        types.InsightRecorded(
            insight_id=insight(90 + step),
            text="Zacharias hid it" if step else "The Xylophone is hidden",
            sources=(insight(89 + step), "a note") if step else ("a book",),
        )
        for step in range(3)
    ]
    gone = types.InsightForgotten(insight_id=insight(90), receipt="R")
    rest = iter(chain)
    said = [at(n, gone if n == forgotten_at else next(rest)) for n in (42, 44, 46, 48)]

    write(tmp_path, [*lore(), *said], stretch=1)

    index = opened(tmp_path)
    cut = index.index("default").cut()
    texts = [cut.document(row).text for row in range(len(index.index("default")))]
    index.close()
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert texts[-3:] == [""] * 3
    assert (b"Xylophone" in held, b"Zacharias" in held) == (False, False)


@pytest.mark.parametrize("of", ["words", "vectors", "manifest"])
@pytest.mark.parametrize("how", ["flipped", "cut", "gone", "empty"])
def test_damage_is_noticed_and_mended(
    tmp_path: Path, of: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that is not what was written is said, and what it held is taken in again.

    A damaged file of words or a damaged manifest costs the index, damaged vectors only these.
    """
    events = lore()
    write(tmp_path, events, stretch=50)
    path = next(path for path in tmp_path.rglob("*") if path.name.startswith(of))
    damage(path, how)

    with caplog.at_level(logging.WARNING):
        again = opened(tmp_path)
        index = _mended(again, events)

    whole = index_over(events)
    assert recalled(index, QUESTION) == recalled(whole, QUESTION)
    nothing_to_notice = of == "manifest" and how == "gone"
    assert ("anew" in caplog.text) is not nothing_to_notice
    again.flush(len(events))
    again.close()
    with closing(opened(tmp_path)) as mended:
        assert recalled(mended.index("default"), QUESTION) == recalled(whole, QUESTION)


def _index_or_none(folder: IndexFolder) -> NamespaceIndex | None:
    try:
        return folder.index("default")
    except Damaged:
        return None


def _mended(folder: IndexFolder, events: list[PositionedEvent]) -> NamespaceIndex:
    """Do what the follower does: begin anew where files are damaged, and catch up."""
    try:
        folder.index("default")
    except Damaged as found:
        folder.begin_anew(str(found))
    index = folder.index("default")
    for each in events[folder.position :]:
        index.apply(each)
    take_in(index, events[-1])
    return index


def damage(path: Path, how: str) -> None:
    """Damage a file."""
    raw = bytearray(path.read_bytes())
    match how:
        case "flipped":
            raw[len(raw) // 2] ^= 1
            path.write_bytes(raw)
        case "cut":
            path.write_bytes(raw[: len(raw) // 2])
        case "empty":
            path.write_bytes(b"")
        case _:
            path.unlink()


@pytest.mark.parametrize("of", ["words", "vectors"])
def test_any_flipped_bit_changes_no_answer(tmp_path: Path, of: str) -> None:
    """Wherever a bit of a file is flipped, it is noticed, or lies between what is read."""
    events = lore()
    write(tmp_path / "index", events, stretch=50)
    found = next((tmp_path / "index").glob(f"*/{of}*"))
    path, raw = found.relative_to(tmp_path / "index"), found.read_bytes()
    chance = random.Random(20261123)  # noqa: S311 - repeatable, not secret.
    expected = recalled(index_over(events), QUESTION)
    noticed = 0

    for number in range(60):
        altered = bytearray(raw)
        altered[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        copy = shutil.copytree(tmp_path / "index", tmp_path / str(number))
        (copy / path).write_bytes(altered)
        with closing(opened(copy)) as folder:
            index = _index_or_none(folder)
            if index is None or index.vector_rows < len(index):
                noticed += 1
            else:
                assert recalled(index, QUESTION) == expected

    assert noticed > 50


def test_another_log_or_another_source_begins_anew(tmp_path: Path) -> None:
    """An index is of one log and of one way to make it; of others it keeps nothing."""
    write(tmp_path, lore(), stretch=50)

    other_log = opened(tmp_path, log="other")
    found = (other_log.position, other_log.lost, list(tmp_path.glob("*/*.seg")))
    other_log.close()

    assert found == (0, "it is of another log", [])


def test_one_process_writes(tmp_path: Path) -> None:
    """A second one that opens the folder reads, until the first has closed it."""
    write(tmp_path, lore(), stretch=50)
    first, second = opened(tmp_path), opened(tmp_path)

    rights = (first.writable, second.writable)
    same = answers(second, last=41) == answers(first, last=41)
    first.close()
    third = opened(tmp_path)

    assert rights == (True, False)
    assert same
    assert third.writable
    third.close()


def test_a_reader_finds_the_files_that_took_the_place_of_those_it_knew(tmp_path: Path) -> None:
    """What the writer has joined meanwhile is read instead, without beginning anew."""
    events = lore()
    write(tmp_path, events[:20], stretch=20)
    writer, reader = opened(tmp_path), opened(tmp_path)

    for each in events[20:]:
        take_in(writer.index("default"), each)
    writer.flush(len(events))
    assert writer.compact()
    found = reader.index("default")

    assert reader.lost is None
    assert recalled(found, QUESTION) == recalled(index_over(events), QUESTION)
    writer.close()


def test_namespaces_beyond_the_memory_are_unloaded(tmp_path: Path) -> None:
    """The ones used least recently go, what is not flushed stays, and all answer as before."""
    folder = opened(tmp_path)
    for name in ("a", "b", "c"):
        for each in lore():
            take_in(folder.index(name), each)
    folder.index("a")

    unflushed = folder.unload(1)
    folder.flush(41)
    unloaded = folder.unload(1)

    assert (unflushed, unloaded) == ([], ["b", "c"])
    assert len(folder.index("b")) == 40
    folder.close()
