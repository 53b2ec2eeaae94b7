"""Distributed thought: branch, work, join, consolidate; every step an event in the log."""

from anabranch_thinking.consolidation.consolidate import consolidate_thought
from anabranch_thinking.consolidation.links import WeightedLink, find_links
from anabranch_thinking.consolidation.points import Point
from anabranch_thinking.consolidation.synthesis import Group, Synthesis, synthesise
from anabranch_thinking.errors import (
    BranchTaken,
    BranchTimedOut,
    ClaimLost,
    ExecutorFailed,
    InsightNotFound,
    NothingLearned,
)
from anabranch_thinking.executors.base import BranchContext, Executor
from anabranch_thinking.executors.callable import CallableExecutor
from anabranch_thinking.executors.command import CommandExecutor
from anabranch_thinking.executors.recall import RecallExecutor
from anabranch_thinking.roles import ROLES, Role, angles
from anabranch_thinking.sessions.findings import (
    Finding,
    InsightDraft,
    InsightFields,
    draft_of,
    error_text,
)
from anabranch_thinking.sessions.journal import EventListener, InsightLookup
from anabranch_thinking.sessions.recall import Recall, RecalledInsight
from anabranch_thinking.sessions.receipts import (
    BranchReceipt,
    CompletionReceipt,
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
    "InsightFields",
    "InsightLookup",
    "InsightNotFound",
    "InsightReceipt",
    "InsightsReceipt",
    "Link",
    "NothingLearned",
    "Point",
    "Recall",
    "RecallExecutor",
    "RecalledInsight",
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
    "draft_of",
    "error_text",
    "find_links",
    "synthesise",
    "think",
]
