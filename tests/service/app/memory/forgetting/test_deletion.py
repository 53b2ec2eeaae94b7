"""A namespace is deleted whole, for ever, and nothing else changes."""

from __future__ import annotations

import asyncio
import io
import os
import random
import signal
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from anabranch import Memory
from anabranch.errors import InputInvalid, NamespaceInUse
from anabranch.memory.forgetting.deletion import NamespaceDeleting
from anabranch.memory.memory import namespace_of
from anabranch.transfer.manifest import verify_lines
from anabranch_events import encode, new_event, new_id
from anabranch_events.errors import LogDamaged, NamespaceEnded
from anabranch_events.event.types import SessionOpened, WorkingMemorySet
from anabranch_projections.vectors.cache import BUCKET, text_key
from tests.support.fixtures.memory import CommandLine, running
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch.settings import Settings
    from anabranch_events import Log

pytestmark = [pytest.mark.timeout(1800), in_full_only]

LARGE = 600_000
GONE = 2 * (1 + 5 + 1 + 260) + 1 + 2
"""The events of a namespace that `interleaved` fills."""


@pytest.fixture
def mine(own_settings: Settings) -> Settings:
    """Give settings for a home without vectors."""
    return own_settings.changed(embedder="none")


def of(settings: Settings, namespace: str) -> Memory:
    """Return a memory in a namespace of the home."""
    return Memory.open(settings=settings.changed(namespace=namespace))


def log_of(memory: Memory) -> Log:
    """Return the log under a memory."""
    return namespace_of(memory).backend.log


async def learned(memory: Memory, count: int) -> None:
    """Remember so many things, and let the graph know them."""
    await memory.remember_all([f"{memory.namespace} sack {one} is dry" for one in range(count)])
    await memory.wait_for(memory.position)


async def rows(memory: Memory, query: str) -> list[dict[str, Any]]:
    """Return the rows of a query."""
    return list((await memory.cypher(query)).rows)


async def noted(memory: Memory, count: int) -> None:
    """Store so many notes of a session."""
    session = await memory.open_session("notes on the mill")
    await log_of(memory).append_all(
        [
            new_event(
                WorkingMemorySet(key=f"n{one}", value=one),
                session_id=session.session_id,
                namespace=memory.namespace,
            )
            for one in range(count)
        ]
    )


async def interleaved(gone: Memory, kept: Memory) -> None:
    """Fill more than a block of the log with two namespaces in turns, and each with a large value.

    One large value is of both.
    """
    for memory in (gone, kept, gone, kept):
        await memory.remember_all([f"{memory.namespace} sack {one} is dry" for one in range(5)])
        await noted(memory, 260)
    for memory in (gone, kept):
        session = await memory.open_session(f"the books of {memory.namespace}")
        await session.note("both", "x" * LARGE)
        await session.note("own", memory.namespace[0] * LARGE)
    await kept.wait_for((await log_of(kept).bounds()).last)


async def objects(log: Log) -> int:
    """Return how many large values stand beside the log."""
    store = await log.connection.jetstream().object_store("ANABRANCH_OBJECTS")
    return len([one for one in await store.list() if not one.deleted])


async def test_a_deleted_namespace_is_gone_and_nothing_else_is(mine: Settings) -> None:
    """Its events, insights and large values go; the log is whole, the graph that of a rebuild."""
    async with of(mine, "kept") as kept, of(mine, "gone") as gone:
        await interleaved(gone, kept)
        before = (await kept.transfer.verify_log()).events
        found = await kept.recall("Which sack is dry?", k=3)
        exported = io.BytesIO()
        await kept.transfer.export(exported)

        dry = await gone.transfer.delete_namespace(dry_run=True)
        deleted = await gone.transfer.delete_namespace("gone")

        report = await kept.transfer.verify_log()
        left = await rows(
            kept, "MATCH (n) WHERE n.namespace IS NOT NULL RETURN DISTINCT n.namespace AS name"
        )
        digest = (await kept.graph.digest()).digest
        rebuilt = (await kept.graph.rebuild()).digest
        again = io.BytesIO()
        await kept.transfer.export(again)
        status = await kept.status()
        held = await objects(log_of(kept))
        answered = await kept.recall("Which sack is dry?", k=3)

    assert (dry.events, dry.sessions, dry.objects, dry.position) == (GONE, 5, 1, None)
    assert (deleted.events, deleted.sessions, deleted.objects) == (GONE, 5, 1)
    assert (report.sound, report.missing, report.changed) == (True, (), ())
    assert sum(last - first + 1 for first, last in report.deleted) == GONE
    assert report.events == before - GONE + 1
    assert left == [{"name": "kept"}]
    assert digest == rebuilt
    assert (status.log.damage, held) == (None, 2)
    assert again.getvalue() == exported.getvalue()
    assert verify_lines(again.getvalue().splitlines()).missing == ()
    assert [hit.insight_id for hit in answered] == [hit.insight_id for hit in found]


async def test_a_changed_event_is_still_found_in_a_block_that_lost_others(mine: Settings) -> None:
    """A block whose events went in part has a hash of the rest: what reads otherwise is damage."""
    async with of(mine, "kept") as kept, of(mine, "gone") as gone:
        await interleaved(gone, kept)
        await gone.transfer.delete_namespace("gone")
        sound = await kept.transfer.verify_log()
        ledger = log_of(kept).ledger
        assert ledger is not None

        await ledger.seal(0, "another hash", without=await ledger.deleted(0))
        report = await kept.transfer.verify_log()

    assert (sound.changed, sound.blocks) == ((), 1)
    assert report.changed == ((1, 1000),)


async def test_a_damaged_log_is_not_deleted_from(mine: Settings) -> None:
    """Where a block reads otherwise than before, its hash is not made anew by a deletion."""
    async with of(mine, "gone") as gone, of(mine, "kept") as kept:
        await interleaved(gone, kept)
        await kept.transfer.verify_log()
        ledger = log_of(kept).ledger
        assert ledger is not None
        await ledger.seal(0, "another hash")

        with pytest.raises(LogDamaged) as refused:
            await gone.transfer.delete_namespace("gone")
        left = await log_of(kept).deletion("gone").survey()

    assert refused.value.changed == ((1, 1000),)
    assert left.events == GONE


async def test_who_writes_to_or_asks_a_deleted_namespace_is_refused(mine: Settings) -> None:
    """A memory that is open, and one that is opened later, say that the namespace has ended.

    "Nothing is known" would be taken for an answer.
    """
    async with of(mine, "gone") as gone, of(mine, "gone") as other, of(mine, "kept") as kept:
        session = await other.open_session("the mill")
        deleted = await gone.transfer.delete_namespace("gone")

        refused: list[tuple[str, int]] = []
        for write in (
            lambda: gone.remember("The mill stands"),
            lambda: other.remember("The mill stands"),
            lambda: session.branch("the wheel"),
            lambda: other.remember_all(["The mill stands", "The wheel turns"]),
        ):
            with pytest.raises(NamespaceEnded) as error:
                await write()
            refused.append((error.value.namespace, error.value.position))
        await kept.remember("The mill of others stands")
        async with of(mine, "gone") as later:
            for asking in (later.remember, later.recall, later.context):
                with pytest.raises(NamespaceEnded):
                    await asking("The mill stands")

    assert refused == [("gone", deleted.position)] * 4


async def test_a_deletion_goes_on_wherever_it_was_stopped(mine: Settings) -> None:
    """Stopped after any of its steps, and begun again, it comes to the same end."""
    async with of(mine, "kept") as kept:
        await learned(kept, 5)
        digest = (await kept.graph.digest()).digest
        done: list[tuple[int, bool, int]] = []
        for stop in range(1, 9):
            namespace = f"gone-{stop}"
            async with of(mine, namespace) as gone:
                await learned(gone, 3)
                deleting = NamespaceDeleting(namespace_of(gone).backend, namespace)
                async with aclosing(deleting.steps()) as steps:
                    taken = 0
                    async for _ in steps:
                        taken += 1
                        if taken == stop:
                            break
                await gone.transfer.delete_namespace(namespace)
                report = await gone.transfer.verify_log()
                left = await log_of(gone).deletion(namespace).survey()
                done.append((taken, report.sound, left.events))
        await kept.wait_for(kept.position)
        after = (await kept.graph.digest()).digest
        rebuilt = (await kept.graph.rebuild()).digest

    assert done == [(stop, True, 0) for stop in range(1, 9)]
    assert after == digest == rebuilt


async def test_a_sealed_namespace_is_deleted_beside_another(mine: Settings) -> None:
    """The other is recalled, forgotten from and rebuilt as before, also after a start."""
    async with of(mine, "kept") as kept, of(mine, "gone") as gone:
        for memory in (kept, gone):
            await memory.transfer.seal_namespace()
            await learned(memory, 2)
        forgotten = await gone.remember("The gone mill stands")
        await gone.forget(forgotten.insight_id)
        found = await kept.remember("The kept mill stands")
        await gone.transfer.delete_namespace("gone")

        receipt = await kept.forget(found.insight_id)
        rebuilt = await kept.graph.rebuild()

    async with of(mine.changed(ranker="index"), "kept") as kept:
        last = await kept.remember("The kept wheel turns")
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await kept.recall("Does the kept wheel turn?", after=last.position)
                if answer.ranker == "index":
                    break
                await asyncio.sleep(0.1)
    assert receipt.erasure is not None
    assert (receipt.erasure.graph, receipt.erasure.index) == ("rewritten", "rewritten")
    assert rebuilt.dead_letters == 0
    assert "The kept mill stands" not in {hit.text for hit in answer.hits}
    assert "The kept wheel turns" in {hit.text for hit in answer.hits}


async def test_an_event_that_comes_after_the_end_has_no_effect(mine: Settings) -> None:
    """A client that never asks may still store; the graph leaves it out, a second call removes it."""
    async with of(mine, "kept") as kept, of(mine, "gone") as gone:
        await learned(kept, 2)
        await learned(gone, 2)
        await gone.transfer.delete_namespace("gone")
        digest = (await kept.graph.digest()).digest
        event = new_event(SessionOpened(task="late"), session_id=new_id(), namespace="gone")
        stored = (
            await log_of(kept)
            .connection.jetstream()
            .publish(f"anabranch.events.gone.{event.session_id}", encode(event))
        )

        await kept.wait_for(stored.seq)
        late = (await kept.graph.digest()).digest
        again = await gone.transfer.delete_namespace("gone")
        report = await kept.transfer.verify_log()
        rebuilt = (await kept.graph.rebuild()).digest

    assert digest == late == rebuilt
    assert (again.events, report.sound) == (1, True)


async def test_vectors_of_a_deleted_namespace_leave_the_cache(own_settings: Settings) -> None:
    """What was computed for its texts is gone from the bucket beside the log; others stay."""
    settings = own_settings.changed(embedder="builtin")
    async with of(settings, "kept") as kept, of(settings, "gone") as gone:
        await kept.remember("The kept mill stands")
        await gone.remember("The gone mill stands")
        backend = namespace_of(gone).backend
        await backend.wait_for(gone.position, projection="vectors", timeout_s=PATIENCE_S)
        await gone.transfer.delete_namespace("gone")

        values = await log_of(kept).connection.jetstream().key_value(BUCKET)
        keys = {key.rpartition(".")[2] for key in await values.keys()}

    assert keys == {text_key("The kept mill stands")}


def test_a_snapshot_of_a_log_with_a_deletion_is_restored_whole(
    mine: Settings, tmp_path: Path
) -> None:
    """The ledger goes along: the restored log says deleted, too, and its graph is the same."""
    path = tmp_path / "log.snapshot"

    async def taken() -> str:
        async with of(mine, "kept") as kept, of(mine, "gone") as gone:
            await learned(kept, 3)
            await learned(gone, 3)
            await gone.transfer.delete_namespace("gone")
            await kept.transfer.snapshot(path)
            return (await kept.graph.digest()).digest

    digest = asyncio.run(taken())
    line = CommandLine(tmp_path / "restored", ANABRANCH_EMBEDDER="none")
    restored = line.here("snapshot", "restore", str(path), "--json")

    report = line.here("log", "verify", "--json").value

    assert restored.code == 0, restored.err
    assert (report["missing"], report["deleted"]) == ([], [[5, 8]])
    assert line.here("graph", "digest", "--json").value["digest"] == digest
    refused = line.here("remember", "late", "-N", "gone", "--json")
    assert (refused.code, refused.error["type"]) == (4, "NamespaceEnded")


async def test_a_deletion_wants_its_name(mine: Settings) -> None:
    """Without the name nothing is deleted, nor another's; a reserved name is none of a memory."""
    async with of(mine, "gone") as gone:
        await learned(gone, 1)
        for confirm in (None, "other"):
            with pytest.raises(InputInvalid) as refused:
                await gone.transfer.delete_namespace(confirm)
            assert refused.value.field == "confirm"
        assert (await log_of(gone).deletion("gone").survey()).events == 2
    with pytest.raises(InputInvalid, match="reserved"):
        of(mine, "_anabranch")


async def test_a_namespace_of_tenants_is_not_deleted(mine: Settings) -> None:
    """A tenant's client is not held back by us: it is taken out of the tenants file first."""
    async with of(mine, "gone") as gone:
        tenants = {"acme": {"namespaces": ["gone"]}, "other": {"namespaces": ["kept"]}}
        namespace_of(gone).backend.servers.home.credentials.write_bytes(orjson.dumps(tenants))

        with pytest.raises(NamespaceInUse) as refused:
            await gone.transfer.delete_namespace("gone")

    assert refused.value.users == ("acme",)


def test_the_command_tells_what_would_go_and_asks(anabranch: CommandLine) -> None:
    """`--dry-run` deletes nothing, without `--yes` nobody to ask is an error, with it all goes."""
    anabranch.here("remember", "The mill stands", "-N", "trial", "--json")

    dry = anabranch.here("namespace", "delete", "trial", "--dry-run", "--json")
    asked = anabranch.here("namespace", "delete", "trial", "--json")
    deleted = anabranch.here("namespace", "delete", "trial", "--yes", "--json")
    refused = anabranch.here("remember", "late", "-N", "trial", "--json")
    log = anabranch.here("log", "verify")

    assert (dry.value["events"], dry.value["dry_run"], dry.value["position"]) == (2, True, None)
    assert (asked.code, asked.error["type"]) == (2, "InputInvalid")
    assert (deleted.value["events"], deleted.value["dry_run"]) == (2, False)
    assert (refused.code, refused.error["type"]) == (4, "NamespaceEnded")
    assert "deleted with their namespace" in log.out


def test_a_deletion_that_is_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    """Killed with -9 at any moment and run again until it ends, it leaves nothing and no damage."""
    with running(tmp_path / "home") as line:
        line("remember", "Kept", "-N", "kept", "--json")
        kept = line("graph", "digest", "--json").value["digest"]
        killed = 0
        for number in range(6):
            namespace = f"gone-{number}"
            texts = "\n".join(f"Sack {number}.{one} is dry" for one in range(40))
            assert line("remember-all", "-N", namespace, "--json", text=texts).code == 0
            killed += asyncio.run(_killed(line, namespace))
            words = ("namespace", "delete", namespace, "--yes", "--json")
            assert line(*words, timeout_s=300).code == 0
        report = line("log", "verify", "--json").value
        digest = line("graph", "digest", "--json").value["digest"]
        rebuilt = line("rebuild", "--json").value["digest"]

    assert killed > 0
    assert (report["missing"], report["changed"]) == ([], [])
    assert digest == rebuilt == kept


async def _killed(line: CommandLine, namespace: str) -> bool:
    """Begin a deletion and kill it with -9 at a random step; tell whether it was still at work."""
    words = line.command("namespace", "delete", namespace, "--yes")
    process = await asyncio.create_subprocess_exec(
        *words, env=line.environment, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    for _ in range(random.randrange(7)):  # noqa: S311 - a test's dice
        await process.stderr.readline()
    if process.returncode is None:
        os.kill(process.pid, signal.SIGKILL)
    return await process.wait() == -signal.SIGKILL
