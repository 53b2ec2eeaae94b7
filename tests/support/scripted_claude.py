"""A Claude Code that says what a test has it say, as the Claude Agent SDK talks to the program."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from claude_agent_sdk import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


class ScriptedClaude(Transport):
    """Speaks the program's protocol on its side; mirrors entries, some to a frame."""

    def __init__(self, session_id: str, entries: Sequence[Any], *, project: str) -> None:
        self._session_id = session_id
        self._entries = entries
        projects = Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude") / "projects"
        self._path = str(projects / project / f"{session_id}.jsonl")
        self._send, self._receive = anyio.create_memory_object_stream[dict[str, Any]](1000)

    async def connect(self) -> None:
        """Do nothing: it is there."""

    async def write(self, data: str) -> None:
        """Answer a request; after a prompt say all that there is to say."""
        told = json.loads(data)
        if told["type"] == "control_request":
            answer = {"subtype": "success", "request_id": told["request_id"], "response": {}}
            await self._send.send({"type": "control_response", "response": answer})
        elif told["type"] == "user":
            for start in range(0, len(self._entries), 2):
                some = [*self._entries[start : start + 2]]
                frame = {"type": "transcript_mirror", "filePath": self._path, "entries": some}
                await self._send.send(frame)
            await self._send.send(self._result())
            self._send.close()

    async def _messages(self) -> AsyncIterator[dict[str, Any]]:
        async for message in self._receive:
            yield message

    def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what it says."""
        return self._messages()

    async def close(self) -> None:
        """End."""
        self._send.close()
        self._receive.close()

    def is_ready(self) -> bool:
        """Tell that it listens."""
        return True

    async def end_input(self) -> None:
        """Note that nothing more is asked."""

    def _result(self) -> dict[str, Any]:
        counts = {"duration_ms": 1, "duration_api_ms": 1, "num_turns": 1, "total_cost_usd": 0.0}
        return {
            "type": "result",
            "subtype": "success",
            "is_error": False,
            "session_id": self._session_id,
            "result": "Done.",
            **counts,
        }
