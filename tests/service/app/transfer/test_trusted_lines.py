"""Lines are taken into a log only as they were written, and a producer's own once they are valid."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
import zstandard

from anabranch import Memory
from anabranch.memory.memory import namespace_of
from anabranch.settings import variable
from anabranch_events import encode, new_event, new_id
from anabranch_events.event.types import InsightRecorded, SessionOpened
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from anabranch.settings import Settings
    from anabranch_events import Event
    from tests.support.fixtures.memory import CommandLine

pytestmark = [in_full_only, pytest.mark.timeout(1200)]


@pytest.fixture
async def exported(own_settings: Settings, tmp_path: Path) -> bytes:
    """Give the export of a short history, seven lines and the manifest."""
    target = io.BytesIO()
    async with Memory.open(
        settings=own_settings.changed(embedder="none", home=tmp_path / "source")
    ) as memory:
        session = await memory.open_session("count the boats")
        for number in range(6):
            await session.remember(f"Boat {number} is in")
        await memory.transfer.export(target)
    return target.getvalue()


def other_id(lines: list[bytes]) -> list[bytes]:
    """Give the fourth event another id."""
    fields = json.loads(lines[3])
    return [*lines[:3], lines[3].replace(fields["id"].encode(), new_id().encode()), *lines[4:]]


def without_one(lines: list[bytes]) -> list[bytes]:
    """Leave the fourth line out."""
    return [*lines[:3], *lines[4:]]


def cut_off(lines: list[bytes]) -> list[bytes]:
    """Lose the manifest and two lines before it."""
    return lines[:5]


def cut_inside(lines: list[bytes]) -> list[bytes]:
    """Lose all from the middle of the sixth line."""
    return [*lines[:5], lines[5][: len(lines[5]) // 2]]


DAMAGES = [(other_id, 4), (without_one, 4), (cut_off, 6), (cut_inside, 6)]


@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.zst", "-"])
def test_a_damaged_export_is_refused_at_its_line(
    alone: CommandLine, exported: bytes, tmp_path: Path, name: str
) -> None:
    """Exit code 2 and the line, for each damage, compressed or not; a file leaves nothing."""
    alone.environment[variable("embedder")] = "none"
    told: list[tuple[int, str, bool]] = []
    for damage, line in DAMAGES:
        content = b"".join(damage(exported.splitlines(keepends=True)))
        packed = zstandard.compress(content) if name.endswith(".zst") else content
        file = tmp_path / name
        file.write_bytes(packed)
        ran = alone.here("events", "import", *_given(file, name), "--json", text=content)
        told.append((ran.code, ran.error["type"], f"line {line}: " in ran.error["message"]))

    assert told == [(2, "ExportDamaged", True)] * len(DAMAGES)


def _given(file: Path, name: str) -> list[str]:
    return ["-"] if name == "-" else [str(file)]


def test_a_truncated_archive_is_refused(
    alone: CommandLine, exported: bytes, tmp_path: Path
) -> None:
    """Also where its lines have no chain, and where all lines that are left are whole."""
    alone.environment[variable("embedder")] = "none"
    plain = b"".join(line for line in exported.splitlines(keepends=True)[:-1])
    for content in (exported, plain):
        packed = zstandard.compress(content)
        for end in (len(packed) - 1, len(packed) // 2, 5):
            file = tmp_path / "events.jsonl.zst"
            file.write_bytes(packed[:end])

            ran = alone.here("events", "import", str(file), "--json")

            assert (ran.code, ran.error["type"]) == (2, "ExportDamaged")


def test_unverified_insists(alone: CommandLine, exported: bytes, tmp_path: Path) -> None:
    """A changed line is taken as it is, and the answer says that the end is missing."""
    alone.environment[variable("embedder")] = "none"
    file = tmp_path / "events.jsonl"
    lines = exported.splitlines(keepends=True)
    file.write_bytes(b"".join(cut_off(other_id(lines))))

    found = alone.here("events", "import", str(file), "--unverified", "--json").value

    assert (found["imported"], found["skipped"], found["complete"]) == (5, 0, False)


async def test_exports_behind_each_other_are_one_import(memory: Memory, exported: bytes) -> None:
    """Each has its own chain and manifest."""
    lines = exported.splitlines(keepends=True)

    found = await memory.transfer.import_lines([*lines, *lines])

    assert (found.imported, found.skipped, found.complete) == (7, 7, True)


def produced(namespace: str) -> list[Event]:
    """Return what a producer tells of one session."""
    session = new_id()
    return [
        new_event(SessionOpened(task="Sluices"), session_id=session, namespace=namespace),
        new_event(
            InsightRecorded(insight_id=new_id(), text=f"The sluice of {namespace} is shut"),
            session_id=session,
            namespace=namespace,
        ),
    ]


def as_written(events: list[Event]) -> bytes:
    """Return events as lines, in the log's own spelling."""
    return b"\n".join(encode(event) for event in events) + b"\n\n"


def spelt_anew(events: list[Event]) -> bytes:
    """Return events as lines that another library would write."""
    fields = [json.loads(encode(event)) for event in events]
    return "".join(json.dumps(dict(sorted(one.items()))) + "\r\n" for one in fields).encode()


@in_full_only
@pytest.mark.parametrize("spelling", [as_written, spelt_anew])
def test_what_check_takes_is_appended_once(
    alone: CommandLine, tmp_path: Path, spelling: Callable[[list[Event]], bytes]
) -> None:
    """Events of several namespaces, however spelt; the same file again adds nothing."""
    alone.environment[variable("embedder")] = "none"
    file = tmp_path / "produced.jsonl"
    file.write_bytes(spelling([*produced("default"), *produced("other")]))

    checked = alone.here("events", "check", str(file), "--json").lines
    first = alone.here("events", "append", str(file), "--json").value
    again = alone.here("events", "append", "-", "--json", text=file.read_bytes()).value
    told = alone.here("recall", "sluice", "-N", "other", "--json").value

    assert all(one["valid"] for one in checked)
    assert first == {"appended": 4, "skipped": 0, "position": 4}
    assert again == {"appended": 0, "skipped": 4, "position": 4}
    assert [hit["text"] for hit in told["hits"]] == ["The sluice of other is shut"]


@in_full_only
def test_nothing_of_a_file_with_an_invalid_line_is_appended(
    alone: CommandLine, tmp_path: Path
) -> None:
    """The first such line is named, as `check` names it; the lines before it are new afterwards."""
    alone.environment[variable("embedder")] = "none"
    events = produced("default")
    file = tmp_path / "produced.jsonl"
    unknown = json.dumps(json.loads(encode(events[1])) | {"id": new_id(), "type": "tea.v1"})
    for wrong in (b"hello", unknown.encode(), encode(events[0])):
        file.write_bytes(as_written(events) + wrong)

        ran = alone.here("events", "append", str(file), "--json")

        assert ran.code == 2
        assert ran.error["message"].startswith("line 4: ")
    file.write_bytes(as_written(events))
    right = alone.here("events", "append", str(file), "--json").value
    assert right == {"appended": len(events), "skipped": 0, "position": len(events)}


async def test_an_import_names_the_other_command_for_a_producers_lines(memory: Memory) -> None:
    """What is no export is not imported, and the error says what takes it."""
    log = namespace_of(memory).backend.log
    with pytest.raises(Exception, match="is not an exported event") as refused:
        await memory.transfer.import_lines([encode(produced("default")[0])])

    assert "events append" in getattr(refused.value, "fix", "")
    assert (await log.bounds()).last == 0
