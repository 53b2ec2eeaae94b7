"""Exports of ChatGPT and Claude.ai: arrays of conversations, each a tree of messages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anabranch.importers.files.lines import items
from anabranch.importers.reader import Source
from anabranch.importers.readers.abandoned import Course
from anabranch.importers.records.chains import END, Node
from anabranch.importers.records.model import Broken, Described, Opened, Skipped, Turn
from anabranch.importers.records.values import (
    json_of,
    list_of,
    object_of,
    objects_of,
    said_in,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record, Said

_REASON = "another version was chosen"


@dataclass(frozen=True, slots=True)
class _Message:
    """A message of a tree; `said` and `text` are None for what nobody is shown."""

    id: str
    parent: str | None
    said: Said | None
    text: str | None
    time: datetime | None
    model: str | None = None


class _Export(ABC):
    """The base of both exports: they are read an array at a time."""

    tool: str
    mark: bytes

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return nothing: an export lies where it was saved."""
        del home, environment
        return []

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the name and the first fields."""
        named = candidate.name.startswith("conversations") and candidate.suffix == ".json"
        return named and candidate.head.lstrip().startswith(b"[") and self.mark in candidate.head

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a file."""
        return [Source(self.tool, (path,)) for path in files]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of all conversations; the file is held in memory as it is."""
        found = items(source.path)
        if isinstance(found, Broken):
            yield found
            return
        for raw in found:
            conversation = object_of(json_of(bytes(raw)))
            if conversation:
                yield from self.conversation(conversation)

    @abstractmethod
    def conversation(self, conversation: dict[str, Any]) -> Iterator[Record]:
        """Yield the records of one conversation."""


class ChatGptReader(_Export):
    """Reads the export of ChatGPT: `conversations.json`, or several with numbers."""

    tool = "chatgpt"
    versions = "export of 2026"
    mark = b'"mapping"'

    def conversation(self, conversation: dict[str, Any]) -> Iterator[Record]:
        """Yield a conversation: the line to its current node lives, others were abandoned."""
        key = text_of(conversation.get("conversation_id")) or text_of(conversation.get("id"))
        mapping = object_of(conversation.get("mapping"))
        if not key or not mapping:
            return
        current = text_of(conversation.get("current_node"))
        messages = [_chatgpt_message(node) for node in _in_order(mapping, current)]
        yield from _told(key, time_of(conversation.get("create_time")), messages, current=current)


class ClaudeAiReader(_Export):
    """Reads the export of Claude.ai: `conversations.json`."""

    tool = "claude-ai"
    versions = "export of 2026"
    mark = b'"chat_messages"'

    def conversation(self, conversation: dict[str, Any]) -> Iterator[Record]:
        """Yield a conversation: the line to its last message lives."""
        key = text_of(conversation.get("uuid"))
        messages = [_claude_message(one) for one in objects_of(conversation.get("chat_messages"))]
        if key and messages:
            time = time_of(conversation.get("created_at"))
            yield from _told(key, time, messages, current=messages[-1].id)


def _told(
    key: str, time: datetime | None, messages: list[_Message], *, current: str | None
) -> Iterator[Record]:
    yield Opened(key=key, source_id=key, time=time)
    known = {message.id for message in messages}

    def nodes() -> Iterator[Node]:
        for message in messages:
            parent = message.parent if message.parent in known else None
            yield Node(message.id, parent, message.text is not None, restarts=True)
        if current in known:
            yield Node(END, current, speaks=False)

    course = Course(key, nodes)
    left_out = 0
    model: str | None = None
    for message in messages:
        yield from course.at(message.id, message.time)
        if message.model and message.model != model:
            model = message.model
            yield Described(line=key, model=model)
        if message.said and message.text:
            yield Turn(
                line=course.line,
                id=message.id,
                said=message.said,
                text=message.text,
                time=message.time,
            )
        else:
            left_out += 1
        yield from course.left(message.time, reason=_REASON)
    if left_out:
        yield Skipped(line=key, why="message that is not shown", count=left_out)


def _in_order(mapping: dict[str, Any], current: str | None) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a tree, parents first, and of children the one that lives last."""
    nodes = {name: object_of(node) for name, node in mapping.items()}
    living: set[str] = set()
    name = current
    while name in nodes and name not in living:
        living.add(name)
        name = text_of(nodes[name].get("parent"))
    todo = [name for name, node in nodes.items() if text_of(node.get("parent")) not in nodes]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        yield {"id": name, **nodes[name]}
        children = [str(child) for child in list_of(nodes[name].get("children"))][::-1]
        children.sort(key=lambda child: child not in living)
        todo += children


def _chatgpt_message(node: dict[str, Any]) -> _Message:
    message = object_of(node.get("message"))
    role = text_of(object_of(message.get("author")).get("role"))
    content = object_of(message.get("content"))
    metadata = object_of(message.get("metadata"))
    hidden = metadata.get("is_visually_hidden_from_conversation")
    shown = role in {"user", "assistant"} and not hidden
    texts = [text for part in list_of(content.get("parts")) if (text := text_of(part))]
    is_text = text_of(content.get("content_type")) in {"text", "multimodal_text"}
    said: Said = "user" if role == "user" else "assistant"
    return _Message(
        id=str(node.get("id")),
        parent=text_of(node.get("parent")),
        said=said if shown else None,
        text="\n\n".join(texts) or None if shown and is_text else None,
        time=time_of(message.get("create_time")),
        model=text_of(metadata.get("model_slug")),
    )


def _claude_message(message: dict[str, Any]) -> _Message:
    sender = text_of(message.get("sender"))
    said: Said = "user" if sender == "human" else "assistant"
    return _Message(
        id=str(message.get("uuid")),
        parent=text_of(message.get("parent_message_uuid")),
        said=said if sender in {"human", "assistant"} else None,
        text=said_in(message.get("content")) or text_of(message.get("text")),
        time=time_of(message.get("created_at")),
    )
