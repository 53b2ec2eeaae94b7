"""Agents that are asked again after they ended, imported into a real log after each end and once.

The log takes one end of a branch, so the result is that of the end which was imported first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from anabranch_events.event.types import BranchCompleted, BranchCreated, InsightRecorded
from tests.support.claude_files import ClaudeFile
from tests.support.transcripts import CASES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from anabranch_events import Event, Log

ANSWERS: Final = ("It is clean.", "It is dry.", "It turns.")


def copilot(folder: Path) -> Iterator[None]:
    """Write a session of Copilot whose agent completes, and is asked again, twice."""
    case = CASES / "copilot-cli-1.0.102" / "background"
    (path,) = case.rglob("events.jsonl")
    events = [json.loads(line) for line in path.read_text().splitlines()]
    ended = next(n for n, event in enumerate(events) if event["type"] == "subagent.completed")
    agent = {name: events[ended][name] for name in ("agentId", "timestamp")}
    events[:] = events[: ended - 2]
    for number, answer in enumerate(ANSWERS):
        turn: list[tuple[str, dict[str, Any]]] = [
            ("user.message", {"content": f"Look again: {number}"}),
            ("assistant.message", {"content": answer, "toolRequests": []}),
            ("subagent.completed", {"toolCallId": "call_stub00129"}),
        ]
        events += [
            {"type": kind, "data": data, "id": f"again-{number}-{kind}", **agent}
            for kind, data in turn[0 if number else 1 :]
        ]
        write(folder / "session-state" / path.parent.name / path.name, events)
        yield


def claude(folder: Path) -> Iterator[None]:
    """Write a sub-agent of Claude Code that a person and then a notice wake again."""
    main = ClaudeFile(folder)
    main.ask("Ask a helper.")
    main.call("t1", "Agent", prompt="Look at the lens.")
    agent = ClaudeFile(folder / "agent", main.session_id)
    agent.path.unlink(missing_ok=True)
    agent.path = main.path.with_suffix("") / "subagents" / "agent-a1.jsonl"
    agent.path.parent.mkdir(parents=True)
    agent.path.with_name("agent-a1.meta.json").write_text('{"toolUseId":"t1"}')
    origins: tuple[dict[str, Any], ...] = ({}, {}, {"origin": {"kind": "peer"}})
    for number, (answer, more) in enumerate(zip(ANSWERS, origins, strict=True)):
        asked = {"role": "user", "content": f"Look: {number}"}
        agent.record("user", asked, isSidechain=True, agentId="a1", **more)
        agent.say(answer)
        yield


def codex(folder: Path) -> Iterator[None]:
    """Write a sub-agent's thread of Codex with a turn more each time."""
    main, helper = (f"01a220a6-0000-7000-8000-00000000000{number}" for number in (1, 2))
    spawned = {"subagent": {"thread_spawn": {"parent_thread_id": main, "depth": 1}}}
    write(folder / f"rollout-2026-11-28T05-35-00-{main}.jsonl", [line("session_meta", id=main)])
    records = [line("session_meta", id=helper, source=spawned)]
    for number, answer in enumerate(ANSWERS):
        for role, text in (("user", f"Look: {number}"), ("assistant", answer)):
            kind = "input_text" if role == "user" else "output_text"
            passed = {"content_item_kinds": ["user.text" if role == "user" else "unknown"]}
            content = [{"type": kind, "text": text}]
            named: dict[str, Any] = {"type": "message", "id": f"m{number}{role}", "role": role}
            named["internal_chat_message_metadata_passthrough"] = passed
            named["content"] = content
            records.append(line("response_item", **named))
        records.append(line("event_msg", type="task_complete", last_agent_message=answer))
        write(folder / f"rollout-2026-11-28T05-36-00-{helper}.jsonl", records)
        yield


def line(kind: str, **payload: Any) -> dict[str, Any]:
    """Return a line of a rollout."""
    payload = {"cwd": "/srv/pier", "cli_version": "0.171.0", **payload}
    return {"timestamp": "2026-11-28T05:36:00.000Z", "type": kind, "payload": payload}


def write(path: Path, records: list[dict[str, Any]]) -> None:
    """Write records as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in records))


@pytest.mark.parametrize("written", [copilot, claude, codex])
async def test_each_answer_of_an_agent_that_is_asked_again_is_stored(
    log: Log, tmp_path: Path, written: Callable[[Path], Iterator[None]]
) -> None:
    """Also those after the end that the log has; an import of the whole file has the same texts."""
    for _ in written(tmp_path):
        await imported(log, tmp_path, "grown")
    await imported(log, tmp_path, "grown")
    await imported(log, tmp_path, "once")

    grown, once = await of_agent(log, "grown"), await of_agent(log, "once")

    assert [event.data.result for event in grown if isinstance(event.data, BranchCompleted)] == [
        ANSWERS[0]
    ]
    assert [event.data.result for event in once if isinstance(event.data, BranchCompleted)] == [
        ANSWERS[-1]
    ]
    assert said(grown) == said(once)
    assert said(once) >= set(ANSWERS)


async def imported(log: Log, folder: Path, namespace: str) -> None:
    """Import what lies in a folder."""
    importer = Importer(log, ImportOptions(namespace))
    await importer.sources(sources_below([folder]), stored=lambda _, __: None)


async def of_agent(log: Log, namespace: str) -> list[Event]:
    """Return the events of the one branch of a namespace."""
    events = [record.decode() async for record in log.read_all()]
    events = [event for event in events if event.namespace == namespace]
    (branch,) = [event.session_id for event in events if isinstance(event.data, BranchCreated)]
    return [event for event in events if event.session_id == branch]


def said(events: list[Event]) -> set[str]:
    """Return the texts that were recorded, by themselves or with an end."""
    recorded = {event.data.text for event in events if isinstance(event.data, InsightRecorded)}
    ends = [event.data for event in events if isinstance(event.data, BranchCompleted)]
    return recorded.union(one.text for end in ends for one in end.insights)
