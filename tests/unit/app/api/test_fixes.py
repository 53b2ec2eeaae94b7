"""Fixes for callers without a terminal: over HTTP, and for agents."""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from anabranch.api.client import ERROR_TREES
from anabranch.api.fixes import ELSEWHERE, OPERATORS, fix_for
from anabranch.api.problem import Problem
from anabranch.errors import AnabranchError, ServiceBusy
from anabranch.http.answers import refused
from anabranch.http.fixes import FIXES as REQUESTS
from anabranch.mcp.fixes import FIXES as AGENTS
from anabranch.mcp.fixes import said
from anabranch_events.errors import Conflict, InputInvalid, NotFound, SessionNotFound, WaitTimedOut
from anabranch_projections.run.wait import not_reached
from anabranch_store.errors import GraphUnavailable, VectorsMismatched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch.api.fixes import Fixes

ROOT: Final = Path(__file__).parents[4]
PARTS: Final = ("app", "events", "projections", "recall", "store", "thinking")
ABOVE: Final = frozenset(
    {"adapters", "cli", "demo", "exporters", "generations", "importers", "service", "transfer"}
)
"""Rooms of `app` in which no request over HTTP or of an agent comes."""
OWN: Final = {
    "DeadLetterNotFound",
    "FileExists",
    "GenerationNotFound",
    "GraphNotBegun",
    "HomeMismatched",
    "KeyNotFound",
    "LogNotEmpty",
    "NamespaceInUse",
    "NamespaceNotFound",
    "NothingRunning",
    "ProjectionHalted",
    "RetryTooLate",
    "SettingInvalid",
    "SnapshotDamaged",
}
"""Errors that callers meet nowhere, or can do nothing about."""
OWN_FILES: Final = {
    "app/anabranch/http/access/key_file.py",
    "app/anabranch/mcp/clients.py",
    "app/anabranch/memory/thinking/pools.py",
    "app/anabranch/memory/thinking/work.py",
    "thinking/anabranch_thinking/executors/github_api.py",
    "thinking/anabranch_thinking/executors/service_errors.py",
    "thinking/anabranch_thinking/pools/jobs.py",
}
"""Modules whose errors no operation raises: keys, pools, workers, what branches run in."""


class Given(NamedTuple):
    """A fix in our sources, and the error that it is given to."""

    file: str
    kind: type[AnabranchError]
    fix: str

    def error(self) -> AnabranchError:
        """Return such an error."""
        made = self.kind.__new__(self.kind)
        AnabranchError.__init__(made, "it was not done", fix=self.fix)
        return made


@cache
def all_fixes() -> tuple[Given, ...]:
    """Return every fix that is written in our sources, with `…` for what is put into it."""
    found: list[Given] = []
    for path in (one for part in PARTS for one in sorted((ROOT / part).rglob("*.py"))):
        file = path.relative_to(ROOT).as_posix()
        if file.split("/")[2] in ABOVE:
            continue
        found += (Given(file, kind, fix) for kind, fix in _given(ast.parse(path.read_text())))
    return tuple(found)


def _given(tree: ast.AST, owner: str = "") -> Iterator[tuple[type[AnabranchError], str]]:
    for node in ast.iter_child_nodes(tree):
        yield from _given(node, node.name if isinstance(node, ast.ClassDef) else owner)
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else owner
            fixes = (one.value for one in node.keywords if one.arg == "fix")
            yield from ((_kind(name), text) for fix in fixes for text in _texts(fix))


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(one.value) if isinstance(one, ast.Constant) else _put_in(one) for one in node.values
        )
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))


def _put_in(one: ast.expr) -> str:
    value = one.value if isinstance(one, ast.FormattedValue) else one
    return OPERATORS if isinstance(value, ast.Name) and value.id == "OPERATORS" else "…"


def _kind(name: str) -> type[AnabranchError]:
    kinds = (getattr(import_module(tree), name, None) for tree in ERROR_TREES)
    found = next((one for one in kinds if one is not None), AnabranchError)
    return found if issubclass(found, AnabranchError) else AnabranchError


@pytest.mark.parametrize("surface", [REQUESTS, AGENTS], ids=["http", "agents"])
def test_no_fix_sends_a_caller_to_a_terminal(surface: Fixes) -> None:
    """A command or a setting is named only to those who run the memory, as something to ask for."""
    met = [(one, fix_for(one.error(), surface)) for one in all_fixes()]

    assert len(met) > 300
    assert [one for one, fix in met if ELSEWHERE.search(fix) and OPERATORS not in fix] == []
    assert not ELSEWHERE.search("".join(surface.values()))


@pytest.mark.parametrize("surface", [REQUESTS, AGENTS], ids=["http", "agents"])
def test_a_caller_is_asked_for_nothing_that_only_others_can_do(surface: Fixes) -> None:
    """An error that a caller can mend has a fix in its own words, with a request in it or without.

    Only what callers never meet, or cannot mend, is passed on to those who run the memory.
    """
    passed_on = [
        one
        for one in all_fixes()
        if issubclass(one.kind, (InputInvalid, NotFound, Conflict))
        and one.file not in OWN_FILES
        and fix_for(one.error(), surface).startswith(f"tell {OPERATORS}")
    ]

    assert {one.kind.__name__ for one in passed_on} == OWN


def test_a_fix_of_a_surface_stands_where_an_errors_own_cannot_be_followed() -> None:
    """One that can be followed is kept, also where the surface has another."""
    away = GraphUnavailable("it is away", fix="see what `anabranch doctor` says")
    asked = f"tell {OPERATORS}: see what `anabranch doctor` says"
    mismatched = VectorsMismatched("other vectors", fix="go back")
    waited = not_reached("graph", 3, 7, timeout_s=1)
    busy = ServiceBusy("9 streams are open", fix="close one")

    assert fix_for(away, REQUESTS) == f"ask again in a moment; if it stays so, {asked}"
    assert fix_for(mismatched, REQUESTS) == f"tell {OPERATORS}: go back"
    assert fix_for(waited, REQUESTS) == REQUESTS[WaitTimedOut]
    assert fix_for(busy, REQUESTS) == "close one"
    assert said(waited) == f"{waited.message}. Fix: {AGENTS[WaitTimedOut]}"


def test_problems_over_http_have_the_fixes_of_requests() -> None:
    """The answer to a request does; over NATS, where there is a terminal, a problem has its own."""
    error = SessionNotFound("x", namespace="trips")
    unexpected = RuntimeError("x")

    assert REQUESTS[SessionNotFound].encode() in bytes(refused(error).body)
    assert Problem.of(error).fix == error.fix
    assert "`anabranch up`" in Problem.of(unexpected).fix
    assert f'"fix":"tell {OPERATORS}; '.encode() in bytes(refused(unexpected).body)
