"""CloudEvents in binary mode: the attributes in headers, the data as the payload."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX: Final = "ce-"
_STRUCTURED: Final = "application/cloudevents"
_NO_ATTRIBUTES: Final = frozenset({"data", "data_base64", "datacontenttype"})


def structured(headers: Mapping[str, str] | None, payload: bytes) -> bytes:
    """Return the structured document of a message in binary mode; any other payload unchanged.

    So every reader meets one form only. It is that of CloudEvents' protocol binding for NATS: `ce-`
    headers with percent-encoded values. The content type is one of them (CloudEvents' SDK for Go
    2.16), or stands beside them as in HTTP. A payload that is not JSON becomes `data_base64`. Never
    raises: a message that makes no event does not decode.
    """
    if not headers:
        return payload
    named = {name.lower(): value for name, value in headers.items()}
    content_type = named.get("content-type", "")
    if _PREFIX + "specversion" not in named or content_type.startswith(_STRUCTURED):
        return payload
    content_type = _unquoted(named.get(_PREFIX + "datacontenttype", content_type))
    attributes: dict[str, object] = {
        name.removeprefix(_PREFIX): _unquoted(value)
        for name, value in named.items()
        if name.startswith(_PREFIX)
    }
    document = {name: attributes[name] for name in attributes.keys() - _NO_ATTRIBUTES}
    media_type = content_type.partition(";")[0].strip().lower()
    if content_type:
        document["datacontenttype"] = content_type
    return orjson.dumps({**document, **_data(media_type, payload)}, option=orjson.OPT_SORT_KEYS)


def _unquoted(value: str) -> str:
    """Return a header's value as text; one that is percent-encoded wrongly stays as it is."""
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        return value


def _data(media_type: str, payload: bytes) -> dict[str, object]:
    if not payload:
        return {}
    if media_type in {"", "application/json"} or media_type.endswith("+json"):
        with suppress(orjson.JSONDecodeError):
            orjson.loads(payload)
            return {"data": orjson.Fragment(payload)}
    return {"data_base64": base64.b64encode(payload).decode()}
