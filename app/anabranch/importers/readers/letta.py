"""Letta's agent files: `.af`, an agent with its messages and memory blocks."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from anabranch.importers.files.lines import document, plain_name
from anabranch.importers.reader import Source
from anabranch.importers.records.model import (
    Broken,
    Fact,
    Opened,
    Skipped,
    ToolCall,
    ToolResult,
    Turn,
)
from anabranch.importers.records.values import (
    json_of,
    kind_of,
    list_of,
    object_of,
    objects_of,
    said_in,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record


class LettaReader:
    """Reads Letta's agent files, of the schema of today and of the one before."""

    tool = "letta"
    versions = "AgentFileSchema of 2026; no release was run"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return nothing: an agent file lies where it was saved."""
        del home, environment
        return []

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the suffix."""
        return candidate.suffix == ".af"

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a file."""
        return [Source(self.tool, (path,)) for path in files]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the agents of a file: what was said, and what their memory holds."""
        found = document(source.path)
        if isinstance(found, Broken):
            yield found
            return
        blocks = {str(one.get("id")): one for one in objects_of(found.get("blocks"))}
        for agent in objects_of(found.get("agents")) or [found]:
            yield from _agent(agent, blocks, name=plain_name(source.path))


def _agent(
    agent: dict[str, Any], blocks: dict[str, dict[str, Any]], *, name: str
) -> Iterator[Record]:
    source_id = text_of(agent.get("id")) or text_of(agent.get("name")) or name
    key = f"{source_id}@{_mark(agent)}"
    yield Opened(
        key=key,
        source_id=source_id,
        role=text_of(agent.get("name")),
        time=time_of(agent.get("created_at")),
    )
    left_out = 0
    for number, message in enumerate(objects_of(agent.get("messages"))):
        told = list(_message(message, key, number))
        left_out += not told
        yield from told
    own = [blocks[str(one)] for one in list_of(agent.get("block_ids")) if str(one) in blocks]
    for block in own or objects_of(agent.get("core_memory")):
        label, value = text_of(block.get("label")), text_of(block.get("value"))
        if label and value:
            text = f"{label}: {value}"
            yield Fact(line=key, id=f"{key}/{text}", text=text, kind="memory block")
    if left_out:
        yield Skipped(line=key, why="message of the tool itself", count=left_out)


def _mark(agent: dict[str, Any]) -> str:
    """Return by what an agent is known beside its id, which counts from 0 in each file."""
    said = (one for one in objects_of(agent.get("messages")) if one.get("role") != "system")
    first = next(said, {})
    told = [agent.get("name"), *map(first.get, ("created_at", "content", "text"))]
    return sha256(orjson.dumps(told)).hexdigest()[:16]


def _message(message: dict[str, Any], key: str, number: int) -> Iterator[Record]:
    record_id = f"{key}/{message.get('id') or number}"
    time = time_of(message.get("created_at"))
    text = said_in(message.get("content")) or text_of(message.get("text"))
    calls = objects_of(message.get("tool_calls"))
    role = text_of(message.get("role"))
    if role == "user" and text and object_of(json_of(text)).get("type") != "heartbeat":
        said = object_of(json_of(text))
        shown = text_of(said.get("message")) if kind_of(said) == "user_message" else text
        if shown:
            yield Turn(line=key, id=record_id, said="user", text=shown, time=time)
    elif role == "assistant":
        if text:
            yield Turn(
                line=key, id=record_id, said="assistant", text=text, time=time, final=not calls
            )
        for call in calls:
            function = object_of(call.get("function"))
            given = object_of(json_of(function.get("arguments")))
            yield ToolCall(
                line=key,
                id=text_of(call.get("id")) or record_id,
                name=text_of(function.get("name")) or "tool",
                input=given,
                time=time,
            )
    elif role == "tool":
        yield ToolResult(
            line=key,
            call_id=text_of(message.get("tool_call_id")) or "",
            given=message.get("content"),
            time=time,
        )
