"""Spans on their way into the log: a file a trace, so that none is lost while a trace is not whole.

A span ends, and is sent, before the one that it hangs on. Until that one came nobody can say whose
branch an agent is. The files are kept for a while: a batch that is sent again finds its trace.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch.errors import TooManyRequests, from_os_error
from anabranch.importers.files.lines import records as records_in
from anabranch.importers.mapping.redaction import Redaction
from anabranch.importers.readers.spans.openinference import is_wanted
from anabranch.importers.records.model import Broken
from anabranch.importers.records.spans import (
    KINDS,
    attributes_of,
    spans_in,
    structured,
    trace_id_of,
)
from anabranch.importers.records.values import object_of, objects_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from anabranch.importers.records.spans import Span

SPOOL_BYTES_MAX: Final = 512 * 1024 * 1024
KEPT_S: Final = 3600.0
KEPT_WITHOUT_AGENTS_S: Final = 120.0
RETRY_AFTER_S: Final = 2.0
"""The pause that a sender is asked for.

OpenTelemetry's exporters have 10 s for an export with all its tries, and drop at once what is to
come later (findings/otlp_exporters_drop_what_is_to_come_later.sh).
"""
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_KEPT: Final = ("gen_ai.", "anabranch.")
_KEPT_ALSO: Final = frozenset(
    {
        "error.type",
        "session.id",
        "anthropic.message.stop_reason",
        "anthropic.tool_result.content",
    }
)
_KEPT_OF_MESSAGES: Final = frozenset({"content", "message"})
"""The attributes of the events `gen_ai.*` that hold what was said; other events' are not ours."""
_LARGE: Final = frozenset({"gen_ai.system_instructions", "gen_ai.tool.definitions"})
_DROPPED: Final = ("droppedAttributesCount", "droppedEventsCount")
_OF_RESOURCE: Final = frozenset({"service.name", "service.version"})


@dataclass(slots=True)
class Trace:
    """A trace, as far as it is known without reading its file.

    `began` is when its first span did, `came` when the last one came.
    """

    path: Path
    came: float
    began: float = math.inf
    bytes: int = 0
    ids: set[str] = field(default_factory=set[str])
    parents: set[str] = field(default_factory=set[str])
    speaks: bool = False

    @property
    def is_whole(self) -> bool:
        """True where each span that another hangs on has come."""
        return self.parents <= self.ids

    def learn(self, span: Span) -> None:
        """Take note of a span."""
        self.ids.add(span.id)
        if span.began is not None:
            self.began = min(self.began, span.began.timestamp())
        if span.parent_id is not None:
            self.parents.add(span.parent_id)
        self.speaks = self.speaks or any(span.text(name) for name in KINDS)


class SpanSpool:
    """The files of the traces in a folder. Of secrets nothing is written."""

    def __init__(
        self,
        folder: Path,
        *,
        bytes_max: int = SPOOL_BYTES_MAX,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._clock = clock
        self._redaction = Redaction()
        self.traces: dict[str, Trace] = {}

    def open(self) -> None:
        """Make the folder, and learn what an earlier process left in it. Raises HomeUnwritable."""
        try:
            self._folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            paths = sorted(self._folder.glob("*.jsonl"))
        except OSError as error:
            raise from_os_error(error, self._folder) from error
        for path in paths:
            told = path.stat()
            trace = self.traces[path.stem] = Trace(path, came=told.st_mtime, bytes=told.st_size)
            for found in records_in(path):
                for span in () if isinstance(found, Broken) else spans_in(found[1]):
                    trace.learn(span)

    def now(self) -> float:
        """Return the time by which it is known when a span came."""
        return self._clock()

    def keep(self, request: Mapping[str, Any]) -> tuple[set[str], int]:
        """Write the spans of a request; return their traces, and how many have no valid ids.

        Raises TooManyRequests where too much is waiting, HomeFull, HomeUnwritable.
        """
        lines: dict[str, list[bytes]] = {}
        learned: list[Span] = []
        told = 0
        for part in objects_of(request.get("resourceSpans")):
            spans = [
                span
                for scope in objects_of(part.get("scopeSpans"))
                for span in objects_of(scope.get("spans"))
            ]
            told += len(spans)
            resource = attributes_of(object_of(part.get("resource")).get("attributes"))
            for trace_id, kept in self._by_trace(spans).items():
                line = _request({k: v for k, v in resource.items() if k in _OF_RESOURCE}, kept)
                found = list(spans_in(line))
                learned += found
                if found:
                    lines.setdefault(trace_id, []).append(orjson.dumps(line) + b"\n")
        held = sum(trace.bytes for trace in self.traces.values())
        if held + sum(len(one) for parts in lines.values() for one in parts) > self._bytes_max:
            raise TooManyRequests(
                RETRY_AFTER_S,
                message="more spans wait to be imported than are taken",
                fix="send them again later",
            )
        for trace_id, parts in lines.items():
            self._append(trace_id, b"".join(parts))
        for span in learned:
            self.traces[span.trace_id].learn(span)
        return set(lines), told - len(learned)

    def drop_old(self, *, waiting: Collection[str] = ()) -> None:
        """Remove traces to which nothing came for an hour; sooner those that have no agent.

        Agents whose traces are `waiting` to be imported stay, however long the log is away.
        """
        now = self._clock()
        for trace_id, trace in list(self.traces.items()):
            if trace.speaks and trace_id in waiting:
                continue
            if now - trace.came > (KEPT_S if trace.speaks else KEPT_WITHOUT_AGENTS_S):
                trace.path.unlink(missing_ok=True)
                del self.traces[trace_id]

    def _by_trace(self, spans: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for span in spans:
            trace_id = trace_id_of(span)
            if trace_id is not None:
                found.setdefault(trace_id, []).append(self._slim(span))
        return found

    def _slim(self, span: dict[str, Any]) -> dict[str, Any]:
        """Return what is needed of a span: of one that is no agent's only what it hangs on."""
        links = ("traceId", "spanId", "parentSpanId", "startTimeUnixNano", "endTimeUnixNano")
        slim: dict[str, Any] = {name: span[name] for name in links if name in span}
        attributes = attributes_of(span.get("attributes"))
        if not any(name in attributes for name in KINDS):
            return slim
        status = object_of(span.get("status"))
        return {
            **slim,
            **{name: span[name] for name in _DROPPED if name in span},
            "name": self._redaction.value(str(span.get("name", ""))),
            "status": {
                "code": status.get("code", 0),
                "message": self._redaction.value(str(status.get("message", ""))),
            },
            "attributes": list(self._attributes(attributes)),
            "events": [self._slim_event(event) for event in objects_of(span.get("events"))],
        }

    def _slim_event(self, event: dict[str, Any]) -> dict[str, Any]:
        name = str(event.get("name", ""))
        also = _KEPT_OF_MESSAGES if name.startswith("gen_ai.") else frozenset[str]()
        attributes = attributes_of(event.get("attributes"))
        return {
            "name": name,
            "timeUnixNano": event.get("timeUnixNano"),
            "attributes": list(self._attributes(attributes, also=also)),
        }

    def _attributes(
        self, attributes: Mapping[str, Any], *, also: frozenset[str] = frozenset()
    ) -> Iterator[dict[str, Any]]:
        for name, value in attributes.items():
            wanted = (
                name.startswith(_KEPT)
                or name in _KEPT_ALSO
                or name in also
                or is_wanted(name, attributes)
            )
            if wanted and name not in _LARGE and value is not None:
                clean = self._redaction.value(structured(value))
                yield _attribute(name, clean)

    def _append(self, trace_id: str, data: bytes) -> None:
        """Write whole lines to a trace's file, after half a one that a killed process left."""
        path = self._folder / f"{trace_id}.jsonl"
        try:
            with open(path, "ab+", opener=_for_its_owner) as file:
                end = file.seek(0, os.SEEK_END)
                if end:
                    file.seek(end - 1)
                    data = data if file.read(1) == b"\n" else b"\n" + data
                file.write(data)
        except OSError as error:
            raise from_os_error(error, self._folder) from error
        trace = self.traces.setdefault(trace_id, Trace(path, came=0))
        trace.came = self._clock()
        trace.bytes += len(data)


def _request(resource: Mapping[str, Any], spans: list[dict[str, Any]]) -> dict[str, Any]:
    told = {"attributes": [_attribute(name, value) for name, value in resource.items()]}
    return {"resourceSpans": [{"resource": told, "scopeSpans": [{"spans": spans}]}]}


def _attribute(name: str, value: Any) -> dict[str, Any]:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return {"key": name, "value": {"stringValue": text}}


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, _FILE_MODE)
