"""Turns: who waits for the same is served together, and each gets his own."""

from __future__ import annotations

import asyncio
from threading import Event
from typing import TYPE_CHECKING

import pytest

from anabranch_recall.index.turns import Turns
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Sequence


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
