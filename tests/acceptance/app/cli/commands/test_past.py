"""The commands that look at the past: what `--json` gives, and how they end."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from tests.support.fixtures.memory import CommandLine

pytestmark = pytest.mark.timeout(900)
NOWHERE = "00000000-0000-7000-8000-000000000000"


class Story(NamedTuple):
    """A session that learned one thing before `middle` and another after it."""

    namespace: str
    session_id: str
    first: str
    second: str
    middle: int


@pytest.fixture
def story(anabranch: CommandLine) -> Story:
    """Give a short life of a session, in a namespace that no other test uses."""
    namespace = f"test-{uuid.uuid4().hex[:12]}"
    here = ("-N", namespace, "--json")
    opened = anabranch.here("session", "open", "--task", "Plan the move", *here).value
    session_id = str(opened["session_id"])
    first = anabranch.here("remember", "Port 5433.", "--session", session_id, *here).value
    second = anabranch.here("remember", "Port 5434.", "--session", session_id, *here).value
    return Story(
        namespace, session_id, first["insight_id"], second["insight_id"], int(first["position"])
    )


def test_a_session_and_its_thought_as_of_a_position(anabranch: CommandLine, story: Story) -> None:
    """As of the first insight the session has one, and the thought is the session at that place."""
    then = ("--as-of", str(story.middle), "-N", story.namespace, "--json")

    shown = anabranch.here("session", "show", story.session_id, *then).value
    tree = anabranch.here("session", "tree", story.session_id, *then).lines

    assert [one["insight_id"] for one in shown["insights"]] == [story.first]
    assert shown["position"] == story.middle
    assert [one["session_id"] for one in tree] == [story.session_id]
    assert tree[0]["status"] == "open"


@in_full_only
def test_digest_and_cypher_as_of_a_position(anabranch: CommandLine, story: Story) -> None:
    """A query gives what it gave then, folded or filtered; the digest then is not that of now."""
    then = ("--as-of", str(story.middle), "-N", story.namespace, "--json")
    query = "MATCH (i:Insight {namespace: $namespace}) "

    folded = anabranch.here("cypher", f"{query} RETURN i.id AS id", *then).lines
    filtered = anabranch.here(
        "cypher", f"{query} WHERE i.recorded <= $as_of RETURN i.id AS id", *then
    ).lines
    digest = anabranch.here("graph", "digest", *then).value
    now = anabranch.here("graph", "digest", "-N", story.namespace, "--json").value

    assert folded == filtered == [{"id": story.first}]
    assert digest["position"] == story.middle
    assert digest["digest"] != now["digest"]


def test_history_tells_a_life(anabranch: CommandLine, story: Story) -> None:
    """A life is a line an event, in order, with words; as of a position it ends there."""
    here = ("-N", story.namespace, "--json")

    life = anabranch.here("history", story.session_id, *here).lines
    then = anabranch.here("history", story.session_id, "--as-of", str(story.middle), *here).lines
    insight = anabranch.here("history", story.first, *here).lines

    assert [one["happened"] for one in life] == [
        "opened: Plan the move",
        "learned: Port 5433.",
        "learned: Port 5434.",
    ]
    assert set(life[0]) == {
        *("position", "stored_at", "type", "session_id", "agent", "event_id", "happened")
    }
    assert then == life[:2]
    assert [one["type"] for one in insight] == ["anabranch.insight.recorded.v1"]


def test_a_diff_tells_what_was_learned_since(anabranch: CommandLine, story: Story) -> None:
    """Since the first insight the second was recorded, and nothing else."""
    here = ("-N", story.namespace)

    found = anabranch.here("diff", str(story.middle), *here, "--json").value
    shown = anabranch.here("diff", "0", *here)
    listed = anabranch.here("diff", "0", "--limit", "1", *here, "--json").value

    assert [one["insight_id"] for one in found["insights_recorded"]] == [story.second]
    assert {name: count for name, count in found["sums"].items() if count} == {
        "insights_recorded": 1
    }
    assert found["events"] == 1
    assert "Port 5434." in shown.out
    assert "Plan the move" in shown.out
    assert len(listed["insights_recorded"]) == 1
    assert listed["sums"]["insights_recorded"] == 2


@pytest.mark.parametrize(
    ("code", "name", "arguments"),
    [
        (3, "HistoryNotFound", ("history", NOWHERE)),
        (3, "SessionNotFound", ("session", "show", NOWHERE, "--as-of", "1")),
        (3, "SessionNotFound", ("session", "tree", NOWHERE, "--as-of", "2020-01-01")),
        (2, "InputInvalid", ("history", "no-id")),
        (2, "InputInvalid", ("diff", "yesterday")),
        (2, "InputInvalid", ("diff", "2", "1")),
        (2, "InputInvalid", ("diff", "2001-01-01", "2000-01-01")),
        (2, "PositionFromFuture", ("diff", "0", "999999999")),
        (2, "PositionFromFuture", ("graph", "digest", "--as-of", "999999999")),
        (2, "PositionFromFuture", ("cypher", "RETURN 1", "--as-of", "999999999")),
        (2, "PositionFromFuture", ("session", "show", NOWHERE, "--as-of", "999999999")),
    ],
)
def test_a_moment_or_a_thing_that_is_not_there(
    anabranch: CommandLine, story: Story, code: int, name: str, arguments: tuple[str, ...]
) -> None:
    """What is not there ends with 3, a moment that cannot be with 2, each with its way out."""
    ran = anabranch.here(*arguments, "-N", story.namespace, "--json")

    assert ran.code == code
    assert ran.error["type"] == name
    assert ran.error["fix"]


def test_a_time_is_a_moment(anabranch: CommandLine, story: Story) -> None:
    """As of the time of the first insight's event there was one; before all time there was none."""
    here = ("-N", story.namespace, "--json")
    stored = anabranch.here("history", story.first, *here).lines[0]["stored_at"]

    shown = anabranch.here("session", "show", story.session_id, "--as-of", stored, *here).value
    before = anabranch.here("diff", "2000-01-01", "2001-01-01", *here).value

    assert [one["insight_id"] for one in shown["insights"]] == [story.first]
    assert before["events"] == 0
    assert not any(before["sums"].values())
