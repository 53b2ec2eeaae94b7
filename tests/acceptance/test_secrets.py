"""Secrets of the environment never come out again: not in outputs, errors, or files of a home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from tests.support.fixtures.memory import CommandLine

SECRET: Final = "canary-7f3a9"
NOWHERE: Final = {"NATS_URL": f"nats://user:{SECRET}@127.0.0.1:1", "NATS_TOKEN": SECRET}
COMMANDS: Final = (
    ("settings",),
    ("settings", "--json"),
    ("doctor",),
    ("doctor", "--json"),
    ("status",),
    ("remember", "The pump is red", "--json"),
    ("recall", "pump"),
    ("events", "export"),
)


@pytest.mark.parametrize(
    "environment",
    [
        NOWHERE,
        {"NEO4J_URI": f"bolt://neo4j:{SECRET}@127.0.0.1:1"},
        {"NEO4J_URI": "bolt://127.0.0.1:1", "NEO4J_PASSWORD": SECRET},
        {
            "ANABRANCH_EMBEDDER": "endpoint",
            "ANABRANCH_EMBEDDER_URL": "http://127.0.0.1:1/v1",
            "ANABRANCH_EMBEDDER_MODEL": "m",
            "ANABRANCH_EMBEDDER_DIMENSION": "3",
            "ANABRANCH_EMBEDDER_KEY": SECRET,
            **NOWHERE,
        },
    ],
    ids=("nats", "neo4j-address", "neo4j-password", "embedder"),
)
@in_full_only
def test_a_planted_secret_is_nowhere(alone: CommandLine, environment: dict[str, str]) -> None:
    """Commands that meet servers which are not there tell neither tokens nor passwords."""
    quick = {"ANABRANCH_REQUEST_TIMEOUT_S": "0.5", "ANABRANCH_EMBEDDER": "none"}

    ran = [alone.here(*command, environment={**quick, **environment}) for command in COMMANDS]

    assert any(one.code for one in ran)
    assert [one for one in ran if SECRET in one.out + one.err] == []
    files = [file for file in alone.home.rglob("*") if file.is_file()]
    assert [file for file in files if SECRET.encode() in file.read_bytes()] == []
