"""Messages of a graph of LangGraph: those that a checkpoint holds, or that were written beside it.

A checkpoint holds all messages of its thread, or none where they stand in a `DeltaChannel`. Then
what a step wrote lies beside the checkpoint that it began with. See
`findings/langgraph_checkpoints_of_a_deep_agent_hold_no_messages.sh`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch.importers.records.model import Skipped, Summary, ToolCall, ToolResult, Turn
from anabranch.importers.records.values import (
    kind_of,
    list_of,
    object_of,
    objects_of,
    said_in,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from anabranch.importers.records.model import Record

_START: Final = "__start__"
_MESSAGES: Final = "messages"
_SUMMED_UP: Final = "_summarization_event"
_HUMAN: Final = frozenset({"human", "user", "HumanMessage"})
_AI: Final = frozenset({"ai", "assistant", "AIMessage", "AIMessageChunk"})
_SPEAKERS: Final = _HUMAN | _AI
_ROLES: Final = _SPEAKERS | {"system", "tool"}
_REMOVED: Final = frozenset({"remove", "RemoveMessage"})
_ALL: Final = "__remove_all__"
_ALL_REMOVED: Final = {"type": "remove", "id": _ALL}
_AROUND_SUMMARY: Final = re.compile(
    r"Here is a summary of the conversation to date:\s*|"
    r"You are in the middle of a conversation that has been summarized\..*?<summary>\s*",
    re.DOTALL,
)


def held_in(channels: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the messages in the channels of a state."""
    for name, value in channels.items():
        if name != _START:
            yield from (one for one in objects_of(value) if _is_message(one))


def summary_in(channels: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary with which a deep agent's model went on: its messages all stay."""
    found = object_of(object_of(channels.get(_SUMMED_UP)).get("summary_message"))
    return found if _is_message(found) else {}


def written_in(values: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages in what a step wrote, by channel; to begin anew removes all others.

    A program may write a text, or a role and a text, for a message.
    """
    found: list[dict[str, Any]] = []
    for channel, written in values:
        value, is_whole = _overwriting(written)
        is_one = not isinstance(value, list) or _is_pair(value)
        messages = [
            message for one in ([value] if is_one else value) if (message := _message(channel, one))
        ]
        if is_whole and (messages or channel == _MESSAGES):
            found.append(_ALL_REMOVED)
        found += messages
    return found


def _overwriting(value: Any) -> tuple[Any, bool]:
    """Return what is written, and whether it is put in place of all that the channel had."""
    fields = object_of(value)
    if "__overwrite__" in fields:
        return fields["__overwrite__"], True
    if kind_of(fields) in {"__overwrite__", "Overwrite"}:
        return fields.get("value"), True
    return value, False


def _message(channel: str, value: Any) -> dict[str, Any] | None:
    if isinstance(value, dict):
        message = object_of(value)
        return message if _is_message(message) or kind_of(message) in _REMOVED else None
    if channel != _MESSAGES:
        return None
    if _is_pair(value):
        return {"type": value[0], "content": value[1]}
    return {"type": "human", "content": value} if isinstance(value, str) else None


def _is_pair(value: Any) -> bool:
    pair = list_of(value)
    return len(pair) == 2 and all(isinstance(one, str) for one in pair) and pair[0] in _ROLES


def _is_message(value: dict[str, Any]) -> bool:
    return "content" in value and ("type" in value or "role" in value)


class Heard:
    """Tells of each checkpoint's messages, oldest first, which its ancestors did not have.

    A checkpoint without a parent that was met goes on after the one before it.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._told: dict[str, list[_Told]] = {}
        self._places: dict[str | None, _Place] = {}
        self._counts: dict[str, int] = {}
        self._lengths: list[int] = []
        self._path: dict[int, int] = {}
        """The chains of checkpoints that the newest one stands on, and up to where in each."""
        self._paths: list[dict[int, int]] = []
        self._last = _Place(-1, -1)
        self._name = ""

    def of(
        self,
        name: str,
        channels: Mapping[str, Any],
        written: Iterable[dict[str, Any]],
        *,
        parent: str | None,
        is_counted: bool,
    ) -> Iterator[tuple[str, dict[str, Any], bool]]:
        """Yield each message of a checkpoint with an id, and whether it is new.

        One whose text was edited has an id of its own again. One without an id is known by its
        place and text. So it is kept how many the state of a checkpoint has that does not hold
        them, where `is_counted` says so.
        """
        self._go_to(name, parent)
        if summary := summary_in(channels):
            message_id = f"{self._key}/summary/{said_in(summary.get('content'))}"
            yield self._heard(message_id, summary)
        place = 0
        for place, message in enumerate(held_in(channels), start=1):
            yield self._heard(self._id_of(message, place - 1), message)
        place = place or self._counts.get(parent or "", 0)
        for message in written:
            message_id = self._id_of(message, place)
            if kind_of(message) in _REMOVED:
                is_there = self._on_path(message_id) is not None
                place = 0 if message_id == _ALL else max(0, place - is_there)
                continue
            place += self._on_path(message_id) is None
            yield self._heard(message_id, message)
        if is_counted:
            self._counts[name] = place

    def _go_to(self, name: str, parent: str | None) -> None:
        """Put a checkpoint behind its parent; where another one is already it begins a chain."""
        on = self._places.get(parent, self._last) if parent else self._last
        if on.chain >= 0 and on.place == self._lengths[on.chain] - 1:
            self._lengths[on.chain] += 1
            chain = on.chain
        else:
            chain = len(self._lengths)
            self._lengths.append(1)
            self._paths.append({**self._paths[on.chain], on.chain: on.place} if chain else {})
        if chain != self._last.chain:
            self._path = {**self._paths[chain]}
        self._last = self._places[name] = _Place(chain, self._lengths[chain] - 1)
        self._path[chain] = self._last.place
        self._name = name

    def _heard(self, message_id: str, message: dict[str, Any]) -> tuple[str, dict[str, Any], bool]:
        text = 0
        if (kind_of(message) or message.get("role")) in _SPEAKERS:
            content = message.get("content")
            text = hash(content if isinstance(content, str) else said_in(content))
        if self._on_path(message_id) == text:
            return message_id, message, False
        told = self._told.setdefault(message_id, [])
        again = f"{message_id}~{self._name}" if told else message_id
        told.append(_Told(self._last, text))
        return again, message, True

    def _on_path(self, message_id: str) -> int | None:
        """Return which text a message had last on the way to the newest checkpoint."""
        for told in reversed(self._told.get(message_id, ())):
            if told.at.place <= self._path.get(told.at.chain, -1):
                return told.text
        return None

    def _id_of(self, message: dict[str, Any], place: int) -> str:
        own = text_of(message.get("id"))
        return own or f"{self._key}/{place}/{said_in(message.get('content'))}"


class _Place(NamedTuple):
    """Where a checkpoint stands: in which chain of them, as which."""

    chain: int
    place: int


class _Told(NamedTuple):
    """Where a message was met, and the hash of its text."""

    at: _Place
    text: int


def said(
    message: dict[str, Any], message_id: str, line: str, time: datetime | None
) -> Iterator[Record]:
    """Yield what a message says."""
    kind = str(kind_of(message) or message.get("role"))
    text = said_in(message.get("content"))
    if kind in _HUMAN and text:
        yield _asked(message, message_id, line, time, text)
    elif kind in _AI:
        calls = objects_of(message.get("tool_calls"))
        if text:
            yield Turn(
                line=line,
                id=message_id,
                said="assistant",
                text=text,
                time=time,
                final=not calls,
            )
        for number, call in enumerate(calls):
            yield ToolCall(
                line=line,
                id=text_of(call.get("id")) or f"{message_id}/{number}",
                name=text_of(call.get("name")) or "tool",
                input=call.get("args"),
                time=time,
            )
    elif kind in {"tool", "ToolMessage"}:
        yield ToolResult(
            line=line,
            call_id=text_of(message.get("tool_call_id")) or "",
            given=message.get("content"),
            failed=message.get("status") == "error",
            time=time,
        )
    else:
        yield Skipped(line=line, why=f"{kind} message")


def _asked(
    message: dict[str, Any], message_id: str, line: str, time: datetime | None, text: str
) -> Record:
    """Return what a person asked, or what a program put in: LangChain 1.x marks all of it."""
    source = object_of(message.get("additional_kwargs")).get("lc_source")
    if source == "summarization":
        around = _AROUND_SUMMARY.match(text)
        bare = text[around.end() :].strip().removesuffix("</summary>").strip() if around else text
        return Summary(line=line, id=message_id, text=bare, time=time)
    if isinstance(source, str):
        return Skipped(line=line, why="message of the program")
    return Turn(line=line, id=message_id, said="user", text=text, time=time)
