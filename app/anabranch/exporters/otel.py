"""Spans as OTLP writes them in JSON: a session is an agent's invocation, an insight an event of it.

Attributes are those of OpenTelemetry's conventions for generative AI. The collector's
`otlpjsonfile` receiver reads the file, and `POST /v1/traces` takes it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch.exporters.exported import time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from anabranch.exporters.exported import ExportedSession, ExportedTree

SPAN_ID_LENGTH: Final = 16
_INTERNAL: Final = 1
_OK: Final = 1
_ERROR: Final = 2
_STATUS: Final = {"completed": _OK, "closed": _OK, "failed": _ERROR, "dead_lettered": _ERROR}


def otel(tree: ExportedTree) -> Iterator[bytes]:
    """Yield one line: a request to export the spans of the whole tree."""
    spans = [_span(one) for one in tree.sessions]
    spans[0]["attributes"] += _attributes({"anabranch.conclusion": tree.conclusion})
    scope = {"scope": {"name": "anabranch"}, "spans": spans}
    resource = {"attributes": _attributes({"service.name": "anabranch"})}
    request = {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}
    yield orjson.dumps(request) + b"\n"


def _span(session: ExportedSession) -> dict[str, Any]:
    view = session.view
    name = view.role or view.agent
    status: dict[str, Any] = {"code": _STATUS.get(view.status, 0)}
    if view.error:
        status["message"] = view.error
    found: dict[str, Any] = {
        "traceId": view.root_id.replace("-", ""),
        "spanId": span_id(view.session_id),
        "name": f"invoke_agent {name}" if name else "invoke_agent",
        "kind": _INTERNAL,
        "startTimeUnixNano": _nanoseconds(session.began),
        "endTimeUnixNano": _nanoseconds(session.last),
        "attributes": _attributes(
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.id": view.session_id,
                "gen_ai.agent.name": name,
                "gen_ai.conversation.id": view.root_id,
                "anabranch.task": view.task,
                "anabranch.result": view.result,
                "anabranch.status": view.status,
            }
        ),
        "events": [
            {
                "timeUnixNano": _nanoseconds(time_of(one)),
                "name": "anabranch.insight",
                "attributes": [
                    *_attributes(
                        {
                            "anabranch.insight.id": one.insight_id,
                            "anabranch.insight.kind": one.kind,
                            "anabranch.insight.text": one.text,
                        }
                    ),
                    *_listed("anabranch.insight.entities", one.entities),
                ],
            }
            for one in session.insights
        ],
        "status": status,
    }
    if view.parent_id:
        found["parentSpanId"] = span_id(view.parent_id)
    return found


def span_id(session_id: str) -> str:
    """Return the id of a session's span. UUIDs of one moment share their first half."""
    return sha256(session_id.encode()).hexdigest()[:SPAN_ID_LENGTH]


def _attributes(values: dict[str, str | None]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"stringValue": value}}
        for key, value in values.items()
        if value is not None
    ]


def _listed(key: str, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return an attribute that is a list of texts, none for an empty one."""
    values = [{"stringValue": text} for text in texts]
    return [{"key": key, "value": {"arrayValue": {"values": values}}}] if values else []


def _nanoseconds(time: datetime | None) -> str:
    """Return a time as OTLP's JSON writes one: 64 bits are a string there."""
    return "0" if time is None else str(round(time.timestamp() * 1_000_000) * 1000)
