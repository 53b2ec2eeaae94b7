"""Warnings of a command."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from anabranch.cli.json_warnings import warnings_as_json
from anabranch.cli.notices import unknown_variables
from anabranch.plain_settings import OF_OWNERS, OTHERS, READ

if TYPE_CHECKING:
    import pytest


def test_variables_that_nothing_reads_are_named() -> None:
    """A misspelt variable is warned of, with the one that is near; known ones are not."""
    known = dict.fromkeys(READ | OTHERS | OF_OWNERS.keys(), "x")
    given = {
        **known,
        "ANABRANCH_HOEM": "/data",
        "ANABRANCH_FIGS": "blue",
        "ANABRANCH_SESSION": "of a branch's command",
        "ANABRANCH_BENCH_ROUNDS": "3",
        "anabranch_home": "/data",
        "PATH": "/bin",
    }

    told = list(unknown_variables(given))

    assert told == [
        "ANABRANCH_FIGS is no setting; `anabranch settings` lists those there are",
        "ANABRANCH_HOEM is no setting; ANABRANCH_HOME is one",
    ]


def test_with_json_what_is_logged_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning of any module is one JSON object on stderr."""
    with warnings_as_json():
        logging.getLogger("anabranch_events").warning("lost the connection to %s", "a server")

    assert json.loads(capsys.readouterr().err) == {
        "warning": {"message": "lost the connection to a server"}
    }
