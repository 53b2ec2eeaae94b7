"""`session`: opening, branching, claims, hand-offs, and every way in which one ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.fixtures.memory import CommandLine, Ran

pytestmark = pytest.mark.timeout(900)


def test_a_session_branches_and_completes(anabranch: CommandLine, namespace: str) -> None:
    """Open, branch, note, complete, tree: each gives ids and positions, and the tree shows both."""
    root = anabranch.opened(namespace)
    branch = anabranch.here(
        *("session", "branch", root, "--task", "Compare prices", "--role", "focus"),
        *("--priority", "high", "-N", namespace, "--json"),
    ).value
    note = anabranch.here("note", branch["session_id"], "budget", "8700", "-N", namespace, "--json")
    done = anabranch.here(
        *("session", "complete", branch["session_id"], "--result", "Two offers"),
        *("--insight", "Arrow is cheapest.", "--insight", "Swift is fastest."),
        *("-N", namespace, "--json"),
    ).value
    shown = anabranch.here("session", "show", branch["session_id"], "-N", namespace, "--json").value
    tree = anabranch.here("session", "tree", branch["session_id"], "-N", namespace, "--json").lines

    assert set(branch) == {
        *("session_id", "parent_id", "root_id", "forked_at", "event_id", "position")
    }
    assert (branch["parent_id"], branch["root_id"]) == (root, root)
    assert set(note.value) == {"session_id", "event_id", "position"}
    assert set(done) == {"session_id", "insight_ids", "event_id", "position"}
    assert len(done["insight_ids"]) == 2
    assert (shown["status"], shown["priority"]) == ("completed", "high")
    assert shown["working_memory"] == {"budget": 8700}
    assert [view["session_id"] for view in tree] == [root, branch["session_id"]]


def test_a_session_claims_and_is_watched(anabranch: CommandLine, namespace: str) -> None:
    """One session has a claim, the other hears who; a watch tells the insights of the thought."""
    root, rival = anabranch.opened(namespace), anabranch.opened(namespace)

    def session(*arguments: str) -> Ran:
        return anabranch.here("session", *arguments, "-N", namespace, "--json")

    claimed = session("claim", root, "hotel booking", "--ttl", "600").value
    refused = session("claim", rival, "hotel booking")
    token = str(claimed["token"])
    longer = session("renew", root, "hotel booking", "--token", token, "--ttl", "900").value
    released = session("release", root, "hotel booking", "--token", token)
    stale = session("release", root, "hotel booking", "--token", token)
    session("complete", root, "--result", "Booked", "--insight", "The Anker is booked.")
    watched = session("watch", root, "--after", "0").lines

    assert set(claimed) == {"session_id", "resource", "token", "expires_at"}
    assert (longer["token"], longer.keys()) == (claimed["token"], claimed.keys())
    assert longer["expires_at"] > claimed["expires_at"]
    assert (refused.code, refused.error["type"]) == (4, "ResourceTaken")
    assert (released.code, stale.code, stale.error["type"]) == (0, 4, "TokenStale")
    assert [(one["text"], one["session_id"]) for one in watched] == [("The Anker is booked.", root)]


def test_a_session_is_handed_off_and_closed(anabranch: CommandLine, namespace: str) -> None:
    """A hand-off gives the session that goes on, with the notes; closing ends it."""
    root = anabranch.opened(namespace)
    anabranch.here("note", root, "seen", '["a", "b"]', "-N", namespace, "--json")

    passed = anabranch.here(
        *("session", "hand-off", root, "--summary", "Half done", "--to", "night-shift"),
        *("-N", namespace, "--json"),
    ).value
    heir = anabranch.here("session", "show", passed["to"], "-N", namespace, "--json").value
    closed = anabranch.here("session", "close", passed["to"], "-N", namespace, "--json")
    listed = anabranch.here("session", "list", "-N", namespace, "--json").lines

    assert (heir["agent"], heir["working_memory"]) == ("night-shift", {"seen": ["a", "b"]})
    assert closed.code == 0
    assert {view["session_id"]: view["status"] for view in listed} == {
        root: "handed_off",
        passed["to"]: "closed",
    }


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("fail", "--error", "no train"), "failed"),
        (("cancel", "--reason", "no train"), "cancelled"),
    ],
)
def test_a_session_is_ended_without_a_result(
    anabranch: CommandLine, namespace: str, words: tuple[str, ...], status: str
) -> None:
    """It shows why, and a second end is refused with 4."""
    name, *options = words
    session = anabranch.opened(namespace)

    ended = anabranch.here("session", name, session, *options, "-N", namespace, "--json")
    again = anabranch.here("session", name, session, *options, "-N", namespace, "--json")

    view = anabranch.here("session", "show", session, "-N", namespace, "--json").value
    assert set(ended.value) == {"session_id", "event_id", "position"}
    assert (view["status"], view["error"]) == (status, "no train")
    assert (again.code, again.error["type"]) == (4, "SessionEnded")


def test_a_session_and_a_branch_have_their_agents(anabranch: CommandLine, namespace: str) -> None:
    """`--agent` is in whose name each works."""
    opening = ("session", "open", "--task", "Plan", "--agent", "ada", "-N", namespace, "--json")
    root = anabranch.here(*opening).value["session_id"]
    forking = ("session", "branch", root, "--task", "Ask", "--agent", "bob", "-N", namespace)
    anabranch.here(*forking, "--json")

    listed = anabranch.here("session", "list", "-N", namespace, "--json").lines

    assert [one["agent"] for one in listed] == ["bob", "ada"]
