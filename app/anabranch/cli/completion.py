"""Values that the shell completes: the few words that an option takes.

They are written out, for the models they belong to take long to import. A test holds both together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS: Final = ("observation", "decision", "preference", "procedure", "fact", "question")
"""Kinds that insights often have; any other name is one too."""
EMBEDDERS: Final = ("builtin", "endpoint", "none")
OUTCOMES: Final = ("used", "confirmed", "rejected")
PRIORITIES: Final = ("critical", "high", "normal", "low")
SCOPES: Final = ("session", "lineage", "thought", "namespace")
STATUSES: Final = (
    "open",
    "pending",
    "running",
    "completed",
    "failed",
    "cancelled",
    "dead_lettered",
    "handed_off",
    "closed",
)


def one_of(values: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Return a completion of the `values` that begin as far as was typed."""

    def complete(incomplete: str) -> list[str]:
        return [one for one in values if one.startswith(incomplete)]

    return complete
