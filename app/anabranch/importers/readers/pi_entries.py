"""Entries of a pi session, also written by OpenClaw: a tree of messages, summaries, settings."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.records.chains import Node
from anabranch.importers.records.model import (
    Boundary,
    Described,
    Ended,
    Opened,
    Skipped,
    Summary,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from anabranch.importers.records.values import (
    kind_of,
    object_of,
    objects_of,
    said_in,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pydantic import JsonValue

    from anabranch.importers.records.model import Record

SETTINGS: Final = frozenset(
    {
        "context_edit",
        "custom",
        "custom_message",
        "label",
        "leaf",
        "model_change",
        "reset",
        "session",
        "session_info",
        "thinking_level_change",
        "usage",
    }
)
_PUT_IN: Final = frozenset(
    {"branchSummary", "compactionSummary", "custom", "hookMessage", "system"}
)
_ENDS: Final = {"stop": True, "length": True, "toolUse": False, "error": False, "aborted": False}
_TASK: Final = "Task: "
_FILES: Final = re.compile(r"\A(?:<file name=\"[^\"\n]*\">.*?</file>\s*)+", re.DOTALL)
_SKILL: Final = re.compile(
    r"\A<skill name=\"(?P<name>[^\"\n]+)\" location=\"[^\"\n]*\">\n.*?\n</skill>(?P<given>.*)\Z",
    re.DOTALL,
)
"""A skill that was named in the prompt: the tool puts its text there."""
_GATEWAY: Final = "gateway-injected"
"""The model that OpenClaw names for what it says itself."""
_COMMAND: Final = re.compile(
    r"/(compact|context|help|model|new|reset|status|stop|think|usage|verbose)(?=\s|:|\Z)"
)
"""Commands that OpenClaw carries out itself, and keeps as if they had been asked."""


def id_of(entry: dict[str, Any]) -> str:
    """Return an entry's id with its time: eight digits alone are not enough for many sessions."""
    return f"{entry.get('id') or ''}@{entry.get('timestamp') or ''}"


def node_of(entry: dict[str, Any]) -> Node:
    """Return an entry's place in the tree; a leaf says where the next one will hang."""
    parent = entry.get("parentId")
    if kind_of(entry) == "leaf":
        parent = entry.get("targetId", entry.get("entryId", parent))
    role = object_of(entry.get("message")).get("role")
    speaks = asked_in(entry) is not None or (role == "assistant" and _said(entry) is not None)
    return Node(str(entry.get("id")), text_of(parent), speaks, restarts=role == "user")


def asked_in(entry: dict[str, Any]) -> str | None:
    """Return what a person asked in an entry; None for what the tool put in."""
    message = object_of(entry.get("message"))
    if message.get("role") != "user" or message.get("display") is False:
        return None
    if object_of(message.get("provenance")).get("kind") not in {None, "external_user"}:
        return None
    text = _as_typed(said_in(message.get("content")))
    is_command = text is not None and "__openclaw" in message and _COMMAND.match(text)
    return None if is_command else text


def _as_typed(text: str | None) -> str | None:
    """Return a prompt without what the tool put before it: files, and the text of a skill."""
    typed = _FILES.sub("", text) if text else ""
    if skill := _SKILL.match(typed):
        return f"/skill:{skill['name']} {skill['given'].strip()}".strip()
    return text_of(typed)


def _said(entry: dict[str, Any]) -> str | None:
    return said_in(object_of(entry.get("message")).get("content"))


class Entries:
    """Says what entries mean, and counts what is left out."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.left_out: Counter[str] = Counter()
        self._model: str | None = None
        self._run: str | None = None

    def said(self, entry: dict[str, Any], line: str) -> Iterator[Record]:
        """Yield what an entry says on a line."""
        time = time_of(entry.get("timestamp"))
        match kind_of(entry):
            case "message":
                yield from self._message(entry, line, time)
            case "compaction" | "branch_summary":
                text = text_of(entry.get("summary"))
                if text:
                    yield Summary(line=line, id=id_of(entry), text=text, time=time)
            case kind if kind in SETTINGS:
                self.left_out[str(kind)] += 1
            case kind:
                yield Unknown(line=line, what=f"entry {kind}")

    def counted(self) -> Iterator[Record]:
        """Yield what was left out."""
        for why, count in sorted((+self.left_out).items()):
            yield Skipped(line=self.key, why=why, count=count)

    def _message(self, entry: dict[str, Any], line: str, time: datetime | None) -> Iterator[Record]:
        message = object_of(entry.get("message"))
        match kind_of(message, "role"):
            case "user":
                text = asked_in(entry)
                if text is None:
                    self.left_out["notice"] += 1
                    yield Boundary(line=line)
                else:
                    yield Turn(line=line, id=id_of(entry), said="user", text=text, time=time)
            case "assistant" if message.get("model") == _GATEWAY:
                self.left_out["notice"] += 1
                yield Boundary(line=line)
            case "assistant":
                yield from self._woken(message, line)
                yield from self._answer(message, line, id_of(entry), time)
            case "toolResult":
                yield from self._result(message, line, id_of(entry), time)
            case "bashExecution":
                yield from _user_command(message, line, id_of(entry), time)
            case role if role in _PUT_IN:
                self.left_out[f"{role} message"] += 1
            case role:
                yield Unknown(line=line, what=f"role {role}")

    def _woken(self, message: dict[str, Any], line: str) -> Iterator[Record]:
        """Yield a boundary where an announcement, which is not stored, began another run."""
        run = text_of(object_of(message.get("__openclaw")).get("runId"))
        if run and run != self._run and run.startswith("announce:"):
            yield Boundary(line=line)
        self._run = run or self._run

    def _answer(
        self, message: dict[str, Any], line: str, record_id: str, time: datetime | None
    ) -> Iterator[Record]:
        model = text_of(message.get("model"))
        if model and model != self._model and line == self.key:
            self._model = model
            yield Described(line=line, model=model)
        blocks = objects_of(message.get("content"))
        self.left_out["hidden reasoning"] += sum(kind_of(one) == "thinking" for one in blocks)
        text = said_in(message.get("content"))
        if text:
            final = _ENDS.get(str(message.get("stopReason")))
            yield Turn(line=line, id=record_id, said="assistant", text=text, time=time, final=final)
        for number, block in enumerate(blocks):
            if kind_of(block) == "toolCall":
                yield ToolCall(
                    line=line,
                    id=text_of(block.get("id")) or f"{record_id}/{number}",
                    name=text_of(block.get("name")) or "tool",
                    input=block.get("arguments"),
                    time=time,
                )

    def _result(
        self, message: dict[str, Any], line: str, record_id: str, time: datetime | None
    ) -> Iterator[Record]:
        details = object_of(message.get("details"))
        for number, told in enumerate(objects_of(details.get("results"))):
            if isinstance(told.get("messages"), list) and text_of(told.get("task")):
                key = f"{record_id}/{number}"
                yield from self._helper(told, key=key, line=line, time=time)
        failed = message.get("isError")
        code = details.get("exitCode")
        yield ToolResult(
            line=line,
            call_id=text_of(message.get("toolCallId")) or "",
            given=message.get("content"),
            failed=bool(failed) or (isinstance(code, int) and code != 0),
            time=time,
        )

    def _helper(
        self, told: dict[str, Any], *, key: str, line: str, time: datetime | None
    ) -> Iterator[Record]:
        """Yield a helper whose talk stands in the result of the call that began it."""
        messages = objects_of(told.get("messages"))
        times = [found for one in messages if (found := time_of(one.get("timestamp")))]
        yield Opened(
            key=key,
            source_id=None,
            kind="subagent",
            parent=line,
            task=text_of(told.get("task")),
            role=text_of(told.get("agent")),
            model=text_of(told.get("model")),
            time=times[0] if times else time,
        )
        for number, message in enumerate(messages):
            at, record_id = time_of(message.get("timestamp")), f"{key}/{number}"
            if message.get("role") == "assistant":
                yield from self._answer(message, key, record_id, at)
            elif message.get("role") == "toolResult":
                yield from self._result(message, key, record_id, at)
            elif not str(said_in(message.get("content"))).startswith(_TASK):
                self.left_out["message to a helper"] += 1
        status = text_of(told.get("status"))
        worked = told.get("exitCode", 0) == 0 and status in {None, "completed", "success"}
        if status != "running":
            yield Ended(
                line=key,
                how="completed" if worked else "failed",
                reason=text_of(told.get("errorMessage")) or text_of(told.get("stderr")),
                started=times[0] if times else None,
                time=times[-1] if times else time,
            )


def _user_command(
    message: dict[str, Any], line: str, record_id: str, time: datetime | None
) -> Iterator[Record]:
    """Yield a command that the user ran."""
    given: JsonValue = {"command": text_of(message.get("command")) or ""}
    yield ToolCall(line=line, id=record_id, name="bash", input=given, time=time, by="user")
    code = message.get("exitCode")
    yield ToolResult(
        line=line,
        call_id=record_id,
        given=message.get("output"),
        failed=code != 0 if isinstance(code, int) else None,
        time=time,
    )
