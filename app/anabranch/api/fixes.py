"""Fixes for callers who have no terminal: an error's own may name a command, or a setting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import AnabranchError, SetupInvalid, Unavailable
from anabranch_thinking.errors import ResourceTaken

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    Fixes: TypeAlias = Mapping[type[AnabranchError], str]

OPERATORS: Final = "the people who run this memory"
ELSEWHERE: Final = re.compile(
    r"`anabranch |\bpip install\b|\b(?:ANABRANCH|NATS|NEO4J|OTEL|SSL)_[A-Z]|(?<![\w-])--[a-z]"
    r"|\bprocess\b|\bchmod\b|Nats-Msg-Id|`wait_s`"
)
"""The words of a fix for who has the machine, or asks over NATS."""
SHARED: Final[Fixes] = {
    ResourceTaken: "do something else, or ask again once the claim has expired",
}
"""Fixes in words that every such caller has."""
_LATER: Final = "ask again in a moment; if it stays so, "


def fix_for(error: AnabranchError, instead: Fixes) -> str:
    """Return an error's fix for a caller without a terminal.

    An error's own is kept where such a caller can follow it. `instead` has others, in the words of
    the surface. The rest is for those who run the memory, and says so.
    """
    ours = isinstance(error, SetupInvalid) or ELSEWHERE.search(error.fix) is not None
    if not ours or OPERATORS in error.fix:
        return error.fix
    for kind in type(error).__mro__:
        if kind in instead:
            return instead[kind]
    later = _LATER if isinstance(error, Unavailable) else ""
    return f"{later}tell {OPERATORS}: {error.fix}"
