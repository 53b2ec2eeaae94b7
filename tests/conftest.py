"""The fixtures every test may ask for; each room's stand in a module of their own."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.support.rounds import FULL, FUZZING, in_full_only

pytest_plugins = [
    "tests.support.fixtures.log",
    "tests.support.fixtures.graph",
    "tests.support.fixtures.memory",
    "tests.support.fixtures.faces",
    "tests.support.fixtures.commands",
    "tests.support.fixtures.http",
    "tests.support.fixtures.browser",
]


def pytest_configure() -> None:
    """Let the processes that tests start hear Ctrl-C, and compile quickly rather than well.

    A shell starts its background jobs with SIGINT ignored, and children inherit that. A server that
    is gone in seconds does not get back what the better compiler of its JVM costs. How long an
    example of a property takes says nothing of the property. The examples are the same in each run,
    so that what fails has been changed; `make fuzz` looks for others.
    """
    settings.register_profile(
        "any machine",
        deadline=None,
        derandomize=not FUZZING,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("any machine")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")


def pytest_report_header() -> str:
    """Say how much of the tests is run."""
    if FULL:
        return "thoroughness: everything"
    return (
        "thoroughness: a few minutes. CI runs everything (ANABRANCH_TEST_FULL=1), and the adapters"
        " in tests/service/app/adapters"
    )


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups by a hook of the same name.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the groups that may take longest: whoever gets the last one ends last.

    A module is one worker's. But what needs Neo4j is all one worker's: there is one server of each
    release, and its one database is emptied for every test. And so is what needs the home that is
    up. Of two groups that may take equally
    long the one with more tests comes first, and unit tests come last.
    """
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("neo4j_in_full_only") and _server_of(item) == "neo4j":
            item.add_marker(in_full_only)
        group = _server_of(item) or item.nodeid.split("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))
        groups.setdefault(group, []).append(item)
    items[:] = [item for group in sorted(groups.values(), key=_last) for item in group]


def _last(group: list[pytest.Item]) -> tuple[bool, float, int]:
    """Return by what a group is sorted: the greater, the later it begins."""
    limits = [limit.args[0] for item in group if (limit := item.get_closest_marker("timeout"))]
    return "unit" in group[0].path.parts, -max(limits, default=0), -len(group)


def _server_of(item: pytest.Item) -> str | None:
    """Name the one server, or home, of its kind that a test needs, if it needs one."""
    assert isinstance(item, pytest.Function)
    callspec = getattr(item, "callspec", None)
    values = callspec.params.values() if callspec is not None else ()
    if "neo4j" in values or "neo4j_address" in item.fixturenames:
        return "neo4j"
    if "neo4j-calendar" in values:
        return "neo4j-calendar"
    return "up" if "anabranch" in item.fixturenames else None
