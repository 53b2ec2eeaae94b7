"""Exports, notes and agent files, in the form in which they are described."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from anabranch.importers.readers.catalogue import READERS, sources_below
from tests.support.transcripts import Line, shows, told

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path) -> list[Line]:
    """Return the lines that are told of what lies below a folder."""
    found = told(
        record for source in sources_below([folder]) for record in READERS[source.tool].read(source)
    )
    assert not found.broken
    assert not found.unknown
    return list(found.lines.values())


def talk(lines: list[Line]) -> list[tuple[str, str | None, list[str]]]:
    """Return each line as its kind, its own id, and its texts."""
    return [
        (line.opened.kind, line.opened.source_id, [text for _, text in line.texts])
        for line in lines
    ]


@shows("chatgpt", "plain", "rewind")
def test_the_tree_of_chatgpt_has_the_line_to_its_current_node(tmp_path: Path) -> None:
    """An edited prompt and its answer were abandoned; system messages and hidden ones say nothing."""

    def node(name: str, parent: str | None, *children: str, **said: Any) -> dict[str, Any]:
        message = None
        if said:
            content = {"content_type": "text", "parts": [said["text"]]}
            message = {"author": {"role": said["role"]}, "content": content, "create_time": 1.8e9}
        return {"id": name, "parent": parent, "children": list(children), "message": message}

    mapping = {
        "r": node("r", None, "s"),
        "s": node("s", "r", "q1", "q2", role="system", text=""),
        "q1": node("q1", "s", "a1", role="user", text="Q, first"),
        "a1": node("a1", "q1", role="assistant", text="A, first"),
        "q2": node("q2", "s", "a2", role="user", text="Q, edited"),
        "a2": node("a2", "q2", role="assistant", text="A, edited"),
    }
    conversation = {"id": "c-1", "title": None, "create_time": 1.8e9, "mapping": mapping}
    export = [conversation | {"current_node": "a2"}]
    (tmp_path / "conversations-000.json").write_text(json.dumps(export, separators=(",", ":")))

    lines = read(tmp_path)

    assert talk(lines) == [
        ("main", "c-1", ["Q, edited", "A, edited"]),
        ("abandoned", None, ["Q, first", "A, first"]),
    ]


@shows("claude-ai", "plain", "rewind")
def test_the_tree_of_claude_ai_has_the_line_to_its_last_message(tmp_path: Path) -> None:
    """Messages hang on each other by the id of their parent."""

    def message(name: str, parent: str, sender: str) -> dict[str, Any]:
        return {
            "uuid": name,
            "parent_message_uuid": parent,
            "sender": sender,
            "text": "",
            "content": [{"type": "text", "text": name}],
            "created_at": "2026-05-01T10:00:00Z",
        }

    messages = [
        message("q1", "0", "human"),
        message("a1", "q1", "assistant"),
        message("a1-again", "q1", "assistant"),
    ]
    export = [{"uuid": "c-2", "created_at": "2026-05-01T10:00:00Z", "chat_messages": messages}]
    (tmp_path / "conversations.json").write_text(json.dumps(export))

    lines = read(tmp_path)

    assert talk(lines) == [("main", "c-2", ["q1", "a1-again"]), ("abandoned", None, ["a1"])]


def test_a_hand_off_note_is_a_fact_a_section(tmp_path: Path) -> None:
    """Its title is the task, its name has the time; other Markdown is left alone."""
    folder = tmp_path / "pier" / ".memory" / "session-handoffs"
    folder.mkdir(parents=True)
    note = (
        "---\nstatus: done\n---\n# The lamp\n\nIt turns.\n\n## Next\n\nTrim the wick.\n\n## Empty\n"
    )
    (folder / "2026-05-01-1030-lamp.md").write_text(note)
    (tmp_path / "pier" / "README.md").write_text("# Not a note\n")

    (line,) = read(tmp_path)

    assert (line.opened.task, line.opened.kind) == ("The lamp", "memory")
    assert str(line.opened.time) == "2026-05-01 10:30:00+00:00"
    assert [fact.text for fact in line.facts] == ["It turns.", "Next: Trim the wick."]


def test_a_heading_without_words_takes_no_paragraph(tmp_path: Path) -> None:
    """What follows it belongs to the section before; blanks behind a heading are none of it."""
    folder = tmp_path / "pier" / ".memory" / "session-handoffs"
    folder.mkdir(parents=True)
    note = "#\n\n# The lamp  \n\n## Next \n\nTrim it.\n\n##\n\nOil it.\n"
    (folder / "2026-05-01-1030-lamp.md").write_text(note)

    (line,) = read(tmp_path)

    assert line.opened.task == "The lamp"
    assert [fact.text for fact in line.facts] == ["#", "Next: Trim it.\n\n##\n\nOil it."]


@shows("copilot-cli", "plain", "tools")
def test_a_session_of_copilot_is_read_by_its_events(tmp_path: Path) -> None:
    """Messages, tools and their outcome; all other events are counted."""
    events = [
        ("session.start", {"sessionId": "s-1", "context": {"cwd": "/work/pier"}}),
        ("user.message", {"content": "Q1"}),
        ("assistant.turn_start", {}),
        ("assistant.message", {"content": "Looking.", "toolRequests": [{"toolCallId": "t1"}]}),
        ("tool.execution_start", {"toolCallId": "t1", "toolName": "bash", "arguments": {}}),
        ("tool.execution_complete", {"toolCallId": "t1", "success": False, "result": {}}),
        ("assistant.message", {"content": "A1", "toolRequests": []}),
    ]
    path = tmp_path / "session-state" / "s-1" / "events.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(
        "".join(
            json.dumps(
                {
                    "type": kind,
                    "data": data,
                    "id": f"e{number}",
                    "timestamp": "2026-05-01T10:00:00Z",
                }
            )
            + "\n"
            for number, (kind, data) in enumerate(events)
        )
    )

    (line,) = read(tmp_path)

    assert [text for _, text in line.texts] == ["Q1", "Looking.", "A1"]
    assert line.results["t1"].failed


@shows("goose", "plain", "tools")
def test_a_session_of_goose_is_read_by_its_messages(tmp_path: Path) -> None:
    """A message's content is JSON: texts, requests and responses of tools."""
    request = {"type": "toolRequest", "id": "t1", "toolCall": {"value": {"name": "shell"}}}
    response = {
        "type": "toolResponse",
        "id": "t1",
        "toolResult": {"status": "success", "value": "ok"},
    }
    rows = [
        ("user", [{"type": "text", "text": "Q1"}]),
        ("assistant", [{"type": "text", "text": "Looking."}, request]),
        ("user", [response]),
        ("assistant", [{"type": "text", "text": "A1"}]),
    ]
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as database:
        database.execute("CREATE TABLE sessions (id, working_dir, created_at)")
        database.execute(
            "CREATE TABLE messages (id INTEGER PRIMARY KEY, session_id, role, content_json, created_timestamp)"
        )
        database.execute(
            "INSERT INTO sessions VALUES ('20260501_1', '/work/pier', '2026-05-01 10:00:00')"
        )
        database.executemany(
            "INSERT INTO messages (session_id, role, content_json, created_timestamp) "
            "VALUES ('20260501_1', ?, ?, 1777629600)",
            [(role, json.dumps(parts)) for role, parts in rows],
        )
        database.commit()

    (line,) = read(tmp_path)

    assert talk([line]) == [("main", "20260501_1", ["Q1", "Looking.", "A1"])]
    assert line.results["t1"].output == "ok"


@shows("letta", "plain")
def test_an_agent_of_letta_has_its_messages_and_its_memory(tmp_path: Path) -> None:
    """Blocks of memory are facts; system messages are left out."""
    messages = [
        {"id": "m1", "role": "system", "content": "You are Letta."},
        {"id": "m2", "role": "user", "content": [{"type": "text", "text": "Q1"}]},
        {"id": "m3", "role": "assistant", "content": [{"type": "text", "text": "A1"}]},
    ]
    agent = {"id": "agent-0", "name": "keeper", "messages": messages, "block_ids": ["b1"]}
    blocks = [{"id": "b1", "label": "human", "value": "Ada keeps the lamp."}]
    (tmp_path / "keeper.af").write_text(json.dumps({"agents": [agent], "blocks": blocks}))

    (line,) = read(tmp_path)

    assert talk([line]) == [("main", "agent-0", ["Q1", "A1"])]
    assert [fact.text for fact in line.facts] == ["human: Ada keeps the lamp."]


def test_agents_of_letta_in_two_files_are_two(tmp_path: Path) -> None:
    """Each file counts its agents and messages from 0; one that was saved again is the same."""

    def agent(name: str, *texts: str) -> dict[str, Any]:
        said = [
            {"id": f"message-{number}", "role": "user", "content": text}
            for number, text in enumerate(texts, 1)
        ]
        system = {"id": "message-0", "role": "system", "content": f"You have {len(texts)} notes."}
        return {"id": "agent-0", "name": name, "messages": [system, *said]}

    for file, told_of in (
        ("a", agent("keeper", "Is the lamp lit?")),
        ("b", agent("keeper", "Is the pump dry?")),
        ("c", agent("keeper", "Is the lamp lit?", "And now?")),
    ):
        (tmp_path / f"{file}.af").write_text(json.dumps({"agents": [told_of]}))

    found = [told(READERS["letta"].read(source)).lines for source in sources_below([tmp_path])]

    a, b, c = (next(iter(lines.values())).opened for lines in found)
    assert [opened.source_id for opened in (a, b, c)] == ["agent-0"] * 3
    assert a.key == c.key != b.key
