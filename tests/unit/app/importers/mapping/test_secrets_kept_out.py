"""Secrets wherever a transcript may have them: no event that is made of it holds one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from anabranch.importers.mapping.failures import CUT_MARGIN
from anabranch.importers.mapping.findings import OUTPUT_READ_MAX
from anabranch.importers.mapping.identity import Identity
from anabranch.importers.mapping.redaction import Redaction
from anabranch.importers.mapping.sessions import Mapping
from anabranch.importers.outcome import Tally
from anabranch.importers.records.model import (
    Ended,
    Fact,
    Opened,
    Skipped,
    Summary,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from tests.support.made_up_secrets import GITHUB_TOKEN as SECRET

if TYPE_CHECKING:
    from anabranch.importers.records.model import Record

# Put together here, so that no scanner takes this file for one that holds secrets.
CORE = "a1B2c3D4e5"
BODY = "\n".join(["MIIE" + CORE * 6] * 50)
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----"
MAIN = Opened(key="main", source_id="main", task="Look.")


def failed(command: str, output: str) -> list[Record]:
    """Return a command that failed."""
    return [
        ToolCall(line="main", id="c", name="bash", input={"command": command}),
        ToolResult(line="main", call_id="c", given=output, failed=True),
    ]


def turn(text: str, *, said: str = "user") -> list[Record]:
    """Return a text that was said."""
    return [
        Turn(line="main", id="1", said="assistant" if said == "assistant" else "user", text=text)
    ]


PLACES: dict[str, list[Record]] = {
    "a text past its length": turn(f"{'x ' * 990}{SECRET} and {KEY}"),
    "a key that the length cuts": turn(f"{'x ' * 900}{KEY}"),
    "a command past its length": failed(f"deploy {'-v ' * 60} --with {SECRET}", "it is wrong"),
    "a line of an output past its length": failed("deploy", f"error: {'x ' * 140}{SECRET}"),
    "a line of a key in an output": failed("cat key", KEY.rpartition("\n")[0]),
    "the end of a key in an output": failed("tail key", KEY.partition("\n")[2]),
    "a command of many lines": failed(f"cat <<E\n{KEY}\nE\ndeploy {SECRET}", f"no {SECRET}"),
    "a secret that the end of an output cuts": failed(
        f"deploy {SECRET}", f"{SECRET} error: wrong".ljust(4 + 64 * 1024 - 2, "\n") + ".."
    ),
    "a decision": turn(f"We decided to use {SECRET} from now on.", said="assistant"),
    "a role": [
        Opened(key="a", source_id="a", kind="subagent", parent="main", role=SECRET, task="T"),
        Ended(line="a", result="It is done."),
    ],
    "a model": [*turn("Hm."), Opened(key="b", source_id="b", model=SECRET, task="T", silent=True)],
    "an attribute": [
        Opened(key="b", source_id="b", task="T", attributes={"db_password": CORE}),
        Turn(line="b", id="1", said="user", text="Look."),
    ],
    "a tool": [ToolCall(line="main", id="c", name=f"run {SECRET}", input={})],
    "what was left out": [Skipped(line="main", why=f"record {SECRET}")],
    "a kind that is not known": [Unknown(line="main", what=f"record {SECRET}")],
    "a fact": [
        Fact(line="main", id="f", text="T", kind=SECRET, subject=SECRET, entities=(SECRET,))
    ],
    "the id of a fact": [
        Fact(line="main", id=f"observation\nlamp\n{SECRET}", text="T", kind="note")
    ],
    "the id of a fact without spaces": [
        Fact(line="main", id=f"block-1/{SECRET}", text=SECRET, kind="memory block")
    ],
    "a word after an option of an installer": [
        *failed(f"pip install --token {CORE} buoy", "error: no buoy"),
        *turn("It is done.", said="assistant"),
    ],
    "a word of one that is not a program": failed(f"TOKEN={CORE} npm i --password {CORE}", "no"),
    "a line of an output whose beginning is too far": failed(
        "deploy", f"error: token={'a' * 40}{CORE}\n{' ' * (OUTPUT_READ_MAX - 12)}"
    ),
    "the first line of what is read of an output": failed(
        f"deploy {SECRET}",
        f"error: token={'a' * 40}{CORE}\n{'. ' * ((OUTPUT_READ_MAX + CUT_MARGIN) // 2 - 6)}",
    ),
    "a hash of a password": turn("password: $2b$12$" + CORE * 5 + "abc"),
    "a summary": [Summary(line="main", id="s", text=f"So far: {SECRET}")],
    "a result": [
        Opened(key="a", source_id="a", kind="subagent", parent="main", task="T"),
        Ended(line="a", result=f"It is {SECRET}"),
    ],
    "a reason": [
        Opened(key="a", source_id="a", kind="subagent", parent="main", task="T"),
        Ended(line="a", how="failed", reason=f"It is {SECRET}"),
    ],
    "a tool's input within a text": [
        ToolCall(line="main", id="c", name="run", input={"body": '{"token": "' + CORE + '"}'}),
        ToolResult(line="main", call_id="c", given="it ran", failed=False),
    ],
}


@pytest.mark.parametrize("place", PLACES)
def test_no_event_holds_a_secret(place: str) -> None:
    """Neither cut off, nor in a name, nor in the whole text that is kept beside it."""
    tally = Tally()
    mapping = Mapping(
        Identity("default", "tool"),
        Redaction(),
        tally,
        tool="tool",
        fallback_time=datetime(2026, 11, 30, tzinfo=UTC),
        tools=True,
    )

    drafts = [
        draft for record in (MAIN, *turn("Look."), *PLACES[place]) for draft in mapping.take(record)
    ]
    drafts += mapping.finish()

    stored = repr([msgspec.structs.asdict(draft) for draft in drafts])
    assert "redacted" in stored
    assert CORE not in stored


@pytest.mark.parametrize("command", [f"deploy {SECRET}", f"cat <<E\n{SECRET}\nE\ndeploy"])
def test_a_secret_of_a_command_that_failed_is_counted_once(command: str) -> None:
    """However often it is looked at for what is stored of it."""
    redaction = Redaction()
    mapping = Mapping(
        Identity("default", "tool"),
        redaction,
        Tally(),
        tool="tool",
        fallback_time=datetime(2026, 11, 30, tzinfo=UTC),
    )

    for record in (MAIN, *turn("Look."), *failed(command, "it is wrong")):
        _ = [*mapping.take(record)]

    assert redaction.counted == {"GitHub Token": 1}
