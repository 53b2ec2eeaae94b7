"""Consolidation is extractive: it groups, orders and cites."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from anabranch_thinking import Point, synthesise

BATH = "The ryokan in Hakone has a private bath facing the garden."
PASSPORT = "Maria's passport expires in June, before the flight to Tokyo."
TRAIN = "The train from Tokyo to Hakone takes ninety minutes."


def point(
    name: str, session: str, text: str, *, confidence: float = 1.0, sources: str = ""
) -> Point:
    """A point with short ids; `sources` are single letters."""
    return Point(name, session, text, confidence=confidence, sources=frozenset(sources))


def test_what_more_branches_have_seen_comes_first() -> None:
    """Groups are ordered by how many branches support them, and say so."""
    found = synthesise(
        "Trip",
        [
            point("i1", "a", PASSPORT),
            point("i2", "a", BATH),
            point("i3", "b", BATH),
            point("i4", "c", BATH + " Indeed."),
        ],
    )

    assert found.sources == ("i2", "i3", "i4", "i1")
    assert found.text == (
        "On “Trip”: 4 insights of 3 branches, in 2 groups.\n\n"
        f"1. {BATH} [1] [2-3] (also seen by 2 branches)\n"
        f"2. {PASSPORT} [4]"
    )


def test_the_root_is_no_branch() -> None:
    """Insights of the root are counted, and the root apart from the branches."""
    said = [point("i1", "root", BATH), point("i2", "a", TRAIN), point("i3", "b", PASSPORT)]

    both = synthesise("Trip", said, root_id="root")
    alone = synthesise("Trip", said[:1], root_id="root")

    assert both.text.startswith("On “Trip”: 3 insights of 2 branches and the root, in 3 groups.")
    assert alone.text.startswith("On “Trip”: 1 insight of the root, in 1 group.")


def test_vectors_group_what_words_do_not() -> None:
    """Two texts without a common word belong together when their vectors are near."""
    said = [point("i1", "a", "Boats sail."), point("i2", "b", "Ships cross water.")]

    by_words = synthesise("Sea", said)
    by_meaning = synthesise("Sea", said, vectors=[[1.0, 0.0], [0.8, 0.6]])

    assert [len(group.points) for group in by_words.groups] == [1, 1]
    assert [len(group.points) for group in by_meaning.groups] == [2]
    assert [one.insight_id for one in by_meaning.groups[0].related] == ["i2"]


def test_the_same_evidence_belongs_together() -> None:
    """Insights that stand on the same sources are one group, whatever their words."""
    found = synthesise(
        "Trip",
        [
            point("i1", "a", "Most direct: a passport expires.", sources="x"),
            point("i2", "b", "Could go wrong, boarding is refused.", sources="x"),
            point("i3", "c", TRAIN, sources="y"),
        ],
    )

    assert [group.support for group in found.groups] == [2, 1]


def test_what_stands_on_nothing_new_is_only_cited() -> None:
    """A point whose evidence the group has shown already gets a citation and no line."""
    found = synthesise(
        "Trip",
        [
            point("i1", "a", "A passport expires, a visa is needed.", sources="xy"),
            point("i2", "b", "Could go wrong, boarding is refused.", sources="x"),
        ],
    )

    assert found.text.splitlines()[2:] == [
        "1. Could go wrong, boarding is refused. [1] (also seen by 1 branch)",
        "   - A passport expires, a visa is needed. [2]",
    ]
    assert [one.insight_id for one in found.groups[0].related] == ["i1"]


def test_groups_do_not_chain() -> None:
    """A point near a member, but not near the group's lead, leads a group of its own."""
    found = synthesise(
        "Letters",
        [
            point("i1", "a", "alpha beta gamma delta"),
            point("i2", "b", "gamma delta epsilon zeta"),
            point("i3", "c", "epsilon zeta eta theta"),
            point("i4", "d", "alpha beta gamma delta"),
        ],
    )

    assert [[one.insight_id for one in group.points] for group in found.groups] == [
        ["i1", "i4"],
        ["i2"],
        ["i3"],
    ]


def test_the_more_confident_statement_leads() -> None:
    """Of points that back each other alike, the most confident is quoted."""
    found = synthesise(
        "Trip",
        [point("i1", "a", BATH, confidence=0.4), point("i2", "b", BATH, confidence=0.9)],
    )

    assert found.groups[0].lead.insight_id == "i2"


def test_many_related_statements_are_folded_but_cited() -> None:
    """A large group quotes a few of its members and cites the others as a range."""
    said = [
        point(f"i{number:02}", f"s{number}", f"Thing {letter}", sources="x" + letter)
        for number, letter in enumerate("bcdefghjklmn")
    ]
    vectors = [[1.0, 0.0], *[[0.8, 0.6]] * 11]

    found = synthesise("Things", said, vectors=vectors)

    assert "   - and 7 more [6-12]" in found.text.splitlines()
    assert sorted(found.sources) == [one.insight_id for one in said]


words = st.sampled_from(["bath", "train", "garden", "june", "passport", "hotel", "snow", "tea"])
points = st.lists(
    st.tuples(st.sampled_from("abcd"), st.lists(words, min_size=1, max_size=5)), min_size=1
).map(
    lambda rows: [
        point(f"i{index}", session, " ".join(said)) for index, (session, said) in enumerate(rows)
    ]
)


@given(points)
def test_each_insight_is_cited_exactly_once(said: list[Point]) -> None:
    """Every insight is in one group, once in the sources, and the text cites up to the last."""
    found = synthesise("Any", said)

    assert sorted(found.sources) == sorted(one.insight_id for one in said)
    numbers = [int(number) for number in re.findall(r"\[(?:\d+-)?(\d+)\]", found.text)]
    assert max(numbers) == len(said)
    assert found == synthesise("Any", said)
