"""Files as Claude Code writes them, made of turns: for sizes and histories that no case has."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

BEGUN = datetime(2026, 11, 1, 8, tzinfo=UTC)


class ClaudeFile:
    """A session's file, written record by record; `leaf` is the record the next one hangs on."""

    def __init__(self, folder: Path, session_id: str | None = None) -> None:
        self.session_id = session_id or str(uuid.uuid4())
        self.path = folder / "projects" / "-work-pier" / f"{self.session_id}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.leaf: str | None = None
        self.time = BEGUN
        self.lines: list[str] = []

    def record(self, kind: str, message: dict[str, Any], **fields: Any) -> str:
        """Write a record that hangs on the leaf; return its id."""
        self.time += timedelta(seconds=1)
        record_id = str(uuid.uuid4())
        found = {
            "parentUuid": self.leaf,
            "isSidechain": False,
            "type": kind,
            "message": message,
            "uuid": record_id,
            "timestamp": self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "cwd": "/work/pier",
            "sessionId": self.session_id,
            "version": "2.1.332",
            **fields,
        }
        self.line(json.dumps(found, separators=(",", ":")))
        self.leaf = record_id
        return record_id

    def line(self, text: str) -> None:
        """Write any line."""
        self.lines.append(text)
        with self.path.open("a") as file:
            file.write(text + "\n")

    def ask(self, text: str) -> str:
        """Write what a person asks."""
        return self.record("user", {"role": "user", "content": text}, promptSource="typed")

    def say(self, text: str, *, stop: str | None = "end_turn") -> str:
        """Write what the assistant says."""
        content = [{"type": "text", "text": text}]
        message = {"role": "assistant", "model": "claude-opus-5-5", "content": content}
        return self.record("assistant", {**message, "stop_reason": stop})

    def call(self, call_id: str, name: str, **given: Any) -> str:
        """Write a tool call."""
        content = [{"type": "tool_use", "id": call_id, "name": name, "input": given}]
        message = {"role": "assistant", "model": "claude-opus-5-5", "content": content}
        return self.record("assistant", {**message, "stop_reason": "tool_use"})

    def give(self, call_id: str, output: str, *, failed: bool = False) -> str:
        """Write a tool's result."""
        result = {"type": "tool_result", "tool_use_id": call_id, "content": output}
        return self.record("user", {"role": "user", "content": [{**result, "is_error": failed}]})

    def turns(self, count: int, *, about: str = "buoy") -> None:
        """Write turns of a question and an answer."""
        for number in range(count):
            self.ask(f"Where is {about} {number}?")
            self.say(f"The {about} {number} lies at the pier.")
