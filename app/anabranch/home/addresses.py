"""Check that a process which joins a home means the same servers as its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.errors import HomeMismatched
from anabranch_events.transport.address import without_secrets

if TYPE_CHECKING:
    from anabranch.home.folder import Home
    from anabranch.home.runtime_file import LogAddress, Runtime
    from anabranch_store import GraphAddress


def log_agreed(found: Runtime, named: LogAddress | None, home: Home) -> LogAddress:
    """Return the log's server of the owner. Raises HomeMismatched where the settings differ."""
    if named is None and found.log is not None:
        return found.log
    # The runtime file does not say whose password it is: everybody brings their own.
    if named is not None and without_secrets(named.url) == without_secrets(found.log_url):
        return named
    raise _mismatched(
        home, "NATS_URL", owner=None if found.log else found.log_url, named=named is not None
    )


def graph_agreed(found: Runtime, named: GraphAddress | None, home: Home) -> GraphAddress:
    """Return the graph's server of the owner. Raises HomeMismatched where the settings differ."""
    if named is None and found.graph is not None:
        return found.graph
    if named is not None and named.uri == found.graph_uri:
        return named
    raise _mismatched(
        home, "NEO4J_URI", owner=None if found.graph else found.graph_uri, named=named is not None
    )


def _mismatched(home: Home, variable: str, *, owner: str | None, named: bool) -> HomeMismatched:
    set_to = f"set {variable}={owner}" if owner else f"unset {variable}"
    says = f"{variable} says otherwise" if named else f"{variable} is not set"
    return HomeMismatched(
        f"the process that owns {home.folder} uses {owner or 'a server of its own'}, and {says}",
        fix=f"{set_to}, name another home, or end the owner with `anabranch down`",
    )
