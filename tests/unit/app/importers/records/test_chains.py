"""Parting a tree of records into lines, for any tree."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from anabranch.importers.records.chains import END, Node, lines_of
from tests.support.rounds import examples


@st.composite
def trees(draw: st.DrawFn) -> list[Node]:
    """Draw records in their file's order: most hang on the one before, some further back."""
    count = draw(st.integers(1, 40))
    found: list[Node] = []
    for number in range(count):
        back = draw(st.one_of(st.just(1), st.integers(1, 12)))
        parent = str(number - back) if number - back >= 0 else None
        found.append(Node(str(number), parent, draw(st.booleans()), restarts=True))
    return found


@given(trees())
@settings(max_examples=examples(300), deadline=None)
def test_the_line_that_lives_is_the_last_records_ancestry(tree: list[Node]) -> None:
    """Every ancestor of the last record is on line 0, and no speaking record beside them is."""
    lines = lines_of(lambda: tree)

    place = {node.id: number for number, node in enumerate(tree)}
    ancestry = {len(tree) - 1}
    parent = tree[-1].parent
    while parent is not None:
        ancestry.add(place[parent])
        parent = tree[place[parent]].parent
    living = {number for number in range(len(tree)) if lines.at(number) == 0}
    assert ancestry <= living
    assert not any(tree[number].speaks for number in living - ancestry)


@given(trees())
@settings(max_examples=examples(300), deadline=None)
def test_each_record_is_on_its_parents_line_or_on_one_that_leaves_it(tree: list[Node]) -> None:
    """A line begins where it left its parent's line, and ends with its last record."""
    lines = lines_of(lambda: tree)

    for number, node in enumerate(tree):
        line = lines.at(number)
        above = lines.at(int(node.parent)) if node.parent is not None else 0
        assert line == above or lines.sides[line].parent == above
        assert not line or lines.sides[line].start <= number < lines.sides[line].end


def test_an_end_that_is_no_record_says_where_the_talk_stands() -> None:
    """What hangs after it was taken back, though nothing was said since."""
    nodes = [
        Node("a", None, speaks=True),
        Node("b", "a", speaks=True),
        Node(END, "a", speaks=False),
    ]

    lines = lines_of(lambda: nodes)

    assert [lines.at(number) for number in range(2)] == [0, 2]
