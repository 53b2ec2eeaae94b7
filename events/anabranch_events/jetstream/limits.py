"""The limits of the log's stream that an operator may set, and that hinder us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch_events.errors import LogRefused
from anabranch_events.jetstream.api import STREAM, Refused, ask, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anabranch_events.transport.connection import Connection

MESSAGE_BYTES: Final = 1024 * 1024
"""The size that a message of ours may have: data of 512 KiB, and what stands around them."""
BATCH_EVENTS_MAX: Final = 1000
"""The events that one batch may have."""
_ELSEWHERE: Final = (
    "nats-server cannot take that back: move to a new stream (`anabranch events export`, and "
    "`anabranch events import` elsewhere)"
)


class Hindrance(NamedTuple):
    """A setting of the stream, its effect and the way out; `stops` where nothing is stored."""

    setting: str
    effect: str
    fix: str
    stops: bool = True


async def read_hindrances(connection: Connection) -> list[Hindrance]:
    """Return the settings of the log's stream that hinder us; none for a tenant."""
    return [] if connection.view is not None else [*_hindrances(await _info(connection))]


async def refuse_without_purge(connection: Connection) -> None:
    """Raise LogRefused where nothing may be purged from the log."""
    for one in await read_hindrances(connection):
        if one.setting in {"deny_purge", "sealed"}:
            raise LogRefused(f"the log's stream has {one.setting}: {one.effect}", fix=one.fix)


async def _info(connection: Connection) -> dict[str, Any]:
    try:
        return await ask(connection, f"STREAM.INFO.{STREAM}")
    except Refused as refused:
        raise translated(refused) from refused


def _hindrances(info: Mapping[str, Any]) -> Iterator[Hindrance]:
    config, state = info["config"], info["state"]
    if config.get("sealed"):
        yield Hindrance("sealed", "it takes no event, and gives none up", _ELSEWHERE)
    elif config.get("deny_purge"):
        yield Hindrance("deny_purge", "no namespace can be deleted", _ELSEWHERE, stops=False)
    size = config.get("max_msg_size", -1)
    if 0 < size < MESSAGE_BYTES:
        effect = f"events of more than {size} bytes are refused"
        yield Hindrance("max_msg_size", effect, f"set it to -1, or to {MESSAGE_BYTES} or more")
    if config.get("max_consumers", -1) > 0:
        effect = f"no more than {config['max_consumers']} may read at a time"
        yield Hindrance("max_consumers", effect, "raise it, or set it to -1")
    for limit, what, needed in (
        ("max_msgs", "messages", BATCH_EVENTS_MAX),
        ("max_bytes", "bytes", MESSAGE_BYTES),
    ):
        left = config.get(limit, -1) - state[what]
        if config.get(limit, -1) > 0 and left < needed:
            effect = f"there is room for {max(left, 0)} {what} more"
            yield Hindrance(limit, effect, "raise it: the log only grows")
