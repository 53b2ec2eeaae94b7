"""The requests of a client that a relay has no answer to yet, and the handshake before them."""

from __future__ import annotations

from typing import Any, Final

import orjson

SENDS_MAX: Final = 2
_CANCELLED: Final = "notifications/cancelled"
_INITIALIZE: Final = "initialize"
_INITIALIZED: Final = "notifications/initialized"
_CALL: Final = "tools/call"
_MODERN: Final = b"io.modelcontextprotocol/protocolVersion"
_INTERNAL_ERROR: Final = -32603
_INVALID_REQUEST: Final = -32600
_GIVEN_UP: Final = (
    "the memory ended twice while it worked on this: what was to be stored may be stored or not. "
    "Fix: look for it with recall or get_history, then ask again"
)
_TOO_LONG: Final = "the message is too long. Fix: say it in several, each of less than 16 MiB"
_Number = str | int


class _Request:
    def __init__(self, line: bytes, *, sent: bool) -> None:
        self.line = line
        self.sends = int(sent)


class UnansweredRequests:
    """Knows which requests want an answer, and what another server must be sent."""

    def __init__(self) -> None:
        self._requests: dict[_Number, _Request] = {}
        self._handshake: list[bytes] = []
        self._swallowed: _Number | None = None

    def __bool__(self) -> bool:
        return bool(self._requests)

    def came(self, line: bytes, *, sent: bool) -> None:
        """Note a line from the client; `sent` tells whether it is passed on at once."""
        message = _parsed(line)
        method, number = message.get("method"), _number(message.get("id"))
        if method == _INITIALIZE:
            self._handshake = [line]
        elif method == _INITIALIZED:
            self._handshake.append(line)
        elif method == _CANCELLED:
            self._forget((message.get("params") or {}).get("requestId"))
        if method is not None and number is not None:
            self._requests[number] = _Request(line, sent=sent)

    def went(self, line: bytes) -> bool:
        """Note a line from the server; return whether the client wants it."""
        message = _parsed(line)
        number = _number(message.get("id"))
        if number is None or "method" in message:
            return True
        wanted = self._requests.pop(number, None) is not None
        if wanted or number != self._swallowed:
            return True
        self._swallowed = None
        return False

    def again(self) -> list[bytes]:
        """Return what a server is sent that knows nothing of this client yet."""
        begun = self._handshake[:1]
        number = _number(_parsed(begun[0]).get("id")) if begun else None
        self._swallowed = None if number in self._requests else number
        for request in self._requests.values():
            request.sends += 1
        rest = [one.line for one in self._requests.values() if one.line not in begun]
        return [*self._handshake, *rest]

    def given_up(self) -> list[bytes]:
        """Return answers that say so, for requests that were sent often enough."""
        found = {key: one for key, one in self._requests.items() if one.sends >= SENDS_MAX}
        for number in found:
            del self._requests[number]
        return [_refusal(number, one.line) for number, one in found.items()]

    def clear(self) -> None:
        """Want no answer any more."""
        self._requests.clear()

    def _forget(self, number: object) -> None:
        found = _number(number)
        if found is not None:
            self._requests.pop(found, None)

    def too_long(self, line: bytes) -> bytes:
        """Return the answer to a line that nobody takes."""
        number = _number(_parsed(line).get("id"))
        return _error(number, _INVALID_REQUEST, _TOO_LONG)


def _refusal(number: _Number, line: bytes) -> bytes:
    """Return the answer to a request that is given up: a call of a tool has an error as result."""
    if _parsed(line).get("method") != _CALL:
        return _error(number, _INTERNAL_ERROR, _GIVEN_UP)
    result: dict[str, Any] = {
        "content": [{"type": "text", "text": _GIVEN_UP}],
        "isError": True,
    }
    if _MODERN in line:
        result["resultType"] = "complete"
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "result": result}) + b"\n"


def _error(number: _Number | None, code: int, text: str) -> bytes:
    error = {"code": code, "message": text}
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "error": error}) + b"\n"


def _parsed(line: bytes) -> dict[str, Any]:
    """Return the message of a line; an empty one where it is none, which the server says."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> _Number | None:
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None
