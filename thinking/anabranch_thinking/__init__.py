"""Distributed thought: branch, work, join, consolidate; every step an event in the log."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anabranch_thinking.consolidation.consolidate import consolidate_thought
    from anabranch_thinking.consolidation.links import WeightedLink, find_links
    from anabranch_thinking.consolidation.points import Point
    from anabranch_thinking.consolidation.synthesis import Group, Synthesis, synthesise
    from anabranch_thinking.errors import (
        BranchTaken,
        BranchTimedOut,
        ClaimLost,
        DoNotRetry,
        ExecutorFailed,
        InsightNotFound,
        NothingLearned,
        ResourceTaken,
        RetryLater,
        ThoughtFailed,
        TokenStale,
    )
    from anabranch_thinking.executors.base import BranchContext, Executor, ForkedWork
    from anabranch_thinking.executors.callable import CallableExecutor, Work
    from anabranch_thinking.executors.command import CommandExecutor
    from anabranch_thinking.executors.recall import RecallExecutor
    from anabranch_thinking.join import Join
    from anabranch_thinking.roles import PRESETS, ROLES, Role, angles
    from anabranch_thinking.sessions.findings import (
        Finding,
        InsightDraft,
        InsightFields,
        draft_of,
        error_text,
    )
    from anabranch_thinking.sessions.holding import Hold
    from anabranch_thinking.sessions.journal import EventListener, InsightLookup
    from anabranch_thinking.sessions.recall import Recall, RecalledInsight
    from anabranch_thinking.sessions.receipts import (
        BranchReceipt,
        CompletionReceipt,
        ForgetReceipt,
        HandOffReceipt,
        InsightReceipt,
        InsightsReceipt,
        SessionReceipt,
    )
    from anabranch_thinking.sessions.sessions import BranchTask, Sessions
    from anabranch_thinking.sessions.state import Claim, Link, SessionState, Status
    from anabranch_thinking.thought import BranchOutcome, Consolidation, Thought
    from anabranch_thinking.thoughts.think import think

__all__ = [
    "PRESETS",
    "ROLES",
    "BranchContext",
    "BranchOutcome",
    "BranchReceipt",
    "BranchTaken",
    "BranchTask",
    "BranchTimedOut",
    "CallableExecutor",
    "Claim",
    "ClaimLost",
    "CommandExecutor",
    "CompletionReceipt",
    "Consolidation",
    "DoNotRetry",
    "EventListener",
    "Executor",
    "ExecutorFailed",
    "Finding",
    "ForgetReceipt",
    "ForkedWork",
    "Group",
    "HandOffReceipt",
    "Hold",
    "InsightDraft",
    "InsightFields",
    "InsightLookup",
    "InsightNotFound",
    "InsightReceipt",
    "InsightsReceipt",
    "Join",
    "Link",
    "NothingLearned",
    "Point",
    "Recall",
    "RecallExecutor",
    "RecalledInsight",
    "ResourceTaken",
    "RetryLater",
    "Role",
    "SessionReceipt",
    "SessionState",
    "Sessions",
    "Status",
    "Synthesis",
    "Thought",
    "ThoughtFailed",
    "TokenStale",
    "WeightedLink",
    "Work",
    "angles",
    "consolidate_thought",
    "draft_of",
    "error_text",
    "find_links",
    "synthesise",
    "think",
]

_HOMES = {
    "anabranch_thinking.consolidation.consolidate": ("consolidate_thought",),
    "anabranch_thinking.consolidation.links": ("WeightedLink", "find_links"),
    "anabranch_thinking.consolidation.points": ("Point",),
    "anabranch_thinking.consolidation.synthesis": ("Group", "Synthesis", "synthesise"),
    "anabranch_thinking.errors": (
        "BranchTaken",
        "BranchTimedOut",
        "ClaimLost",
        "DoNotRetry",
        "ExecutorFailed",
        "InsightNotFound",
        "NothingLearned",
        "ResourceTaken",
        "RetryLater",
        "ThoughtFailed",
        "TokenStale",
    ),
    "anabranch_thinking.executors.base": ("BranchContext", "Executor", "ForkedWork"),
    "anabranch_thinking.executors.callable": ("CallableExecutor", "Work"),
    "anabranch_thinking.executors.command": ("CommandExecutor",),
    "anabranch_thinking.executors.recall": ("RecallExecutor",),
    "anabranch_thinking.join": ("Join",),
    "anabranch_thinking.roles": ("PRESETS", "ROLES", "Role", "angles"),
    "anabranch_thinking.sessions.findings": (
        "Finding",
        "InsightDraft",
        "InsightFields",
        "draft_of",
        "error_text",
    ),
    "anabranch_thinking.sessions.holding": ("Hold",),
    "anabranch_thinking.sessions.journal": ("EventListener", "InsightLookup"),
    "anabranch_thinking.sessions.recall": ("Recall", "RecalledInsight"),
    "anabranch_thinking.sessions.receipts": (
        "BranchReceipt",
        "CompletionReceipt",
        "ForgetReceipt",
        "HandOffReceipt",
        "InsightReceipt",
        "InsightsReceipt",
        "SessionReceipt",
    ),
    "anabranch_thinking.sessions.sessions": ("BranchTask", "Sessions"),
    "anabranch_thinking.sessions.state": ("Claim", "Link", "SessionState", "Status"),
    "anabranch_thinking.thought": ("BranchOutcome", "Consolidation", "Thought"),
    "anabranch_thinking.thoughts.think": ("think",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: an error needs no model of an event."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the names that editors and shells list, also those that nobody has used yet."""
    return sorted({*globals(), *__all__})
