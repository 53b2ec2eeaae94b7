"""The recipe: lanes, sessions, lengths, one hop, associations, and the order of ties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from anabranch_recall import Question, Scope
from anabranch_recall.fusion import (
    LINKED_SHARE,
    MEANING_SHARE,
    SESSION_SHARE,
    WORDS_SHARE,
    Candidate,
    Link,
    Scored,
    fuse,
    hop,
    link,
)
from anabranch_recall.plasticity import HALF_LIFE, decayed
from anabranch_store.recall.reach import LargeReaches, Reach, lineage

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def candidate(name: str, position: int = 1, **fields: Any) -> Candidate:
    """Return a candidate in a session of its own, with a text too short to count."""
    given_fields: dict[str, Any] = {"session_id": f"session of {name}", "text": name, **fields}
    return Candidate(insight_id=name, position=position, **given_fields)


def ids(ranked: list[Scored]) -> list[str]:
    """Return the ids in order."""
    return [each.candidate.insight_id for each in ranked]


def test_both_lanes_are_scaled_and_weighed() -> None:
    """The best of both lanes gets both shares, the worst nothing, whatever the lanes' units."""
    ranked = fuse(
        [
            candidate("worst", words=2.0, cosine=-0.1),
            candidate("best", words=12.0, cosine=0.5),
            candidate("half", words=7.0, cosine=-0.1),
        ]
    )

    assert ids(ranked) == ["best", "half", "worst"]
    assert [(each.words, each.meaning) for each in ranked] == [
        pytest.approx((WORDS_SHARE, MEANING_SHARE)),
        pytest.approx((WORDS_SHARE / 2, 0.0)),
        (0.0, 0.0),
    ]


def test_a_lane_that_has_nothing_leaves_its_share_to_the_other() -> None:
    """Without vectors words alone make the whole score."""
    [best, other] = fuse([candidate("best", words=3.0), candidate("other", words=0.0)])

    assert best.words == 1.0
    assert best.score == pytest.approx(1 + SESSION_SHARE)
    assert not other.supported


def test_words_stand_for_a_vector_that_is_not_there_yet() -> None:
    """A new insight that has the question's words comes first, though it has no vector yet."""
    ranked = fuse(
        [
            candidate("old", 1, words=0.0, cosine=0.5),
            candidate("older", 2, words=1.0, cosine=0.1),
            candidate("new", 3, words=4.0),
            candidate("new and strange", 4, words=0.0),
        ]
    )

    assert ids(ranked) == ["new", "old", "older", "new and strange"]
    assert [(each.words, each.meaning) for each in ranked] == [
        pytest.approx((WORDS_SHARE, MEANING_SHARE)),
        pytest.approx((0.0, MEANING_SHARE)),
        pytest.approx((WORDS_SHARE / 4, 0.0)),
        (0.0, 0.0),
    ]


def test_a_session_is_lifted_by_its_best_insight() -> None:
    """What was learned beside the best hit comes before an equal insight from elsewhere."""
    ranked = fuse(
        [
            candidate("elsewhere", 1, words=1.0),
            candidate("beside", 2, words=1.0, session_id="s"),
            candidate("best", 3, words=9.0, session_id="s"),
            candidate("nothing", 4, words=0.0),
        ]
    )

    assert ids(ranked) == ["best", "beside", "elsewhere", "nothing"]


def test_ties_are_broken_by_position_then_id() -> None:
    """Equal scores come in the order of the log, and equal positions in that of the ids."""
    equal = [candidate("c", 2), candidate("b", 2), candidate("a", 3), candidate("d", 1)]

    assert ids(fuse(equal)) == ["d", "b", "c", "a"]


def test_one_hop_brings_what_shares_a_rare_name() -> None:
    """An insight without any word of the question is found over a name the best one mentions."""
    ranked = fuse(
        [
            candidate("seed", 1, words=9.0, names=("Access Bank",)),
            candidate("second", 2, words=5.0),
            candidate("third", 3, words=0.2),
            candidate("bridged", 4, words=0.0, names=("Access Bank",)),
        ]
    )

    hopped = hop(ranked, "who lends?", population=4)

    assert ids(hopped) == ["seed", "second", "bridged", "third"]
    bridged = hopped[2].why(())
    assert (bridged.entities, bridged.seeds) == (("Access Bank",), ("seed",))
    assert bridged.path > 0


@pytest.mark.parametrize("shared_by", [1, 5])
def test_no_hop_over_names_of_one_or_of_many(shared_by: int) -> None:
    """A name that only one insight has leads nowhere, one that many have leads everywhere."""
    having = [
        candidate(f"having {at}", at, words=9.0 - at, names=("Bank",)) for at in range(shared_by)
    ]
    ranked = fuse([*having, candidate("other", 9, words=0.0)])

    assert all(each.path == 0 for each in hop(ranked, "?", population=6))


def test_no_hop_over_a_name_that_was_asked_for() -> None:
    """What the question names, the words lane has found."""
    ranked = fuse(
        [candidate("a", words=2.0, names=("Bank",)), candidate("b", words=0.0, names=("Bank",))]
    )

    assert all(each.path == 0 for each in hop(ranked, "the BANK?", population=2))


def test_an_association_lifts_within_its_bound() -> None:
    """Being linked to the best gives at most a tenth, is said with its weight, and both ends say it."""
    ranked = fuse(
        [
            candidate("best", 1, words=9.0),
            candidate("far", 2, words=1.0),
            candidate("linked", 3, words=0.9),
            candidate("last", 4, words=0.0),
        ]
    )

    linked = link(ranked, [Link("best", "linked", "supports", 0.8, 17)])

    assert ids(linked) == ["best", "linked", "far", "last"]
    why = linked[1].why(())
    assert why.linked == pytest.approx(0.8 * LINKED_SHARE)
    assert [(each.insight_id, each.kind, each.weight) for each in why.associations] == [
        ("best", "supports", 0.8)
    ]
    assert why.events == (3, 17)
    assert [each.insight_id for each in linked[0].associations] == ["linked"]


def test_an_association_does_not_bring_the_far_to_the_top() -> None:
    """However strong an association, a clear difference in the lanes stays."""
    ranked = fuse(
        [candidate("best", words=9.0), candidate("b", words=5.0), candidate("c", words=0)]
    )

    linked = link(ranked, [Link("best", "c", "supports", 1.0, 4)])

    assert ids(linked) == ["best", "b", "c"]
    assert linked[2].supported


def _candidates() -> st.SearchStrategy[list[Candidate]]:
    score = st.none() | st.floats(0, 50)
    one = st.builds(
        Candidate,
        insight_id=st.text("abc", min_size=1, max_size=3),
        session_id=st.sampled_from("st"),
        text=st.text(max_size=300),
        position=st.integers(1, 5),
        names=st.lists(st.sampled_from(["X", "Y"]), unique=True).map(tuple),
        words=score,
        cosine=st.none() | st.floats(-1, 1),
    )
    return st.lists(one, max_size=8, unique_by=lambda each: each.insight_id)


@given(_candidates(), st.randoms())
def test_the_order_does_not_depend_on_the_order_of_reading(
    candidates: list[Candidate], chance: Any
) -> None:
    """A store may give insights in any order; the ranking, scores and reasons are the same."""
    shuffled = candidates[:]
    chance.shuffle(shuffled)
    links = [Link("a", "b", "k", 0.5, 9)]

    one, other = (
        link(hop(fuse(each), "?", population=9), links) for each in (candidates, shuffled)
    )

    assert [(each.candidate, each.score) for each in one] == [
        (each.candidate, each.score) for each in other
    ]
    assert [each.why(()) for each in one] == [each.why(()) for each in other]
    assert [each.score for each in one] == sorted((each.score for each in one), reverse=True)


def test_a_weight_halves_in_fourteen_days() -> None:
    """Decay is computed at the time of the question, and never runs backwards."""
    assert decayed(0.8, since=NOW, at=NOW) == 0.8
    assert decayed(0.8, since=NOW, at=NOW + HALF_LIFE) == pytest.approx(0.4)
    assert decayed(0.8, since=NOW, at=NOW + 2 * HALF_LIFE) == pytest.approx(0.2)
    assert decayed(0.8, since=NOW, at=NOW - timedelta(days=3)) == 0.8


def test_an_ancestor_counts_up_to_the_fork() -> None:
    """Each ancestor counts up to the earliest fork on the way, and nothing past the question."""
    path = [("leaf", []), ("parent", [70]), ("root", [70, 30])]

    assert lineage(path, until=100) == {"leaf": 100, "parent": 70, "root": 30}
    assert lineage(path, until=50) == {"leaf": 50, "parent": 50, "root": 30}
    assert lineage([], until=50) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": ""},
        {"text": " \n"},
        {"text": "\ud800"},
        {"k": 0},
        {"k": 1001},
        {"as_of": -1},
        {"scope": Scope.LINEAGE},
        {"scope": "everything"},
        {"namespace": ""},
    ],
)
def test_a_question_that_cannot_be_asked(wrong: dict[str, Any]) -> None:
    """Blank text, no hits, a negative position, a scope without its session are refused."""
    with pytest.raises(ValidationError):
        Question.model_validate({"text": "who?", "namespace": "default", **wrong})


def test_a_namespace_found_large_stays_so_for_later_positions() -> None:
    """What was large as of a position is large after it; earlier, in a scope, or elsewhere it may not be."""
    large = LargeReaches()
    large.add(Reach("default", 50, include_retired=False))
    large.add(Reach("other", 50, include_retired=False, windows={"s": 50}))

    assert large.has(Reach("default", 60, include_retired=False))
    assert not large.has(Reach("default", 40, include_retired=False))
    assert not large.has(Reach("default", 60, include_retired=False, windows={"s": 60}))
    assert not large.has(Reach("other", 60, include_retired=False))
