"""A session watches the insights of its scope, and claims what no other session is to do."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

import pytest

from anabranch.errors import PositionFromFuture
from anabranch_events.errors import InputInvalid
from anabranch_thinking import ResourceTaken, TokenStale
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch import Memory, Session
    from anabranch.memory.watching import WatchedInsight


async def texts(session: Session, *, scope: str, after: int) -> list[str]:
    """Return what a session that has ended, or will, hears of a scope."""
    async with asyncio.timeout(PATIENCE_S):
        return [one.text async for one in session.watch(scope=scope, after=after)]


async def test_branches_see_each_others_insights_as_they_come(either: Memory) -> None:
    """A watch gives each once, with where it stands, and ends with the watching session."""
    root = await either.open_session("Plan the trip")
    scout, booker = await root.branch("Find a hotel"), await root.branch("Book it", agent="booker")
    stranger = await either.open_session("Mend the roof")
    begun = booker.position

    async def work() -> None:
        await stranger.remember("The roof leaks.")
        await booker.remember("The Anker is full.")
        await booker.complete("Nothing.", insights=["The Adler is full."])
        await scout.close()

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(work())
        heard = [one async for one in scout.watch(after=begun)]

    assert [one.text for one in heard] == ["The Anker is full.", "The Adler is full."]
    assert {(one.session_id, one.agent) for one in heard} == {(booker.session_id, "booker")}
    assert heard[-1].position == booker.position


async def test_each_scope_has_its_own(either: Memory) -> None:
    """The session, its line up to the fork, the whole thought, or the namespace."""
    begun = (await either.status()).log.last
    root = await either.open_session("Plan the trip")
    await root.remember("Before.")
    branch, other = await root.branch("Find a hotel"), await root.branch("Book it")
    await root.remember("After.")
    await other.remember("Beside.")
    await branch.remember("Own.")
    await either.remember("Elsewhere.")
    await branch.close()

    found = {
        scope: await texts(branch, scope=scope, after=begun)
        for scope in ("session", "lineage", "thought", "namespace")
    }

    assert found == {
        "session": ["Own."],
        "lineage": ["Before.", "Own."],
        "thought": ["Before.", "After.", "Beside.", "Own."],
        "namespace": ["Before.", "After.", "Beside.", "Own.", "Elsewhere."],
    }


async def test_a_watch_goes_on_where_it_was_left(either: Memory) -> None:
    """A position gives neither gap nor repetition; the forgotten is left out, whoever forgot it."""
    session = await either.open_session("Plan the trip")
    kept = [await session.remember(f"Fact {number}.") for number in range(5)]
    watching = cast("AsyncGenerator[WatchedInsight]", session.watch(after=session.position - 5))
    async with aclosing(watching):
        first = [await anext(watching) for _ in range(2)]
    await either.forget(kept[-1].insight_id)
    elsewhere = await either.open_session("Tidy up")
    gone = await session.remember("Fact 5.")
    await either.forget(gone.insight_id, session_id=elsewhere.session_id)
    await session.close()

    rest = [one.text async for one in session.watch(after=first[-1].position)]

    assert [one.text for one in first] == ["Fact 0.", "Fact 1."]
    assert rest == ["Fact 2.", "Fact 3."]
    assert await texts(session, scope="thought", after=session.position) == []


async def test_a_watch_that_is_none_is_refused(either: Memory) -> None:
    """An unknown scope and a position of the future are named."""
    session = await either.open_session("Plan the trip")

    with pytest.raises(InputInvalid, match="scope: 'house'"):
        await texts(session, scope="house", after=0)
    with pytest.raises(PositionFromFuture):
        await texts(session, scope="thought", after=10**9)


async def test_a_session_claims_what_no_other_is_to_do(either: Memory) -> None:
    """Writes under a claim count while it holds; the next one has a higher token."""
    root = await either.open_session("Plan the trip")
    one, other = await root.branch("Book a hotel"), await root.branch("Book a hotel, too")

    async with await one.claim("hotel") as hold:
        await hold.session.remember("Booked the Anker.")
        await hold.renew(ttl_s=60)
        with pytest.raises(ResourceTaken) as taken:
            await other.claim("hotel")
    later = await other.claim("hotel", ttl_s=60)
    assert await other.renew("hotel", token=later.token, ttl_s=600) > later.expires_at
    with pytest.raises(InputInvalid, match="ttl_s"):
        await other.renew("hotel", token=later.token, ttl_s=0)
    with pytest.raises(TokenStale):
        await hold.session.remember("Booked the Adler.")
    await other.release("hotel", token=later.token)
    with pytest.raises(TokenStale):
        await other.release("hotel", token=later.token)
    with pytest.raises(TokenStale):
        await other.renew("hotel", token=later.token)

    assert (taken.value.holder, taken.value.token) == (one.session_id, hold.token)
    assert (await one.claim("hotel")).token > later.token > hold.token
    kept = (await one.show()).insights or ()
    assert [insight.text for insight in kept] == ["Booked the Anker."]
