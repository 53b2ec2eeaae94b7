"""Pydantic AI: the messages of a conversation as its `all_messages_json` writes them, a JSON list.

The library keeps no files: a program saves the list where it likes, most often after each run.
"""

from __future__ import annotations

import re
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.candidates import HEAD_BYTES
from anabranch.importers.files.lines import items, plain_name
from anabranch.importers.reader import Source
from anabranch.importers.records.model import (
    Broken,
    Described,
    Opened,
    Skipped,
    Summary,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from anabranch.importers.records.values import (
    json_of,
    kind_of,
    list_of,
    object_of,
    objects_of,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import msgspec

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record

_MESSAGES: Final = re.compile(rb'\s*\[\s*\{\s*"parts"\s*:\s*\[\s*(?:\{\s*("content"\s*:)?|\])')
_KIND: Final = re.compile(rb'(?<!\\)"(?:part_kind"\s*:|kind"\s*:\s*"(?:request|response)")')
_SILENT: Final = re.compile(
    r"compaction|system-prompt|thinking|file|speech|retry-feedback|(builtin|native)-tool-.*|instruction.*|.*-delta"
)
_WHOLE: Final = (None, "complete")
"""The states of a message that was read to its end; older releases wrote none."""
_LEFT_OUT: Final = {"system-prompt": "system prompt", "thinking": "hidden reasoning"}


class PydanticAiReader:
    """Reads the messages that Pydantic AI wrote as JSON."""

    tool = "pydantic-ai"
    versions = "2.66.0"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return nothing: a program chooses where it saves them."""
        del home, environment
        return []

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the beginning: a list of messages, each with its parts first, and their kind.

        A kind stands behind its text. That may fill the beginning, and has a name of its own.
        """
        found = _MESSAGES.match(candidate.head) if candidate.suffix == ".json" else None
        if found is None:
            return False
        is_long = len(candidate.head) >= HEAD_BYTES and found[1] is not None
        return is_long or _KIND.search(candidate.head) is not None

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a file."""
        return [Source(self.tool, (path,)) for path in files]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of a file; the messages are held in memory as they stand."""
        messages = items(source.path)
        if isinstance(messages, Broken):
            yield messages
            return
        talk = _Talk(_named_in(messages) or _name_of(source.path, messages))
        for raw in messages:
            yield from talk.message(object_of(json_of(bytes(raw))))
        yield from talk.counted()


def _named_in(messages: Sequence[msgspec.Raw]) -> str | None:
    """Return the conversation of the first message that names one: those before it are of it.

    A message that a history processor puts before them has no id, or that of the prompt behind it.
    """
    told = (object_of(json_of(bytes(raw))).get("conversation_id") for raw in messages)
    return next((name for one in told if (name := text_of(one))), None)


def _name_of(path: Path, messages: Sequence[msgspec.Raw]) -> str:
    """Return the name of a conversation without an id: many files have the same, so more than it.

    The first message has its time, and stays while the list grows.
    """
    first = sha256(bytes(messages[0]) if messages else b"").hexdigest()[:16]
    return f"{plain_name(path).removesuffix('.json')}@{first}"


class _Talk:
    """The conversation of a file. Messages under another id are one that went on from it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._opened: set[str] = set()
        self._line: str | None = None
        self._model: str | None = None
        self._number = 0
        self._asked: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()

    def message(self, message: dict[str, Any]) -> Iterator[Record]:
        """Yield what a message says."""
        key = text_of(message.get("conversation_id")) or self._line or self._name
        time = time_of(message.get("timestamp"))
        if key not in self._opened:
            yield self._opening(key, time)
        self._line = key
        self._number += 1
        self._left_out["instructions"] += text_of(message.get("instructions")) is not None
        run = text_of(message.get("run_id")) or ""
        moment = time.isoformat() if run and time else str(self._number)
        message_id = f"{key}/{run}/{moment}"
        match kind_of(message, "kind"):
            case "request":
                yield from self._request(message, message_id, time)
            case "response":
                yield from self._response(message, message_id, time)
            case kind:
                yield Unknown(line=self._line, what=f"message {kind}")

    def counted(self) -> Iterator[Record]:
        """Yield what was left out."""
        for why, count in sorted((+self._left_out).items()):
            yield Skipped(line=self._line, why=why, count=count)

    def _opening(self, key: str, time: datetime | None) -> Opened:
        self._opened.add(key)
        return Opened(
            key=key,
            source_id=key,
            kind="fork" if self._line else "main",
            parent=self._line,
            time=time,
        )

    def _request(
        self, message: dict[str, Any], message_id: str, time: datetime | None
    ) -> Iterator[Record]:
        line = self._line or ""
        for number, part in enumerate(objects_of(message.get("parts"))):
            at = time_of(part.get("timestamp")) or time
            match kind_of(part, "part_kind"):
                case "user-prompt":
                    text = _asked(part.get("content"))
                    if text:
                        told = time_of(part.get("timestamp"))
                        record_id = self._prompt_id(told) if told else f"{message_id}/{number}"
                        yield Turn(line=line, id=record_id, said="user", text=text, time=at)
                case "tool-return":
                    yield _result(part, line, at, failed=part.get("outcome") == "failed")
                case "retry-prompt" if text_of(part.get("tool_name")):
                    yield _result(part, line, at, failed=True)
                case "retry-prompt":
                    self._left_out["retry"] += 1
                case "compaction" if text := text_of(part.get("content")):
                    digest = sha256(text.encode()).hexdigest()[:16]
                    yield Summary(line=line, id=f"{line}/summary/{digest}", text=text, time=at)
                case kind:
                    yield from self._other(kind)

    def _prompt_id(self, time: datetime) -> str:
        """Return an id of a prompt by its own time.

        It loses its run and its place when a history processor puts a message before it.
        """
        asked = f"{self._line}/asked/{time.isoformat()}"
        self._asked[asked] += 1
        return f"{asked}/{self._asked[asked]}"

    def _response(
        self, message: dict[str, Any], message_id: str, time: datetime | None
    ) -> Iterator[Record]:
        line = self._line or ""
        model = text_of(message.get("model_name"))
        if model and model != self._model:
            self._model = model
            yield Described(line=line, model=model)
        parts = objects_of(message.get("parts"))
        calls = [part for part in parts if kind_of(part, "part_kind") == "tool-call"]
        said = [part for part in parts if kind_of(part, "part_kind") == "text"]
        texts = [text for part in said if (text := text_of(part.get("content")))]
        if texts:
            # A stream that was left leaves half an answer, which may say the opposite of the whole.
            text, final = "\n\n".join(texts), not calls and message.get("state") in _WHOLE
            yield Turn(
                line=line, id=message_id, said="assistant", text=text, time=time, final=final
            )
        for number, part in enumerate(calls):
            given = part.get("args")
            yield ToolCall(
                line=line,
                id=text_of(part.get("tool_call_id")) or f"{message_id}/{number}",
                name=text_of(part.get("tool_name")) or "tool",
                input=json_of(given) if isinstance(given, str) else given,
                time=time,
            )
        for number, part in enumerate(parts):
            kind, content = kind_of(part, "part_kind"), text_of(part.get("content"))
            if kind == "compaction" and content:
                yield Summary(line=line, id=f"{message_id}/{number}", text=content, time=time)
            elif kind not in {"text", "tool-call"}:
                yield from self._other(kind)

    def _other(self, kind: str) -> Iterator[Record]:
        """Count a part that says nothing here: a tool of the provider, a file, what was set."""
        if _SILENT.fullmatch(kind):
            self._left_out[_LEFT_OUT.get(kind, kind)] += 1
        else:
            yield Unknown(line=self._line, what=f"part {kind}")


def _asked(content: Any) -> str | None:
    """Return the text of a prompt: itself, or the texts among its pictures and documents."""
    if isinstance(content, str):
        return text_of(content)
    texts = [
        one if isinstance(one, str) else object_of(one).get("content") for one in list_of(content)
    ]
    return "\n\n".join(text for one in texts if (text := text_of(one))) or None


def _result(part: dict[str, Any], line: str, time: datetime | None, *, failed: bool) -> ToolResult:
    return ToolResult(
        line=line,
        call_id=text_of(part.get("tool_call_id")) or "",
        given=part.get("content"),
        failed=failed or None,
        time=time,
    )
