"""A claim on a resource: one session has it, it ends by itself, and an old token is refused."""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log, NatsServer, new_event
from anabranch_events.errors import InputInvalid, LogUnavailable, SessionEnded
from anabranch_events.event.types import ResourceReleased
from anabranch_thinking import ResourceTaken, Sessions, TokenStale
from anabranch_thinking.sessions.holding import Hold, claim
from anabranch_thinking.sessions.lease import line_of
from tests.support.claiming_process import done_in
from tests.support.patience import FOREVER_S, PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SHORT_S = 0.2
HOTEL = "hotel booking"


async def two(sessions: Sessions) -> tuple[str, str]:
    """Return two branches of one thought."""
    root = await sessions.open_session("plan the trip")
    one = await sessions.branch(root.session_id, "find a hotel")
    other = await sessions.branch(root.session_id, "find a hotel, too")
    return one.session_id, other.session_id


async def test_of_many_that_claim_at_once_one_has_it(sessions: Sessions) -> None:
    """The log decides: one gets a token, the others hear who has it, and until when."""
    root = await sessions.open_session("plan the trip")
    branches = [await sessions.branch(root.session_id, f"hotel {n}") for n in range(8)]

    found = await asyncio.gather(
        *(claim(sessions, one.session_id, HOTEL, ttl_s=FOREVER_S) for one in branches),
        return_exceptions=True,
    )

    (won,) = (one for one in found if isinstance(one, Hold))
    taken = [one for one in found if isinstance(one, ResourceTaken)]
    assert len(taken) == len(branches) - 1
    assert {(one.holder, one.token) for one in taken} == {(won.session_id, won.token)}
    assert {one.expires_at for one in taken} == {won.expires_at}


async def test_composed_and_decomposed_names_are_one_resource(sessions: Sessions) -> None:
    """Two who spell it by other characters of Unicode do not both have it."""
    one, other = await two(sessions)
    first = await claim(sessions, one, "Schl\u00fcssel")

    with pytest.raises(ResourceTaken) as taken:
        await claim(sessions, other, "Schlu\u0308ssel")
    await first.release()
    second = await claim(sessions, other, "Schlu\u0308ssel")

    assert (taken.value.holder, second.token > first.token) == (one, True)


async def test_a_claim_is_of_one_resource_and_one_namespace(log: Log, sessions: Sessions) -> None:
    """Another resource is free, and so is one of the same name in another namespace."""
    one, other = await two(sessions)
    elsewhere = Sessions(log, namespace="elsewhere")
    stranger = await elsewhere.open_session("plan the trip")
    first = await claim(sessions, one, HOTEL)

    second = await claim(sessions, other, "flight booking")
    third = await claim(elsewhere, stranger.session_id, HOTEL)

    assert first.token < second.token < third.token


async def test_what_was_given_back_is_free_and_has_a_higher_token(sessions: Sessions) -> None:
    """A block gives its claim back; releasing one that holds no more does nothing."""
    one, other = await two(sessions)
    async with await claim(sessions, one, HOTEL, ttl_s=FOREVER_S) as first:
        with pytest.raises(ResourceTaken):
            await claim(sessions, other, HOTEL)

    second = await claim(sessions, other, HOTEL, ttl_s=FOREVER_S)
    await first.release()

    assert second.token > first.token
    with pytest.raises(ResourceTaken):
        await claim(sessions, one, HOTEL)


async def test_a_stale_holder_writes_nothing(sessions: Sessions) -> None:
    """After a takeover an append under the old token is refused whole; others are not."""
    one, other = await two(sessions)
    old = await claim(sessions, one, HOTEL, ttl_s=SHORT_S)
    await old.sessions.remember("The Anker has rooms.", session_id=one)

    new = await claim(sessions, other, HOTEL, ttl_s=FOREVER_S, wait_s=PATIENCE_S)
    with pytest.raises(TokenStale) as stale:
        await old.sessions.remember("The Adler has rooms.", session_id=one)
    with pytest.raises(TokenStale):
        await old.renew()
    with pytest.raises(TokenStale):
        await old.sessions.complete(one, "Booked the Adler.")
    await new.sessions.complete(other, "Booked the Anker.")
    await sessions.note(one, "free", value=True)

    state = await sessions.state(one)
    assert (stale.value.resource, stale.value.token) == (HOTEL, old.token)
    assert [insight.text for insight in state.insights] == ["The Anker has rooms."]
    assert not state.ended
    assert (await sessions.state(other)).result == "Booked the Anker."


async def test_a_claim_goes_on_while_its_block_lasts(sessions: Sessions) -> None:
    """It is renewed under one token, longer than it would hold by itself."""
    one, other = await two(sessions)
    async with await claim(sessions, one, HOTEL, ttl_s=1.0) as hold:
        begun = hold.expires_at
        await until(lambda: hold.expires_at > begun)
        with pytest.raises(ResourceTaken) as taken:
            await claim(sessions, other, HOTEL)

    assert taken.value.token == hold.token
    assert taken.value.expires_at > begun


async def test_writes_renew_a_claim_and_none_is_lost_to_a_renewal(sessions: Sessions) -> None:
    """Many writes under one claim at once, and its renewals, follow each other: all are stored."""
    one, _ = await two(sessions)
    hold = await claim(sessions, one, HOTEL, ttl_s=FOREVER_S)

    await asyncio.gather(
        *(hold.sessions.remember(f"Room {n} is free.", session_id=one) for n in range(10)),
        *(hold.renew() for _ in range(5)),
    )

    texts = {insight.text for insight in (await sessions.state(one)).insights}
    assert texts == {f"Room {n} is free." for n in range(10)}


async def test_an_error_in_a_block_is_not_lost_to_an_outage(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the claim cannot be given back, it ends by itself, and the block's own error counts."""
    one, _ = await two(sessions)
    hold = await claim(sessions, one, HOTEL, ttl_s=FOREVER_S)

    async def away(*_: object) -> None:
        raise LogUnavailable("away", fix="none")

    monkeypatch.setattr(sessions, "lease_on", away)
    with pytest.raises(asyncio.CancelledError):
        async with hold:
            raise asyncio.CancelledError
    with pytest.raises(LogUnavailable):
        async with hold:
            pass


async def test_the_end_of_a_session_frees_what_it_had(sessions: Sessions) -> None:
    """Another one that waits gets it then, long before the claim would have ended by itself."""
    one, other = await two(sessions)
    await claim(sessions, one, HOTEL, ttl_s=FOREVER_S)
    waiting = asyncio.create_task(claim(sessions, other, HOTEL, wait_s=PATIENCE_S))
    await asyncio.sleep(0)

    await sessions.cancel(one, "too late")

    assert (await waiting).session_id == other
    with pytest.raises(SessionEnded):
        await claim(sessions, one, HOTEL)


async def test_the_next_attempt_of_a_session_takes_over_at_once(sessions: Sessions) -> None:
    """A session that claims again has a new token, and what still runs of it has none."""
    one, _ = await two(sessions)
    old = await claim(sessions, one, HOTEL, ttl_s=FOREVER_S)

    new = await claim(sessions, one, HOTEL, ttl_s=FOREVER_S)

    assert new.token > old.token
    with pytest.raises(TokenStale):
        await old.sessions.remember("The Adler has rooms.", session_id=one)
    await new.sessions.remember("The Anker has rooms.", session_id=one)


@pytest.mark.parametrize(
    ("resource", "ttl_s", "field"),
    [
        *[(name, 30.0, "resource") for name in ("", "x" * 300)],
        *[(HOTEL, ttl_s, "ttl_s") for ttl_s in (0.0, float("nan"), 1e9)],
    ],
)
async def test_a_claim_that_is_none_is_refused(
    sessions: Sessions, resource: str, ttl_s: float, field: str
) -> None:
    """The error names the field, and nothing is stored."""
    one, _ = await two(sessions)

    with pytest.raises(InputInvalid) as refused:
        await claim(sessions, one, resource, ttl_s=ttl_s)

    assert refused.value.field == field


async def test_what_a_stranger_puts_on_the_line_leaves_no_claim(
    log: Log, sessions: Sessions
) -> None:
    """A release that nobody made ends the claim: the holder's next write says so."""
    one, other = await two(sessions)
    hold = await claim(sessions, one, HOTEL, ttl_s=FOREVER_S)
    forged = ResourceReleased(resource=HOTEL, holder=one, token=hold.token)
    await log.append(new_event(forged, session_id=line_of(HOTEL), namespace="test"))

    assert (await claim(sessions, other, HOTEL)).token > hold.token

    with pytest.raises(TokenStale):
        await hold.sessions.remember("The Adler has rooms.", session_id=one)


@pytest.fixture
async def crew(nats_server: NatsServer, sessions: Sessions) -> AsyncIterator[Crew]:
    """Processes that do things once, killed at the end."""
    made = Crew(nats_server, sessions)
    yield made
    for process in made.processes:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Crew:
    """Processes that share work by claims."""

    def __init__(self, server: NatsServer, sessions: Sessions) -> None:
        self.processes: list[asyncio.subprocess.Process] = []
        self._server = server
        self._sessions = sessions

    async def start(self, count: int) -> asyncio.subprocess.Process:
        """Start one with a session of its own; wait until it works."""
        session = await self._sessions.open_session("do things once")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.claiming_process"),
            *(self._server.url, self._server.token, "test", session.session_id, str(count)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        self.processes.append(process)
        return process


async def test_each_thing_is_done_once_whoever_is_killed(log: Log, crew: Crew) -> None:
    """Holders are killed in the middle: others take over, and what was done is not done again."""
    count, dice = 12, random.Random(5)  # noqa: S311 - no secret.
    started = await asyncio.gather(*(crew.start(count) for _ in range(3)))
    for fated in started[1:]:
        await asyncio.sleep(dice.uniform(0.0, 0.15))
        with suppress(ProcessLookupError):  # It may have done its part by then.
            fated.kill()

    async with asyncio.timeout(PATIENCE_S):
        code = await started[0].wait()

    done = await done_in(log, "test")
    assert code == 0
    assert sorted(done) == sorted(f"Did thing {number}." for number in range(count))
