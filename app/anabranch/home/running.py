"""The `anabranch up` that runs on a home, read without the models of the runtime file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from anabranch.errors import AnabranchError
from anabranch.home.folder import held

if TYPE_CHECKING:
    from anabranch.home.folder import Home

COMMAND: Final = "up"
_VERSION: Final = 1


class RunningUp(NamedTuple):
    """The owner of a home, and the NATS server that it runs.

    `relay` is the port at which it answers agents' clients, and its token; None where it does not.
    """

    instance: str
    pid: int
    url: str
    token: str | None
    relay: tuple[int, str] | None = None


def running_up(home: Home) -> RunningUp | None:
    """Return the `up` that owns the home and runs both of its servers; None where there is none.

    None also where the runtime file cannot be read: whoever opens the home says why.
    """
    try:
        if not held(home.owner_lock):
            return None
        found = orjson.loads(home.runtime.read_bytes())
        ours = found["version"] == _VERSION and found["command"] == COMMAND and found["graph"]
        log = found["log"]
        if not (ours and log):
            return None
        relay = found.get("relay")
        return RunningUp(
            found["instance"],
            found["pid"],
            log["url"],
            log["token"],
            (relay["port"], relay["token"]) if relay else None,
        )
    except (AnabranchError, OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return None
