"""Transcripts as one neutral model: lines of talk that open, say things, call tools and end.

A reader yields these records in an order that a log can take. A line opens after its parent, at the
place in the parent's own records where it left; whatever it inherited is not repeated.

A transcript gives thousands, so each is a struct, which is made in a seventh of a dataclass's time.
They hold JSON and have no cycles, so Python looks for none among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from anabranch.importers.records.values import output_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from pydantic import JsonValue

Kind: TypeAlias = Literal["main", "subagent", "fork", "abandoned", "memory"]
"""Of a line: a conversation, a sub-agent, a copy that went on, a rewound part, a store of facts."""

Said: TypeAlias = Literal["user", "assistant"]


How: TypeAlias = Literal["completed", "cancelled", "failed"]
"""Of a line's end."""


class Opened(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line of talk begins. `key` names it within the tool; `parent` is the key of another.

    `source_id` is the tool's own id, None where it gives none. Without a `task` the first text of
    the user is the task. A `silent` line becomes a session though nothing is said in it.
    """

    key: str
    source_id: str | None
    kind: Kind = "main"
    parent: str | None = None
    task: str | None = None
    role: str | None = None
    model: str | None = None
    time: datetime | None = None
    attributes: Mapping[str, JsonValue] = msgspec.field(default_factory=dict)
    silent: bool = False


class Turn(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A text that the user or the assistant said. `id` is the record's own, unique in the tool.

    `final` says that the assistant's turn ends with it; None is not known.
    """

    line: str
    id: str
    said: Said
    text: str
    time: datetime | None = None
    final: bool | None = None


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tool that the assistant called, or a command that the user ran."""

    line: str
    id: str
    name: str
    input: JsonValue = None
    time: datetime | None = None
    by: Said = "assistant"


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The output of a call; `failed` is None where the transcript does not say.

    Most outputs are never looked at. `given` is one as it stands in the transcript, a text, parts
    or any JSON; a reader may leave it undecoded.
    """

    line: str
    call_id: str
    given: Any
    failed: bool | None = None
    time: datetime | None = None

    @property
    def output(self) -> str:
        """The output as text."""
        return output_of(self.given)


class Boundary(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A turn of the assistant has ended, though no user spoke: a notice woke it again."""

    line: str


class Summary(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The tool replaced what was said so far by a summary; the line goes on."""

    line: str
    id: str
    text: str
    time: datetime | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A text that stands for itself: an observation of a memory file, a hand-off note."""

    line: str
    id: str
    text: str
    kind: str
    entities: tuple[str, ...] = ()
    subject: str | None = None
    time: datetime | None = None


class Described(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something about a line that became known after it opened."""

    line: str
    model: str | None = None
    attributes: Mapping[str, JsonValue] = msgspec.field(default_factory=dict)


class Ended(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line ended. Without a `result` the last text of the assistant is the result."""

    line: str
    how: How = "completed"
    result: str | None = None
    reason: str | None = None
    started: datetime | None = None
    time: datetime | None = None


class Skipped(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Records that are left out on purpose; `why` is a short kind that is counted."""

    line: str | None
    why: str
    count: int = 1


class Unknown(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A kind of record, or a field, that the reader does not know: counted, never an error."""

    line: str | None
    what: str
    version: str | None = None


class Broken(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line of a file that cannot be read; 0 is all of it. Nothing `more` may have been read."""

    path: Path
    number: int
    reason: str
    more: bool = True


Record: TypeAlias = (
    Opened
    | Turn
    | ToolCall
    | ToolResult
    | Boundary
    | Summary
    | Fact
    | Described
    | Ended
    | Skipped
    | Unknown
    | Broken
)
