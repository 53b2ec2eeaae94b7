"""Distributed thought: branch, work, join, consolidate; every step an event in the log."""

from anabranch_thinking.commands import CommandExecutor
from anabranch_thinking.consolidate import consolidate_thought
from anabranch_thinking.errors import (
    BranchTaken,
    BranchTimedOut,
    ClaimLost,
    ExecutorFailed,
    InsightNotFound,
    NothingLearned,
)
from anabranch_thinking.executors import (
    BranchContext,
    CallableExecutor,
    Executor,
    Recall,
    RecalledInsight,
)
from anabranch_thinking.findings import Finding, InsightDraft
from anabranch_thinking.journal import EventListener, InsightLookup
from anabranch_thinking.links import WeightedLink, find_links
from anabranch_thinking.points import Point
from anabranch_thinking.recalling import RecallingExecutor
from anabranch_thinking.receipts import (
    BranchReceipt,
    CompletionReceipt,
    HandOffReceipt,
    InsightReceipt,
    SessionReceipt,
)
from anabranch_thinking.roles import ROLES, Role, angles
from anabranch_thinking.sessions import BranchTask, Sessions
from anabranch_thinking.state import Claim, Link, SessionState, Status
from anabranch_thinking.synthesis import Group, Synthesis, synthesise
from anabranch_thinking.think import think
from anabranch_thinking.thought import BranchOutcome, Consolidation, Thought

__all__ = [
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
    "EventListener",
    "Executor",
    "ExecutorFailed",
    "Finding",
    "Group",
    "HandOffReceipt",
    "InsightDraft",
    "InsightLookup",
    "InsightNotFound",
    "InsightReceipt",
    "Link",
    "NothingLearned",
    "Point",
    "Recall",
    "RecalledInsight",
    "RecallingExecutor",
    "Role",
    "SessionReceipt",
    "SessionState",
    "Sessions",
    "Status",
    "Synthesis",
    "Thought",
    "WeightedLink",
    "angles",
    "consolidate_thought",
    "find_links",
    "synthesise",
    "think",
]
