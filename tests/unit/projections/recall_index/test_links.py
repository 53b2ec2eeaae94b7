"""Associations over time: what held at a position, and how strong it was."""

from __future__ import annotations

from anabranch_projections.recall_index.entries import Cited, Linked, Unlinked
from anabranch_projections.recall_index.links import Links
from anabranch_recall.moment import LinkThen


def _links() -> Links:
    links = Links()
    links.form(Linked(10, 1_000, "a", "b", "supports", 0.5))
    links.cite(Cited(20, 2_000, ("b", "a"), useful=True))
    links.cite(Cited(30, 3_000, ("a", "b", "c"), useful=False))
    links.sever(Unlinked(40, "a", "b", "supports"))
    links.cite(Cited(50, 5_000, ("a", "b"), useful=True))
    return links


def test_a_weight_as_of_a_position_is_that_of_its_citations_up_to_there() -> None:
    """A use strengthens and renews, a rejection weakens and does not; after its end it is gone."""
    links = _links()

    found = {position: links.then("a", position) for position in (9, 10, 29, 30, 39, 40, 60)}

    def link(weight: float, since: int) -> list[LinkThen]:
        return [LinkThen("a", "b", "supports", weight, since, 10)]

    assert found == {
        9: [],
        10: link(0.5, 1_000),
        29: link(0.55, 2_000),
        30: link(0.55 * 0.9, 2_000),
        39: link(0.55 * 0.9, 2_000),
        40: [],
        60: [],
    }
    assert links.then("b", 35) == links.then("a", 35)


def test_forming_again_ends_what_was_formed_before() -> None:
    """Between two insights one association of a kind holds at a time, and it begins anew."""
    links = _links()
    links.form(Linked(60, 6_000, "a", "b", "supports", 0.2))
    links.form(Linked(70, 7_000, "a", "b", "supports", 0.3))

    found = [links.then("a", position) for position in (65, 75)]

    assert found == [
        [LinkThen("a", "b", "supports", 0.2, 6_000, 60)],
        [LinkThen("a", "b", "supports", 0.3, 7_000, 70)],
    ]


def test_only_what_was_cited_together_moves() -> None:
    """A citation of one end, or of others, leaves an association as it is."""
    links = Links()
    links.form(Linked(1, 1, "a", "b", "supports", 0.5))
    links.cite(Cited(2, 2, ("a", "c"), useful=True))

    found = links.then("a", 2)

    assert found == [LinkThen("a", "b", "supports", 0.5, 1, 1)]
