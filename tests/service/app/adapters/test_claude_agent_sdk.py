"""The store of the Claude Agent SDK, held against the SDK's own suite; what it makes of sessions."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from claude_agent_sdk import (
    delete_session_via_store,
    fork_session_via_store,
    get_session_messages_from_store,
    import_session_to_store,
    list_sessions_from_store,
)
from claude_agent_sdk.testing import run_session_store_conformance

from anabranch import Memory
from anabranch.adapters.claude_agent_sdk import AnabranchSessionStore
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.mapping.identity import Identity
from anabranch.importers.mirrored import Mirrored
from anabranch.importers.readers.catalogue import sources_below
from anabranch.memory.memory import namespace_of
from anabranch_events.errors import InputInvalid, LogUnavailable, NamespaceEnded
from anabranch_events.event.types import BranchCompleted, InsightRecorded
from tests.support.claude_files import ClaudeFile
from tests.support.made_up_secrets import AWS_KEY
from tests.support.transcripts import CASES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from claude_agent_sdk import SessionKey

    from anabranch import sync
    from anabranch.settings import Settings
    from anabranch_events import Event

CLAUDE = CASES / "claude-code-2.1.332"
WAIT = "11111111-1111-4111-8111-111111111102"
FORKED = "11111111-1111-4111-8111-111111111106"
AGENT = "abc756ea9940ed0b8"
PROJECT = "-work-gull-point"
PIER = "-work-pier"


@pytest.fixture
async def store(memory: Memory) -> AsyncIterator[AnabranchSessionStore]:
    """Open a store over the memory."""
    async with AnabranchSessionStore(memory) as opened:
        yield opened


def entries_of(file: ClaudeFile) -> list[Any]:
    """Return what the SDK mirrors of a file."""
    return [json.loads(line) for line in file.lines]


def key_of(file: ClaudeFile) -> SessionKey:
    """Return the key that the SDK gives a file."""
    return {"project_key": PIER, "session_id": file.session_id}


def going_on(entries: Any, question: str) -> list[Any]:
    """Return what the SDK mirrors when a person asks something after these entries."""
    last = next(one for one in reversed(entries) if one.get("type") in {"user", "assistant"})
    asked = {"role": "user", "content": question}
    fields = {name: last[name] for name in ("cwd", "sessionId", "version", "timestamp")}
    hangs = {"uuid": str(uuid.uuid4()), "parentUuid": last["uuid"], "isSidechain": False}
    return [{"type": "user", "message": asked, "promptSource": "typed", **hangs, **fields}]


async def events_of(memory: Memory) -> list[Event]:
    """Return the events of a memory's namespace in order."""
    log = namespace_of(memory).backend.log
    return [one.decode() async for one in log.read_all() if one.namespace == memory.namespace]


async def texts_of(memory: Memory) -> list[str]:
    """Return the texts that were learned, in order."""
    found: list[str] = []
    for event in await events_of(memory):
        if isinstance(event.data, InsightRecorded):
            found.append(event.data.text)
        elif isinstance(event.data, BranchCompleted):
            found += [one.text for one in event.data.insights]
    return found


async def test_it_keeps_the_contracts_of_the_sdks_suite(namespace_settings: Settings) -> None:
    """All fourteen, none skipped; each gets a namespace in which nothing has happened."""
    numbers = count()
    async with AsyncExitStack() as stack:

        async def fresh() -> AnabranchSessionStore:
            name = f"{namespace_settings.namespace}-{next(numbers)}"
            memory = Memory.open(settings=namespace_settings.changed(namespace=name))
            await stack.enter_async_context(memory)
            return await stack.enter_async_context(AnabranchSessionStore(memory))

        await run_session_store_conformance(fresh)

    assert next(numbers) == 15  # One asks which methods there are.


async def test_a_gap_in_a_transcript_ends_no_session_and_is_filled_from_its_file(
    memory: Memory, store: AnabranchSessionStore, tmp_path: Path
) -> None:
    """The SDK drops what a store refused thrice; its own reader then shows the end alone.

    See findings/claude_agent_sdk_drops_what_a_store_refused_for_a_second.sh (0.2.189).
    """
    file = ClaudeFile(tmp_path)
    file.turns(3)
    entries = entries_of(file)
    await store.append(key_of(file), entries[:2])
    await store.append(key_of(file), entries[4:])
    await store.imported()
    said = await texts_of(memory)

    importer = Importer(namespace_of(memory).backend.log, ImportOptions(memory.namespace))
    (source,) = sources_below([tmp_path])
    await importer.source(source)
    events = await events_of(memory)

    turns = [[f"Where is buoy {n}?", f"The buoy {n} lies at the pier."] for n in range(3)]
    assert said == [*turns[0], *turns[2]]
    assert await texts_of(memory) == [*said, *turns[1]]
    assert len({event.session_id for event in events}) == 1


@pytest.mark.parametrize("case", ["subagent-wait", "subagents-background", "fork", "compact"])
async def test_mirrored_sessions_become_what_their_files_do(
    memory: Memory, store: AnabranchSessionStore, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """Real files, by the SDK's own replay. To import the files afterwards adds nothing."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(CLAUDE / case))
    for path in sorted((CLAUDE / case / "projects" / PROJECT).glob("*.jsonl")):
        await import_session_to_store(path.stem, store, batch_size=3)
    await store.imported()
    mirrored = await events_of(memory)

    importer = Importer(namespace_of(memory).backend.log, ImportOptions(memory.namespace))
    sources = sources_below([CLAUDE / case])
    found = [one for source in sources for one in await importer.source(source)]

    assert importer.tally.appended == 0
    assert {one.session_id for one in found} == {one.session_id for one in mirrored}
    assert len({one.id for one in mirrored}) == len(mirrored)


async def test_the_sdk_reads_forks_and_deletes(
    memory: Memory, store: AnabranchSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own functions. What is deleted is forgotten; a fork of it is neither."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(CLAUDE / "subagent-wait"))
    await import_session_to_store(WAIT, store)
    told = await get_session_messages_from_store(store, WAIT, directory="/work/gull-point")
    fork = await fork_session_via_store(store, WAIT, directory="/work/gull-point")
    went_on: SessionKey = {"project_key": PROJECT, "session_id": fork.session_id}
    await store.append(went_on, going_on(await store.load(went_on), "Is the pier wet?"))
    await store.imported()
    listed = await list_sessions_from_store(store, directory="/work/gull-point")
    ids = Identity(memory.namespace, "claude-code")
    agent_before = await memory.show_session(ids.session(AGENT))

    await delete_session_via_store(store, WAIT, directory="/work/gull-point")

    main = await memory.show_session(ids.session(WAIT))
    agent = await memory.show_session(ids.session(AGENT))
    left = await memory.show_session(ids.session(fork.session_id))
    project: SessionKey = {"project_key": PROJECT, "session_id": WAIT}
    assert len(told) > 1
    assert {one.session_id for one in listed} == {WAIT, fork.session_id}
    assert agent_before.task
    assert (main.task, agent.task) == ("(forgotten)", "(forgotten)")
    assert left.task
    assert await store.load(project) is None
    assert await store.list_subkeys(project) == []
    assert await store.load({**project, "session_id": fork.session_id}) is not None


async def test_forgetting_a_session_reaches_its_transcripts(
    memory: Memory, store: AnabranchSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sub-agent's own, or all of a session's. What comes later is not learned from."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(CLAUDE / "subagent-wait"))
    await import_session_to_store(WAIT, store)
    await store.imported()
    project: SessionKey = {"project_key": PROJECT, "session_id": WAIT}
    ids = Identity(memory.namespace, "claude-code")

    await memory.forget_all(session_id=ids.session(AGENT), dry_run=True)
    untouched = await store.list_subkeys(project)
    await memory.forget_all(session_id=ids.session(AGENT))
    without_agent = (await store.load(project) is not None, await store.list_subkeys(project))
    await memory.forget_all(session_id=WAIT)
    gone = await store.load(project)
    before = await events_of(memory)
    await import_session_to_store(WAIT, store)
    await store.imported()

    assert untouched == [f"subagents/agent-{AGENT}"]
    assert without_agent == (True, [])
    assert gone is None
    assert await store.load(project) is not None
    assert await events_of(memory) == before


async def test_a_deleted_namespace_has_no_transcripts_and_takes_none(
    namespace_settings: Settings, tmp_path: Path
) -> None:
    """They go with it, and those of another one stay."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    async with (
        Memory.open(settings=namespace_settings) as one,
        Memory.open(settings=namespace_settings.changed(namespace="other-pier")) as other,
        AnabranchSessionStore(one) as store,
        AnabranchSessionStore(other) as elsewhere,
    ):
        await store.append(key_of(file), entries_of(file))
        await elsewhere.append(key_of(file), entries_of(file))
        await store.imported()
        await one.transfer.delete_namespace(confirm=one.namespace)

        with pytest.raises(NamespaceEnded):
            await store.append(key_of(file), entries_of(file))
        assert await store.load(key_of(file)) is None
        assert await elsewhere.load(key_of(file)) == entries_of(file)


async def test_a_sealed_namespace_takes_no_transcripts(
    memory: Memory, store: AnabranchSessionStore, tmp_path: Path
) -> None:
    """They are kept as they are, and what was forgotten would stay in the server's files."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    await memory.transfer.seal_namespace()

    with pytest.raises(InputInvalid, match="sealed"):
        await store.append(key_of(file), entries_of(file))


async def test_a_killed_process_loses_nothing_that_was_acknowledged(
    memory: Memory, namespace_settings: Settings, tmp_path: Path
) -> None:
    """It dies between an append and its import. The next store imports, and goes on appending."""
    file = ClaudeFile(tmp_path)
    file.turns(2)
    words = (str(namespace_settings.home), memory.namespace, str(file.path))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.mirroring_process", *words, stdout=PIPE
    )
    assert process.stdout is not None
    said = await process.stdout.readline()
    process.kill()
    await process.wait()
    learned = await texts_of(memory)

    async with AnabranchSessionStore(memory) as store:
        await store.append(key_of(file), entries_of(file))
        file.turns(1, about="bell")
        await store.append(key_of(file), entries_of(file)[-2:])
        kept = await store.load(key_of(file))
        await store.imported()

    assert (said, learned) == (b"appended\n", [])
    assert kept == entries_of(file)
    assert (await texts_of(memory)) == [
        "Where is buoy 0?",
        "The buoy 0 lies at the pier.",
        "Where is buoy 1?",
        "The buoy 1 lies at the pier.",
        "Where is bell 0?",
        "The bell 0 lies at the pier.",
    ]


async def test_a_session_that_is_deleted_in_one_project_stays_in_another(
    memory: Memory, store: AnabranchSessionStore, tmp_path: Path
) -> None:
    """Its transcript does; memory has one session of this id, and forgets it."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    other: SessionKey = {**key_of(file), "project_key": "elsewhere"}
    for key in (key_of(file), other):
        await store.append(key, entries_of(file))
    await store.imported()

    await store.delete(key_of(file))

    assert await store.load(key_of(file)) is None
    assert await store.load(other) == entries_of(file)
    (session,) = await memory.list_sessions()
    assert session.task == "(forgotten)"


@pytest.mark.parametrize("place", ["forget_sessions", "drop_session"])
async def test_a_deletion_that_was_broken_off_is_finished_by_the_next(
    memory: Memory,
    store: AnabranchSessionStore,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    place: str,
) -> None:
    """Wherever it broke off: neither the transcript nor what was learned of it stays."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    await store.append(key_of(file), entries_of(file))
    await store.imported()

    async def broken(*_: object, **__: object) -> None:
        raise LogUnavailable("it does not answer", fix="wait")

    with monkeypatch.context() as breaking:
        breaking.setattr(f"anabranch.adapters.claude_agent_sdk.{place}", broken)
        with pytest.raises(LogUnavailable):
            await store.delete(key_of(file))
    await store.delete(key_of(file))

    assert await store.load(key_of(file)) is None
    (session,) = await memory.list_sessions()
    assert session.task == "(forgotten)"
    assert list(await memory.recall("buoy")) == []


async def test_a_session_that_no_reader_takes_can_be_deleted(
    memory: Memory,
    store: AnabranchSessionStore,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It is known by its names, and by what was noted of it."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    await store.append(key_of(file), entries_of(file))
    await store.imported()

    def broken(*_: object, **__: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr("anabranch.importers.mirrored.sources_below", broken)
    await store.delete(key_of(file))

    assert await store.load(key_of(file)) is None
    (session,) = await memory.list_sessions()
    assert session.task == "(forgotten)"


async def test_what_another_process_deletes_during_an_import_is_not_learned(
    memory: Memory,
    store: AnabranchSessionStore,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It had read the transcript before, and forgets what it appended of it afterwards."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    elsewhere = AnabranchSessionStore(memory)

    async def meanwhile(*_: object) -> None:
        monkeypatch.undo()
        await elsewhere.delete(key_of(file))

    monkeypatch.setattr(Mirrored, "_write_origins", meanwhile)
    await store.append(key_of(file), entries_of(file))
    await store.imported()

    assert await store.load(key_of(file)) is None
    (session,) = await memory.list_sessions()
    assert session.task == "(forgotten)"
    assert list(await memory.recall("buoy")) == []


async def test_secrets_stay_in_transcripts_and_do_not_get_into_events(
    memory: Memory, store: AnabranchSessionStore, tmp_path: Path
) -> None:
    """Entries are kept as they are; events are redacted as imports are."""
    file = ClaudeFile(tmp_path)
    file.ask(f"Use {AWS_KEY}")
    file.say("Done.")

    await store.append(key_of(file), entries_of(file))
    await store.imported()

    assert AWS_KEY in json.dumps(await store.load(key_of(file)))
    (asked, _) = await texts_of(memory)
    assert asked.startswith("Use [redacted")


def test_a_synchronous_memory_serves_the_sdks_loop(
    plain_memory: sync.Memory, tmp_path: Path
) -> None:
    """The SDK has a loop of its own, and the memory another."""
    file = ClaudeFile(tmp_path)
    file.turns(1)

    async def run() -> Any:
        async with AnabranchSessionStore(plain_memory) as store:
            await store.append(key_of(file), entries_of(file))
            return await store.load(key_of(file))

    assert asyncio.run(run()) == entries_of(file)
    assert [one.task for one in plain_memory.list_sessions()] == ["Where is buoy 0?"]


async def test_wrong_keys_are_refused(store: AnabranchSessionStore) -> None:
    """An error names the field; nothing is stored."""
    key: SessionKey = {"project_key": PIER, "session_id": "s"}
    for wrong, field in (
        ({**key, "subpath": ""}, "subpath"),
        ({**key, "session_id": ""}, "session"),
        ({**key, "project_key": "x" * 513}, "project"),
    ):
        with pytest.raises(InputInvalid) as refused:
            await store.append(wrong, [{"type": "x"}])  # type: ignore[arg-type]
        assert refused.value.field == field
    with pytest.raises(InputInvalid):
        await store.append(key, [{"type": "x", "at": object()}])  # type: ignore[typeddict-unknown-key]

    assert await store.list_sessions(PIER) == []
