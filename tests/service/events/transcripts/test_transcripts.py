"""Transcripts: exact, in order, each record once, whoever appends it and whatever is killed."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from typing import TYPE_CHECKING, Any

import pytest

from anabranch_events import Log
from anabranch_events.errors import InputInvalid, LogUnavailable
from anabranch_events.transcripts.stream import TranscriptKey, key_of
from tests.support.transcribing_process import KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from anabranch_events import NatsServer
    from anabranch_events.transcripts.piece import Piece
    from anabranch_events.transcripts.transcripts import Transcripts


@pytest.fixture
async def transcripts(log: Log) -> Transcripts:
    """Give the transcripts of a fresh log."""
    found = log.transcripts
    await found.ensure()
    return found


@pytest.fixture
async def elsewhere(
    nats_server: NatsServer, transcripts: Transcripts
) -> AsyncIterator[Transcripts]:
    """Give the same by another connection."""
    assert transcripts
    async with Log.connect(nats_server.url, token=nats_server.token) as log:
        yield log.transcripts


def named(*names: str) -> list[dict[str, Any]]:
    """Return records of these ids; one that begins with a hyphen has none."""
    return [{"type": name} if name.startswith("-") else {"uuid": name} for name in names]


async def read(transcripts: Transcripts, key: TranscriptKey = KEY) -> list[Any]:
    """Return a transcript's records."""
    return [
        json.loads(line) async for lines, _ in transcripts.read(key) for line in lines.splitlines()
    ]


async def names(transcripts: Transcripts) -> list[str]:
    """Return the ids of a transcript's records, or what stands in their place."""
    return [one.get("uuid") or one["type"] for one in await read(transcripts)]


async def test_records_come_back_as_they_were(transcripts: Transcripts) -> None:
    """Numbers of any size, halves of emojis, line ends, and the order of keys."""
    records: list[dict[str, Any]] = [
        {"type": "x", "big": 2**200, "small": 1e-300, "half": "\ud83d", "whole": "\U0001f30a"},
        {"uuid": None, "b": [{}, [], None, True], "a": "line\nline\r\u2028\x85", "": {"é": 0.1}},
    ]

    await transcripts.append(KEY, records)

    assert list(map(json.dumps, await read(transcripts))) == list(map(json.dumps, records))


async def test_a_large_record_is_stored_whole(
    transcripts: Transcripts, elsewhere: Transcripts
) -> None:
    """In as many messages as it takes, among small ones; it is known again all the same."""
    large = {"uuid": "large", "text": "tide " * 4_000_000}

    await transcripts.append(KEY, [*named("a"), large, *named("b")])
    await elsewhere.append(KEY, [large, *named("c")])

    found = await read(transcripts)
    assert found[1] == large
    assert [one["uuid"] for one in found] == ["a", "large", "b", "c"]
    with pytest.raises(InputInvalid, match=r"entries\[1\]"):
        await transcripts.append(KEY, [*named("d"), {"text": "x" * (64 * 1024 * 1024)}])
    assert len(await read(transcripts)) == 4


@pytest.mark.parametrize(
    ("stored", "comes", "then"),
    [
        ("a b", "a b", "a b"),
        ("a b", "b c", "a b c"),
        ("a", "b b a", "a b"),
        ("-m", "-m", "-m -m"),
        ("a -m", "a -m", "a -m"),
        ("a -m -n", "a -m -n b -m", "a -m -n b -m"),
        ("a -m", "a -n -m b", "a -m -n -m b"),
        ("a -m b", "-m b c -m", "a -m b c -m"),
        ("a", "a -t", "a -t"),
        ("a b", "-t b", "a b -t"),
        ("a", "b -m -m", "a b -m -m"),
    ],
)
async def test_what_comes_again_is_stored_once(
    transcripts: Transcripts, elsewhere: Transcripts, stored: str, comes: str, then: str
) -> None:
    """By its uuid. A record without one is left out only where all around it came again."""
    await transcripts.append(KEY, named(*stored.split()))

    await elsewhere.append(KEY, named(*comes.split()))

    assert await names(transcripts) == then.split()


async def test_an_append_whose_answer_is_lost_is_stored_once(
    transcripts: Transcripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent again it is known, also where no record has an id. The same, later, is another."""
    send = transcripts._send  # pyright: ignore[reportPrivateUsage]  # Where the answer gets lost.

    async def lost(sent: Sequence[Piece]) -> dict[str, Any]:
        await send(sent)
        raise LogUnavailable("lost", fix="append again")

    await transcripts.append(KEY, named("a", "-m"))
    monkeypatch.setattr(transcripts, "_send", lost)
    with pytest.raises(LogUnavailable):
        await transcripts.append(KEY, named("-m"))
    monkeypatch.setattr(transcripts, "_send", send)
    await transcripts.append(KEY, named("-m"))
    once = await names(transcripts)
    await transcripts.append(KEY, named("-m"))

    assert once == ["a", "-m", "-m"]
    assert await names(transcripts) == ["a", "-m", "-m", "-m"]


async def test_writers_at_the_same_time_lose_and_double_nothing(
    transcripts: Transcripts, elsewhere: Transcripts
) -> None:
    """Each one's records stand in its order; what both append stands once."""

    async def write(by: Transcripts, name: str) -> None:
        for number in range(20):
            await by.append(KEY, named(f"{name}{number}", f"both{number}"))

    await asyncio.gather(write(transcripts, "a"), write(elsewhere, "b"), write(transcripts, "c"))

    found = await names(transcripts)
    assert len(found) == len(set(found)) == 80
    for name in ("a", "b", "c", "both"):
        own = [one for one in found if one.rstrip("0123456789") == name]
        assert own == [f"{name}{number}" for number in range(20)]


async def test_what_another_dropped_is_stored_anew(
    transcripts: Transcripts, elsewhere: Transcripts
) -> None:
    """A writer that knew it there does not take it for stored."""
    await transcripts.append(KEY, named("a", "b"))
    await elsewhere.drop_session(KEY.namespace, project=KEY.project, session=KEY.session)
    gone = await names(transcripts)

    await transcripts.append(KEY, named("a"))
    await elsewhere.drop(KEY)
    await elsewhere.append(KEY, named("c"))
    await transcripts.append(KEY, named("a"))

    assert gone == []
    assert await names(transcripts) == ["c", "a"]


async def test_transcripts_are_listed_and_dropped_by_their_names(transcripts: Transcripts) -> None:
    """Names of any kind stay apart, and so do namespaces."""
    odd = TranscriptKey("pier", "a.*.>b", "s/é ", "sub/agent-1")
    keys = [KEY, KEY._replace(part="x"), odd, KEY._replace(namespace="other")]
    positions = [await transcripts.append(key, named("a")) for key in keys]

    heads = await transcripts.heads("pier")
    await transcripts.drop_session("pier", project=KEY.project, session=KEY.session)

    assert {(one.key, one.position) for one in heads} == set(
        zip(keys[:3], positions[:3], strict=True)
    )
    assert key_of(odd.subject) == odd
    assert await transcripts.keys("pier") == [odd]
    assert await transcripts.keys("pier", project="a") == []
    assert await transcripts.keys("other") == [keys[3]]
    await transcripts.drop_namespace("pier")
    assert await transcripts.keys("pier") == []


async def test_a_transcript_that_was_found_is_held_until_it_is_dropped(
    transcripts: Transcripts,
) -> None:
    """Also where it grew; one that began anew under its name is another."""
    key = TranscriptKey("pier", "p", "held")
    await transcripts.append(key, named("a"))
    (head,) = await transcripts.heads("pier", session="held", project="p")
    await transcripts.append(key, named("b"))
    grown = await transcripts.holds(head)
    await transcripts.drop(key)
    dropped = await transcripts.holds(head)
    await transcripts.append(key, named("a"))

    assert (grown, dropped, await transcripts.holds(head)) == (True, False, False)


async def test_a_log_without_transcripts_has_none(log: Log) -> None:
    """To ask makes nothing."""
    assert await log.transcripts.keys("pier") == []
    assert await names(log.transcripts) == []
    await log.transcripts.drop_namespace("pier")


async def test_a_killed_writer_leaves_whole_records_and_all_it_was_told(
    nats_server: NatsServer, transcripts: Transcripts
) -> None:
    """The next one goes on from there, and sends the last batch again."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.transcribing_process",
        nats_server.url,
        nats_server.token,
        stdout=PIPE,
    )
    assert process.stdout is not None
    told = 0
    for _ in range(6):
        told = int(await process.stdout.readline())
    process.kill()
    rest = (await process.communicate())[0].split()
    told = int(rest[-1]) if rest else told

    found = [one["uuid"] for one in await read(transcripts)]
    await transcripts.append(KEY, named(*(f"u{number}" for number in range(told + 3))))

    assert found in [[f"u{number}" for number in range(upto)] for upto in (told, told + 3)]
    assert await names(transcripts) == [f"u{number}" for number in range(told + 3)]
