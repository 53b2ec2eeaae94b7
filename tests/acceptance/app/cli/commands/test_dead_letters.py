"""The commands that settle what could not be applied, beside a running projector."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import nats
import pytest

from anabranch_events import new_id, subject
from tests.support.fixtures.memory import running
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.fixtures.memory import CommandLine

pytestmark = [pytest.mark.timeout(900), in_full_only]
NAMESPACE = "letters"


@pytest.fixture(scope="module")
def anabranch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Give the command line over a home of its own: no rebuild passes by what is put here."""
    with running(tmp_path_factory.mktemp("letters") / "home") as line:
        yield line


async def _published(anabranch: CommandLine, *documents: bytes) -> list[int]:
    """Publish documents as a producer of its own would; return their positions."""
    found = json.loads((anabranch.home / "runtime.json").read_bytes())["log"]
    client = await nats.connect(found["url"], token=found["token"])
    where = subject(NAMESPACE, new_id())
    positions = [(await client.jetstream().publish(where, one)).seq for one in documents]
    await client.close()
    return positions


def test_letters_are_listed_shown_tried_and_discarded(anabranch: CommandLine) -> None:
    """What no try can mend stays with its new reason, until it is discarded: status says so."""
    here = ("-N", NAMESPACE, "--json")
    first, second = asyncio.run(_published(anabranch, b"no event", b'{"type": "tea"}'))
    anabranch.here("recall", "tea", "--after", str(second), *here)

    listed = anabranch.here("dead-letters", "list", *here).lines
    shown = anabranch.here("dead-letters", "show", str(first), *here).value
    tried = anabranch.here("dead-letters", "retry", "--all", *here)
    waiting = anabranch.here("status", *here).value
    unwell = anabranch.here("doctor", "--json")
    discarded = anabranch.here("dead-letters", "discard", str(first), str(second), *here).lines
    settled = anabranch.here("status", *here).value

    assert [one["position"] for one in listed] == [first, second]
    assert [one["attempts"] for one in listed] == [1, 1]
    assert (shown["reason"], shown["event"]["position"]) == (listed[0]["reason"], first)
    assert tried.code == 1
    assert [json.loads(line)["applied"] for line in tried.out.splitlines()] == [False, False]
    assert [one["attempts"] for one in discarded] == [2, 2]
    assert all(one["discarded_at"] for one in discarded)
    assert (waiting["dead_letters"], settled["dead_letters"]) == (2, 0)
    assert "2 events could not be applied" in unwell.out
    assert "dead-letters list" in unwell.out
    assert anabranch.here("dead-letters", "list", *here).lines == []
    kept = anabranch.here("dead-letters", "list", "--discarded", *here).lines
    assert [one["position"] for one in kept] == [first, second]
    said = anabranch.here("dead-letters", "list", "-N", NAMESPACE).out
    assert said == "No dead letters wait.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("retry",), 2, "UsageInvalid"),
        (("retry", "1", "--all"), 2, "UsageInvalid"),
        (("retry", "999999"), 3, "DeadLetterNotFound"),
        (("show", "999999"), 3, "DeadLetterNotFound"),
        (("discard", "999999"), 3, "DeadLetterNotFound"),
    ],
)
def test_a_letter_that_is_not_there(
    anabranch: CommandLine, arguments: tuple[str, ...], code: int, error: str
) -> None:
    """What is not named well, or not there, ends with its own code and says so."""
    ran = anabranch.here("dead-letters", *arguments, "-N", NAMESPACE, "--json")

    assert (ran.code, ran.error["type"]) == (code, error)
    assert ran.error["fix"]
