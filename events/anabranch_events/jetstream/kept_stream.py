"""A stream whose settings are relied on: made if it is not there, refused if it has others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anabranch_events.errors import StreamDrifted
from anabranch_events.jetstream.api import STREAM_NOT_FOUND, Refused, ask, translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch_events.transport.connection import Connection


async def ensure(connection: Connection, name: str, settings: Mapping[str, Any]) -> None:
    """Create the stream if it is not there. Raises StreamDrifted when it has other settings."""
    try:
        config = await found_or_made(connection, name, settings)
    except Refused as refused:
        raise translated(refused) from refused
    differences = drift(config, settings)
    if differences:
        raise StreamDrifted(name, differences)


async def found_or_made(
    connection: Connection, name: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the configuration of a stream, which is created if it is not there. Raises Refused."""
    try:
        info = await ask(connection, f"STREAM.INFO.{name}")
    except Refused as refused:
        if refused.code != STREAM_NOT_FOUND:
            raise
        # A stream made by another client at this moment with the same settings is no error.
        request = {"name": name, "num_replicas": 1, **settings}
        info = await ask(connection, f"STREAM.CREATE.{name}", request)
    config: dict[str, Any] = info["config"]
    return config


def drift(
    config: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, tuple[object, object]]:
    """Return each setting in `config` that is not ours: (actual, wanted) by its name.

    The server leaves out what is switched off.
    """
    actual = {name: config.get(name, _off(wanted)) for name, wanted in settings.items()}
    return {
        name: (actual[name], wanted) for name, wanted in settings.items() if actual[name] != wanted
    }


def _off(wanted: object) -> object:
    return False if isinstance(wanted, bool) else 0 if wanted == 0 else None
