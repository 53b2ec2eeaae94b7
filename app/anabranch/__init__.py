"""Memory for fleets of AI sessions: sessions branch, think in parallel, and are remembered."""

from __future__ import annotations

TYPE_CHECKING = False  # As in `typing`, whose import would come before Ctrl-C is caught.
if TYPE_CHECKING:
    from anabranch.errors import AnabranchError
    from anabranch.memory.memory import Memory
    from anabranch.memory.session import Session
    from anabranch.memory.thinking.load import LoadWatch
    from anabranch.settings import Settings
    from anabranch.views import SessionView, Status
    from anabranch_recall import Hit, Recollection, Scope
    from anabranch_store import QueryResult
    from anabranch_thinking import (
        BranchContext,
        BranchTask,
        CallableExecutor,
        CommandExecutor,
        Consolidation,
        DoNotRetry,
        Finding,
        ForkedWork,
        InsightDraft,
        InsightReceipt,
        Join,
        RetryLater,
        Thought,
    )

__all__ = [
    "AnabranchError",
    "BranchContext",
    "BranchTask",
    "CallableExecutor",
    "CommandExecutor",
    "Consolidation",
    "DoNotRetry",
    "Finding",
    "ForkedWork",
    "Hit",
    "InsightDraft",
    "InsightReceipt",
    "Join",
    "LoadWatch",
    "Memory",
    "QueryResult",
    "Recollection",
    "RetryLater",
    "Scope",
    "Session",
    "SessionView",
    "Settings",
    "Status",
    "Thought",
]

_HOMES = {
    "AnabranchError": "anabranch.errors",
    "LoadWatch": "anabranch.memory.thinking.load",
    "Memory": "anabranch.memory.memory",
    "Session": "anabranch.memory.session",
    "SessionView": "anabranch.views",
    "Settings": "anabranch.settings",
    "Status": "anabranch.views",
    "Hit": "anabranch_recall",
    "QueryResult": "anabranch_store",
    "Recollection": "anabranch_recall",
    "Scope": "anabranch_recall",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `anabranch --help` needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(_HOMES.get(name, "anabranch_thinking")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the names that editors and shells list, also those that nobody has used yet."""
    return sorted({*globals(), *__all__})
