"""Requests to export spans, as OTLP/HTTP has them: protobuf or JSON, compressed or not."""

from __future__ import annotations

import base64
import zlib
from typing import Any, Final

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from anabranch.api.admission import REQUEST_BYTES_MAX
from anabranch.errors import InputInvalid, MediaRefused, RequestTooLarge

UNPACKED_BYTES_MAX: Final = 8 * REQUEST_BYTES_MAX
PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
CODINGS: Final = ("gzip", "deflate")
"""The codings in which a body may be compressed; a request in another one is not let in."""
_ZLIB_OR_GZIP: Final = 32 + zlib.MAX_WBITS
_IDS: Final = ("traceId", "spanId", "parentSpanId")


def request_in(body: bytes, *, media: str, encoding: str) -> dict[str, Any]:
    """Return a request in the form of OTLP's JSON, its ids in hexadecimal digits.

    Raises MediaRefused, RequestTooLarge for one that unpacks to too much, and InputInvalid.
    """
    media = media_of(media)
    plain = _unpacked(body, encoding)
    if media == PROTOBUF:
        return _of_protobuf(plain)
    try:
        found = orjson.loads(plain)
    except orjson.JSONDecodeError as error:
        raise InputInvalid(
            f"body: is no JSON: {error}", field="body", fix="send OTLP in JSON, or as protobuf"
        ) from None
    spans = found.get("resourceSpans", []) if isinstance(found, dict) else None
    if not isinstance(spans, list):
        raise InputInvalid(
            "resourceSpans: is not a list",
            field="resourceSpans",
            fix="send an ExportTraceServiceRequest",
        )
    return dict(found)


def media_of(media: str) -> str:
    """Return the kind of a body. Raises MediaRefused."""
    found = media.partition(";")[0].strip().lower()
    if found not in {PROTOBUF, JSON}:
        raise MediaRefused(media, fix=f"send {PROTOBUF}, or {JSON}")
    return found


def answer_of(media: str, *, rejected: int) -> bytes:
    """Return the answer to a request of which `rejected` spans were not taken."""
    why = "spans without a valid traceId and spanId" if rejected else ""
    if media == JSON:
        partial = {"rejectedSpans": str(rejected), "errorMessage": why}
        return orjson.dumps({"partialSuccess": partial} if rejected else {})
    answer = ExportTraceServiceResponse()
    if rejected:
        answer.partial_success.rejected_spans = rejected
        answer.partial_success.error_message = why
    return answer.SerializeToString()


def _unpacked(body: bytes, encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return body
    unpacking = zlib.decompressobj(_ZLIB_OR_GZIP)
    try:
        found = unpacking.decompress(body, UNPACKED_BYTES_MAX + 1)
    except zlib.error as error:
        raise InputInvalid(
            f"body: is not packed as {encoding}: {error}",
            field="body",
            fix="send it as the header Content-Encoding says",
        ) from None
    if len(found) > UNPACKED_BYTES_MAX:
        raise RequestTooLarge(len(found), size_max=UNPACKED_BYTES_MAX)
    if not unpacking.eof:
        raise InputInvalid(
            "body: ends before what is packed in it", field="body", fix="send it whole"
        )
    return found


def _of_protobuf(body: bytes) -> dict[str, Any]:
    try:
        message = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise InputInvalid(
            "body: is no ExportTraceServiceRequest in protobuf",
            field="body",
            fix="send OTLP's own form, as OpenTelemetry's exporters do",
        ) from None
    found: dict[str, Any] = MessageToDict(message)
    for part in found.get("resourceSpans", []):
        for scope in part.get("scopeSpans", []):
            for span in scope.get("spans", []):
                for name in _IDS:
                    if name in span:
                        span[name] = base64.b64decode(span[name]).hex()
    return found
