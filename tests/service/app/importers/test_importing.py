"""Importing into a real log: once, whatever is imported again, moved, grown, cut off or killed."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from anabranch.importers import appending
from anabranch.importers.appending import Appender
from anabranch.importers.choice import Choice
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.mapping.drafts import Draft, Opening
from anabranch.importers.readers.catalogue import sources_below
from anabranch.importers.readers.claude_code import ClaudeCodeReader
from anabranch_events import Log, new_event, new_id
from anabranch_events.event.types import (
    BranchCancelled,
    BranchCompleted,
    BranchCreated,
    ConsolidationRecorded,
    InsightRecorded,
    SessionForgotten,
    SessionOpened,
    WorkingMemorySet,
)
from tests.support.claude_files import BEGUN, ClaudeFile
from tests.support.made_up_secrets import AWS_KEY
from tests.support.transcripts import CASES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from anabranch.importers.outcome import ImportedSession
    from anabranch.importers.reader import Source
    from anabranch.importers.records.model import Record
    from anabranch_events import Event, NatsServer, Recorded

SPACE = "default"
RECORD = 20 * 1024 * 1024


async def imported(log: Log, *folders: Path, namespace: str = SPACE) -> Importer:
    """Import what lies in folders; return the importer with its tally."""
    importer = Importer(log, ImportOptions(namespace))
    await importer.sources(sources_below(folders), stored=lambda _, __: None)
    return importer


async def stored(log: Log, *, namespace: str = SPACE) -> list[Event]:
    """Return the namespace's events in order."""
    found = [record.decode() async for record in log.read_all()]
    return [event for event in found if event.namespace == namespace]


def texts(events: list[Event]) -> list[str]:
    """Return the texts of insights, in order."""
    return [event.data.text for event in events if isinstance(event.data, InsightRecorded)]


async def test_every_case_is_stored_once_however_often_it_is_imported(log: Log) -> None:
    """The second import, and one of a copy elsewhere, append nothing."""
    first = await imported(log, CASES)
    before = await stored(log)

    second = await imported(log, CASES)

    assert first.tally.appended == len(before) > 0
    assert second.tally.appended == 0
    assert second.tally.known == first.tally.appended + first.tally.known
    assert len({event.id for event in before}) == len(before)
    assert await stored(log) == before


async def test_a_session_of_copilot_that_grows_is_stored_as_if_it_was_read_once(
    log: Log, tmp_path: Path
) -> None:
    """Agents' events stand among each other in one file: their texts and ends are the same.

    An answer with which the file ended for a while is told beside the report that it becomes.
    """
    for case in ("parallel", "nested", "background"):
        path = next((CASES / "copilot-cli-1.0.102" / case).rglob("events.jsonl"))
        lines = path.read_text().splitlines(keepends=True)
        grown = tmp_path / case / path.parent.name / path.name
        grown.parent.mkdir(parents=True)
        for count in range(1, len(lines) + 1, 7):
            grown.write_text("".join(lines[:count]))
            await imported(log, tmp_path / case, namespace=f"grown-{case}")
        shutil.copy(path, grown)

        await imported(log, tmp_path / case, namespace=f"grown-{case}")
        await imported(log, tmp_path / case, namespace=f"once-{case}")

        bit_by_bit = await stored(log, namespace=f"grown-{case}")
        at_once = await stored(log, namespace=f"once-{case}")
        assert results(bit_by_bit) == results(at_once) != []
        said = {*texts(at_once), *results(at_once)}
        assert {*texts(bit_by_bit), *results(bit_by_bit)} == said


def results(events: list[Event]) -> list[str]:
    """Return the results of branches."""
    return sorted(one.data.result for one in events if isinstance(one.data, BranchCompleted))


async def test_a_sub_agent_is_a_branch_where_it_was_called(log: Log) -> None:
    """Its task, type, report, duration and times are the transcript's; nested in its session."""
    await imported(log, CASES / "claude-code-2.1.332" / "subagent-wait")

    events = await stored(log)

    root, branch = events[0], next(one for one in events if isinstance(one.data, BranchCreated))
    assert isinstance(root.data, SessionOpened)
    assert isinstance(branch.data, BranchCreated)
    assert (root.data.task, root.data.attributes["project"]) == (
        "Ask one helper and wait.",
        "/work/gull-point",
    )
    assert branch.data.task == "Helper Alpha: check the lens by a shell echo."
    assert (branch.data.role, branch.data.parent_id) == ("general-purpose", root.session_id)
    assert texts(events[: branch.data.forked_at]) == [
        "Ask one helper and wait.",
        "I will send one helper and wait.",
    ]
    (end,) = [one for one in events if isinstance(one.data, BranchCompleted)]
    assert isinstance(end.data, BranchCompleted)
    assert end.data.result == "Alpha's answer: the lens is clean."
    assert [(one.kind, one.text) for one in end.data.insights] == [("report", end.data.result)]
    assert end.data.duration_ms > 0
    assert end.time.isoformat().startswith("2026-11-28T05:33:2")
    assert end.agent == "claude-code/claude-opus-5-5"


async def test_a_summary_cites_what_it_replaced(log: Log) -> None:
    """A compaction is a consolidation of the session's own insights; the session goes on."""
    await imported(log, CASES / "claude-code-2.1.332" / "compact")

    events = await stored(log)

    (summary,) = [one for one in events if isinstance(one.data, ConsolidationRecorded)]
    assert isinstance(summary.data, ConsolidationRecorded)
    place = events.index(summary)
    before = [one.id for one in events[:place] if isinstance(one.data, InsightRecorded)]
    assert list(summary.data.sources) == before
    assert summary.data.sessions == (summary.session_id,)
    assert texts(events[place:])[-1] == "Second night: the wind is from the west."


async def test_a_rewound_part_is_a_branch_that_was_cancelled(log: Log) -> None:
    """The live line goes on in the session itself."""
    await imported(log, CASES / "codex-0.171.0" / "revert")

    events = await stored(log)

    (end,) = [one for one in events if isinstance(one.data, BranchCancelled)]
    abandoned = [one for one in events if one.session_id == end.session_id]
    assert texts(abandoned) == [
        "What if it is fog?",
        "In fog the horn sounds every thirty seconds.",
    ]
    live = [one for one in events if one.session_id == events[0].session_id]
    assert texts(live)[-2:] == ["What if it is clear?", "On a clear night the horn rests."]


async def test_a_file_that_grew_adds_what_is_new(log: Log, tmp_path: Path) -> None:
    """Moved, compressed, cut off and grown, it never doubles; what vanished stays."""
    file = ClaudeFile(tmp_path / "one")
    file.turns(3)
    await imported(log, tmp_path / "one")
    file.turns(2, about="anchor")

    grown = await imported(log, tmp_path / "one")

    assert grown.tally.appended == 4
    every = texts(await stored(log))
    elsewhere = tmp_path / "two" / "projects" / "-elsewhere" / f"{file.session_id}.jsonl.gz"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_bytes(gzip.compress(file.path.read_bytes()))
    cut = tmp_path / "three" / "projects" / "-cut" / file.path.name
    cut.parent.mkdir(parents=True)
    cut.write_text("".join(line + "\n" for line in file.lines[4:7]))
    await imported(log, tmp_path / "two")
    await imported(log, tmp_path / "three")
    assert texts(await stored(log)) == every
    assert len(every) == 10


async def test_a_fork_that_was_imported_first_keeps_what_it_shares(
    log: Log, tmp_path: Path
) -> None:
    """The origin that comes later adds only what is its own."""
    case = CASES / "claude-code-2.1.332" / "fork"
    (fork,) = case.rglob("8afe*.jsonl")
    alone = tmp_path / "projects" / "-x" / fork.name
    alone.parent.mkdir(parents=True)
    shutil.copy(fork, alone)
    await imported(log, tmp_path)

    await imported(log, case)

    every = texts(await stored(log))
    assert sorted(every) == sorted(set(every))
    assert len(every) == 6


async def test_an_agent_whose_session_is_in_the_log_only_becomes_its_branch(
    log: Log, tmp_path: Path
) -> None:
    """Its session's file was swept away meanwhile."""
    case = CASES / "claude-code-2.1.332" / "subagent-wait"
    copied = tmp_path / "case"
    shutil.copytree(case, copied)
    shutil.rmtree(next(copied.glob("projects/*/*/subagents")))
    await imported(log, copied)
    shutil.rmtree(copied)
    shutil.copytree(case, copied)
    next(copied.glob("projects/*/*.jsonl")).unlink()

    await imported(log, copied)

    events = await stored(log)
    (branch,) = [one for one in events if isinstance(one.data, BranchCreated)]
    assert isinstance(branch.data, BranchCreated)
    assert branch.data.parent_id == events[0].session_id


async def test_two_imports_at_a_time_store_each_event_once(log: Log, tmp_path: Path) -> None:
    """One is told that the other was faster, looks again, and goes on."""
    for _ in range(3):
        ClaudeFile(tmp_path).turns(400)

    await asyncio.gather(*(imported(log, tmp_path) for _ in range(3)))

    found = await stored(log)
    assert len({event.id for event in found}) == len(found)
    assert len(texts(found)) == 3 * 800


async def test_a_source_is_told_once_all_of_it_is_stored(log: Log, tmp_path: Path) -> None:
    """A batch holds several short sources; in its callback each is in the log already."""
    for _ in range(5):
        ClaudeFile(tmp_path).turns(150)
    seen: set[str] = set()
    told: list[bool] = []
    options = ImportOptions(SPACE, tells_insights=True)
    importer = Importer(log, options, saw=lambda event, _: seen.add(event.id))

    def tell(_: Source, sessions: list[ImportedSession]) -> None:
        (session,) = sessions
        told.append({one.insight_id for one in session.insights} <= seen)

    await importer.sources(sources_below([tmp_path]), stored=tell)

    assert told == [True] * 5
    assert importer.tally.appended == len(await stored(log)) > 1500


@pytest.mark.parametrize("by", ["their number", "the time"])
async def test_known_sources_behind_a_new_event_are_told_before_the_end(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """No batch is full by one event: those behind it wait for a few sources, or for a second."""
    files = [ClaudeFile(tmp_path) for _ in range(8)]
    for file in files:
        file.turns(2)
    await imported(log, tmp_path)
    sources = sources_below([tmp_path])
    next(file for file in files if file.path == sources[0].path).turns(1, about="anchor")
    told: list[Source] = []
    told_when_read: list[int] = []
    read = ClaudeCodeReader.read

    def noted(reader: ClaudeCodeReader, source: Source) -> Iterator[Record]:
        told_when_read.append(len(told))
        return read(reader, source)

    monkeypatch.setattr(ClaudeCodeReader, "read", noted)
    few = 3 if by == "their number" else 1000
    monkeypatch.setattr("anabranch.importers.importer.WAITING_MAX", few)
    clock = (lambda: 0.0) if by == "their number" else (lambda: len(told_when_read) * 0.4)

    await Importer(log, ImportOptions(SPACE), clock=clock).sources(
        sources, stored=lambda source, _: told.append(source)
    )

    assert told == sources
    assert told_when_read == [0, 0, 0, 0, 4, 5, 6, 7]


async def test_a_source_is_told_while_a_long_one_behind_it_is_read(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only between two sources is it looked whether one waits for long."""
    for turns in (1, 200):
        ClaudeFile(tmp_path / f"{turns:03}").turns(turns)
    sources = sources_below([tmp_path / "001", tmp_path / "200"])
    steps: list[str] = []
    ticks: list[float] = []
    read = ClaudeCodeReader.read

    def noted(reader: ClaudeCodeReader, source: Source) -> Iterator[Record]:
        for record in read(reader, source):
            ticks.append(0.01)
            yield record
        steps.append("read")

    monkeypatch.setattr(ClaudeCodeReader, "read", noted)

    await Importer(log, ImportOptions(SPACE), clock=lambda: sum(ticks)).sources(
        sources, stored=lambda _, __: steps.append("told")
    )

    assert steps == ["read", "told", "read", "told"]


@pytest.mark.parametrize("known_max", [20_000, 60, 1])
async def test_the_log_is_read_once_a_source_however_little_is_remembered(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known_max: int
) -> None:
    """What is read ahead is kept until its source begins, and is not more than a few sessions."""
    for _ in range(50):
        ClaudeFile(tmp_path).turns(4)
    first = await imported(log, tmp_path)
    monkeypatch.setattr(appending, "KNOWN_MAX", known_max)
    reads: list[str] = []
    remembered: list[int] = []
    read, begin = Log.read, Appender.begin

    def noted(self: Log, session_id: str, **given: Any) -> AsyncGenerator[Recorded]:
        reads.append(session_id)
        return read(self, session_id, **given)

    async def counted(self: Appender, *given: Any, **named: Any) -> None:
        await begin(self, *given, **named)
        remembered.append(len(self._known))  # pyright: ignore[reportPrivateUsage]

    monkeypatch.setattr(Log, "read", noted)
    monkeypatch.setattr(Appender, "begin", counted)

    again = await imported(log, tmp_path)

    assert (again.tally.appended, again.tally.known) == (0, first.tally.appended)
    assert len(reads) == len(set(reads)) == len(remembered) == 50
    each = first.tally.appended // 50
    assert max(remembered) <= 2 * known_max + (1 + appending.READS_AT_ONCE) * each


async def test_what_is_known_of_earlier_sources_may_be_dropped(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also between two copies of one session, of which the second adds its own turn only."""
    monkeypatch.setattr(appending, "KNOWN_MAX", 3)
    files = [ClaudeFile(tmp_path / name) for name in "ab"]
    for file in files:
        file.turns(4)
    copy = tmp_path / "c" / "projects" / "-work-pier" / files[0].path.name
    copy.parent.mkdir(parents=True)
    shutil.copyfile(files[0].path, copy)
    files[0].path = copy
    files[0].turns(1, about="anchor")

    for _ in range(2):
        await imported(log, *(tmp_path / folder for folder in "abc"))
        for folder in "abc":
            await imported(log, tmp_path / folder)

    found = texts(await stored(log))
    assert len(found) == 2 * 8 + 2
    assert found.count("Where is anchor 0?") == 1


async def test_sources_before_one_that_cannot_be_read_are_stored(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is raised once they are, though their last events were waiting for a batch."""
    for _ in range(3):
        ClaudeFile(tmp_path).turns(2)
    sources = sources_below([tmp_path])
    told: list[Source] = []
    read = ClaudeCodeReader.read

    def broken(reader: ClaudeCodeReader, source: Source) -> Iterator[Record]:
        if source == sources[2]:
            raise PermissionError(source.path)
        return read(reader, source)

    monkeypatch.setattr(ClaudeCodeReader, "read", broken)

    with pytest.raises(PermissionError):
        await Importer(log, ImportOptions(SPACE)).sources(
            sources, stored=lambda source, _: told.append(source)
        )
    assert told == sources[:2]
    assert len(texts(await stored(log))) == 8


async def test_memory_is_that_of_the_longest_record(
    nats_server: NatsServer, log: Log, tmp_path: Path
) -> None:
    """Of a file of 30 MB with a tool's output of 20 MB it takes a few times that output."""
    ClaudeFile(tmp_path / "small").turns(10)
    large = ClaudeFile(tmp_path / "large")
    large.turns(10)
    large.call("c0", "Bash", command="cat keeper.log")
    large.give("c0", "fog\n" * (RECORD // 4), failed=True)
    for number in range(1, 11):
        large.call(f"c{number}", "Bash", command=f"cat day-{number}.log")
        large.give(f"c{number}", "oil\n" * (1024 * 1024 // 4))
        large.turns(20, about=f"anchor {number}")

    async def peak_mb(folder: str) -> float:
        words = (nats_server.url, nats_server.token, SPACE, str(tmp_path / folder))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.importing_process", *words),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        return float(out)

    small, all_of_it = await peak_mb("small"), await peak_mb("large")

    assert large.path.stat().st_size > 30 * 1024 * 1024
    found = texts(await stored(log))
    assert len(found) == 20 + 20 + 1 + 10 * 40
    assert "`cat keeper.log` failed: fog" in found
    assert all_of_it - small <= 5 * RECORD / 1024**2


async def test_secrets_and_homes_are_not_stored(log: Log, tmp_path: Path) -> None:
    """Neither in a text nor in a whole text beside it; each is counted by its kind."""
    file = ClaudeFile(tmp_path)
    file.ask(f"Use {AWS_KEY} from /home/keeper/.aws and postgres://keeper:f0ghorn@pier/db")
    file.say("x" * 3000 + f" {AWS_KEY}")

    importer = await imported(log, tmp_path)

    raw = b"".join([record.raw async for record in log.read_all()])
    assert AWS_KEY.encode() not in raw
    assert b"f0ghorn" not in raw
    assert b"/home/keeper" not in raw
    assert b"~/.aws" in raw
    assert importer.tally.redacted["AWS Access Key"] >= 2
    answer = [one for one in await stored(log) if isinstance(one.data, InsightRecorded)][-1]
    assert isinstance(answer.data, InsightRecorded)
    assert len(answer.data.text) == 2000
    (name,) = [one for one in answer.data.sources if one.startswith("object:")]
    objects = await log.connection.jetstream().object_store("ANABRANCH_OBJECTS")
    kept = await objects.get(name.removeprefix("object:"))
    assert kept.data is not None
    assert kept.data.startswith(b"x" * 3000)
    assert AWS_KEY.encode() not in kept.data


async def test_failures_fixes_and_decisions_are_found(log: Log, tmp_path: Path) -> None:
    """By rules: a command that failed, the same work that then worked, a sentence that decides."""
    file = ClaudeFile(tmp_path)
    file.ask("Make the tests green")
    file.call("c1", "Bash", command="cd /work/pier && pytest tests -q")
    file.give("c1", "...\nE   ImportError: no module named buoy\n1 failed", failed=True)
    file.call("c2", "Edit", file_path="/work/pier/buoy.py", old_string="a", new_string="b")
    file.give("c2", "ok")
    file.call("c3", "Bash", command="cd /work/pier && pytest tests -q -x")
    file.give("c3", "1 passed")
    file.say("It is green. We decided to keep buoy.py as a module of its own.")

    await imported(log, tmp_path)

    found = {
        event.data.kind: event.data
        for event in await stored(log)
        if isinstance(event.data, InsightRecorded)
    }
    assert found["failure"].text.startswith("`cd /work/pier && pytest tests -q` failed: E   Import")
    assert "worked after changes to /work/pier/buoy.py" in found["fix"].text
    assert found["failure"].insight_id in found["fix"].sources
    assert "pytest" in found["fix"].entities
    assert found["decision"].text == "We decided to keep buoy.py as a module of its own."
    assert "/work/pier/buoy.py" in found["answer"].entities


async def test_only_what_is_asked_for_is_imported(log: Log, tmp_path: Path) -> None:
    """By project, by what is excluded, and by the time at which something last happened."""
    old, new = ClaudeFile(tmp_path), ClaudeFile(tmp_path)
    old.ask("Old")
    new.time = BEGUN.replace(month=12)
    new.ask("New")

    async def chosen(choice: Choice) -> list[str]:
        importer = Importer(None, ImportOptions(SPACE, choice=choice))
        found: list[ImportedSession] = []
        for source in sources_below([tmp_path]):
            found += await importer.source(source)
        return sorted(str(one.task) for one in found)

    assert await chosen(Choice()) == ["New", "Old"]
    assert await chosen(Choice(since=BEGUN.replace(day=20))) == ["New"]
    assert await chosen(Choice(projects=("pier",))) == ["New", "Old"]
    assert await chosen(Choice(projects=("/work/other",))) == []
    assert await chosen(Choice(excluded=("*/pier",))) == []
    assert (await log.bounds()).last == 0


@pytest.mark.parametrize("namespace", ["one", "two"])
async def test_each_namespace_has_events_of_its_own(log: Log, namespace: str) -> None:
    """The same sessions imported into two namespaces have different ids."""
    await imported(log, CASES / "claude-code-2.1.332" / "resume", namespace="three")

    await imported(log, CASES / "claude-code-2.1.332" / "resume", namespace=namespace)

    assert texts(await stored(log, namespace=namespace)) == texts(
        await stored(log, namespace="three")
    )


async def test_a_session_that_is_forgotten_while_it_is_imported_takes_nothing_more(
    log: Log,
) -> None:
    """Events that wait are dropped when the log refuses them, and says why."""
    first, second, third = (new_id() for _ in range(3))
    known: dict[str, Any] = {"session_id": new_id(), "agent": "tool", "time": BEGUN}
    appender = Appender(log, namespace=SPACE)
    await appender.put(
        Opening(event_id=first, parent_id=None, task="Watch", role=None, attributes={}, **known)
    )
    await appender.flush()
    await appender.put(
        Draft(event_id=second, data=WorkingMemorySet(key="note", value="secret"), **known)
    )
    forgotten = new_event(
        SessionForgotten(receipt="requested"),
        session_id=known["session_id"],
        namespace=SPACE,
        event_id=third,
    )
    await log.append(forgotten)

    await appender.flush()

    assert [event.id for event in await stored(log)] == [first, third]
    assert appender.appended == 1
