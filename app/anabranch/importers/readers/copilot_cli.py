"""Copilot CLI: `session-state/<id>/events.jsonl`, an event a line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.lines import records
from anabranch.importers.reader import Source
from anabranch.importers.records import (
    Broken,
    Described,
    Opened,
    Skipped,
    ToolCall,
    ToolResult,
    Turn,
)
from anabranch.importers.values import kind_of, object_of, objects_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anabranch.importers.candidates import Candidate
    from anabranch.importers.records import Record

_START: Final = "session.start"


class CopilotCliReader:
    """Reads the sessions of Copilot CLI."""

    tool = "copilot-cli"
    versions = "as described in 2026; no release was run"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folder of sessions."""
        base = environment.get("COPILOT_HOME")
        return [(Path(base) if base else home / ".copilot") / "session-state"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the first event."""
        found = candidate.first_records
        return candidate.name == "events.jsonl" and bool(found) and found[0].get("type") == _START

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a session."""
        return [Source(self.tool, (path,), keys=(path.parent.name,)) for path in files]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield a session's records."""
        key = source.path.parent.name
        left_out: Counter[str] = Counter()
        begun = False
        for record in records(source.path):
            if isinstance(record, Broken):
                yield record
                continue
            _, event = record
            data, time = object_of(event.get("data")), time_of(event.get("timestamp"))
            if not begun:
                begun = True
                context = object_of(data.get("context"))
                project = text_of(context.get("cwd"))
                yield Opened(
                    key=key,
                    source_id=text_of(data.get("sessionId")) or key,
                    time=time,
                    attributes={"project": project} if project else {},
                )
            told = list(_event(event, data, key, time))
            left_out[str(kind_of(event))] += not told
            yield from told
        for why, count in sorted((+left_out).items()):
            yield Skipped(line=key, why=why, count=count)


def _event(event: dict[str, Any], data: dict[str, Any], key: str, time: Any) -> Iterator[Record]:
    record_id = text_of(event.get("id")) or f"{key}/{event.get('timestamp')}"
    match kind_of(event):
        case "user.message":
            text = text_of(data.get("content"))
            if text:
                yield Turn(line=key, id=record_id, said="user", text=text, time=time)
        case "assistant.message":
            text = text_of(data.get("content"))
            calls = objects_of(data.get("toolRequests"))
            if text:
                yield Turn(
                    line=key,
                    id=record_id,
                    said="assistant",
                    text=text,
                    time=time,
                    final=not calls,
                )
        case "session.model_change":
            yield Described(line=key, model=text_of(data.get("newModel")))
        case "tool.execution_start":
            yield ToolCall(
                line=key,
                id=text_of(data.get("toolCallId")) or record_id,
                name=text_of(data.get("toolName")) or "tool",
                input=data.get("arguments"),
                time=time,
            )
        case "tool.execution_complete":
            success = data.get("success")
            yield ToolResult(
                line=key,
                call_id=text_of(data.get("toolCallId")) or "",
                given=object_of(data.get("result")).get("content"),
                failed=not success if isinstance(success, bool) else None,
                time=time,
            )
        case _:
            pass
