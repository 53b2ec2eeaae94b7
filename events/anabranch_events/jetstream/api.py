"""The JetStream API: requests, answers, and refusals as errors of our tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch_events.errors import AnabranchError, LogFull, LogRefused, LogUnavailable

if TYPE_CHECKING:
    from anabranch_events.transport.connection import Connection

STREAM: Final = "ANABRANCH_EVENTS"
"""The stream that holds the log."""
CONSUMER_NOT_FOUND: Final = 10014
CONSUMER_EXISTS: Final = 10148
STREAM_NOT_FOUND: Final = 10059
MESSAGE_NOT_FOUND: Final = 10037
CONFLICTS: Final = frozenset({10071, 10164})
DUPLICATE_IN_BATCH: Final = 10201
BATCH_INCOMPLETE: Final = 10176
BATCHES_BUSY: Final = 10210
_FULL: Final = frozenset({10002, 10023, 10028, 10047, 10077})
"""Full is a stream, a server, the memory or an account: this one with the status 400."""
_LIMITS: Final[dict[int, str]] = {
    10026: "raise `max_consumers` of the stream and of the account: each reader has a consumer",
    10054: "raise `max_msg_size` of the stream to 1 MiB or more, or set it to -1",
    10109: "the stream is sealed, which nats-server cannot take back: move to a new one",
    10110: "let the stream be purged: `deny_purge` hinders it, which nats-server cannot take back",
}
"""Limits that an operator set, by the code of their refusal; no waiting mends them.

The server gives some of them the status of a fault of its own.
"""
DISABLED: Final = frozenset({10039, 10076})


class Refused(Exception):
    """JetStream refused a request; recognised by its code, never by its text."""

    def __init__(self, code: int, status: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code
        self.status = status


def parsed(payload: bytes) -> dict[str, Any]:
    """Return the answer's JSON object. Raises Refused when it carries an error."""
    answer: dict[str, Any] = orjson.loads(payload)
    error = answer.get("error")
    if error is not None:
        raise Refused(error.get("err_code", 0), error["code"], error.get("description", ""))
    return answer


def translated(refused: Refused) -> AnabranchError:
    """Return the error of our tree that explains `refused` to a caller."""
    if refused.code in _FULL or "no space left" in str(refused):
        return LogFull(
            f"the log takes no more: {refused}",
            fix="make room on its disk, or raise the limit of the stream or the account",
        )
    if refused.code in DISABLED:
        return LogRefused(
            f"the NATS server has no JetStream for us: {refused}",
            fix="enable JetStream on it and for the account (`jetstream {}` in its configuration)",
        )
    if refused.status >= 500 and refused.code not in _LIMITS:
        return LogUnavailable(f"JetStream cannot serve now: {refused}", fix="try again later")
    return LogRefused(
        f"JetStream refuses: {refused}",
        fix=_LIMITS.get(refused.code, "check the server's version and the permissions"),
    )


async def ask(connection: Connection, subject: str, request: object = None) -> dict[str, Any]:
    """Ask the JetStream API, again while nobody answers; for requests that may be sent twice.

    Raises Refused, LogUnavailable.
    """
    payload = b"" if request is None else orjson.dumps(request)

    async def once(timeout_s: float) -> bytes:
        return (await connection.request(f"$JS.API.{subject}", payload, timeout_s=timeout_s)).data

    return parsed(await connection.attempt(once))


async def stored_subjects(connection: Connection, stream: str, wanted: str) -> dict[str, int]:
    """Return the subjects of a stream that a pattern takes in, each with its number of messages.

    Raises Refused, LogUnavailable.
    """
    found: dict[str, int] = {}
    while True:
        request = {"subjects_filter": wanted, "offset": len(found)}
        info = await ask(connection, f"STREAM.INFO.{stream}", request)
        page = info["state"].get("subjects") or {}
        found |= page
        if not page or len(found) >= info.get("total", 0):
            return found
