"""Values that the shell completes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import get_args

import pytest

from anabranch.cli.completion import (
    CLIENTS,
    EMBEDDERS,
    OUTCOMES,
    PLACES,
    PRIORITIES,
    SCOPES,
    STATUSES,
)
from anabranch.mcp import clients
from anabranch.memory.thinking.think import Over
from anabranch.settings import Settings
from anabranch_events.event.types import Outcome, Priority
from anabranch_recall import Scope
from anabranch_thinking.sessions.state import Status


def test_the_values_are_those_of_the_models() -> None:
    """The words that are written out for the shell are all that the models take."""
    assert (
        set(CLIENTS),
        set(EMBEDDERS),
        set(OUTCOMES),
        set(PLACES),
        set(PRIORITIES),
        set(SCOPES),
        set(STATUSES),
    ) == (
        set(clients.CLIENTS),
        set(get_args(Settings.model_fields["embedder"].annotation)),
        set(Outcome),
        set(get_args(Over)),
        set(Priority),
        set(Scope),
        set(Status),
    )


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("anabranch recall x --scope l", {"lineage"}),
        ("anabranch session open --task x --priority ", set(PRIORITIES)),
        ("anabranch session list --status c", {"completed", "cancelled", "closed"}),
        ("anabranch remember x --kind dec", {"decision"}),
        ("anabranch cite x --outcome r", {"rejected"}),
    ],
)
def test_bash_is_told_the_values(words: str, completed: set[str]) -> None:
    """By bash's protocol the program answers with the values that begin as far as was typed."""
    asked = {
        "_ANABRANCH_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }

    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from anabranch.cli.application import application as a; a(prog_name='anabranch')",
        ],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )

    assert set(done.stdout.split()) == completed
