"""Associations are formed across sessions, few, strong and the same each time."""

from __future__ import annotations

from collections import Counter

from anabranch_thinking import Link, Point, find_links


def point(name: str, session: str, text: str, *entities: str) -> Point:
    """A point with short ids; ids sort by age."""
    return Point(name, session, text, entities=frozenset(entities))


def test_near_vectors_of_two_sessions_are_linked() -> None:
    """What is near in meaning is linked from the newer to the older, with the cosine as weight."""
    ours = [point("i2", "b", "two"), point("i3", "b", "three")]
    others = [point("i1", "a", "one")]

    found = find_links(ours, others, vectors=[[0.8, 0.6], [0.0, 1.0], [1.0, 0.0]])

    assert [(one.link, one.weight) for one in found] == [(Link("i2", "i1", "similar"), 0.8)]


def test_one_session_is_never_linked_to_itself() -> None:
    """Insights of the same session are not associated, however alike."""
    said = [point("i1", "a", "the same", "Hakone"), point("i2", "a", "the same", "Hakone")]

    assert find_links(said, vectors=[[1.0], [1.0]]) == []


def test_what_was_outside_is_not_linked_among_itself() -> None:
    """One end of each association is an insight of the thought."""
    others = [point("i1", "a", "x", "Hakone"), point("i2", "b", "x", "Hakone")]

    assert find_links([point("i3", "c", "y")], others, vectors=[[0, 1], [1, 0], [1, 0]]) == []


def test_without_vectors_words_decide() -> None:
    """The overlap of stems links when there is no embedder."""
    found = find_links(
        [point("i1", "a", "private bath garden"), point("i2", "b", "private bath terrace")]
    )

    assert [(one.link.kind, one.weight, one.reason) for one in found] == [
        ("similar", 0.5, "alike in words")
    ]


def test_a_rare_entity_links_and_a_common_one_does_not() -> None:
    """An entity that two to eight insights mention links them; one that nine mention does not."""
    rare = [point("i1", "a", "x", "Hakone"), point("i2", "b", "y", "Hakone")]
    common = [point(f"i{number}", f"s{number}", f"{number}", "Maria") for number in range(9)]

    assert [(one.link, one.weight, one.reason) for one in find_links(rare)] == [
        (Link("i2", "i1", "shares_entity"), 0.5, "both mention Hakone")
    ]
    assert find_links(common) == []


def test_no_insight_gets_more_than_five_links() -> None:
    """The strongest five are kept at each end, and no two insights are linked twice."""
    said = [point(f"i{number:02}", f"s{number}", "the same words") for number in range(12)]

    found = find_links(said, vectors=[[1.0]] * len(said))

    ends = Counter(end for one in found for end in (one.link.from_id, one.link.to_id))
    assert max(ends.values()) == 5
    assert len({frozenset((one.link.from_id, one.link.to_id)) for one in found}) == len(found)
    assert found == find_links(said, vectors=[[1.0]] * len(said))


def test_what_is_active_is_not_formed_again() -> None:
    """Run again with its own links active, nothing more is formed."""
    said = [point(f"i{number:02}", f"s{number}", "the same words") for number in range(12)]
    first = find_links(said)

    again = find_links(said, active=frozenset(one.link for one in first))

    assert first
    assert again == []
