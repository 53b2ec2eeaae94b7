"""The recall index over a real log: it catches up, is killed, opens again, and agrees."""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from anabranch_events.event import types
from anabranch_projections import PositionedEvent
from anabranch_projections.recall_index.follower import IndexFollower
from anabranch_projections.recall_index.index_folder import IndexFolder
from anabranch_projections.recall_index.namespace_index import NamespaceIndex
from anabranch_projections.vectors.cache import VectorCache
from anabranch_recall import Question
from anabranch_recall.asked import read
from anabranch_recall.index.eligible import eligible
from anabranch_recall.index.ranking import rank
from tests.support.histories import stream
from tests.support.indexed_histories import parts
from tests.support.indexing_process import SOURCE, follow
from tests.support.learning import HashingEmbedder
from tests.support.logs import stored
from tests.support.patience import PATIENCE_S
from tests.support.rounds import KILL_ROUNDS, in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from anabranch_events import Log, NatsServer

SEED = 20261123
QUESTION = "Which gauge shows 7?"


def recalled(index: NamespaceIndex, *, as_of: int | None = None) -> list[Any]:
    """Return what an index recalls, to the last bit."""
    cut = index.cut(as_of)
    question = Question(text=QUESTION, namespace="default")
    return parts(rank(cut, read(QUESTION), eligible(cut, question), k=10))


async def whole(log: Log) -> NamespaceIndex:
    """Return an index that took in the whole log in memory, with its vectors."""
    embedder = HashingEmbedder()
    index = NamespaceIndex("default", dimension=embedder.dimension)
    for record in await stored(log):
        index.apply(PositionedEvent(record.position, record.decode()))
    return index


async def fill(log: Log, *, events: int, forgetting: bool = True) -> None:
    """Append a history; forgetting reaches back, so some tests want none of it."""
    said = (
        event
        for event in stream(SEED)
        if forgetting or not isinstance(event.data, types.InsightForgotten)
    )
    await log.ingest(list(islice(said, events)))


async def test_it_catches_up_and_opens_again(
    log: Log, nats_server: NatsServer, tmp_path: Path
) -> None:
    """An index that followed the log answers as the fold of the log, now and as of any position."""
    await fill(log, events=400)
    expected = await whole(log)

    with closing(await follow(nats_server.url, nats_server.token, tmp_path, to=400)) as folder:
        first = folder.index("default")
        vectors = first.vector_rows
    with closing(await follow(nats_server.url, nats_server.token, tmp_path, to=400)) as folder:
        again = folder.index("default")

    assert vectors == len(expected) == again.vector_rows
    for as_of in (None, 0, 57, 200, 399):
        assert recalled(first, as_of=as_of) == recalled(expected, as_of=as_of)
        assert recalled(again, as_of=as_of) == recalled(expected, as_of=as_of)


@in_full_only
async def test_it_is_killed_at_any_moment_and_goes_on(
    log: Log, nats_server: NatsServer, tmp_path: Path
) -> None:
    """Kill -9 while it reads, writes and joins files: it opens again and nothing is missing."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret.
    await fill(log, events=1500)
    folder = tmp_path / "index"

    for _ in range(KILL_ROUNDS * 3):
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.indexing_process"),
            *(nats_server.url, nats_server.token, str(folder)),
        )
        await _until_written(folder, child)
        await asyncio.sleep(chance.uniform(0, 0.4))
        child.kill()
        await child.wait()
    with closing(await follow(nats_server.url, nats_server.token, folder, to=1500)) as opened:
        found = recalled(opened.index("default")), opened.lost, opened.index("default").vector_rows

    expected = await whole(log)
    assert found == (recalled(expected), None, len(expected))


async def _until_written(folder: Path, child: asyncio.subprocess.Process) -> None:
    """Wait until the child has written something; so there is progress on a slow machine too."""
    async with asyncio.timeout(PATIENCE_S):
        while not _segments(folder):
            assert child.returncode is None, "the child ended by itself"
            await asyncio.sleep(0.02)


def _segments(folder: Path) -> list[Path]:
    return list(folder.glob("*/*.seg"))


async def test_questions_are_answered_while_it_catches_up(log: Log, tmp_path: Path) -> None:
    """A cut that is taken meanwhile is as of its position exactly, whatever comes after it."""
    await fill(log, events=1200, forgetting=False)
    expected = await whole(log)
    embedder = HashingEmbedder()
    opened = IndexFolder.open(
        tmp_path, log=await log.identity(), source=SOURCE, dimension=embedder.dimension
    )
    follower = IndexFollower(log, opened, VectorCache(log, embedder), rows_flushed=50)

    with closing(opened):
        running = asyncio.create_task(follower.run(to=1200))
        seen: list[int] = []
        while not running.done():
            await asyncio.sleep(0.01)
            cut = await follower.cut("default")
            index = opened.index("default")
            seen.append(cut.position)
            if cut.position:
                assert recalled(index, as_of=cut.position) == recalled(expected, as_of=cut.position)
        await running

    assert follower.position == 1200
    assert sorted(seen) == seen


async def test_an_index_ahead_of_its_log_begins_anew(
    log: Log, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After the log was put back to an earlier state, the index is that of the log as it is."""
    await fill(log, events=30)
    opened = IndexFolder.open(tmp_path, log="log", source=SOURCE, dimension=384)
    ahead = await whole(log)
    opened.index("default").apply(PositionedEvent(31, next(iter(stream(5, first_session=9)))))
    opened.flush(31)
    follower = IndexFollower(log, opened)

    with closing(opened):
        await follower.run(to=30)
        found = recalled(opened.index("default"))

    assert found == recalled(ahead)
    assert opened.lost == "it stands at 31, the log ends at 30"
    assert "begins anew" in caplog.text


async def test_what_cannot_be_read_is_passed_by(log: Log, tmp_path: Path) -> None:
    """A message that is no event of ours is in no graph, and in no index."""
    await fill(log, events=20)
    subject = "anabranch.events.default.00000000-0000-7000-8001-000000000000"
    await log.connection.jetstream().publish(subject, b"no event")
    opened = IndexFolder.open(tmp_path, log="log", source=SOURCE, dimension=384)
    follower = IndexFollower(log, opened)

    with closing(opened):
        await follower.run(to=21)
        found = recalled(opened.index("default"))

    assert (follower.position, opened.position) == (21, 21)
    assert found
