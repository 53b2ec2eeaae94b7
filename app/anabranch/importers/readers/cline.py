"""Cline: `data/sessions/<id>/<id>.messages.json`, sub-agents in `agent_*.messages.json` there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.lines import document, plain_name
from anabranch.importers.reader import Source
from anabranch.importers.readers.cline_files import (
    SUFFIX,
    Compaction,
    compaction_of,
    database_of,
    files_of,
    head_of,
    manifest_in,
    manifest_of,
    rows_in,
)
from anabranch.importers.readers.put_in import without_elements
from anabranch.importers.records.families import Family, Head, Link, families_of
from anabranch.importers.records.model import (
    Broken,
    Described,
    Ended,
    How,
    Opened,
    Skipped,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from anabranch.importers.records.values import (
    json_of,
    kind_of,
    list_of,
    object_of,
    objects_of,
    output_of,
    said_in,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Kind, Record

_INPUT: Final = re.compile(r"\A\s*<user_input(?:\s[^>]*)?>(.*)</user_input>\s*\Z", re.DOTALL)
_INJECTED: Final = ("environment_details", "file_content", "workspace_info", "system_reminder")

_BROKE: Final[dict[str, How]] = {
    "error": "failed",
    "aborted": "cancelled",
    "cancelled": "cancelled",
}
"""Reasons of an agent's end that its call gives; its row says that it completed all the same."""


class ClineReader:
    """Reads the sessions of Cline's command line."""

    tool = "cline"
    versions = "3.0.65"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folder of sessions."""
        base = environment.get("CLINE_DIR")
        return [(Path(base) if base else home / ".cline") / "data" / "sessions"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the name and the first fields."""
        head = candidate.head[:2000]
        return candidate.name.endswith(SUFFIX) and b'"sessionId"' in head and b'"agent"' in head

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return the folders of sessions, each with those of its forks."""
        folders: dict[Path, list[Path]] = {}
        for path in sorted(files):
            folders.setdefault(path.parent, []).append(path)
        return [
            Source(
                self.tool,
                tuple(
                    file
                    for path in sorted(
                        (path for head in family for path in folders[head.path]),
                        key=lambda path: path.name.startswith("agent_"),
                    )
                    for file in files_of(path)
                ),
                project=next((head.project for head in family if head.project), None),
                keys=tuple(head.session_id for head in family),
                beside=tuple(manifest_of(head.path) for head in family),
                shared=tuple(dict.fromkeys(database_of(head.path) for head in family)),
            )
            for family in families_of(
                [head_of(folder, folder.name, manifest_in(folder)) for folder in folders]
            )
        ]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of a session, its sub-agents where they were called."""
        yield from _Reading(source).records()


class _Reading:
    """The files of a session's folder and of its forks' folders, each yielded once."""

    def __init__(self, source: Source) -> None:
        self.made: set[tuple[str, str]] = set()
        self.rows: dict[str, dict[str, Any]] = {}
        self.waiting: dict[str, dict[str, Any]] = {}
        self.paths: dict[str, Path] = {}
        self.parents: dict[str, str] = {}
        self.manifests: dict[Path, dict[str, Any] | Broken] = {}
        self.broken: list[Broken] = []
        for folder in dict.fromkeys(path.parent for path in source.files):
            manifest = self.manifests[folder] = manifest_in(folder)
            self.broken += [manifest] if isinstance(manifest, Broken) else []
        for path in [path for path in source.files if plain_name(path).endswith(SUFFIX)]:
            found = document(path)
            if isinstance(found, Broken):
                self.broken.append(found)
                continue
            session_id = text_of(found.get("sessionId")) or plain_name(path)
            self.waiting[session_id] = found
            self.paths[session_id] = path
        rows = rows_in(source.path.parent, self.waiting)
        if isinstance(rows, Broken):
            self.broken.insert(0, rows)
        else:
            self.rows = rows
        for session_id, found in self.waiting.items():
            parent = text_of(object_of(found.get("origin")).get("parentThreadId"))
            row_parent = text_of(self.rows.get(session_id, {}).get("parent_session_id"))
            if parent or row_parent:
                self.parents[session_id] = parent or row_parent or ""
        mains = [name for name in self.waiting if name not in self.parents]
        heads = [
            head_of(path, name, self.manifest(path)) for name in mains if (path := self.paths[name])
        ]
        self.family = Family(heads, links=self._links)

    def manifest(self, path: Path) -> dict[str, Any]:
        """Return the manifest beside a session's file; nothing where it cannot be read."""
        return object_of(self.manifests[path.parent])

    def _links(self, head: Head) -> Iterator[Link]:
        before: str | None = None
        for message in objects_of(self.waiting[head.session_id].get("messages")):
            name = _name_of(message)
            yield Link(name, before)
            before = name

    def records(self) -> Iterator[Record]:
        """Yield the sessions, those without a parent first."""
        yield from self.broken
        for root in self.family.roots():
            yield from self.told(root.session_id, parent=None)
        for session_id, parent in self.parents.items():
            yield from self.told(session_id, parent=parent)

    def told(
        self, session_id: str, *, parent: str | None, outcome: dict[str, Any] | None = None
    ) -> Iterator[Record]:
        """Yield a session, unless it was yielded before; `outcome` is what its call gave."""
        document = self.waiting.pop(session_id, None)
        if document is not None:
            yield from _Session(session_id, document, self).records(parent, outcome)

    def forks(self, session_id: str, name: str | None = None) -> Iterator[Record]:
        """Yield the forks that left a session after a message; the others without one."""
        family = self.family
        left = family.left_over(session_id) if name is None else family.leaving(session_id, name)
        for fork in left:
            yield from self.told(fork.session_id, parent=session_id)

    def called(self, task: str, *, parent: str, outcome: dict[str, Any]) -> Iterator[Record]:
        """Yield the sub-agent that was given a task, where it was called."""
        for session_id, found in list(self.waiting.items()):
            if session_id in self.parents and _first_text(found) == task.strip():
                yield from self.told(session_id, parent=parent, outcome=outcome)
                return

    def children(self, session_id: str) -> Iterator[Record]:
        """Yield the sub-agents of a session that none of its calls began."""
        for child, parent in self.parents.items():
            if parent == session_id:
                yield from self.told(child, parent=session_id)


def _name_of(message: dict[str, Any]) -> str:
    return str(message.get("id") or message.get("ts"))


def _first_text(document: dict[str, Any]) -> str | None:
    for message in objects_of(document.get("messages")):
        if message.get("role") == "user" and (text := asked_in(message)):
            return text.strip()
    return None


def asked_before(row: dict[str, Any]) -> str | None:
    """Return what an agent was asked that said nothing yet, as its row in the database has it."""
    return text_of(row.get("prompt")) if row.get("parent_session_id") else None


def asked_in(message: dict[str, Any]) -> str | None:
    """Return what was asked in a message, without what it is wrapped in."""
    content = message.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    texts: list[str] = []
    for block in objects_of(blocks):
        text = text_of(block.get("text")) if kind_of(block) == "text" else None
        if text:
            own = without_elements(text, *_INJECTED)
            wrapped = _INPUT.match(own)
            bare = text_of(wrapped[1] if wrapped else own)
            texts += [bare.strip()] if bare else []
    return "\n\n".join(texts) or None


class _Session:
    """One session's document."""

    def __init__(self, session_id: str, document: dict[str, Any], reading: _Reading) -> None:
        self._id = session_id
        self._document = document
        self._reading = reading
        self._path = reading.paths[session_id]
        self._manifest = reading.manifest(self._path)
        self._compaction = compaction_of(self._path, session_id)
        self._row = reading.rows.get(session_id, {})
        self._left_out: Counter[str] = Counter()
        self._tasks: dict[str, str] = {}
        self._model: str | None = None
        self._error: str | None = None
        """The error that the last message shows to the person, and the model does not see."""

    def records(self, parent: str | None, outcome: dict[str, Any] | None) -> Iterator[Record]:
        """Yield the session's records."""
        messages = objects_of(self._document.get("messages"))
        times = [time for one in messages if (time := time_of(one.get("ts")))]
        yield self._opened(parent, times[0] if times else None)
        if isinstance(self._compaction, (Broken, Unknown)):
            yield self._compaction
        for message in messages:
            name = _name_of(message)
            if self._reading.family.is_inherited(self._id, self._path, name):
                self._left_out["inherited"] += 1
                yield from self._summary(name)
                continue
            yield from self._said(message)
            yield from self._summary(name)
            yield from self._reading.forks(self._id, name)
        yield from self._summary()
        yield from self._reading.forks(self._id)
        yield from self._reading.children(self._id)
        self._left_out["system prompt"] += "system_prompt" in self._document
        for why, count in sorted((+self._left_out).items()):
            yield Skipped(line=self._id, why=why, count=count)
        if self._id in self._reading.parents:
            yield from self._end(outcome, times[-1] if times else None)

    def _said(self, message: dict[str, Any]) -> Iterator[Record]:
        time = time_of(message.get("ts"))
        self._error = None
        if object_of(message.get("metadata")).get("displayOnly") is True:
            self._error = said_in(message.get("content"))
            self._left_out["message of the tool itself"] += 1
            return
        match kind_of(message, "role"):
            case "user":
                yield from self._user(message, time)
            case "assistant":
                yield from self._assistant(message, time)
            case role:
                yield Unknown(line=self._id, what=f"role {role}")

    def _summary(self, name: str | None = None) -> Iterator[Record]:
        """Yield the summary that was made after a message; without one, if its place was not met.

        Its file is beside the session's, and a fork has a copy of it.
        """
        found = self._compaction
        if not isinstance(found, Compaction) or name not in {None, found.after}:
            return
        self._compaction = None
        if found.made in self._reading.made:
            self._left_out["inherited"] += 1
            return
        self._reading.made.add(found.made)
        yield found.summary

    def _opened(self, parent: str | None, first: datetime | None) -> Opened:
        manifest = self._manifest
        origin = object_of(self._document.get("origin"))
        found = {
            "project": text_of(manifest.get("workspace_root")) or text_of(self._row.get("cwd")),
            "tool_version": text_of(origin.get("version")),
        }
        is_agent = self._id in self._reading.parents
        kind: Kind = "subagent" if is_agent else "fork" if parent else "main"
        started = self._row.get("started_at") or (None if is_agent else manifest.get("started_at"))
        given = None if _first_text(self._document) else asked_before(self._row)
        return Opened(
            key=self._id,
            source_id=self._id,
            kind=kind,
            parent=parent,
            model=text_of(self._row.get("model")) or text_of(manifest.get("model")),
            task=given,
            silent=given is not None,
            time=time_of(started) or first,
            attributes={name: value for name, value in found.items() if value},
        )

    def _record_id(self, message: dict[str, Any]) -> str:
        return f"{self._id}/{message.get('id') or message.get('ts')}"

    def _user(self, message: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        for block in objects_of(message.get("content")):
            if kind_of(block) == "tool_result":
                yield from self._result(block, time)
        text = asked_in(message)
        if text:
            yield Turn(
                line=self._id, id=self._record_id(message), said="user", text=text, time=time
            )

    def _result(self, block: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        call_id = text_of(block.get("tool_use_id")) or ""
        output, failed = _output_in(block)
        if call_id in self._tasks:
            given = object_of(json_of(output))
            yield from self._reading.called(self._tasks[call_id], parent=self._id, outcome=given)
        yield ToolResult(line=self._id, call_id=call_id, given=output, failed=failed, time=time)

    def _assistant(self, message: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        model = text_of(object_of(message.get("modelInfo")).get("id"))
        if model and model != self._model:
            self._model = model
            yield Described(line=self._id, model=model)
        content = message.get("content")
        blocks = objects_of(
            [{"type": "text", "text": content}] if isinstance(content, str) else content
        )
        calls = [block for block in blocks if kind_of(block) == "tool_use"]
        kinds = Counter(str(kind_of(block)) for block in blocks)
        self._left_out["hidden reasoning"] += kinds["thinking"] + kinds["redacted_thinking"]
        texts = [
            text
            for block in blocks
            if kind_of(block) == "text" and (text := text_of(block.get("text")))
        ]
        if texts:
            yield Turn(
                line=self._id,
                id=self._record_id(message),
                said="assistant",
                text="\n\n".join(texts),
                time=time,
                final=not calls,
            )
        for block in calls:
            call_id = text_of(block.get("id")) or self._record_id(message)
            task = text_of(object_of(block.get("input")).get("task"))
            if task and "agent" in str(block.get("name")):
                self._tasks[call_id] = task
            yield ToolCall(
                line=self._id,
                id=call_id,
                name=text_of(block.get("name")) or "tool",
                input=block.get("input"),
                time=time,
            )

    def _end(self, outcome: dict[str, Any] | None, last: datetime | None) -> Iterator[Record]:
        gave = text_of((outcome or {}).get("finishReason"))
        status = gave if gave in _BROKE else text_of(self._row.get("status")) or gave
        if status is None or status in {"running", "pending", "active"}:
            return
        yield Ended(
            line=self._id,
            how=_BROKE.get(status, "completed" if status == "completed" else "failed"),
            reason=self._error or f"it ended with {status}",
            started=time_of(self._row.get("started_at")),
            time=time_of(self._row.get("ended_at")) or last,
        )


def _output_in(block: dict[str, Any]) -> tuple[str, bool | None]:
    """Return a result's text, of either shape, and whether a command in it failed."""
    content = block.get("content")
    told = [one for one in objects_of(list_of(content)) if "result" in one or "error" in one]
    if told:
        texts = [output_of(one.get("result", one.get("error"))) for one in told]
        return "\n".join(texts), any(one.get("success") is False for one in told)
    failed = block.get("is_error")
    return output_of(content), failed if isinstance(failed, bool) else None
