"""The book of open joins, folded from events; and the executors that a worker may run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from anabranch_events import new_event, new_id
from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import (
    BranchCompleted,
    BranchCreated,
    BranchFailed,
    BranchHedged,
    BranchStarted,
    ConsolidationRecorded,
    EventData,
    JoinTerms,
    Priority,
    SessionClosed,
    SessionHandedOff,
    Then,
)
from anabranch_thinking.sessions.forks import fork_ids, join_id_of, share
from anabranch_thinking.work.allowed import allowed_executors
from anabranch_thinking.work.book import JoinBook
from anabranch_thinking.work.hedging import Hedging, Kind, Paces

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_thinking.work.open_join import Forked, OpenJoin

ROOT = new_id()


def take(
    book: JoinBook, session_id: str, data: EventData, position: int, *, namespace: str = "test"
) -> list[OpenJoin]:
    """Take one event in; return the joins that it touched."""
    return book.take(new_event(data, session_id=session_id, namespace=namespace), position)


def fork(
    book: JoinBook,
    parent_id: str,
    count: int,
    *,
    position: int,
    then: Then,
    priority: Priority = Priority.NORMAL,
    namespace: str = "test",
) -> list[str]:
    """Take a fork in; return its branches."""
    terms = JoinTerms(join_id=join_id_of(parent_id, 0), branches=count, then=then)
    ids = fork_ids(terms.join_id, count)
    for number, session_id in enumerate(ids):
        data = BranchCreated(
            parent_id=parent_id,
            root_id=ROOT,
            forked_at=1,
            depth=1,
            task="look",
            priority=priority,
            join=terms,
        )
        take(book, session_id, data, position + number, namespace=namespace)
    return ids


def test_the_book_keeps_a_thought_until_it_has_ended() -> None:
    """A finished fork of a branch stays with its thought; both go when the root's join is done."""
    book = JoinBook()
    first, second = fork(book, ROOT, 2, position=5, then=Then.CLOSE)
    twigs = fork(book, first, 2, position=9, then=Then.COMPLETE)
    root, below = book.joins["test", join_id_of(ROOT, 0)], book.joins["test", join_id_of(first, 0)]

    for number, session_id in enumerate([*twigs, first, second]):
        take(book, session_id, BranchCompleted(result="done"), 20 + number)
    book.settle(below)
    kept = (book.below(root), book.checkpoint(99))
    take(book, ROOT, SessionClosed(reason="joined"), 30)
    book.settle(root)

    assert kept == ([first, second, *twigs], 4)
    assert (book.joins, book.checkpoint(99)) == ({}, 99)


@pytest.mark.parametrize("first", ["test", "other"])
def test_a_join_is_that_of_its_namespace(first: str) -> None:
    """Another namespace may use the ids of its join, its parent and its branches: it ends nothing.

    Nor does it take its place, whichever comes first.
    """
    book = JoinBook()
    second = {"test": "other", "other": "test"}[first]
    ids = fork(book, ROOT, 2, position=5, then=Then.KEEP, namespace=first)
    twins = fork(book, ROOT, 2, position=9, then=Then.KEEP, namespace=second)
    here, there = (book.joins[namespace, join_id_of(ROOT, 0)] for namespace in (first, second))
    consolidated = ConsolidationRecorded(
        consolidation_id=here.terms.join_id, root_id=ROOT, sessions=(), sources=(), text="joined"
    )

    touched = [
        *take(book, ids[0], BranchCompleted(result="not theirs"), 20, namespace=second),
        *take(book, ids[1], SessionHandedOff(to=new_id(), summary="yours"), 21, namespace=second),
        *take(book, ROOT, SessionClosed(reason="over"), 22, namespace=second),
        *take(book, ROOT, consolidated, 23, namespace=second),
    ]

    assert ids == twins
    assert touched == [there] * 4
    assert (here.going, here.ended, here.parent_end) == ([*here.branches.values()], 0, None)
    assert (list(here.branches), here.joined, there.joined) == (ids, False, True)
    assert book.below(here) == ids
    assert book.going((first, ids[0]))
    assert not book.going((second, ids[0]))


def test_a_branch_is_slow_by_those_of_its_kind() -> None:
    """An urgent one in work, once enough of its kind have ended sooner, and not twice.

    One that waits for its next attempt is not in work.
    """
    book = JoinBook(Hedging(samples_min=3))
    ids = fork(book, ROOT, 5, position=5, then=Then.CLOSE, priority=Priority.CRITICAL)
    usual = fork(book, ids[0], 2, position=15, then=Then.COMPLETE)
    for session_id in (*ids, *usual):
        worker = "w" if session_id in {ids[0], ids[4]} else "v"
        take(book, session_id, BranchStarted(worker=worker), 20)
    done = BranchCompleted(result="done", duration_ms=1e-6)

    early: list[Forked] = []
    for one in ids[1:4]:
        early += book.slow()
        take(book, one, done, 30)
    slow = book.slow()
    take(book, ids[4], BranchHedged(worker="u"), 40)
    hedged = (book.slow(), book.is_hedged(("test", ids[4])))
    take(book, ids[4], BranchFailed(error="away", attempt=1, will_retry=True), 45)
    between = (book.slow(), book.is_hedged(("test", ids[4])))
    take(book, ids[4], BranchStarted(worker="u", attempt=2), 50)

    assert early == []
    assert between == ([], False)
    assert [one.session_id for one in slow] == [ids[4]]  # The first one waits for its forks.
    assert hedged == ([], True)
    assert [one.session_id for one in book.slow()] == [ids[4]]


def test_a_worker_that_is_always_slow_sets_no_pace() -> None:
    """Its own branches do not count for it, and for others they do."""
    paces = Paces(2)
    kind = Kind("test", "scout", "work")

    for number in range(3):
        paces.note(kind, "slow", 4000)
        paces.note(kind, "quick", 200 + number)

    assert paces.slow_after_s(kind, "slow") == pytest.approx(0.2019)
    assert paces.slow_after_s(kind, "quick") == 4
    assert paces.slow_after_s(Kind("test", "scout", "other"), "slow") is None


def test_a_receiver_takes_the_place_of_a_branch_that_was_handed_off() -> None:
    """The join waits for the one that has the task now."""
    book = JoinBook()
    (only,) = fork(book, ROOT, 1, position=5, then=Then.CLOSE)
    heir = new_id()
    join = book.joins["test", join_id_of(ROOT, 0)]

    take(book, only, SessionHandedOff(to=heir, summary="go on"), 6)
    waiting = [one.session_id for one in join.going]
    take(book, heir, BranchCompleted(result="done"), 7)

    assert waiting == [heir]
    assert join.ended == 1


def test_a_budget_bounds_the_whole_tree() -> None:
    """However the branches fork, all together are at most as many as the budget says."""

    def grown(budget: int, width: int) -> int:
        if width > budget:
            return 0
        return width * (1 + grown(share(budget, width, last=True), width))

    assert all(grown(budget, width) <= budget for budget in range(200) for width in range(1, 9))
    with pytest.raises(InputInvalid) as refused:
        share(3, 4, last=True)
    assert refused.value.field == "branches"


def test_executors_are_those_that_were_named() -> None:
    """By the names under which thoughts ask for them; nothing else is taken."""
    found = allowed_executors(["recalling", "json:dumps", "up=tr a-z A-Z"])

    assert {name: one.name for name, one in found.items()} == {
        "recalling": "recalling",
        "json:dumps": "json:dumps",
        "up": "command:tr",
    }
    for wrong in ("", "tr a-z A-Z", "no.such:thing", "json:no_such", "a b=c", "x="):
        with pytest.raises(InputInvalid) as refused:
            allowed_executors([wrong])
        assert refused.value.field == "executors"
    with pytest.raises(InputInvalid):
        allowed_executors(["recalling", "recalling"])


@pytest.mark.parametrize(
    ("named", "said", "fix"),
    [
        ("up=/nowhere/at-all --fast", "there is no command /nowhere/at-all", "whole path"),
        ("up=no-such-command-anywhere", "there is no command no-such-command-anywhere", "PATH"),
        (f"up={__file__}", "that may be run", "whole path"),
        ("up=tr 'a-z", "no command with arguments: No closing quotation", "close its quotes"),
        ("json:__name__", "is str, which cannot be called", "name a function"),
        ("broken:run", "SyntaxError", "that it imports"),
        ("openai://small", "needs the package openai", 'pip install "anabranch[openai]"'),
        ("anthropic://small", "needs the package anthropic", "anabranch[anthropic]"),
        ("https://example.org", "needs the package httpx2", "anabranch[graph]"),
        ("github-actions://acme/research/b.yml@main", "wants a token", "ANABRANCH_GITHUB_TOKEN"),
        ("github-actions://acme", "names no workflow", "OWNER/REPOSITORY"),
    ],
)
def test_an_executor_that_cannot_run_here_is_refused_at_once(
    named: str, said: str, fix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not with the first branch: it names the field, the executor, and the mend."""
    (tmp_path / "broken.py").write_text("def run(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    if "package" in said:
        monkeypatch.setitem(sys.modules, said.rpartition(" ")[2], None)

    with pytest.raises(InputInvalid) as refused:
        allowed_executors([named])

    assert refused.value.field == "executors"
    assert refused.value.message.startswith(f"executors: {named!r}: ")
    assert said in refused.value.message
    assert fix in refused.value.fix


def test_a_command_of_another_machine_is_not_looked_for_here() -> None:
    """A job of a cluster runs on a node that may have it; one that is none is refused still."""
    assert [*allowed_executors(["up=/nowhere/at-all"], here=False)] == ["up"]
    with pytest.raises(InputInvalid, match="names no executor"):
        allowed_executors(["nowhere"], here=False)


def test_who_handed_off_was_read_and_no_branch_takes_the_place_of_another() -> None:
    """Of a fork that is not whole what is missing is known, and a hand-off to that ends a branch."""
    book = JoinBook()
    terms = JoinTerms(join_id=join_id_of(ROOT, 0), branches=3, then=Then.CLOSE)
    first, second, third = fork_ids(terms.join_id, 3)
    for position, session_id in enumerate((first, second), start=5):
        data = BranchCreated(
            parent_id=ROOT, root_id=ROOT, forked_at=1, depth=1, task="look", join=terms
        )
        take(book, session_id, data, position)
    join = book.joins["test", terms.join_id]

    take(book, first, SessionHandedOff(to=new_id(), summary="yours"), 8)
    take(book, second, SessionHandedOff(to=third, summary="yours"), 9)

    assert join.unread == [third]
    book.fill(join)
    assert join.whole
    assert [one.session_id for one in join.branches.values() if one.lost] == [third]
