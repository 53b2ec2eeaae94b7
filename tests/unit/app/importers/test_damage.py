"""Files that were damaged in any way: read as far as they can be, and never a failure."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
import zstandard

from anabranch.importers.files.lines import lines, records
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.mapping.identity import Identity
from anabranch.importers.mapping.redaction import Redaction
from anabranch.importers.mapping.sessions import Mapping
from anabranch.importers.outcome import Tally
from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.records.model import Broken
from tests.support.claude_files import ClaudeFile
from tests.support.damaged_transcripts import (
    DATABASE_CASES,
    DATABASES,
    TEXT_CASES,
    damage,
    damage_database,
)
from tests.support.rounds import examples
from tests.support.transcripts import cases, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from anabranch.importers.outcome import ImportedSession

CASES: Final = cases()
LONG: Final = "9" * 5000
"""A number that Python refuses to read: it takes 4,300 digits."""
_LINES: Final = b"".join(b'{"a":%9d}\n' % number for number in range(50_000))
"""Lines of sixteen bytes: a block of Zstandard, of 128 KiB, ends with one."""
_EXIT: Final = re.compile(r"((?:Process exited with code|Exit [Cc]ode:?) *)\d+")
_CASE_OF: Final = {
    case.parent.name: case
    for case in TEXT_CASES
    if _EXIT.search("".join(path.read_text() for path in case.rglob("*.json*")))
}


def imported(folder: Path) -> tuple[Importer, list[ImportedSession]]:
    """Import what lies in a folder into no log; return the importer and the sessions."""
    importer = Importer(None, ImportOptions("default", tools=True))
    found: list[ImportedSession] = []
    for source in sources_below([folder]):
        found += asyncio.run(importer.source(source))
    return importer, found


@pytest.mark.parametrize("case", TEXT_CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_damaged_file_is_read_as_far_as_it_can_be(case: Path, tmp_path: Path) -> None:
    """Lines lost, doubled, cut, in another order, with fields of other types: no exception."""
    for seed in range(examples(8)):
        folder = tmp_path / str(seed)
        shutil.copytree(case, folder)
        chance = random.Random(seed)  # noqa: S311 - it must be the same again.
        for path in sorted(folder.rglob("*.json*")):
            damage(path, chance)

        importer, _ = imported(folder)

        assert importer.tally.sources <= len(list(folder.rglob("*")))
        shutil.rmtree(folder)


@pytest.mark.parametrize("case", DATABASE_CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_damaged_database_is_read_as_far_as_it_can_be(case: Path, tmp_path: Path) -> None:
    """Rows lost, values of other types, ids of other rows, JSON damaged within: no exception."""
    for seed in range(examples(8)):
        folder = tmp_path / str(seed)
        shutil.copytree(case, folder)
        chance = random.Random(seed)  # noqa: S311 - it must be the same again.
        for path in sorted(path for name in DATABASES for path in folder.rglob(name)):
            damage_database(path, chance)

        importer, _ = imported(folder)

        assert importer.tally.sources <= len(list(folder.rglob("*")))
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", sorted(_CASE_OF))
def test_an_exit_code_of_any_length_ends_no_import(name: str, tmp_path: Path) -> None:
    """It is not known then whether the command failed."""
    shutil.copytree(_CASE_OF[name], tmp_path / name)
    for path in (tmp_path / name).rglob("*.json*"):
        path.write_text(_EXIT.sub(rf"\g<1>{LONG}", path.read_text()))

    importer, found = imported(tmp_path)

    assert found
    assert importer.tally.broken == []


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(LONG, id="long"),
        pytest.param(f"-{LONG}", id="long and negative"),
        pytest.param("--5", id="two signs"),
        pytest.param("9" * 19, id="64 bits in text"),
        pytest.param(2**63, id="64 bits"),
        pytest.param(1e300, id="a fraction"),
    ],
)
def test_numbers_of_spans_that_no_sender_writes_are_not_there(number: Any, tmp_path: Path) -> None:
    """Counts, times and attributes: the session is read, and can be written as JSON."""
    given = {
        "gen_ai.operation.name": {"stringValue": "invoke_agent"},
        "gen_ai.tool.call.arguments": {"intValue": number},
    }
    span: dict[str, Any] = {
        "traceId": "a" * 32,
        "spanId": "b" * 16,
        "startTimeUnixNano": number,
        "droppedAttributesCount": number,
        "droppedEventsCount": number,
        "attributes": [{"key": name, "value": value} for name, value in given.items()],
    }
    tool = {**span, "spanId": "c" * 16, "parentSpanId": "b" * 16}
    tool["attributes"] = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "execute_tool"}},
        span["attributes"][1],
    ]
    told = {"resourceSpans": [{"scopeSpans": [{"spans": [span, tool]}]}]}
    (tmp_path / "traces.json").write_text(json.dumps(told) + "\n")

    importer, (session,) = imported(tmp_path)

    assert (session.source_id, importer.tally.left_out) == ("a" * 32, {})


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param("NaN", id="NaN"),
        pytest.param("[" * 100_000 + "]" * 100_000, id="deep"),
        pytest.param(LONG, id="long"),
    ],
)
def test_a_line_with_a_lone_surrogate_may_be_no_json_in_another_way_too(
    strange: str, tmp_path: Path
) -> None:
    """What Python takes for JSON and others do not: the line is told as broken, and no more."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    file.line('{"type":"user","message":"\\ud83d","strange":' + strange + "}")

    importer, (session,) = imported(tmp_path)

    assert session.task == "Where is buoy 0?"
    assert [one.split(": ")[1][:10] for one in importer.tally.broken] == ["is no JSON"]


@pytest.mark.parametrize(
    "case",
    [case for case in TEXT_CASES if any(case.rglob("*.jsonl"))],
    ids=lambda case: f"{case.parent.name}-{case.name}",
)
def test_a_file_whose_first_line_is_very_long_is_found_and_read(case: Path, tmp_path: Path) -> None:
    """A field of 100,000 characters before all others of the first line changes nothing."""
    folder = tmp_path / "long"
    shutil.copytree(case, folder)
    for path in folder.rglob("*.jsonl"):
        first, *rest = path.read_text().splitlines()
        path.write_text("\n".join([json.dumps({"pad": "x" * 100_000, **json.loads(first)}), *rest]))

    long, plain = told_below(folder), told_below(case)

    assert plain
    assert long == plain


def twice(data: bytes) -> bytes:
    """Return lines each of which was written twice."""
    return b"".join(line * 2 for line in data.splitlines(keepends=True))


def put_behind_itself(data: bytes) -> bytes:
    """Return what a copy gives that is put behind its origin, and again behind that."""
    return data * 3


def put_behind_itself_without_an_end(data: bytes) -> bytes:
    """Return such a copy of a file whose last line has no end: the first follows in one line."""
    return data.rstrip(b"\r\n") * 3


def of_another_system(data: bytes) -> bytes:
    """Return lines as another system ends them, with blank ones between."""
    return b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n\r\n")


@pytest.mark.parametrize(
    "changed", [twice, put_behind_itself, put_behind_itself_without_an_end, of_another_system]
)
@pytest.mark.parametrize(
    "case",
    [case for case in TEXT_CASES if any(case.rglob("*.jsonl"))],
    ids=lambda case: f"{case.parent.name}-{case.name}",
)
def test_copied_lines_and_other_ends_of_lines_change_nothing(
    case: Path, changed: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """Nothing comes twice, no talk was rewound by a copy, and nothing is broken."""
    folder = tmp_path / "changed"
    shutil.copytree(case, folder)
    for path in folder.rglob("*.jsonl"):
        data = path.read_bytes()
        path.write_bytes(changed(data if data.endswith(b"\n") else data + b"\n"))

    importer, _ = imported(folder)

    assert told_below(folder) == told_below(case)
    assert importer.tally.broken == []


@pytest.mark.parametrize(
    ("zeros", "rest"),
    [
        pytest.param(b'{"a":1}\n' + b"\0" * 9, [], id="at the end"),
        pytest.param(b'{"a":1}' + b"\0" * 9, [], id="behind the last line"),
        pytest.param(b'{"a":1}\0\0\r\n{"a":2}\r\n', [{"a": 2}], id="of another system"),
        pytest.param(b'{"a":1}\n' + b"\0" * 9 + b'{"a":2}\n', [{"a": 2}], id="before a line"),
        pytest.param(b'{"a":1}\n\0\0\n{"a":2}\n', [{"a": 2}], id="a line of their own"),
    ],
)
def test_zero_bytes_that_a_crash_left_are_told_and_cost_no_record(
    zeros: bytes, rest: list[Any], tmp_path: Path
) -> None:
    """A file system may fill with them what was not written: what stands beside them is read."""
    path = tmp_path / "file.jsonl"
    path.write_bytes(zeros)

    found = list(records(path))

    assert [one[1] for one in found if not isinstance(one, Broken)] == [{"a": 1}, *rest]
    assert [one.reason for one in found if isinstance(one, Broken)] == [
        "has zero bytes for what is lost"
    ]


def test_a_copy_is_known_again_beyond_a_long_line(tmp_path: Path) -> None:
    """An image in base64 makes one of megabytes; none of them is kept to be compared."""
    path = tmp_path / "file.jsonl"
    whole = b'{"timestamp":1}\n{"image":"%s"}\n{"timestamp":2}\n' % (b"x" * 2**21)
    path.write_bytes(whole * 3)

    assert [one[0] for one in records(path) if not isinstance(one, Broken)] == [1, 2, 3]


def test_the_same_words_may_be_said_twice(tmp_path: Path) -> None:
    """A line is a copy by its id or its time; one without either was written twice on purpose."""
    path = tmp_path / "file.jsonl"
    path.write_bytes(b'{"said":"go on"}\n' * 2 + b'{"id":"1"}\n' * 2 + b'{"timestamp":1}\n' * 2)

    assert [one[0] for one in records(path) if not isinstance(one, Broken)] == [1, 2, 3, 5]


def test_a_line_that_comes_again_later_is_no_copy_of_the_file(tmp_path: Path) -> None:
    """Only what repeats the file from its first line with a time on is left out."""
    path = tmp_path / "file.jsonl"
    kinds = (b'{"a":%d}', b'{"timestamp":%d}', b'{"b":%d}')
    told = [(0, 1), (1, 1), (2, 1), (0, 1), (1, 1), (2, 1), (0, 2), (2, 1), (0, 1)]
    path.write_bytes(b"".join(kinds[kind] % number + b"\n" for kind, number in told))

    numbers = [one[0] for one in records(path) if not isinstance(one, Broken)]

    assert numbers == [1, 2, 3, 4, 7, 8, 9]


def test_a_line_that_only_has_the_first_one_in_its_text_stays_whole(tmp_path: Path) -> None:
    """What is cut off follows a whole object, as it stands in no JSON; the rest is read."""
    path = tmp_path / "file.jsonl"
    first = b'{"timestamp":1}'
    path.write_bytes(b"\n".join([first, b'["}",%s' % first, b'{"b":1}%s' % first, b'{"c":1}']))

    found = [one.data.strip() for one in lines(path) if not isinstance(one, Broken)]

    assert found == [first, b'["}",%s' % first, b'{"b":1}', b'{"c":1}']


LETTA: Final[Any] = {
    "agents": [
        {
            "id": "agent-0",
            "name": "keeper",
            "block_ids": ["block-0"],
            "messages": [
                {"id": "m1", "role": "user", "content": [{"type": "text", "text": "Is it lit?"}]},
                {
                    "id": "m2",
                    "role": "assistant",
                    "content": "I look.",
                    "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": "{}"}}],
                },
                {"id": "m3", "role": "tool", "tool_call_id": "c1", "content": "It is."},
            ],
        }
    ],
    "blocks": [{"id": "block-0", "label": "human", "value": "A keeper."}],
}
CHATGPT: Final[Any] = [
    {
        "title": "The lamp",
        "conversation_id": "c",
        "current_node": "a",
        "mapping": {
            "a": {
                "id": "a",
                "parent": None,
                "children": [],
                "message": {
                    "author": {"role": "user"},
                    "create_time": 1.7e9,
                    "content": {"content_type": "text", "parts": ["Is it lit?"]},
                    "metadata": {"model_slug": "m"},
                },
            }
        },
    }
]
CLAUDE_AI: Final[Any] = [
    {
        "uuid": "u",
        "name": "The lamp",
        "chat_messages": [
            {
                "uuid": "m1",
                "sender": "human",
                "text": "Is it lit?",
                "content": [{"type": "text", "text": "Is it lit?"}],
                "created_at": "2026-11-01T00:00:00Z",
                "parent_message_uuid": None,
            }
        ],
    }
]


def with_each_value_replaced(value: Any) -> Iterator[Any]:
    """Yield JSON in which one value is another one, for each value in it."""
    yield from (None, 5, -1, 1e300, 2**70, "x", [], {}, True, [5], {"a": 5}, [None])
    if not isinstance(value, (dict, list)):
        return
    for place, one in value.items() if isinstance(value, dict) else enumerate(value):
        for other in with_each_value_replaced(one):
            changed = value.copy()
            changed[place] = other
            yield changed


@pytest.mark.parametrize(
    ("name", "document"),
    [
        pytest.param("keeper.af", LETTA, id="letta"),
        pytest.param("conversations.json", CHATGPT, id="chatgpt"),
        pytest.param("conversations.json", CLAUDE_AI, id="claude-ai"),
    ],
)
def test_any_value_of_a_document_may_be_another(name: str, document: Any, tmp_path: Path) -> None:
    """A number where a text should be, nothing where a list should be: no exception."""
    path = tmp_path / name
    path.write_text(json.dumps(document))
    assert imported(path)[1]

    for changed in with_each_value_replaced(document):
        path.write_text(json.dumps(changed))

        imported(path)


@pytest.mark.parametrize("value", [None, 5, -(2**63), 1e300, "x", b"\xff\xfe", ""])
@pytest.mark.parametrize("column", ["thread_id", "checkpoint", "metadata", "type"])
def test_any_value_of_a_checkpoint_may_be_another(value: Any, column: str, tmp_path: Path) -> None:
    """SQLite keeps what it is given; such a checkpoint says nothing, or as much as it can."""
    (case,) = [one for one in CASES if one.parent.name == "langgraph-sqlite-3.1.2"][:1]
    shutil.copytree(case, tmp_path / "case")
    (path,) = [one for one in (tmp_path / "case").iterdir() if one.name != "EXPECT.json"]
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"UPDATE OR IGNORE checkpoints SET {column} = ?", (value,))  # noqa: S608
        database.commit()

    importer, _ = imported(tmp_path / "case")

    assert importer.tally.sources == 1


def told_below(folder: Path) -> list[tuple[str, str, Any, Any]]:
    """Return what is read below a folder: by which tool, and what each line says."""
    return sorted(
        (source.tool, line.opened.kind, str(line.opened.source_id), line.texts)
        for source in sources_below([folder])
        for line in told(READERS[source.tool].read(source)).lines.values()
    )


def half_of(data: bytes) -> bytes:
    """Return what is left of a copy that broke off."""
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("damaged", "told_of_it"),
    [
        pytest.param(b'{"a":1}\nno JSON\n{"a":2}\n', ":2: is no JSON", id="line"),
        pytest.param(gzip.compress(b'{"a":1}\n' * 9)[:-9], "ended before", id="gz-cut"),
        pytest.param(gzip.compress(os.urandom(9_000))[:10] + b"\xff" * 99, "invalid", id="gz"),
        pytest.param(b"no frame at all", "rame", id="zst"),
        pytest.param(zstandard.compress(b'{"a":1}\n' * 9)[:-3], "before its end", id="zst-cut"),
        pytest.param(half_of(zstandard.compress(_LINES)), "before its end", id="zst-half"),
    ],
)
def test_it_is_told_whether_the_rest_of_a_file_was_read(
    damaged: bytes, told_of_it: str, tmp_path: Path
) -> None:
    """After a line that is no JSON the file goes on; after a damaged compression nothing does.

    A Zstandard file that was cut off ends in between two lines here, and the library says nothing:
    findings/zstandard_ends_a_file_that_was_cut_off_as_a_whole_one.sh (zstandard 0.25.0).
    """
    kinds = {b"no": ".jsonl.zst", b"\x28\xb5": ".jsonl.zst", b"\x1f\x8b": ".jsonl.gz"}
    suffix = kinds.get(damaged[:2], ".jsonl")
    path = tmp_path / f"file{suffix}"
    path.write_bytes(damaged)

    (broken,) = [one for one in records(path) if isinstance(one, Broken)]

    tally = told_by([broken])
    assert told_of_it in tally.broken[0]
    rest = "the rest of the file was read" if suffix == ".jsonl" else "nothing more of it was read"
    assert tally.broken[0].endswith(rest)


def told_by(found: list[Broken]) -> Tally:
    """Return the tally of an import that met broken lines."""
    tally = Tally()
    mapping = Mapping(
        Identity("default", "codex"),
        Redaction(secrets=False),
        tally,
        tool="codex",
        fallback_time=datetime.now(UTC),
    )
    for one in found:
        assert list(mapping.take(one)) == []
    return tally


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_files_that_go_before_they_are_read_are_told(case: Path, tmp_path: Path) -> None:
    """A tool may delete or replace a file between the look and the read: that file is named."""
    folder = tmp_path / "gone"
    shutil.copytree(case, folder)
    sources = sources_below([folder])
    shutil.rmtree(folder)
    importer = Importer(None, ImportOptions("default"))

    for source in sources:
        asyncio.run(importer.source(source))

    assert [source.bytes for source in sources] == [0] * len(sources)
    assert importer.tally.sources == len(sources)
    assert sum(importer.tally.sessions.values()) == importer.tally.sessions["memory"]
