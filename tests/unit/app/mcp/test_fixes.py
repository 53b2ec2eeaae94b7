"""Fixes in the words of agents."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Final

from anabranch.api.client import ERROR_TREES
from anabranch.api.problem import Problem
from anabranch.mcp.fixes import FIXES, GENERAL, said
from anabranch_events.errors import Conflict, InputInvalid, NotFound, WaitTimedOut
from anabranch_projections.run.wait import not_reached
from anabranch_store.errors import GraphUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch.errors import AnabranchError

ELSEWHERE: Final = {
    "AlreadyRunning",
    "DeadLetterNotFound",
    "EventNotFound",
    "GenerationNotFound",
    "GraphNotBegun",
    "KeyNotFound",
    "LogNotEmpty",
    "NamespaceInUse",
    "NothingRunning",
    "ProjectionHalted",
    "RetryTooLate",
    "SnapshotDamaged",
}
"""Errors of operations that no tool and no resource is."""


def test_no_agent_is_sent_to_a_terminal() -> None:
    """Where an error says which command to run, there is a fix for agents, or they never meet it."""
    for tree in ERROR_TREES:
        import_module(tree)
    found = {
        kind.__name__
        for base in (InputInvalid, NotFound, Conflict)
        for kind in _below(base)
        if "`anabranch " in inspect.getsource(kind)
    }

    assert found - {kind.__name__ for kind in FIXES} == ELSEWHERE
    assert "`anabranch" not in "".join(FIXES.values())


def test_a_fix_that_is_given_where_an_error_is_raised_sends_to_no_terminal() -> None:
    """A command in any fix makes it a general one; a fix of agents' own words comes first."""
    unexpected = Problem.of(RuntimeError("x")).fix
    assert "`anabranch up`" in unexpected

    for fix in (unexpected, "see what `anabranch doctor` says", "run `anabranch rebuild`"):
        assert said(GraphUnavailable("it is away", fix=fix)) == f"it is away. Fix: {GENERAL}"
    waited = said(not_reached("graph", 3, 7, timeout_s=1))
    assert waited.endswith(f". Fix: {FIXES[WaitTimedOut]}")
    assert said(GraphUnavailable("it is away", fix="wait")) == "it is away. Fix: wait"
    assert "`anabranch" not in GENERAL


def _below(kind: type[AnabranchError]) -> Iterator[type[AnabranchError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
