"""Coroutines that end together: results in order, or the first error and nothing that goes on."""

from __future__ import annotations

import asyncio

import pytest

from anabranch_store.together import together


async def test_results_are_in_the_order_of_the_works() -> None:
    """The one that ends last may be the first."""
    last = asyncio.Event()

    async def waits() -> str:
        await last.wait()
        return "first"

    async def lets_go() -> str:
        last.set()
        return "second"

    assert await together([waits(), lets_go()]) == ["first", "second"]


async def test_an_error_is_raised_by_itself_and_ends_the_others() -> None:
    """It keeps its cause, and those that wait are cancelled before the caller hears of it."""
    ended: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    async def fails() -> None:
        raise KeyError("the error") from OSError("its cause")

    with pytest.raises(KeyError) as failed:
        await together([waits(), fails()])

    assert isinstance(failed.value.__cause__, OSError)
    assert ended == ["waits"]
