"""Fixes in the words of agents."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Final

from anabranch.api.client import ERROR_TREES
from anabranch.mcp.fixes import FIXES
from anabranch_events.errors import Conflict, InputInvalid, NotFound

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


def _below(kind: type[AnabranchError]) -> Iterator[type[AnabranchError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
