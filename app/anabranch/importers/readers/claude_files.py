"""The files of Claude Code: a session's, its agents', and the places of records in their chain."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
import orjson

from anabranch.importers.files.lines import Line, parsed, plain_name
from anabranch.importers.files.lines import lines as lines_in
from anabranch.importers.records.families import Head, Link
from anabranch.importers.records.model import Broken
from anabranch.importers.records.values import json_of, kind_of, object_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from anabranch.importers.files.lines import ReadLines

CHAINED: Final = frozenset({"user", "assistant", "system", "attachment", "progress"})
BOOKKEEPING: Final = frozenset(
    {
        "agent-color",
        "agent-name",
        "agent-setting",
        "ai-title",
        "api-request",
        "api-request-blob",
        "api-request-resumed",
        "api-request-shape",
        "artifact-autoreact-ledger",
        "artifact-comment-monitor",
        "atis-latch",
        "attribution-snapshot",
        "bridge-session",
        "content-replacement",
        "continued-in",
        "cost-state",
        "custom-title",
        "data-flow-incomplete",
        "data-flow-records",
        "derived-from",
        "dev-mods",
        "ended-by-model",
        "file-history-delta",
        "file-history-snapshot",
        "fork-context-ref",
        "frame-link",
        "history-suppression",
        "host-row",
        "hybrid-organization",
        "isolation-latch",
        "last-prompt",
        "launched",
        "memory-mode",
        "mode",
        "observer-ref",
        "permission-mode",
        "pr-link",
        "queue-operation",
        "relocated",
        "result",
        "resume-head-vouch",
        "rewind-pointer",
        "session-owner",
        "started",
        "summary",
        "tag",
        "tools-used",
        "worktree-state",
    }
)
_KIND: Final = re.compile(rb'\{"type":"([a-z-]+)"')
_SESSION: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LATE: Final = datetime.max.replace(tzinfo=UTC)
_RESULT: Final = b'"type":"tool_result"'
_HAS_RESULT: Final = re.compile(_RESULT).search
_UNREADABLE: Final = (ValueError, RecursionError)
"""For lines that msgspec cannot decode; its own errors are ValueErrors."""


def is_claude(record: dict[str, Any]) -> bool:
    """Tell by its fields whether a record is one of Claude Code."""
    if "sessionId" not in record:
        needed = {"summary": "leafUuid", "fork-context-ref": "parentSessionId"}
        return needed.get(str(kind_of(record)), "") in record
    return kind_of(record) in BOOKKEEPING or ("uuid" in record and kind_of(record) in CHAINED)


def is_other(record: dict[str, Any]) -> bool:
    """Tell whether a record is of a tool that has fields in common: Gemini CLI, or Qwen Code."""
    return (
        "projectHash" in record
        or "provenance" in record
        or "parts" in object_of(record.get("message"))
    )


def is_agent(path: Path) -> bool:
    """Tell whether a file is a sub-agent's."""
    return plain_name(path).startswith("agent-")


def owner_of(path: Path, read: ReadLines = lines_in) -> str:
    """Return the session that an agent's file belongs to: its folder; in old releases a field."""
    for folder in path.parents:
        if folder.name == "subagents":
            return folder.parent.name
    return head_of(path, read).session_id


def agent_id(path: Path) -> str:
    """Return the id of the agent whose file it is."""
    return plain_name(path).removeprefix("agent-").removesuffix(".jsonl")


def records_in(path: Path, read: ReadLines) -> Iterator[dict[str, Any] | Broken | str]:
    """Yield records; of bookkeeping only its kind, which is seen without parsing."""
    for line in read(path):
        yield line if isinstance(line, Broken) else record_in(path, line)


def record_in(path: Path, line: Line) -> dict[str, Any] | Broken | str:
    """Return the record on a line; of bookkeeping only its kind, which is seen without parsing."""
    kind = _KIND.match(line.data)
    if kind and (name := kind[1].decode()) in BOOKKEEPING:
        return name
    return parsed(path, line)


class Result(msgspec.Struct, gc=False):
    """The result of a tool in a user's message, its output undecoded."""

    type: Literal["tool_result"]
    tool_use_id: str | None = None
    is_error: bool | None = None
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Message(msgspec.Struct, gc=False):
    content: Annotated[tuple[Result, ...], msgspec.Meta(min_length=1)]


class _Told(msgspec.Struct, gc=False):
    agentId: Any = None  # noqa: N815 - the tool's own names.
    runId: Any = None  # noqa: N815 - As above.

    @property
    def names_agents(self) -> bool:
        return self.agentId is not None or self.runId is not None


class Results(msgspec.Struct, gc=False):
    """A record of the chain that holds results of tools, and nothing else that is looked at.

    Most of a transcript's bytes stand in such records. Those that say more, that they are a copy,
    a notice, or an agent's result, are no such record.
    """

    type: Literal["user"]
    uuid: str
    message: _Message
    timestamp: str | None = None
    isSidechain: bool | None = None  # noqa: N815 - the tool's own names.
    isMeta: None = None  # noqa: N815 - As above.
    isCompactSummary: None = None  # noqa: N815 - As above.
    forkedFrom: None = None  # noqa: N815 - As above.
    origin: None = None
    turnOrigin: None = None  # noqa: N815 - As above.
    promptSource: None = None  # noqa: N815 - As above.
    toolUseResult: _Told | tuple[msgspec.Raw, ...] | str | None = None  # noqa: N815 - As above.


_decode_results: Final = msgspec.json.Decoder(Results).decode


def results_in(line: Line) -> Results | None:
    """Return the results on a line, if it holds nothing else; what cannot be read is none."""
    data = line.data
    if _RESULT not in data:
        return None
    try:
        found = _decode_results(data)
        if not data.isascii():
            data.decode()  # An output that is passed over must be text as well.
    except _UNREADABLE:
        return None
    told = found.toolUseResult
    return None if isinstance(told, _Told) and told.names_agents else found


class _Kept(msgspec.Struct, gc=False):
    """The records that a compaction left as they were, and the one that they hang on since."""

    anchorUuid: str | None = None  # noqa: N815 - the tool's own names.
    tailUuid: str | None = None  # noqa: N815 - As above.


class _Compacted(msgspec.Struct, gc=False):
    """The part of what a compaction says of itself that places it."""

    preservedSegment: _Kept | None = None  # noqa: N815 - the tool's own name.


class Place(msgspec.Struct, gc=False):
    """The fields that place a record in its chain; the rest is not taken apart."""

    type: str | None = None
    uuid: str | None = None
    parentUuid: str | None = None  # noqa: N815 - the tool's own names.
    logicalParentUuid: str | None = None  # noqa: N815 - As above.
    isSidechain: bool | None = None  # noqa: N815 - As above.
    compactMetadata: _Compacted | None = None  # noqa: N815 - As above.
    message: msgspec.Raw = msgspec.Raw(b"")

    @property
    def parent(self) -> str | None:
        """The record that it goes on after; None for the one before it in the file.

        A compaction names the record before what it summed up or kept. It goes on after both: what
        hangs on itself stood before that, and what hangs on its summary comes last.
        """
        kept = self.compactMetadata.preservedSegment if self.compactMetadata else None
        if self.parentUuid or kept is None:
            return self.parentUuid or self.logicalParentUuid
        is_before = kept.anchorUuid == self.uuid
        return None if is_before else kept.tailUuid or self.logicalParentUuid

    @property
    def may_ask(self) -> bool:
        """True where a person may have asked something in it: it holds no tool's result."""
        return self.type == "user" and _HAS_RESULT(self.message) is None


_decode_place: Final = msgspec.json.Decoder(Place).decode


def places_in(path: Path, read: ReadLines) -> Iterator[tuple[Place, Line]]:
    """Yield the records of the chain, as far as it takes to know their places, with their lines."""
    for line in read(path):
        if not isinstance(line, Broken) and (place := place_in(path, line)) is not None:
            yield place, line


def place_in(path: Path, line: Line) -> Place | None:
    """Return the place of the record on a line; None where it is not in the chain."""
    try:
        place = _decode_place(line.data)
    except _UNREADABLE:
        place = _place_of(record_of(path, line))
    return place if place.uuid is not None and place.type in CHAINED else None


def record_of(path: Path, line: Line) -> dict[str, Any]:
    """Return the record on a line; nothing where it cannot be read."""
    found = parsed(path, line)
    return {} if isinstance(found, Broken) else found


def _place_of(record: dict[str, Any]) -> Place:
    """Return the place of a record whose fields are of other types than they should be."""
    return Place(
        type=text_of(kind_of(record)),
        uuid=record["uuid"] if isinstance(record.get("uuid"), str) else None,
        parentUuid=text_of(record.get("parentUuid")),
        logicalParentUuid=text_of(record.get("logicalParentUuid")),
        isSidechain=bool(record.get("isSidechain")),
        compactMetadata=_compacted_of(record),
        message=msgspec.Raw(orjson.dumps(record.get("message"), default=str)),
    )


def _compacted_of(record: dict[str, Any]) -> _Compacted:
    kept = object_of(object_of(record.get("compactMetadata")).get("preservedSegment"))
    found = _Kept(text_of(kept.get("anchorUuid")), text_of(kept.get("tailUuid")))
    return _Compacted(found if kept else None)


def chained_in(path: Path, read: ReadLines = lines_in) -> Iterator[dict[str, Any]]:
    """Yield the records of the chain."""
    for record in records_in(path, read):
        if isinstance(record, dict) and is_chained(record):
            yield record


def is_chained(record: dict[str, Any]) -> bool:
    """Tell whether a record stands in the chain."""
    return kind_of(record) in CHAINED and isinstance(record.get("uuid"), str)


def link_of(record: dict[str, Any]) -> Link:
    """Return the place of a record of the chain, and what it was copied from."""
    return Link(
        record["uuid"],
        text_of(record.get("parentUuid")),
        copied_from(record),
        _origin_of(record),
    )


def id_of(record: dict[str, Any]) -> str:
    """Return a record's id; a copy with an id of its own has that of the first."""
    return copied_from(record) or str(record["uuid"])


def part_id(record: dict[str, Any], number: int) -> str:
    """Return the id of a part of a record; the first has that of the record."""
    return f"{id_of(record)}/{number}" if number else id_of(record)


def copies_anew(record: dict[str, Any]) -> bool:
    """Tell whether a release wrote a record that may give copies ids of their own."""
    return (text_of(record.get("version")) or "").startswith(("0.", "1."))


def message_id(record: dict[str, Any]) -> str | None:
    """Return the id that the model's service gave an answer: a copy keeps it."""
    return text_of(object_of(record.get("message")).get("id"))


def copied_from(record: dict[str, Any]) -> str | None:
    """Return the record of which this one says that it is a copy."""
    forked = record.get("forkedFrom")
    return None if forked is None else text_of(object_of(forked).get("messageUuid"))


def _origin_of(record: dict[str, Any]) -> str | None:
    """Return the session that a record was copied from; its own, where it was not."""
    forked = text_of(object_of(record.get("forkedFrom")).get("sessionId"))
    return forked or text_of(record.get("requestSessionId")) or text_of(record.get("sessionId"))


def head_of(path: Path, read: ReadLines = lines_in) -> Head:
    """Read a file until its first answer, which names the session it was first given to.

    The file has the session's name. Some releases left the origin's in records that were copied.
    """
    return head_in(path, records_in(path, read))


def head_in(path: Path, records: Iterable[dict[str, Any] | Broken | str]) -> Head:
    """Return the head that a file's records tell; they are taken as far as that needs."""
    head = Head(path, plain_name(path).removesuffix(".jsonl"))
    is_named = _SESSION.fullmatch(head.session_id) is not None
    for record in records:
        if not isinstance(record, dict):
            continue
        head.time = head.time or time_of(record.get("timestamp"))
        if not is_chained(record):
            continue
        if head.first_id is None:
            head.first_id = copied_from(record) or record["uuid"]
            if not is_named:
                head.session_id = text_of(record.get("sessionId")) or head.session_id
            head.project = text_of(record.get("cwd"))
        origin = _origin_of(record)
        head.origin = None if origin == head.session_id else origin
        if record["type"] == "assistant" and copies_anew(record):
            head.first_id = message_id(record) or head.first_id
        if head.origin or record["type"] == "assistant":
            break
    return head


def age_of(head: Head) -> datetime:
    """Return when a session began; one that tells no time comes last."""
    return head.time or _LATE


def beside(path: Path) -> Path:
    """Return the file that says of an agent what its own does not; that it ended, above all."""
    return path.with_name(f"agent-{agent_id(path)}.meta.json")


def meta_of(path: Path) -> dict[str, Any]:
    """Return what lies beside an agent's file."""
    try:
        return object_of(json_of(beside(path).read_bytes()))
    except OSError:
        return {}
