"""The address of a NATS server, or of the servers of a cluster, as NATS_URL gives it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from anabranch_events.errors import InputInvalid

_SCHEMES: Final = frozenset({"nats", "tls"})
_SECRETS: Final = re.compile(r"//[^/@,]*@")


def servers(url: str) -> list[str]:
    """Return the servers that `url` names, separated by commas.

    Raises InputInvalid, without repeating a password, when one is not `nats://host:port`.
    """
    found = [part.strip() for part in url.split(",")]
    for part in found:
        if not _is_address(part):
            raise InputInvalid(
                f"NATS_URL: {without_secrets(part)!r} is not the address of a NATS server",
                field="url",
                fix="give nats://host:port or tls://host:port, several separated by commas",
            )
    return found


def with_user(url: str, user: str, password: str) -> str:
    """Return the address of one server with a user and its password, both safe in an address."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{user}:{password}@{rest.rpartition('@')[2]}"


def without_secrets(url: str) -> str:
    """Return `url` without passwords and tokens, to be shown and logged."""
    return _SECRETS.sub("//", url)


def _is_address(part: str) -> bool:
    try:
        parsed = urlsplit(part if "://" in part else f"nats://{part}")
        return bool(parsed.hostname) and parsed.scheme in _SCHEMES and parsed.port != 0
    except ValueError:
        return False
