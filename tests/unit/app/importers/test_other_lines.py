"""Histories of other tools that no case has, in the form that is known of them."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

from anabranch.importers.files import databases
from anabranch.importers.reader import Source
from anabranch.importers.readers import crush
from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.records.model import Ended
from tests.support.claude_files import ClaudeFile
from tests.support.transcripts import Told, shows, told

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    import pytest

THREAD = "01a220a6-0000-7000-8000-000000000001"


def read(folder: Path) -> Told:
    """Return all that is told of the sessions below a folder."""
    return told(
        record for source in sources_below([folder]) for record in READERS[source.tool].read(source)
    )


def talk(found: Told) -> list[tuple[str, str | None, list[str]]]:
    """Return each line as its kind, its parent's task, and its texts."""
    return [
        (
            line.opened.kind,
            found.lines[line.opened.parent].task if line.opened.parent else None,
            [text for _, text in line.texts],
        )
        for line in found.lines.values()
    ]


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    """Write records as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in records))


@shows("claude-code", "nested")
def test_a_claude_agent_that_calls_an_agent_is_its_parent(tmp_path: Path) -> None:
    """Files lie flat; only the field parentAgentId tells whose agent it was."""
    main = ClaudeFile(tmp_path)
    main.ask("Ask a helper who asks another.")
    main.call("t1", "Agent", prompt="Delta's task")
    for name, meta, text in (
        ("a1", {"toolUseId": "t1", "finished": True}, "Delta's task"),
        ("a2", {"parentAgentId": "a1", "spawnDepth": 2, "finished": True}, "Echo's task"),
    ):
        agent = ClaudeFile(tmp_path / "elsewhere", main.session_id)
        agent.time = main.time
        agent.record("user", {"role": "user", "content": text}, isSidechain=True, agentId=name)
        agent.say(f"{text} is done")
        path = main.path.with_suffix("") / "subagents" / f"agent-{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        agent.path.rename(path)
        path.with_name(f"agent-{name}.meta.json").write_text(json.dumps(meta))
    main.give("t1", "done")
    main.say("Delta says so")

    found = read(tmp_path)

    assert talk(found) == [
        ("main", None, ["Ask a helper who asks another.", "Delta says so"]),
        ("subagent", "Ask a helper who asks another.", ["Delta's task", "Delta's task is done"]),
        ("subagent", "Delta's task", ["Echo's task", "Echo's task is done"]),
    ]
    ends = [line.ended.how for line in found.lines.values() if line.ended]
    assert ends == ["completed", "completed"]


def codex(kind: str, payload: dict[str, Any], ordinal: int) -> dict[str, Any]:
    """Return a line of a rollout."""
    time = f"2026-11-28T05:35:{ordinal:02}.000Z"
    return {"timestamp": time, "ordinal": ordinal, "type": kind, "payload": payload}


def message(role: str, text: str, number: int) -> dict[str, Any]:
    """Return a message of a rollout."""
    kinds = ["user.text"] if role == "user" else ["unknown"]
    return {
        "type": "message",
        "id": f"msg_{number}",
        "role": role,
        "content": [{"type": "input_text" if role == "user" else "output_text", "text": text}],
        "internal_chat_message_metadata_passthrough": {"content_item_kinds": kinds},
    }


@shows("codex", "compaction")
def test_a_codex_summary_that_is_written_as_an_answer_is_no_answer(tmp_path: Path) -> None:
    """Whether it stands before the compaction or after, it is told as a summary only."""
    meta = {"id": THREAD, "session_id": THREAD, "cwd": "/srv/pier", "cli_version": "0.171.0"}
    over: dict[str, Any] = {"type": "task_complete", "last_agent_message": None}
    write_lines(
        tmp_path / "rollout-2026-11-28T05-35-00-x.jsonl",
        [
            codex("session_meta", meta, 0),
            codex("response_item", message("user", "Q1", 1), 1),
            codex("response_item", message("assistant", "A1", 2), 2),
            codex("event_msg", over | {"last_agent_message": "A1"}, 3),
            codex("response_item", message("assistant", "We spoke of Q1.", 4), 4),
            codex("compacted", {"message": "Go on from here: We spoke of Q1."}, 5),
            codex("event_msg", over, 6),
            codex("compacted", {"message": "Go on: Q1 again."}, 7),
            codex("response_item", message("assistant", "Q1 again.", 8), 8),
            codex("event_msg", over, 9),
            codex("response_item", message("user", "Q2", 10), 10),
            codex("response_item", message("assistant", "A2", 11), 11),
        ],
    )

    found = read(tmp_path)

    assert talk(found) == [("main", None, ["Q1", "A1", "Q2", "A2"])]
    assert found.lines[THREAD].summaries == ["We spoke of Q1.", "Go on: Q1 again."]


def gemini(number: int, kind: str, text: str) -> dict[str, Any]:
    """Return a message of Gemini CLI."""
    time = f"2026-11-28T05:56:{number:02}.000Z"
    return {"id": f"m-{number}", "timestamp": time, "type": kind, "content": [{"text": text}]}


def test_a_history_of_gemini_whose_originals_were_never_read_is_said(tmp_path: Path) -> None:
    """A file may begin with a compaction: only the summary, the thank-you and copies are left out."""
    meta = {"sessionId": "s-1", "projectHash": "p", "startTime": "2026-11-28T05:35:00.000Z"}
    first = [
        gemini(1, "user", "<state_snapshot>The lamp is lit.</state_snapshot>"),
        gemini(2, "gemini", "Got it. Thanks for the additional context!"),
        gemini(3, "user", "Look at the pump."),
        gemini(4, "gemini", "The pump is red."),
    ]
    second = [
        gemini(7, "user", "<state_snapshot>The pump is red.</state_snapshot>"),
        gemini(8, "gemini", "Got it. Thanks for the additional context!"),
        gemini(9, "user", "And the rope?"),
        gemini(10, "gemini", "It is long."),
    ]
    write_lines(
        tmp_path / "tmp" / "pier" / "chats" / "session-1.jsonl",
        [
            meta,
            {"$set": {"messages": first}},
            gemini(5, "user", "And the rope?"),
            gemini(6, "gemini", "It is long."),
            {"$set": {"messages": second}},
        ],
    )

    found = read(tmp_path)

    said = ["Look at the pump.", "The pump is red.", "And the rope?", "It is long."]
    assert talk(found) == [("main", None, said)]
    assert found.left_out["kept by a compaction"] == 4


@shows("gemini-cli", "rewind")
def test_what_gemini_rewound_is_abandoned(tmp_path: Path) -> None:
    """Also at the end of a file, where nothing was said after; the target itself goes too."""
    write_lines(
        tmp_path / "tmp" / "pier" / "chats" / "session-2026-11-28T05-56-33000000.jsonl",
        [
            {"sessionId": "s-1", "projectHash": "x", "startTime": "2026-11-28T05:56:00.000Z"},
            gemini(1, "user", "Q1"),
            gemini(2, "gemini", "A1"),
            gemini(3, "user", "Q2"),
            gemini(4, "gemini", "A2"),
            {"$rewindTo": "m-3"},
            gemini(5, "user", "Q3"),
            gemini(6, "gemini", "A3"),
            {"$rewindTo": "m-5"},
        ],
    )

    found = read(tmp_path)

    assert talk(found) == [
        ("main", None, ["Q1", "A1"]),
        ("abandoned", "Q1", ["Q2", "A2"]),
        ("abandoned", "Q1", ["Q3", "A3"]),
    ]


def adk(
    number: int, author: str, text: str | None, **fields: Any
) -> tuple[str, str, str, str, str, str]:
    """Return a row of ADK's events."""
    content = {"parts": [{"text": text}], "role": author} if text else None
    event = {
        "content": content,
        "author": author,
        "actions": {},
        "timestamp": 1795846356.0 + number,
        **fields,
    }
    time = f"2026-11-28 06:12:{number:02}.000000"
    return (f"e{number}", "lighthouse", "keeper", "s2", time, json.dumps(event))


def write_adk(path: Path, events: list[tuple[str, str, str, str, str, str]]) -> None:
    """Write a database of ADK's with one session, its events in the order they were appended."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE sessions (app_name, user_id, id, create_time)")
        database.execute(
            "CREATE TABLE events (id, app_name, user_id, session_id, timestamp, event_data)"
        )
        session = ("lighthouse", "keeper", "s2", "2026-11-28 06:12:00")
        database.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", session)
        database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", events)
        database.commit()


def test_an_adk_session_is_in_the_order_in_which_adk_reads_it(tmp_path: Path) -> None:
    """An event of a host whose clock is behind stands before: google-adk 2.13.0, see findings/."""
    appended = [
        adk(1, "user", "Q1", invocation_id="i1"),
        adk(3, "keeper", "A1", invocation_id="i1"),
        adk(2, "scribe", "Noted.", invocation_id="i1"),
    ]
    write_adk(tmp_path / "adk.db", appended)

    found = read(tmp_path)

    assert [text for line in talk(found) for text in line[2]] == ["Q1", "Noted.", "A1"]


@shows("google-adk", "parallel", "rewind")
def test_what_adk_rewound_is_abandoned_and_parallel_agents_have_lines(tmp_path: Path) -> None:
    """A rewind names an invocation; agents that run beside each other are told by their branch."""
    rows = [
        adk(1, "user", "Q1", invocation_id="i1"),
        adk(2, "keeper", "A1", invocation_id="i1"),
        adk(3, "user", "What if it is fog?", invocation_id="i2"),
        adk(4, "keeper", "The horn sounds.", invocation_id="i2"),
        adk(5, "user", None, invocation_id="i3", actions={"rewind_before_invocation_id": "i2"}),
        adk(6, "user", "Check the house.", invocation_id="i4"),
        adk(7, "bravo", "Dry.", invocation_id="i4", branch="crew.bravo"),
        adk(8, "charlie", "Loud.", invocation_id="i4", branch="crew.charlie"),
    ]
    write_adk(tmp_path / "adk.db", rows)

    found = read(tmp_path)

    assert talk(found) == [
        ("main", None, ["Q1", "A1", "Check the house."]),
        ("abandoned", "Q1", ["What if it is fog?", "The horn sounds."]),
        ("subagent", "Q1", ["Dry."]),
        ("subagent", "Q1", ["Loud."]),
    ]
    helpers = [line for line in found.lines.values() if line.opened.kind == "subagent"]
    assert [(one.opened.source_id, one.task) for one in helpers] == [
        ("crew.bravo", "Check the house."),
        ("crew.charlie", "Check the house."),
    ]


def test_adk_agents_of_one_path_or_branch_have_a_line_each(tmp_path: Path) -> None:
    """Those of a sequence share the branch; who was handed over to hangs on who spoke above it."""
    at = {"invocation_id": "i1"}
    beside = {"node_info": {"path": "keeper@1/crew@1"}, "branch": "crew.steps", **at}
    below = {"node_info": {"path": "keeper@1/crew@1/golf/india@1"}, **at}
    rows = [
        adk(1, "user", "Check the house.", **at),
        adk(2, "golf", "Dry.", **beside),
        adk(3, "hotel", "Loud.", **beside),
        adk(4, "india", "Whole.", **below),
        adk(5, "user", "And at night?", invocation_id="i2"),
        adk(6, "golf", "Dark.", **{**beside, "invocation_id": "i2"}),
    ]
    write_adk(tmp_path / "adk.db", rows)

    found = read(tmp_path)

    assert talk(found) == [
        ("main", None, ["Check the house.", "And at night?"]),
        ("subagent", "Check the house.", ["Dry."]),
        ("subagent", "Check the house.", ["Loud."]),
        ("subagent", "Check the house.", ["Whole."]),
        ("subagent", "Check the house.", ["Dark."]),
    ]
    main, golf, hotel, india, again = found.lines.values()
    assert [one.opened.parent for one in (golf, hotel, india, again)] == [
        main.opened.key,
        main.opened.key,
        golf.opened.key,
        main.opened.key,
    ]
    assert again.task == "And at night?"


@shows("pi", "parallel", "rewind")
def test_a_pi_tree_with_a_branch_and_parallel_helpers(tmp_path: Path) -> None:
    """Another answer to one question is a line of its own; one result holds all helpers."""

    def entry(number: int, parent: int | None, said: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "message",
            "id": f"{number:08x}",
            "parentId": None if parent is None else f"{parent:08x}",
            "timestamp": f"2026-11-28T05:44:{number:02}.000Z",
            "message": said,
        }

    def text(role: str, words: str) -> dict[str, Any]:
        return {"role": role, "content": [{"type": "text", "text": words}], "stopReason": "stop"}

    results = [
        {
            "agent": name,
            "task": f"{name} task",
            "exitCode": code,
            "messages": [text("assistant", name)],
        }
        for name, code in (("bravo", 0), ("charlie", 1))
    ]
    result = {
        "role": "toolResult",
        "toolCallId": "c1",
        "content": [],
        "details": {"mode": "parallel", "results": results},
    }
    head = {"type": "session", "version": 3, "id": "s-1", "cwd": "/srv/pier"}
    write_lines(
        tmp_path / "sessions" / "--pier--" / "2026_s-1.jsonl",
        [
            head | {"timestamp": "2026-11-28T05:44:00.000Z"},
            entry(1, None, text("user", "Q1")),
            entry(2, 1, text("assistant", "A1")),
            entry(3, 1, text("assistant", "A1, again")),
            entry(4, 3, result),
            entry(5, 4, text("assistant", "Both are back")),
        ],
    )

    found = read(tmp_path)

    assert talk(found) == [
        ("main", None, ["Q1", "A1, again", "Both are back"]),
        ("abandoned", "Q1", ["A1"]),
        ("subagent", "Q1", ["bravo"]),
        ("subagent", "Q1", ["charlie"]),
    ]
    ends = [line.ended.how for line in found.lines.values() if line.ended]
    assert ends == ["cancelled", "completed", "failed"]


CRUSH = """
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, parent_session_id TEXT, title TEXT NOT NULL,
    message_count INTEGER NOT NULL DEFAULT 0, updated_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL, summary_message_id TEXT);
CREATE TABLE messages (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL, role TEXT NOT NULL,
    parts BLOB NOT NULL default '[]', model TEXT, provider TEXT, created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL, is_summary_message INTEGER NOT NULL DEFAULT 0);
"""


@shows("crush", "nested")
def test_a_crush_agent_that_calls_an_agent_is_its_parent(tmp_path: Path) -> None:
    """The id of its session names the message and the call that began it."""

    def said(text: str) -> dict[str, Any]:
        return {"type": "text", "data": {"text": text}}

    def call(call_id: str) -> dict[str, Any]:
        return {"type": "tool_call", "data": {"id": call_id, "name": "agent", "input": "{}"}}

    def result(call_id: str, text: str) -> dict[str, Any]:
        return {"type": "tool_result", "data": {"tool_call_id": call_id, "content": text}}

    with closing(sqlite3.connect(tmp_path / "crush.db")) as database:
        database.executescript(CRUSH)
        database.executemany(
            "INSERT INTO sessions VALUES (?, ?, 'x', 0, 1, 1, NULL)",
            [("s", None), ("m2$$c", "s"), ("d2$$c", "m2$$c")],
        )
        messages = [
            ("m1", "s", "user", said("Ask a helper.")),
            ("m2", "s", "assistant", call("c")),
            ("d1", "m2$$c", "user", said("Delta's task")),
            ("d2", "m2$$c", "assistant", call("c")),
            ("e1", "d2$$c", "user", said("Echo's task")),
            ("e2", "d2$$c", "assistant", said("Echo is done")),
            ("d3", "m2$$c", "tool", result("c", "Echo is done")),
            ("d4", "m2$$c", "assistant", said("Delta is done")),
            ("m3", "s", "tool", result("c", "Delta is done")),
            ("m4", "s", "assistant", said("All done")),
        ]
        database.executemany(
            "INSERT INTO messages VALUES (?, ?, ?, ?, 'stub-1', 'stub', 1, 0, 0)",
            [(*told, json.dumps([part])) for *told, part in messages],
        )
        database.commit()

    found = read(tmp_path)

    assert talk(found) == [
        ("main", None, ["Ask a helper.", "All done"]),
        ("subagent", "Ask a helper.", ["Delta's task", "Delta is done"]),
        ("subagent", "Delta's task", ["Echo's task", "Echo is done"]),
    ]
    assert [line.result for line in found.lines.values()] == [
        "All done",
        "Delta is done",
        "Echo is done",
    ]


OPENCODE = """
CREATE TABLE session (
    id TEXT PRIMARY KEY, parent_id TEXT, directory TEXT NOT NULL, version TEXT NOT NULL,
    revert TEXT, agent TEXT, time_created INTEGER NOT NULL);
CREATE TABLE message (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL, time_created INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE part (
    id TEXT PRIMARY KEY, message_id TEXT NOT NULL, session_id TEXT NOT NULL,
    time_created INTEGER NOT NULL, data TEXT NOT NULL);
"""


@shows("opencode", "parallel", "nested")
def test_agents_of_opencode_are_branches_of_the_session_that_called_them(tmp_path: Path) -> None:
    """Two at a time, one of which calls a third; a call's part names the session that it began."""

    def said(text: str) -> dict[str, Any]:
        return {"type": "text", "text": text}

    def task(child: str, start: int, end: int) -> dict[str, Any]:
        state = {
            "status": "completed",
            "input": {"description": child},
            "output": "done",
            "metadata": {"sessionId": child},
            "time": {"start": start, "end": end},
        }
        return {"type": "tool", "tool": "task", "callID": f"call-{child}", "state": state}

    talked: list[tuple[str, str, list[dict[str, Any]]]] = [
        ("s", "user", [said("Ask two.")]),
        ("s", "assistant", [task("delta", 2000, 9000), task("echo", 3000, 8000)]),
        ("delta", "user", [said("Delta's task")]),
        ("echo", "user", [said("Echo's task")]),
        ("delta", "assistant", [task("golf", 4000, 5000)]),
        ("golf", "user", [said("Golf's task")]),
        ("golf", "assistant", [said("Golf is done")]),
        ("echo", "assistant", [said("Echo is done")]),
        ("delta", "assistant", [said("Delta is done")]),
        ("s", "assistant", [said("Both are done")]),
    ]
    with closing(sqlite3.connect(tmp_path / "opencode.db")) as database:
        database.executescript(OPENCODE)
        database.executemany(
            "INSERT INTO session VALUES (?, ?, '/srv/pier', '1.18.33', NULL, 'general', 1000)",
            [("s", None), ("delta", "s"), ("echo", "s"), ("golf", "delta")],
        )
        for number, (session_id, role, parts) in enumerate(talked):
            data = {"role": role, "time": {"created": 1000 + number}}
            database.execute(
                "INSERT INTO message VALUES (?, ?, ?, ?)",
                (f"m{number}", session_id, 1000 + number, json.dumps(data)),
            )
            database.executemany(
                "INSERT INTO part VALUES (?, ?, ?, ?, ?)",
                [
                    (f"p{number}-{at}", f"m{number}", session_id, 1000 + number, json.dumps(part))
                    for at, part in enumerate(parts)
                ],
            )
        database.commit()

    found = read(tmp_path)

    assert talk(found) == [
        ("main", None, ["Ask two.", "Both are done"]),
        ("subagent", "Ask two.", ["Delta's task", "Delta is done"]),
        ("subagent", "Delta's task", ["Golf's task", "Golf is done"]),
        ("subagent", "Ask two.", ["Echo's task", "Echo is done"]),
    ]
    spans = [(line.ended.started, line.ended.time) for line in found.lines.values() if line.ended]
    delta, _, echo = spans
    assert delta[0] is not None
    assert echo[0] is not None
    assert delta[1] is not None
    assert echo[1] is not None
    assert delta[0] < echo[0] < echo[1] < delta[1]


def crush_of_calls(path: Path, count: int) -> None:
    """Write a conversation that calls an agent `count` times, each in a session of its own."""
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(CRUSH)
        said = {"type": "text", "data": {"text": "Look."}}
        sessions: list[tuple[str, str | None]] = [("s", None)]
        messages = [("m", "s", "user", [said])]
        for number in range(count):
            call = {"id": f"c{number}", "name": "agent", "input": "{}"}
            result = {"tool_call_id": f"c{number}", "content": "Dry."}
            sessions.append((f"a{number}$$c{number}", "s"))
            messages += [
                (f"a{number}", "s", "assistant", [{"type": "tool_call", "data": call}]),
                (f"b{number}", f"a{number}$$c{number}", "user", [said]),
                (f"r{number}", "s", "tool", [{"type": "tool_result", "data": result}]),
            ]
        database.executemany("INSERT INTO sessions VALUES (?, ?, 'x', 0, 1, 1, NULL)", sessions)
        database.executemany(
            "INSERT INTO messages VALUES (?, ?, ?, ?, 'stub-1', 'stub', 1, 0, 0)",
            [(*told, json.dumps(parts)) for *told, parts in messages],
        )
        database.commit()


def crush_steps(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int, int]:
    """Read a database; return its agents, the reader's lines run, and SQLite's steps by ten."""
    lines = steps = 0

    def stepped() -> int:
        nonlocal steps
        steps += 1
        return 0

    def counted(where: Path) -> sqlite3.Connection:
        database = databases.snapshot(where)
        database.set_progress_handler(stepped, 10)
        return database

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace if frame.f_code.co_filename == crush.__file__ else None

    source = Source("crush", (path,))
    monkeypatch.setattr(crush, "snapshot", counted)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        records = list(crush.CrushReader().read(source))
    finally:
        sys.settrace(before)
    return sum(isinstance(one, Ended) for one in records), lines, steps


def test_crush_costs_as_much_again_for_each_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four times the sessions and messages take about four times the steps, also of SQLite."""
    for count in (100, 400):
        crush_of_calls(tmp_path / str(count) / "crush.db", count)

    few = crush_steps(tmp_path / "100" / "crush.db", monkeypatch)
    many = crush_steps(tmp_path / "400" / "crush.db", monkeypatch)

    assert (few[0], many[0]) == (100, 400)
    assert many[1] < 4.2 * few[1]
    assert many[2] < 5 * few[2]


@shows("crush", "plain", "tools", "sub-agent", "parallel", "compaction")
def test_sessions_of_crush_have_their_agents_where_they_were_called(tmp_path: Path) -> None:
    """Two in parallel, one of which failed; a summary; a command of the user; a title left out."""

    def said(text: str, **more: Any) -> dict[str, Any]:
        return {"type": "text", "data": {"text": text, **more}}

    def call(name: str, **given: Any) -> dict[str, Any]:
        data = {"id": given.pop("id"), "name": name, "input": json.dumps(given), "finished": True}
        return {"type": "tool_call", "data": data}

    def result(call_id: str, content: str, *, failed: bool = False) -> dict[str, Any]:
        data = {"tool_call_id": call_id, "content": content, "is_error": failed}
        return {"type": "tool_result", "data": data}

    shell = {"command": "cat log", "output": "no such file", "exit_code": 1}
    finish = {"type": "finish", "data": {"reason": "stop", "time": 1}}
    rows: list[tuple[str, str, str, list[dict[str, Any]], int]] = [
        ("m1", "s", "user", [said("Ask two helpers."), finish], 0),
        (
            "m2",
            "s",
            "assistant",
            [
                {"type": "reasoning", "data": {"thinking": "Hm."}},
                said("I ask."),
                call("agent", id="c1", prompt="Stairs?"),
                call("agent", id="c2", prompt="Horn?"),
            ],
            0,
        ),
        ("b1", "m2$$c1", "user", [said("Stairs?")], 0),
        ("b2", "m2$$c1", "assistant", [said("Dry.")], 0),
        ("d1", "m2$$c2", "user", [said("Horn?")], 0),
        ("m3", "s", "tool", [result("c1", "Dry."), result("c2", "no air", failed=True)], 0),
        ("m4", "s", "assistant", [said("One is back."), finish], 0),
        ("m5", "s", "assistant", [said("So far: dry stairs.")], 1),
        ("m6", "s", "user", [{"type": "shell_command", "data": shell}], 0),
        ("m7", "s", "user", [said("Go on."), said("unseen", hidden=True)], 0),
        ("m8", "s", "assistant", [said("On I go."), {"type": "tide", "data": {}}], 0),
        ("t1", "title-s", "user", [said("Make a title")], 0),
    ]
    path = tmp_path / "pier" / ".crush" / "crush.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(CRUSH)
        for name, parent in (("s", None), ("m2$$c1", "s"), ("m2$$c2", "s"), ("title-s", "s")):
            database.execute(
                "INSERT INTO sessions VALUES (?, ?, 'x', 0, 1795845790, 1795845790, NULL)",
                (name, parent),
            )
        for message_id, session_id, role, parts, summary in rows:
            database.execute(
                "INSERT INTO messages VALUES (?, ?, ?, ?, 'stub-1', 'stub', 1795845790, 0, ?)",
                (message_id, session_id, role, json.dumps(parts), summary),
            )
        database.commit()

    found = read(tmp_path)

    assert talk(found) == [
        ("main", None, ["Ask two helpers.", "I ask.", "One is back.", "Go on.", "On I go."]),
        ("subagent", "Ask two helpers.", ["Stairs?", "Dry."]),
        ("subagent", "Ask two helpers.", ["Horn?"]),
    ]
    main, stairs, horn = found.lines.values()
    assert main.opened.attributes == {"project": str(tmp_path / "pier")}
    assert main.summaries == ["So far: dry stairs."]
    assert [(one.name, one.by) for one in main.calls.values()] == [
        ("agent", "assistant"),
        ("agent", "assistant"),
        ("shell", "user"),
    ]
    assert main.results["m6/shell"].failed is True
    assert stairs.ended is not None
    assert horn.ended is not None
    assert (stairs.result, stairs.ended.how, horn.ended.how) == ("Dry.", "completed", "failed")
    assert found.left_out == {"hidden reasoning": 1, "message that is not shown": 1}
    assert found.unknown == {"part tide": 1}
