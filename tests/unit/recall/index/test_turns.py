"""Turns: who waits for the same is served together, and each gets his own."""

from __future__ import annotations

import asyncio
from threading import Event
from typing import TYPE_CHECKING

import pytest

from anabranch_recall.index.turns import Turns
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Work:
    """Says what it was given, once it is let; it fails on a word alone, or on all there is."""

    def __init__(self) -> None:
        self.given: list[list[str]] = []
        self.let = Event()

    def __call__(self, items: Sequence[str]) -> list[str | Exception]:
        """Return each item in capitals; an error for `wrong`."""
        self.given.append(list(items))
        assert self.let.wait(PATIENCE_S)
        if "fatal" in items:
            raise RuntimeError("fatal")
        return [ValueError(item) if item == "wrong" else item.upper() for item in items]


async def lined_up(turns: Turns[str, str], *asked: tuple[str, str]) -> list[asyncio.Task[str]]:
    """Let callers come in this order, each with a key and an item."""
    tasks = [asyncio.create_task(turns.take(key, item)) for key, item in asked]
    await asyncio.sleep(0)
    return tasks


async def test_those_with_one_key_are_served_together_and_in_their_order() -> None:
    """While the one thread works, three wait for the same; another key comes in between."""
    work = Work()
    turns = Turns(work, together=2, threads=1)

    tasks = await lined_up(
        turns, ("a", "first"), ("a", "b1"), ("b", "c1"), ("a", "b2"), ("a", "b3")
    )
    work.let.set()

    assert await asyncio.gather(*tasks) == ["FIRST", "B1", "C1", "B2", "B3"]
    assert work.given == [["first"], ["b1", "b2"], ["c1"], ["b3"]]


async def test_an_error_is_its_callers_alone() -> None:
    """The others of the same turn have their results, and the line goes on."""
    work = Work()
    turns = Turns(work, together=8, threads=1)

    tasks = await lined_up(turns, ("a", "first"), ("a", "wrong"), ("a", "right"))
    work.let.set()

    _, wrong, right = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(wrong, ValueError)
    assert right == "RIGHT"
    with pytest.raises(RuntimeError, match="fatal"):
        await turns.take("a", "fatal")
    assert await turns.take("a", "after") == "AFTER"


async def test_a_caller_that_left_is_not_served() -> None:
    """Its item is dropped from the line; one that is being worked on disturbs nobody."""
    work = Work()
    turns = Turns(work, together=8, threads=1)

    first, gone, other = await lined_up(turns, ("a", "first"), ("a", "gone"), ("a", "other"))
    first.cancel()
    gone.cancel()
    await asyncio.wait([first, gone])
    work.let.set()

    assert await other == "OTHER"
    assert work.given == [["first"], ["other"]]


async def test_no_thread_takes_the_share_of_another() -> None:
    """Of eight that wait for two threads, the first that is free leaves half to the other."""
    work = Work()
    turns = Turns(work, together=8, threads=2)

    tasks = await lined_up(turns, *(("a", str(number)) for number in range(10)))
    work.let.set()
    await asyncio.gather(*tasks)

    assert sorted(len(given) for given in work.given) == [1, 1, 1, 1, 2, 4]


async def test_a_result_waits_for_no_slower_one() -> None:
    """A caller has it while others of its turn are still worked on; an error is for those left."""
    names = ("first", "early", "late", "never")
    let = {name: Event() for name in names}

    def work(items: Sequence[str]) -> Iterator[str | Exception]:
        for item in items:
            assert let[item].wait(PATIENCE_S)
            if item == "never":
                raise RuntimeError("fatal")
            yield item.upper()

    turns = Turns(work, together=8, threads=1)

    first, early, late, never = await lined_up(turns, *(("a", name) for name in names))
    let["first"].set()
    assert await first == "FIRST"
    let["early"].set()
    assert await asyncio.wait_for(early, PATIENCE_S) == "EARLY"
    assert not late.done()
    let["late"].set()
    let["never"].set()

    assert await late == "LATE"
    with pytest.raises(RuntimeError, match="fatal"):
        await never


async def test_where_all_have_left_nothing_is_worked_on() -> None:
    """A turn of nobody would hold a thread for nothing."""
    work = Work()
    turns = Turns(work, together=8, threads=1)

    first, gone = await lined_up(turns, ("a", "first"), ("a", "gone"))
    gone.cancel()
    await asyncio.wait([gone])
    work.let.set()
    await first
    await turns.take("a", "after")

    assert work.given == [["first"], ["after"]]
