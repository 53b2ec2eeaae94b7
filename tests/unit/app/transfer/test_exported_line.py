"""The lines of an export, their chain and their manifest, in files of every kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anabranch.errors import EventInvalid, ExportDamaged, InputInvalid
from anabranch.transfer.check import event_of
from anabranch.transfer.exported_line import linked_line, read_line, written_line
from anabranch.transfer.files import reading, writing
from anabranch.transfer.manifest import Manifest, Tally, is_manifest, manifest_line, verify_lines
from anabranch_events import Event, Recorded, decode_unchanged, encode
from tests.support.events import STORED_US, events, note

if TYPE_CHECKING:
    from pathlib import Path

Damage: TypeAlias = Callable[[list[bytes]], list[bytes]]

SESSION = "01a20000-0000-7000-8000-000000000002"
UNKNOWN = "com.example.tea.v7"


def record(event: Event, position: int) -> Recorded:
    """Return an event as the log holds it."""
    return msgspec.structs.replace(
        of(encode(event), position), namespace=event.namespace, session_id=event.session_id
    )


def of(raw: bytes, position: int) -> Recorded:
    """Return any message as the log holds it."""
    return Recorded(position, "default", SESSION, raw, STORED_US)


def unknown(**first: object) -> bytes:
    """Return a document of an unknown type, spelt as no library of ours would spell it."""
    fields = json.loads(encode(note(SESSION))) | {"type": UNKNOWN}
    return json.dumps({**first, **fields, "data": {"n": 1.50}}, indent=1).encode()


def exported(*records: Recorded) -> list[bytes]:
    """Return the lines of an export to a file."""
    tally = Tally()
    lines: list[bytes] = []
    for one in records:
        line, event_type = written_line(one)
        link = tally.add(line, position=one.position, event_type=event_type)
        lines.append(linked_line(line, link) + b"\n")
    return [*lines, manifest_line(tally.manifest("default"))]


def some() -> list[bytes]:
    """Return an export of four messages: two events, an unknown one, and one that is no event."""
    return exported(
        record(note(SESSION), 2),
        of(b"\xff not json", 3),
        of(unknown(), 5),
        record(note(SESSION), 9),
    )


@given(event=events(), position=st.integers(1, 2**63 - 1))
def test_any_event_comes_back_from_its_line_byte_for_byte(event: Event, position: int) -> None:
    """The line is one line of JSON, and the document is taken out of it as it was put in."""
    one = record(event, position)
    line, event_type = written_line(one)

    found = read_line(line + b"\n")

    assert (found.position, found.document, event_type) == (position, one.raw, event.type)
    assert json.loads(line) == {**json.loads(one.raw), "position": position}


@pytest.mark.parametrize("first", [{}, {"manifest": {}}, {"unreadable": "x"}, {"position": 3}])
def test_an_unknown_event_keeps_its_spelling(first: dict[str, object]) -> None:
    """Only line ends become spaces; no attribute makes it look like something else."""
    raw = unknown(**first)
    line, event_type = written_line(of(raw, 7))

    found = read_line(linked_line(line, "0" * 16))

    assert event_type == UNKNOWN
    assert not is_manifest(line)
    assert found.document == raw.replace(b"\n", b" ")
    assert (found.position, found.link, found.linked) == (7, "0" * 16, line)


@pytest.mark.parametrize("left_out", [{}, {"time": None}, {"subject": None, "namespace": None}])
@pytest.mark.parametrize("event_type", [UNKNOWN, note(SESSION).type])
def test_what_an_event_leaves_to_its_place_stands_in_its_line(
    left_out: dict[str, None], event_type: str
) -> None:
    """A producer that names no time, session or namespace is understood in another log."""
    fields = json.loads(encode(note(SESSION))) | {"type": event_type, "big": "1"}
    kept = {name: fields[name] for name in fields if name not in ("time", "subject", "namespace")}
    one = of(json.dumps({**kept, **left_out}).encode(), 7)

    line, _ = written_line(one)

    document = read_line(line).document
    assert document is not None
    assert not any(value is None for value in json.loads(document).values())
    found = decode_unchanged(document)
    assert (found.namespace, found.subject, found.time) == ("default", SESSION, one.decode().time)
    assert found.id == one.decode().id


def test_a_message_that_is_no_event_is_kept_as_text_with_the_reason() -> None:
    """It stands in the export, and says itself that it is not to be imported."""
    line, event_type = written_line(of(b"hello", 7))

    assert json.loads(line)["unreadable"] == "hello"
    assert "not JSON" in json.loads(line)["reason"]
    assert event_type is None
    assert read_line(line).document is None


def test_a_line_that_another_program_spelt_anew_is_read() -> None:
    """A pretty printer between export and import does no harm."""
    line, _ = written_line(record(note(SESSION), 7))
    fields = json.loads(linked_line(line, "0" * 16))

    found = read_line(json.dumps(dict(reversed(fields.items()))).encode())

    assert found.position == 7
    assert json.loads(found.document or b"") == {
        name: value for name, value in fields.items() if name not in {"position", "chain"}
    }


@pytest.mark.parametrize("line", [b"hello", b"[]", b"{}", b'{"position":"x"}', b"null", b"7"])
def test_a_line_that_no_export_writes_is_refused(line: bytes) -> None:
    """Without a position it is not known where it belongs."""
    with pytest.raises(EventInvalid, match="is not an exported event"):
        read_line(line)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_an_export_is_verified_from_a_file_of_any_kind(tmp_path: Path, ending: str) -> None:
    """Counts by type, positions and the chain come to what the manifest says."""
    file = tmp_path / f"events.{ending}"
    with writing(file) as target:
        for line in some():
            target.write(line)

    with reading(file) as lines:
        found = verify_lines(lines)
        done = lines.done

    assert found.model_dump(exclude={"chain"}) == {
        "namespace": "default",
        "events": 3,
        "unreadable": 1,
        "types": {"anabranch.working_memory.set.v1": 2, UNKNOWN: 1},
        "first": 2,
        "missing": (),
        "last": 9,
    }
    assert len(found.chain) == 64
    assert done == lines.total == file.stat().st_size


def changed(lines: list[bytes]) -> list[bytes]:
    """Change a letter in the data of the last event."""
    return [*lines[:3], lines[3].replace(b'"value":', b'"valve":'), lines[4]]


def recounted(lines: list[bytes]) -> list[bytes]:
    """Let the manifest name another last position."""
    manifest = Manifest.model_validate(json.loads(lines[-1])["manifest"])
    return [*lines[:-1], manifest_line(manifest.model_copy(update={"last": 8}))]


DAMAGES: list[tuple[Damage, int]] = [
    (lambda lines: lines[1:], 1),
    (lambda lines: [lines[0], *lines[2:]], 2),
    (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 2),
    (lambda lines: [*lines[:2], lines[1], *lines[2:]], 3),
    (changed, 4),
    (lambda lines: [*lines[:3], lines[3][:50] + b"\n", lines[4]], 4),
    (lambda lines: [*lines[:3], b"\n", *lines[3:]], 4),
    (recounted, 5),
    (lambda lines: [*lines[:4], b'{"manifest":{}}\n'], 5),
    (lambda lines: [*lines, lines[0]], 6),
    (lambda lines: lines[:4], 0),
    (lambda _: [], 0),
]


@pytest.mark.parametrize(("damage", "line"), DAMAGES)
def test_damage_is_found_at_its_first_line(damage: Damage, line: int) -> None:
    """Removed, moved, doubled, changed, cut: the first line that is not as written is named."""
    with pytest.raises(ExportDamaged) as found:
        verify_lines(iter(damage(some())))

    assert found.value.line == line


def test_a_manifest_that_is_none_is_told_in_one_line() -> None:
    """What it lacks is named, in our words."""
    with pytest.raises(ExportDamaged) as found:
        verify_lines(iter([*some()[:4], b'{"manifest":{"events":"many"}}\n']))

    said = found.value.message
    assert "events: must be a whole number" in said
    assert "\n" not in said
    assert "pydantic" not in said


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_compressed_export_that_was_cut_off_or_changed_is_damaged(
    tmp_path: Path, ending: str
) -> None:
    """What the compression notices is told like any other damage."""
    file = tmp_path / f"events.{ending}"
    with writing(file) as target:
        for line in some():
            target.write(line)
    whole = file.read_bytes()

    for broken in (whole[:-20], whole[:60] + b"\x00\xff\x00" + whole[63:], b"no frame at all"):
        file.write_bytes(broken)
        with reading(file) as lines, pytest.raises(ExportDamaged):
            verify_lines(lines)


def test_a_file_that_cannot_be_opened_is_bad_input(tmp_path: Path) -> None:
    """A folder, or a path that is not there, is an error of the input."""
    with pytest.raises(InputInvalid, match="cannot be opened"), reading(tmp_path):
        pass
    with pytest.raises(InputInvalid, match="cannot be opened"), writing(tmp_path / "no" / "file"):
        pass


def test_a_producers_own_position_and_chain_stay_its_own() -> None:
    """Extensions under the names that a line adds are kept, and no name is twice in a line."""
    own = {"position": 7, "chain": "of command", "again": 2, "fork": "a"}
    raw = json.dumps(json.loads(encode(note(SESSION))) | own).encode()

    lines = exported(of(raw, 41), record(note(SESSION), 42))

    first = json.loads(lines[0], object_pairs_hook=list)
    assert [name for name, _ in first] == ["event", "position", "chain"]
    assert read_line(lines[0]).document == raw
    anew = json.dumps(json.loads(lines[0])).encode()
    assert json.loads(read_line(anew).document or b"") == json.loads(raw)
    assert event_of(lines[0]).extensions == event_of(raw).extensions == own
    assert verify_lines(lines).events == 2
