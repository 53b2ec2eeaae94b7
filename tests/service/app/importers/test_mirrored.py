"""Mirrored sessions become what their files become, piece by piece, and only they do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from anabranch.home.folder import Home
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.mapping.identity import Identity
from anabranch.importers.mirrored import Mirrored, MirroredSession, drop_mirrored
from anabranch.importers.readers.catalogue import sources_below
from anabranch_events.event.types import (
    BranchCompleted,
    BranchCreated,
    SessionOpened,
)
from anabranch_events.transcripts.stream import TranscriptKey
from tests.support.claude_files import ClaudeFile
from tests.support.transcripts import CASES

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_events import Event, Log
    from anabranch_events.transcripts.transcripts import Transcripts

OPTIONS = ImportOptions("pier")
CLAUDE = CASES / "claude-code-2.1.332"
WAIT = "11111111-1111-4111-8111-111111111102"


@pytest.fixture
async def transcripts(log: Log) -> Transcripts:
    """Give the transcripts of a fresh log."""
    found = log.transcripts
    await found.ensure()
    return found


@pytest.fixture
def mirrored(log: Log, transcripts: Transcripts, tmp_path: Path) -> Mirrored:
    """Give the mirrored sessions of a fresh log."""
    return Mirrored(log, transcripts, OPTIONS, home=Home(tmp_path / "home"))


def parts_of(case: str) -> dict[TranscriptKey, list[Any]]:
    """Return the files of a case as the SDK mirrors them: what lies beside one is a record."""
    found: dict[TranscriptKey, list[Any]] = {}
    projects = CLAUDE / case / "projects"
    for path in sorted(projects.rglob("*.jsonl")):
        project, session, *part = path.relative_to(projects).with_suffix("").parts
        records = [json.loads(line) for line in path.read_text().splitlines()]
        meta = path.with_name(f"{path.stem}.meta.json")
        if meta.exists():
            records.insert(0, {**json.loads(meta.read_text()), "type": "agent_metadata"})
        found[TranscriptKey("pier", project, session, "/".join(part))] = records
    return found


async def events_of(log: Log, namespace: str = "pier") -> list[Event]:
    """Return a namespace's events in order."""
    return [one.decode() async for one in log.read_all() if one.namespace == namespace]


async def imported(log: Log, folder: Path) -> Importer:
    """Import the files below a folder."""
    importer = Importer(log, OPTIONS)
    for source in sources_below([folder]):
        await importer.source(source)
    return importer


@pytest.mark.parametrize("case", ["subagent-wait", "subagents-background", "compact", "fork"])
async def test_a_session_that_grows_becomes_what_its_file_does(
    log: Log, transcripts: Transcripts, mirrored: Mirrored, case: str
) -> None:
    """Imported again and again as it grows, and then the file: each event is there once."""
    parts = parts_of(case)
    sizes = {key: len(records) for key, records in parts.items()}
    for step in range(1, 5):
        for key, records in parts.items():
            await transcripts.append(key, records[: sizes[key] * step // 4])
        for of in await mirrored.behind():
            await mirrored.take(of)
    grown = await events_of(log)

    after = await imported(log, CLAUDE / case)

    assert after.tally.appended == 0
    assert len({one.id for one in grown}) == len(grown)
    assert await mirrored.behind() == []


async def test_a_sub_agent_is_a_branch_of_its_session(
    log: Log, transcripts: Transcripts, mirrored: Mirrored
) -> None:
    """With what lay beside its file: its kind, and the call that began it."""
    for key, records in parts_of("subagent-wait").items():
        await transcripts.append(key, records)
    (of,) = await mirrored.behind()
    await mirrored.take(of)

    events = await events_of(log)
    ids = Identity("pier", "claude-code")
    (branch,) = [one for one in events if isinstance(one.data, BranchCreated)]
    assert isinstance(branch.data, BranchCreated)
    assert branch.data.parent_id == ids.session(WAIT)
    assert branch.data.role
    assert [one.session_id for one in events if isinstance(one.data, BranchCompleted)] == [
        branch.session_id
    ]
    assert set(await mirrored.sessions_of(of)) == {ids.session(WAIT), branch.session_id}


async def test_a_fork_inherits_from_the_session_it_names(
    log: Log, transcripts: Transcripts, mirrored: Mirrored
) -> None:
    """Though only the fork changed: what it inherited is not told again, also in an hour."""
    origin, fork = sorted(parts_of("fork").items(), key=lambda one: one[0].session)
    for key, records in (origin, fork):
        await transcripts.append(key, records)

    await mirrored.take(MirroredSession(fork[0].project, fork[0].session))
    events = await events_of(log)
    await mirrored.take(MirroredSession(origin[0].project, origin[0].session))

    ids = Identity("pier", "claude-code")
    opened = {
        one.session_id: type(one.data)
        for one in events
        if isinstance(one.data, SessionOpened | BranchCreated)
    }
    assert opened == {
        ids.session(origin[0].session): SessionOpened,
        ids.session(fork[0].session): BranchCreated,
    }
    assert await events_of(log) == events
    assert await mirrored.sessions_of(MirroredSession(fork[0].project, fork[0].session)) == (
        ids.session(fork[0].session),
    )


@pytest.mark.parametrize("name", ["../../escaped", "..", "/etc/x", ".hidden", "a\x00b"])
async def test_names_that_are_no_files_names_are_kept_and_not_written(
    log: Log, transcripts: Transcripts, mirrored: Mirrored, tmp_path: Path, name: str
) -> None:
    """The transcripts can be read; nothing is made of them."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    records = [json.loads(line) for line in file.lines]
    odd = TranscriptKey("pier", "p", name)
    part = TranscriptKey("pier", "p", "s", f"subagents/{name}/agent-1")
    for key in (odd, part):
        await transcripts.append(key, records)

    for of in await mirrored.behind():
        await mirrored.take(of)

    assert await events_of(log) == []
    assert set(await transcripts.keys("pier")) == {odd, part}
    assert await mirrored.behind() == []


async def test_a_namespaces_transcripts_are_its_own(
    log: Log, transcripts: Transcripts, mirrored: Mirrored, tmp_path: Path
) -> None:
    """Neither imported into another one, nor dropped with what is forgotten there."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    records = [json.loads(line) for line in file.lines]
    here, there = (TranscriptKey(name, "p", file.session_id) for name in ("pier", "quay"))
    for key in (here, there):
        await transcripts.append(key, records)
    for of in await mirrored.behind():
        await mirrored.take(of)

    dropped = await drop_mirrored(
        log, "quay", [Identity("pier", "claude-code").session(file.session_id)]
    )
    dropped_here = await drop_mirrored(
        log, "pier", [Identity("pier", "claude-code").session(file.session_id)]
    )

    assert (dropped, dropped_here) == (0, 1)
    assert await events_of(log, "quay") == []
    assert await transcripts.keys("pier") == []
    assert await transcripts.keys("quay") == [there]


async def test_a_rewound_line_goes_with_the_transcript_that_tells_it(
    log: Log, transcripts: Transcripts, mirrored: Mirrored, tmp_path: Path
) -> None:
    """It has no transcript of its own, so that all of its session's is dropped."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    leaf = file.leaf
    file.ask("Where is the old buoy?")
    file.say("Gone.")
    file.leaf = leaf
    file.turns(1, about="bell")
    await transcripts.append(
        TranscriptKey("pier", "p", file.session_id), [json.loads(line) for line in file.lines]
    )
    (of,) = await mirrored.behind()
    await mirrored.take(of)
    (rewound,) = [
        one.session_id for one in await events_of(log) if isinstance(one.data, BranchCreated)
    ]

    dropped = await drop_mirrored(log, "pier", [rewound])

    assert dropped == 1
    assert await transcripts.keys("pier") == []
