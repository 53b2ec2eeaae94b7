"""Records of Qwen Code into what was said, called and summarised in them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.readers.put_in import without_elements, without_last_lines
from anabranch.importers.readers.referenced import without_referenced
from anabranch.importers.records.model import (
    Boundary,
    Described,
    Skipped,
    Summary,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from anabranch.importers.records.values import (
    failed_by,
    kind_of,
    object_of,
    objects_of,
    output_of,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from anabranch.importers.records.model import Record

_GO_ON: Final = re.compile(r"Resume the prior task using the summary above\.")
_PUT_IN: Final = (
    "system-reminder",
    "qwen:user-prompt-submit-context",
    "qwen:session-start-context",
)
"""Elements that the tool adds to a prompt: reminders, and what hooks said."""
_EXIT: Final = re.compile(r"^Exit Code: (-?\d+)", re.MULTILINE)


def id_of(record: dict[str, Any]) -> str:
    """Return a record's id; a copy has that of its original."""
    return text_of(object_of(record.get("forkedFrom")).get("messageUuid")) or str(record["uuid"])


class Talk:
    """The base of sessions and agents: a record into what it says."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.model: str | None = None
        self.left_out: Counter[str] = Counter()

    def said(self, record: dict[str, Any], line: str) -> Iterator[Record]:
        """Yield what a record says on a line."""
        time = time_of(record.get("timestamp"))
        match kind_of(record):
            case "user":
                yield from self._user(record, line, time)
            case "assistant":
                yield from self._assistant(record, line, time)
            case "tool_result":
                yield from _results(record, line, time)
            case "system" if record.get("subtype") == "chat_compression":
                yield from summary_of(record, line, time)
            case "system":
                self.left_out[f"system {record.get('subtype') or ''}".strip()] += 1
            case kind:
                yield Unknown(line=line, what=f"record {kind}")

    def _user(self, record: dict[str, Any], line: str, time: datetime | None) -> Iterator[Record]:
        text = asked_in(record)
        if text is not None:
            yield Turn(line=line, id=id_of(record), said="user", text=text, time=time)
            return
        self.left_out["notification"] += 1
        yield Boundary(line=line)

    def _assistant(
        self, record: dict[str, Any], line: str, time: datetime | None
    ) -> Iterator[Record]:
        model = text_of(record.get("model"))
        if model and model != self.model:
            self.model = model
            yield Described(line=line, model=model)
        parts = objects_of(object_of(record.get("message")).get("parts"))
        calls = [object_of(part["functionCall"]) for part in parts if "functionCall" in part]
        self.left_out["hidden reasoning"] += sum(bool(part.get("thought")) for part in parts)
        texts = [
            text
            for part in parts
            if not part.get("thought") and (text := text_of(part.get("text")))
        ]
        if texts:
            yield Turn(
                line=line,
                id=id_of(record),
                said="assistant",
                text="\n\n".join(texts),
                time=time,
                final=False if calls else None,
            )
        for number, call in enumerate(calls):
            yield ToolCall(
                line=line,
                id=text_of(call.get("id")) or f"{id_of(record)}/{number}",
                name=text_of(call.get("name")) or "tool",
                input=call.get("args"),
                time=time,
            )

    def counted(self) -> Iterator[Record]:
        """Yield what was left out."""
        for why, count in sorted((+self.left_out).items()):
            yield Skipped(line=self.key, why=why, count=count)


def asked_in(record: dict[str, Any]) -> str | None:
    """Return what a person asked, or an agent was given; None for notices."""
    if kind_of(record) != "user" or record.get("subtype"):
        return None
    if kind_of(record, "provenance") not in {"", "real_user"}:
        return None
    parts = objects_of(object_of(record.get("message")).get("parts"))
    given = (text for part in parts if (text := text_of(part.get("text"))))
    texts = (without_elements(text, *_PUT_IN) for text in without_referenced(given))
    text = "\n\n".join(filter(str.strip, texts)).strip()
    return text if text and not text.startswith("<task-notification>") else None


def _results(record: dict[str, Any], line: str, time: datetime | None) -> Iterator[Record]:
    told = object_of(record.get("toolCallResult"))
    for part in objects_of(object_of(record.get("message")).get("parts")):
        response = object_of(part.get("functionResponse"))
        if response:
            given = object_of(response.get("response"))
            output = output_of(given.get("output", given.get("error", given)))
            failed = failed_by(_EXIT.search(output))
            if told.get("status") == "error" or "error" in given:
                failed = True
            yield ToolResult(
                line=line,
                call_id=text_of(response.get("id")) or text_of(told.get("callId")) or "",
                given=output,
                failed=failed,
                time=time,
            )


def summary_of(record: dict[str, Any], line: str, time: datetime | None) -> Iterator[Summary]:
    """Yield a compression's summary: the first text of the history that took the place of all."""
    payload = object_of(record.get("systemPayload"))
    for content in objects_of(payload.get("compressedHistory")):
        for part in objects_of(content.get("parts")):
            text = text_of(part.get("text"))
            if text and content.get("role") == "user" and not text.startswith("<session_context"):
                text = without_last_lines(text, _GO_ON)
                yield Summary(line=line, id=id_of(record), text=text, time=time)
                return
    text = text_of(payload.get("summary"))
    if text:
        yield Summary(line=line, id=id_of(record), text=text, time=time)
