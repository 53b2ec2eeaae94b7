"""A `SessionStore` of the Claude Agent SDK over a memory.

`from anabranch.adapters.claude_agent_sdk import AnabranchSessionStore`. Transcripts are kept
exactly, beside the log, and become sessions, branches and insights as Claude Code's files do.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final, Self, cast

from pydantic import BaseModel

from anabranch.adapters.bridge import Bridge
from anabranch.adapters.framework import framework
from anabranch.errors import MemoryNotOpen
from anabranch.home.folder import Home
from anabranch.home.passing import clear_passing
from anabranch.importers.drift import note_unknown_records
from anabranch.importers.importer import ImportOptions
from anabranch.importers.mirrored import (
    BUCKET,
    Mirrored,
    MirroredSession,
    agent_session,
    drop_session,
    mark_key,
)
from anabranch.memory.forgetting.whole_subjects import forget_sessions
from anabranch.memory.memory import namespace_of
from anabranch_events.errors import AnabranchError, InputInvalid
from anabranch_events.transcripts.stream import TranscriptKey

with framework("claude_agent_sdk", extra="claude-agent-sdk"):
    from claude_agent_sdk import fold_session_summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from claude_agent_sdk import SessionKey, SessionStoreEntry
    from claude_agent_sdk.types import (
        SessionListSubkeysKey,
        SessionStoreListEntry,
        SessionSummaryEntry,
    )

    from anabranch.memory.memory import Memory
    from anabranch.sync import Memory as SyncMemory
    from anabranch_events import Log
    from anabranch_events.transcripts.transcripts import Head, Transcripts

_TOGETHER_S: Final = 0.2
_RETRY_EACH_S: Final = 2.0
_REST: Final = 3.0
"""The rest after an import, as a multiple of the time that it took."""
_REST_MAX_S: Final = 60.0
_RECEIPT: Final = "deleted by the Claude Agent SDK"
_log: Final = logging.getLogger("anabranch")


class _Summary(BaseModel):
    """The SDK's summary of a session, and the position of the last message folded into it."""

    position: int
    data: dict[str, Any]


class AnabranchSessionStore:
    """The transcripts of the Claude Agent SDK, kept by a memory and learned from.

    Give it as `ClaudeAgentOptions(session_store=...)`. An entry is stored before `append` returns,
    as safely as the log's events, and once, by its `uuid`. Entries are kept exactly, secrets too:
    a sealed namespace takes none. Events are redacted as those of imports, unless `redacts` is
    False; `tools` keeps the text of tool calls.

    Within `async with` it imports what an earlier process left, and at the end what is left to
    import. Without, call `aclose`.
    """

    def __init__(
        self, memory: Memory | SyncMemory, *, redacts: bool = True, tools: bool = False
    ) -> None:
        self._bridge: Bridge[Memory] = Bridge(memory)
        self._memory = self._bridge.memory
        self._options = ImportOptions(self._memory.namespace, redacts=redacts, tools=tools)
        self._kept: Transcripts | None = None
        self._changed: dict[MirroredSession, None] = {}
        self._dropped: dict[str, None] = {}
        self._came = asyncio.Event()
        self._importing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._bridge.arun(self._resume())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Append entries to a transcript, each once; they become events a moment later.

        Raises InputInvalid, NamespaceEnded, LogFull, LogUnavailable and LogRefused. To append the
        same entries again is safe.
        """
        if entries:
            await self._bridge.arun(self._append(self._key(key), [*entries]))

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """Return the entries of a transcript in order, None where there is none."""
        return await self._bridge.arun(self._load(self._key(key)))

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        """Return the sessions of a project, with the time of their last entry."""
        heads = await self._bridge.arun(self._mains(project_key))
        return [
            {"session_id": head.key.session, "mtime": _milliseconds(head.stored_at)}
            for head in heads
        ]

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        """Return the SDK's summary of each session of a project; only what is new is read."""
        return await self._bridge.arun(self._summaries(project_key))

    async def delete(self, key: SessionKey) -> None:
        """Delete a session with its sub-agents, or one sub-agent; memory forgets it as well.

        Sessions that were forked from it stay. Later entries are kept, and not learned from.
        """
        await self._bridge.arun(self._delete(self._key(key)))

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """Return the subpaths of a session's sub-agents."""
        found = self._key(key)
        return await self._bridge.arun(self._subkeys(found))

    async def imported(self) -> None:
        """Wait until all that was appended here has become events."""
        await self._bridge.arun(self._imported())

    async def aclose(self) -> None:
        """Import what is left, and stop. The next process imports what cannot be imported now."""
        await self._bridge.arun(self._close())

    def _key(self, key: SessionKey | SessionListSubkeysKey) -> TranscriptKey:
        """Return the key of a transcript. Raises InputInvalid for an empty subpath."""
        told = cast("Mapping[str, str]", key)
        if told.get("subpath") == "":
            raise InputInvalid(
                "subpath: is empty", field="subpath", fix="leave it out for the main transcript"
            )
        return TranscriptKey(
            self._memory.namespace,
            told["project_key"],
            told["session_id"],
            told.get("subpath") or "",
        )

    @property
    def _journal(self) -> Log:
        return namespace_of(self._memory).backend.log

    async def _transcripts(self) -> Transcripts:
        if self._kept is None:
            kept = self._journal.transcripts
            await kept.ensure()
            self._kept = kept
        return self._kept

    async def _append(self, key: TranscriptKey, entries: list[SessionStoreEntry]) -> None:
        await self._journal.refuse_ended(key.namespace)
        if key.namespace in await self._journal.sealed_namespaces():
            raise InputInvalid(
                f"namespace: {key.namespace} is sealed, and transcripts are kept as they are",
                field="namespace",
                fix="keep the sessions of the SDK in an open namespace",
            )
        transcripts = await self._transcripts()
        await transcripts.append(key, cast("list[dict[str, Any]]", entries))
        self._look_at(MirroredSession(key.project, key.session))

    async def _load(self, key: TranscriptKey) -> list[SessionStoreEntry] | None:
        found: list[SessionStoreEntry] = []
        async with aclosing((await self._transcripts()).read(key)) as read:
            async for lines, _ in read:
                found += map(json.loads, lines.splitlines())
        return found or None

    async def _mains(self, project: str) -> list[Head]:
        heads = await (await self._transcripts()).heads(self._memory.namespace, project=project)
        return [head for head in heads if not head.key.part]

    async def _subkeys(self, key: TranscriptKey) -> list[str]:
        found = await (await self._transcripts()).keys(
            key.namespace, project=key.project, session=key.session
        )
        return [one.part for one in found if one.part]

    async def _summaries(self, project: str) -> list[SessionSummaryEntry]:
        return [await self._summary(head) for head in await self._mains(project)]

    async def _summary(self, head: Head) -> SessionSummaryEntry:
        """Fold what is new of a session into its summary, and keep that.

        The fold knows how far it came. So one that was not kept, or was kept by another, is no
        harm.
        """
        key = head.key
        bucket = await self._journal.bucket(BUCKET)
        name = mark_key(key.namespace, MirroredSession(key.project, key.session), "summary")
        entry = await bucket.entry(name)
        kept = _Summary.model_validate_json(entry.value) if entry and entry.value else None
        mtime = _milliseconds(head.stored_at)
        if kept is not None and kept.position >= head.position:
            return {"session_id": key.session, "mtime": mtime, "data": kept.data}
        folded: SessionSummaryEntry | None = None
        position = 0
        if kept is not None:
            folded = {"session_id": key.session, "mtime": mtime, "data": kept.data}
            position = kept.position
        of: SessionKey = {"project_key": key.project, "session_id": key.session}
        async with aclosing((await self._transcripts()).read(key, after=position)) as read:
            async for lines, at in read:
                folded = fold_session_summary(folded, of, [*map(json.loads, lines.splitlines())])
                position = at
        data = folded["data"] if folded else {}
        value = _Summary(position=position, data=data).model_dump_json().encode()
        await bucket.replace(name, value, revision=entry.revision if entry else 0)
        return {"session_id": key.session, "mtime": mtime, "data": data}

    async def _delete(self, key: TranscriptKey) -> None:
        """Forget first: by the transcripts a deletion that was killed is known, and goes on."""
        transcripts = await self._transcripts()
        of = MirroredSession(key.project, key.session)
        async with self._importing:
            if key.part:
                given: Sequence[str] = (agent_session(key),)
                await self._forget(given)
                await transcripts.drop(key)
            else:
                given = await (await self._mirrored()).sessions_of(of)
                await self._forget(given)
                await drop_session(self._journal, transcripts, key.namespace, of)
                self._changed.pop(of, None)
            await self._forget(given)  # Another process may have imported meanwhile.

    async def _forget(self, session_ids: Sequence[str]) -> None:
        await forget_sessions(namespace_of(self._memory), session_ids, receipt=_RECEIPT)

    async def _mirrored(self) -> Mirrored:
        backend = namespace_of(self._memory).backend
        transcripts = await self._transcripts()
        home = Home(self._memory.settings.home)
        return Mirrored(backend.log, transcripts, self._options, home=home, saw=backend.saw)

    async def _resume(self) -> None:
        clear_passing(Home(self._memory.settings.home))
        for of in await (await self._mirrored()).behind():
            self._look_at(of)

    def _look_at(self, of: MirroredSession) -> None:
        self._changed[of] = None
        self._came.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow(), name="importing transcripts")

    async def _follow(self) -> None:
        """Import what changed until it is cancelled; what the log did not take is tried again."""
        with suppress(MemoryNotOpen):  # It was closed before the store was: the next one goes on.
            while True:
                await self._came.wait()
                self._came.clear()
                await asyncio.sleep(_TOGETHER_S)
                began = time.monotonic()
                if not await self._import_changed():
                    self._came.set()
                    await asyncio.sleep(_RETRY_EACH_S)
                await asyncio.sleep(min(_REST * (time.monotonic() - began), _REST_MAX_S))

    async def _import_changed(self) -> bool:
        """Import each session that has changed, once; tell whether the log took all of them."""
        tried: set[MirroredSession] = set()
        whole = True
        while True:
            async with self._importing:  # Also waits for the import that another call began.
                of = next((one for one in self._changed if one not in tried), None)
                if of is None:
                    return whole
                tried.add(of)
                whole &= await self._import(of)

    async def _import(self, of: MirroredSession) -> bool:
        del self._changed[of]
        try:
            taken = await (await self._mirrored()).take(of)
            self._dropped |= dict.fromkeys(taken.dropped)
            if self._dropped:
                await self._forget([*self._dropped])
                self._dropped.clear()
        except MemoryNotOpen:
            raise
        except AnabranchError as error:
            _log.warning("session %s: %s; it is tried again", of.session, error.message)
            self._changed[of] = None
            return False
        except asyncio.CancelledError:
            self._changed[of] = None
            raise
        except Exception:  # noqa: BLE001 - whatever it is, other sessions go on.
            _log.exception("session %s cannot be imported", of.session)
            return True
        note_unknown_records(Home(self._memory.settings.home), taken.tally.unknown)
        return True

    async def _imported(self) -> None:
        if not await self._import_changed():
            _log.warning("%d sessions are not imported yet", len(self._changed))

    async def _close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._changed:
            await self._imported()


def _milliseconds(time_stored: datetime) -> int:
    return int(time_stored.timestamp() * 1000)
