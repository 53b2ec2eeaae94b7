"""Sessions of Claude Code that a program mirrors beside the log: imported as its files are.

They are written out below the home as files for a moment. So the same reader makes the same events
of them, and to import the tool's own files later doubles nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
from pydantic import BaseModel

from anabranch.home.passing import passing_folder
from anabranch.importers.importer import Importer
from anabranch.importers.mapping.identity import Identity
from anabranch.importers.readers.catalogue import sources_below
from anabranch.importers.readers.claude_code import ClaudeCodeReader
from anabranch.importers.readers.claude_files import head_of
from anabranch.importers.records.values import json_of, kind_of, object_of
from anabranch_events.errors import LogUnavailable, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from anabranch.home.folder import Home
    from anabranch.importers.importer import ImportOptions
    from anabranch.importers.outcome import ImportedSession, Tally
    from anabranch_events import Event, Log
    from anabranch_events.jetstream.kv import Bucket
    from anabranch_events.transcripts.stream import TranscriptKey
    from anabranch_events.transcripts.transcripts import Head, Transcripts

BUCKET: Final = "ANABRANCH_TRANSCRIPT_MARKS"
ORIGINS_MAX: Final = 32
_META: Final = "agent_metadata"
_SAFE: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,127}", re.ASCII)
_AGENT: Final = "agent-"
_log: Final = logging.getLogger("anabranch")


class MirroredSession(NamedTuple):
    """A session by the names that the program gave: of its project, and its own."""

    project: str
    session: str


class Mark(BaseModel):
    """The position up to which a session was imported, and the sessions that it gave."""

    position: int
    sessions: tuple[str, ...]


class Taken(NamedTuple):
    """An import of a session, and the sessions whose transcripts were dropped by its end."""

    tally: Tally
    dropped: tuple[str, ...]


class Mirrored:
    """The mirrored sessions of one namespace, on their way into its log."""

    def __init__(
        self,
        log: Log,
        transcripts: Transcripts,
        options: ImportOptions,
        *,
        home: Home,
        saw: Callable[[Event, int], None] | None = None,
    ) -> None:
        self._log = log
        self._transcripts = transcripts
        self._options = options
        self._home = home
        self._saw = saw

    async def behind(self) -> list[MirroredSession]:
        """Return the sessions to which something was appended that is not imported yet."""
        last: dict[MirroredSession, int] = {}
        for head in await self._transcripts.heads(self._options.namespace):
            of = MirroredSession(head.key.project, head.key.session)
            last[of] = max(last.get(of, 0), head.position)
        bucket = await self._bucket()
        marks = {of: await _mark(bucket, self._options.namespace, of) for of in last}
        return [
            of for of, at in last.items() if (found := marks[of]) is None or found.position < at
        ]

    async def take(self, of: MirroredSession) -> Taken:
        """Import a session as far as it is there. Run again it adds what is new.

        Another process may drop transcripts meanwhile: the caller forgets what is `dropped`.
        Raises what `Importer.source` raises; what was appended before stays.
        """
        importer = Importer(self._log, self._options, saw=self._saw)
        heads, outcomes = await self._imported(of, importer)
        if not heads and await self._keys(of):
            raise LogUnavailable(
                "a replica of the transcripts is behind the others", fix="try again in a moment"
            )
        gone = [head.key for head in heads if not await self._transcripts.holds(head)]
        if not heads or any(not key.part for key in gone):
            known = await self.sessions_of(of)
            return Taken(importer.tally, (*dict.fromkeys((*known, *_of_session(of, outcomes))),))
        position = max(head.position for head in heads)
        mark = Mark(position=position, sessions=_of_session(of, outcomes))
        bucket = await self._bucket()
        await bucket.put(mark_key(self._options.namespace, of), mark.model_dump_json().encode())
        return Taken(importer.tally, tuple(map(agent_session, gone)))

    async def sessions_of(self, of: MirroredSession) -> tuple[str, ...]:
        """Return the ids of the sessions that a session gave, or would give; nothing is imported.

        Its names and the mark of its last import tell them. Its transcripts tell more, where they
        can be read.
        """
        namespace = self._options.namespace
        mark = await _mark(await self._bucket(), namespace, of)
        known = {_identity(namespace).session(of.session): None}
        known |= dict.fromkeys(mark.sessions if mark else ())
        known |= {agent_session(key): None for key in await self._keys(of) if key.part}
        try:
            _, outcomes = await self._imported(of, Importer(None, self._options))
            known |= dict.fromkeys(_of_session(of, outcomes))
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - a transcript that no reader takes can be deleted, too.
            _log.exception("session %s cannot be read; it is known by its names", of.session)
        return tuple(known)

    async def _imported(
        self, of: MirroredSession, importer: Importer
    ) -> tuple[Sequence[Head], list[ImportedSession]]:
        heads = await self._heads(of)
        outcomes: list[ImportedSession] = []
        if not _is_safe(of.session):
            return heads, outcomes
        async with passing_folder(self._home) as folder:
            await self._write(of, heads, folder)
            await self._write_origins(of, folder)
            found = await asyncio.to_thread(sources_below, [folder], tools=[ClaudeCodeReader.tool])
            for source in found:
                outcomes += await importer.source(source)
        return heads, outcomes

    async def _heads(self, of: MirroredSession) -> list[Head]:
        return await self._transcripts.heads(
            self._options.namespace, project=of.project, session=of.session
        )

    async def _keys(self, of: MirroredSession) -> list[TranscriptKey]:
        return await self._transcripts.keys(
            self._options.namespace, project=of.project, session=of.session
        )

    async def _write_origins(self, of: MirroredSession, folder: Path) -> None:
        """Write the sessions from which one was forked: what it inherited is theirs."""
        path = folder / f"{of.session}.jsonl"
        for _ in range(ORIGINS_MAX):
            origin = head_of(path).origin if path.exists() else None
            if origin is None or not _is_safe(origin):
                return
            path = folder / f"{origin}.jsonl"
            if path.exists():
                return
            of = MirroredSession(of.project, origin)
            await self._write(of, await self._heads(of), folder)

    async def _write(self, of: MirroredSession, heads: Sequence[Head], folder: Path) -> None:
        """Write the files of a session as the tool has them; parts with other names are none."""
        for head in heads:
            parts = head.key.part.split("/") if head.key.part else []
            if not all(map(_is_safe, parts)):
                continue
            path = folder.joinpath(*([of.session, *parts] if parts else [of.session]))
            path = path.with_name(f"{path.name}.jsonl")
            path.parent.mkdir(parents=True, exist_ok=True)
            await self._write_file(path, head.key)
            written = head.stored_at.timestamp()
            os.utime(path, (written, written))

    async def _write_file(self, path: Path, key: TranscriptKey) -> None:
        meta = b""
        with path.open("wb") as file:
            async for lines, _ in self._transcripts.read(key):
                if key.part and _META.encode() in lines:
                    plain, told = _parted(lines)
                    file.write(plain)
                    meta = told or meta
                else:
                    file.write(lines)
        if meta:
            path.with_name(f"{path.stem}.meta.json").write_bytes(meta)

    async def _bucket(self) -> Bucket:
        return await self._log.bucket(BUCKET)


def _parted(lines: bytes) -> tuple[bytes, bytes]:
    """Part lines into those of an agent's file, and what stands beside it; the last one counts."""
    kept: list[bytes] = []
    meta = b""
    for line in lines.splitlines(keepends=True):
        record = object_of(json_of(line)) if _META.encode() in line else {}
        if kind_of(record) == _META:
            meta = orjson.dumps({name: told for name, told in record.items() if name != "type"})
        else:
            kept.append(line)
    return b"".join(kept), meta


def _is_safe(name: str) -> bool:
    """Tell whether a name may be that of a file; Claude Code's own are UUIDs and the like."""
    return _SAFE.fullmatch(name) is not None


def _of_session(of: MirroredSession, outcomes: Iterable[ImportedSession]) -> tuple[str, ...]:
    """Return the sessions that a session gave itself; those of its origins came along."""
    told = {of.session}
    found: list[str] = []
    for one in outcomes:
        if one.source_id == of.session or (one.parent_source_id in told and one.kind != "fork"):
            found.append(one.session_id)
            told.update({one.source_id} if one.source_id else ())
    return tuple(found)


def mark_key(namespace: str, of: MirroredSession, kind: str = "imported") -> str:
    """Return the key under which something is noted of a session."""
    return f"{marks_of(namespace)}{of.project.encode().hex()}.{of.session.encode().hex()}.{kind}"


def marks_of(namespace: str) -> str:
    """Return how the keys begin under which something is noted in a namespace."""
    return f"{namespace}."


async def _mark(bucket: Bucket, namespace: str, of: MirroredSession) -> Mark | None:
    found = await bucket.get(mark_key(namespace, of))
    return Mark.model_validate_json(found) if found else None


async def drop_mirrored(log: Log, namespace: str, session_ids: Iterable[str]) -> int:
    """Drop the transcripts that gave some sessions; return how many.

    A sub-agent goes with its own. Any other session goes with all that it was mirrored to.
    """
    transcripts = log.transcripts
    wanted = {*session_ids}
    keys = await transcripts.keys(namespace) if log.rights == "all" and wanted else []
    sessions: dict[MirroredSession, list[TranscriptKey]] = {}
    for key in keys:
        sessions.setdefault(MirroredSession(key.project, key.session), []).append(key)
    dropped = 0
    for of, parts in sessions.items():
        agents = {agent_session(key): key for key in parts if key.part}
        bucket = await log.bucket(BUCKET)
        mark = await _mark(bucket, namespace, of)
        given = {_identity(namespace).session(of.session), *(mark.sessions if mark else ())}
        if wanted & (given - agents.keys()):
            await drop_session(log, transcripts, namespace, of)
            dropped += len(parts)
            continue
        for session_id in wanted & agents.keys():
            await transcripts.drop(agents[session_id])
            dropped += 1
    return dropped


async def drop_session(
    log: Log, transcripts: Transcripts, namespace: str, of: MirroredSession
) -> None:
    """Drop a session's transcripts, and what is noted of it."""
    await transcripts.drop_session(namespace, project=of.project, session=of.session)
    begins = mark_key(namespace, of, "")
    await log.drop_values(BUCKET, lambda key: key.startswith(begins))


async def drop_namespace(log: Log, namespace: str) -> None:
    """Drop all transcripts of a namespace, and what is noted of them."""
    await log.transcripts.drop_namespace(namespace)
    begins = marks_of(namespace)
    await log.drop_values(BUCKET, lambda key: key.startswith(begins))


def agent_session(key: TranscriptKey) -> str:
    """Return the id of the session that a part becomes, if it is a sub-agent's."""
    name = key.part.rpartition("/")[2].removeprefix(_AGENT)
    return _identity(key.namespace).session(name)


def _identity(namespace: str) -> Identity:
    return Identity(namespace, ClaudeCodeReader.tool)
