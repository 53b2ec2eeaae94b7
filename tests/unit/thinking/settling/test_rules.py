"""The rules: what is said again, what took another's place, what contradicts it."""

from __future__ import annotations

import pytest

from anabranch_thinking.consolidation.wording import Wording
from anabranch_thinking.settling.rules import Verdict, judged

SAME = [
    ("The gateway listens on port 8080.", "the gateway listens on port  8080."),
    (
        "Backups of the orders database run every night at two.",
        "Backups of the orders database run every night at two, by a cron job.",
    ),
    (
        "【Plan】 The Hotel Kanra booking for June is confirmed for one person.",
        "The Hotel Kanra booking for June is confirmed for one person.",
    ),
    (
        "Ben learns by examples rather than principles.",
        "Ben learns by examples rather than abstract principles, most of all when tired.",
    ),
]
CHANGED = [
    (
        "The nightly backup is scheduled for Monday at two.",
        "The nightly backup is moved from Monday at two to Friday at four.",
    ),
    ("Deployments of the shop are on hold.", "Deployments of the shop are no longer on hold."),
    (
        "Anna uses Jenkins for the builds of the shop.",
        "Anna uses Dagger instead of Jenkins for the builds of the shop.",
    ),
]
CONFLICTING = [
    ("The limit of the gateway is 500 requests.", "The limit of the gateway is 800 requests."),
    ("Rotation of the signing keys (paused)", "Rotation of the signing keys is reactivated"),
    ("The preferred region of the team is Oslo.", "The preferred region of the team is Zurich."),
]
NEITHER = [
    # Who does it, and to whom.
    ("Gina supports Jon and believes in him.", "Jon supports Gina and believes in her."),
    ("Anna's favourite editor is vim.", "Ben's favourite editor is vim."),
    # Another number, order or day is another thing, and a counted one no other value.
    ("Step 2 of the release is the changelog.", "Step 3 of the release is the changelog."),
    ("The limit of gateway 1 is 500 requests.", "The limit of gateway 2 is 500 requests."),
    ("The run took 20 minutes on Monday.", "The run took 25 minutes on a previous Monday."),
    # A denial, a stage, and what is still to come.
    ("The cache is shared by both services.", "The cache is not shared by both services."),
    ("The export of the ledger will run again.", "The export of the ledger has run again."),
    # A list that lost a name says something else.
    (
        "The reviewers of the storage design are Anna, Ben and Zoe.",
        "The reviewers of the storage design are Anna and Ben.",
    ),
    # What it is replaced *by* is new.
    ("A user-run check is used.", "The daily check is replaced by a user-run check."),
    ("Is the limit of the gateway 500?", "Is the limit of the gateway 800?"),
    ("Nate: Thanks Jo! See you later!", "Nate: Sure thing Jo! See you later!"),
    ("Alan Turing was a mathematician.", "Pure water boils at a hundred degrees."),
]


def _verdicts(pairs: list[tuple[str, str]]) -> list[Verdict | None]:
    found = [judged(Wording(one), Wording(two), 0.95) for one, two in pairs]
    return [each.verdict if each else None for each in found]


def test_a_fact_said_again_is_the_same() -> None:
    """Two texts are one fact where one says nothing that the other does not."""
    assert _verdicts(SAME) == [Verdict.SAME] * len(SAME)


def test_a_change_needs_its_own_words() -> None:
    """A newer text takes an older one's place where it says so, naming what is no more."""
    assert _verdicts(CHANGED) == [Verdict.SUPERSEDES] * len(CHANGED)


def test_a_change_is_read_in_one_direction() -> None:
    """The older text takes no newer one's place."""
    assert Verdict.SUPERSEDES not in _verdicts([(two, one) for one, two in CHANGED])


def test_one_attribute_with_two_values_is_a_conflict() -> None:
    """Where all but one value is the same, both stand against each other."""
    assert _verdicts(CONFLICTING) == [Verdict.CONFLICTS] * len(CONFLICTING)


@pytest.mark.parametrize(("older", "newer"), NEITHER)
def test_what_only_looks_alike_is_left_alone(older: str, newer: str) -> None:
    """Where no rule is sure, nothing is said."""
    assert judged(Wording(older), Wording(newer), 0.95) is None


def test_without_vectors_the_words_must_agree_more() -> None:
    """Words alone decide on fewer pairs than words and meaning."""
    older, newer = map(Wording, SAME[1])

    assert judged(older, newer, None) is None
    assert judged(older, newer, 0.9) is not None
    assert judged(older, newer, 0.6) is None
