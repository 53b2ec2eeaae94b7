"""Ends of insights in a tree of sessions: they count for those who see the event behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anabranch_recall import Scope
from tests.support.learning import Account, learn
from tests.support.recalling import ask, both_ways, ids
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]


async def test_an_end_counts_for_the_branch_that_made_it_and_below(graph: Graph) -> None:
    """Parent and sibling keep what a branch replaced; the branch and its own branches do not."""
    account = Account()
    root = account.open()
    fact = account.remember(root, "The gauge drifts one centimetre.")
    left, right = account.branch(root), account.branch(root)
    before = account.branch(left)
    newer = account.remember(left, "The gauge drifts two centimetres.")
    account.supersede(fact, newer, session_id=left)
    after = account.branch(left)
    await learn(graph, account.events)
    wanted = {root: {fact}, right: {fact}, before: {fact}, left: {newer}, after: {newer}}

    for ranker in both_ways(graph):
        lines = {each: set(ids(await ranker.recall(_in(Scope.LINEAGE, each)))) for each in wanted}
        own = await ranker.recall(_in(Scope.SESSION, root))
        thought = await ranker.recall(_in(Scope.THOUGHT, right))
        everywhere = await ranker.recall(ask("gauge"))

        assert lines == wanted
        assert ids(own) == [fact]
        assert ids(thought) == [newer]
        assert ids(everywhere) == [newer]


async def test_an_end_counts_for_the_parent_once_the_branch_is_joined(graph: Graph) -> None:
    """Through two joins it reaches the root, as of each position; a sibling forked before keeps."""
    account = Account()
    root = account.open()
    fact = account.remember(root, "The gauge drifts.")
    sibling, branch = account.branch(root), account.branch(root)
    leaf = account.branch(branch)
    account.retract(fact, session_id=leaf)
    retired = account.position
    account.join(leaf)
    in_branch = account.position
    account.join(branch)
    in_root = account.position
    later = account.branch(root)
    await learn(graph, account.events)
    wanted: list[tuple[str, dict[str, Any], list[str]]] = [
        (leaf, {}, []),
        (branch, {}, []),
        (branch, {"as_of": in_branch - 1}, [fact]),
        (root, {}, []),
        (root, {"as_of": in_root - 1}, [fact]),
        (later, {}, []),
        (sibling, {}, [fact]),
    ]

    for ranker in both_ways(graph):
        for session_id, fields, known in wanted:
            found = await ranker.recall(_in(Scope.LINEAGE, session_id, **fields))
            assert ids(found) == known
        marked = _in(Scope.LINEAGE, root, include_retired=True)
        early = _in(Scope.LINEAGE, sibling, include_retired=True)
        ends = [(await ranker.recall(each)).hits[0].retired for each in (marked, early)]
        assert ends == [retired, None]


async def test_an_insight_holds_again_when_the_newer_one_is_retracted(graph: Graph) -> None:
    """For those who see the retraction, from its position on; one that was forgotten stays ended."""
    account = Account()
    root = account.open()
    first = account.remember(root, "The gauge stands on the left bank.")
    second = account.remember(root, "The gauge stands on the right bank.")
    account.supersede(first, second)
    superseded = account.position
    branch = account.branch(root)
    account.retract(second, session_id=branch)
    retracted = account.position
    third = account.remember(root, "The gauge stands on the bridge.")
    account.supersede(first, third)
    account.forget(third)
    await learn(graph, account.events)
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({"as_of": superseded}, [second]),
        ({"as_of": retracted}, [first]),
        ({}, []),
        ({"scope": Scope.LINEAGE, "session_id": branch}, [first]),
        ({"scope": Scope.LINEAGE, "session_id": root}, [second]),
        ({"scope": Scope.LINEAGE, "session_id": root, "as_of": superseded}, [second]),
    ]

    for ranker in both_ways(graph):
        for fields, known in wanted:
            found = await ranker.recall(ask("Where does the gauge stand?", **fields))

            assert ids(found) == known, fields


async def test_each_of_two_branches_has_its_own_end(graph: Graph) -> None:
    """Branches that replace two facts by one another in turn each keep the one they chose."""
    account = Account()
    root = account.open()
    one = account.remember(root, "The gauge drifts one centimetre.")
    two = account.remember(root, "The gauge drifts two centimetres.")
    left, right = account.branch(root), account.branch(root)
    account.supersede(one, two, session_id=left)
    account.supersede(two, one, session_id=right)
    await learn(graph, account.events)
    wanted = {left: {two}, right: {one}, root: {one, two}}

    for ranker in both_ways(graph):
        found = {each: set(ids(await ranker.recall(_in(Scope.LINEAGE, each)))) for each in wanted}

        assert found == wanted
        assert ids(await ranker.recall(ask("gauge"))) == [two]


def _in(scope: Scope, session_id: str, **fields: Any) -> Any:
    return ask("gauge", scope=scope, session_id=session_id, **fields)
