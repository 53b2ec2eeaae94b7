"""The stream that holds the log: its subjects, its settings, and the refusal of any drift."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch_events.errors import InputInvalid, StreamDrifted
from anabranch_events.event.identifiers import canonical_uuid, checked_namespace
from anabranch_events.jetstream.api import (
    DISABLED,
    STREAM,
    Refused,
    ask,
    translated,
)
from anabranch_events.jetstream.kept_stream import drift, found_or_made
from anabranch_events.jetstream.tenant_view import find_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch_events.transport.connection import Connection

SUBJECT_PREFIX: Final = "anabranch.events."
DUPLICATE_WINDOW_S: Final = 600

SETTINGS: Final[dict[str, Any]] = {
    "subjects": [f"{SUBJECT_PREFIX}*.*"],
    "retention": "limits",
    "storage": "file",
    "compression": "s2",
    "discard": "new",
    "max_age": 0,
    "max_msgs_per_subject": -1,
    "duplicate_window": DUPLICATE_WINDOW_S * 10**9,
    "allow_direct": True,
    "allow_atomic": True,
    "allow_batched": True,
    "deny_delete": True,
    "allow_msg_ttl": False,
    "allow_rollup_hdrs": False,
    "no_ack": False,
    "subject_transform": None,
}
"""The settings the log relies on. The number of replicas and the size are the operator's choice.

`discard: new` makes a reached limit LogFull; the past is never dropped silently. No message may
take others along, or run out: then a session's last position goes back, and with it its fence.
"""
_TOLERATED: Final = frozenset({"allow_msg_ttl"})
"""The settings that harm nothing by themselves where they are not ours.

The server refuses to switch `allow_msg_ttl` off again, and no event of ours has a time to live.
"""


class Bounds(NamedTuple):
    """The positions of the first and the last event; `last` is 0 while there is none."""

    first: int
    last: int


class Extent(NamedTuple):
    """The bounds of the log and the number of its messages, all of one moment."""

    first: int
    last: int
    messages: int


def subject(namespace: str, session_id: str) -> str:
    """Return the one subject that holds the session's events.

    Raises InputInvalid for a malformed namespace or session id: no wildcard gets into a subject.
    """
    try:
        checked = checked_namespace(namespace)
    except ValueError as error:
        raise InputInvalid(
            f"namespace: {error}", field="namespace", fix="correct the namespace"
        ) from error
    try:
        return f"{SUBJECT_PREFIX}{checked}.{canonical_uuid(session_id)}"
    except ValueError as error:
        raise InputInvalid(
            f"session: {error}", field="session_id", fix="give the session's id, a UUID"
        ) from error


def checked_position(value: int, *, field: str) -> int:
    """Return `value` if it can be a position. Raises InputInvalid naming `field`."""
    if value < 0:
        raise InputInvalid(
            f"{field}: {value} is not a position", field=field, fix="use 0 or a positive number"
        )
    return value


_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def checked_token(value: str, *, field: str) -> str:
    """Return `value` if it can be one token of a subject. Raises InputInvalid naming `field`."""
    if not _TOKEN.fullmatch(value):
        raise InputInvalid(
            f"{field}: {value!r} is not a name",
            field=field,
            fix="use 1 to 64 letters, digits, hyphens or underscores",
        )
    return value


async def ensure_stream(connection: Connection) -> None:
    """Create the stream if it is not there, or find what a tenant may read of it.

    Raises StreamDrifted when it has other settings, but for those that are tolerated.
    """
    try:
        config = await found_or_made(connection, STREAM, SETTINGS)
    except Refused as refused:
        if refused.code in DISABLED:
            connection.view = await find_view(connection)
            if connection.view is not None:
                return
        raise translated(refused) from refused
    differences = drift(config, SETTINGS)
    for name in _TOLERATED:
        differences.pop(name, None)
    if differences:
        raise StreamDrifted(STREAM, differences)


async def read_tolerated(connection: Connection) -> list[str]:
    """Return the stream's settings that are not ours and are tolerated; none for a tenant."""
    if connection.view is not None:
        return []
    try:
        config = (await ask(connection, f"STREAM.INFO.{STREAM}"))["config"]
    except Refused as refused:
        raise translated(refused) from refused
    return sorted(_TOLERATED & drift(config, SETTINGS).keys())


async def read_doubles(connection: Connection) -> list[str]:
    """Return the streams that answer direct reads of the log beside it; none for a tenant.

    A mirror in the account of its origin does (`findings/nats_a_mirror_answers_for_its_origin.sh`).
    """
    if connection.view is not None:
        return []
    found: list[dict[str, Any]] = []
    while True:
        try:
            page = await ask(connection, "STREAM.LIST", {"offset": len(found)})
        except Refused as refused:
            raise translated(refused) from refused
        streams = page.get("streams") or []
        found += streams
        if not streams or len(found) >= page["total"]:
            return sorted(one["config"]["name"] for one in found if _is_double(one["config"]))


def _is_double(config: Mapping[str, Any]) -> bool:
    mirror = config.get("mirror") or {}
    is_of_here = mirror.get("name") == STREAM and not mirror.get("external")
    return is_of_here and bool(config.get("mirror_direct"))


async def read_identity(connection: Connection) -> str:
    """Return the time the log's stream was made: it tells this log from every other.

    It is empty for a tenant, who may not ask.
    """
    if connection.view is not None:
        return ""
    try:
        return str((await ask(connection, f"STREAM.INFO.{STREAM}"))["created"])
    except Refused as refused:
        raise translated(refused) from refused


async def read_bounds(connection: Connection) -> Bounds:
    """Return the first and last readable position. Raises LogUnavailable, LogRefused."""
    found = await read_extent(connection)
    return Bounds(first=found.first, last=found.last)


async def read_clock(connection: Connection) -> datetime:
    """Return the server's time by now. Raises LogUnavailable, LogRefused."""
    if connection.view is not None:
        return await connection.view.clock()
    try:
        said: str = (await ask(connection, f"STREAM.INFO.{STREAM}"))["ts"]
    except Refused as refused:
        raise translated(refused) from refused
    return datetime.fromisoformat(said)


async def read_extent(connection: Connection) -> Extent:
    """Return the bounds and the number of messages; for a tenant the number is 0."""
    if connection.view is not None:
        return Extent(*await connection.view.bounds(), messages=0)
    try:
        state = (await ask(connection, f"STREAM.INFO.{STREAM}"))["state"]
    except Refused as refused:
        raise translated(refused) from refused
    return Extent(state["first_seq"], state["last_seq"], state["messages"])
