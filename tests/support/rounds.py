"""Thoroughness of the tests: as much as a few minutes allow by default, everything in CI."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from anabranch_store.embedded.engine import EngineName

FULL = os.environ.get("ANABRANCH_TEST_FULL") == "1"
in_full_only = pytest.mark.skipif(
    not FULL, reason="takes longer than `make test` may; CI runs it (ANABRANCH_TEST_FULL=1)"
)
neo4j_in_full_only = pytest.mark.neo4j_in_full_only
"""On the embedded graph always; on Neo4j, which plans each new statement for long, in CI only."""
two_stores = pytest.mark.parametrize("graph_address", ["embedded", "neo4j"], indirect=True)
"""On the embedded graph and one release of Neo4j, for what two releases could only agree on.

The calendar release plans each statement of these (`test_planned`), has each event's effect,
ranks, and answers users' Cypher. What is composed of these is not held to it again.
"""
ENGINE: Final[EngineName] = (
    "native" if os.environ.get("ANABRANCH_TEST_ENGINE") == "native" else "jvm"
)
"""The engine of embedded graphs of their own, and of homes that are up: what users have."""
HOMES_ENGINE: Final[EngineName] = (
    "jvm" if os.environ.get("ANABRANCH_TEST_ENGINE") == "jvm" else "native"
)
"""The engine of the homes that tests make: a start takes a quarter of the processor time.

Both engines read and write one folder, and the contract is held to either. ANABRANCH_TEST_ENGINE
has everything on one; `make chaos` kills on the JVM.
"""
KILL_ROUNDS = 5 if FULL else 2
"""Kills of one run: CI has 25 minutes for everything, and `make chaos` kills for as long as is asked."""
CHAOS_ROUNDS = int(os.environ.get("ANABRANCH_CHAOS_ROUNDS", "200"))
FUZZING = "ANABRANCH_FUZZ_EXAMPLES" in os.environ
FUZZ_EXAMPLES = int(os.environ.get("ANABRANCH_FUZZ_EXAMPLES", "200"))


def examples(many: int) -> int:
    """Return how many examples a property is held to: a quarter of `many`, or half of it in CI.

    `make fuzz` holds it to ten times as many.
    """
    if FUZZING:
        return 10 * many
    return max(1, many // (2 if FULL else 4))
