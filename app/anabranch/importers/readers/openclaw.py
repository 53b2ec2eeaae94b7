"""OpenClaw: `agents/<agent>/agent/openclaw-agent.sqlite`, runs in `state/openclaw.sqlite`."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import zstandard

from anabranch.importers.files.candidates import is_there
from anabranch.importers.files.databases import looked_up, names_in, rows, snapshot
from anabranch.importers.reader import Source
from anabranch.importers.readers.abandoned import Course
from anabranch.importers.readers.pi_entries import Entries, asked_in, id_of, node_of
from anabranch.importers.readers.put_in import without_last_lines
from anabranch.importers.records.model import Broken, Ended, Opened, ToolResult, Turn
from anabranch.importers.records.values import json_of, kind_of, object_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.chains import Node
    from anabranch.importers.records.model import Record

_WOKEN: Final = "[Subagent Context]"
"""The beginning of a run's task that is none: its agent's own agents ended, and it goes on."""
_TASK: Final = re.compile(r"(?:\A|\n)\[Subagent Task\]")
_BEGIN: Final = re.compile(r"Begin\. Execute the assigned task")
_EVENTS = "SELECT event_json, event_zstd FROM transcript_events WHERE session_id = ? ORDER BY seq"


class OpenClawReader:
    """Reads the sessions of OpenClaw."""

    tool = "openclaw"
    versions = "2026.9.6"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folder of agents."""
        state = environment.get("OPENCLAW_STATE_DIR")
        return [(Path(state) if state else home / ".openclaw") / "agents"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the tables."""
        return "transcript_events" in candidate.tables

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a database."""
        return [
            Source(self.tool, (path,), keys=_session_ids(path), shared=tuple(_states(path))[:1])
            for path in files
        ]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of all sessions, sub-agents where they were started."""
        runs, broken = _runs(source.path)
        if broken is not None:
            yield broken
        try:
            with closing(snapshot(source.path)) as database:
                yield from _Reading(database, runs).records()
        except sqlite3.Error as error:
            yield Broken(path=source.path, number=0, reason=str(error), more=False)


@dataclass(frozen=True, slots=True)
class _Node:
    """A session's place among others; a rewind went on under another id, with all entries again."""

    session_ids: tuple[str, ...]
    key: str
    parent_key: str | None
    fork_of: str | None
    label: str | None

    @property
    def session_id(self) -> str:
        """The id under which it began."""
        return self.session_ids[0]


def _session_ids(path: Path) -> tuple[str, ...]:
    query = "SELECT DISTINCT session_id FROM transcript_events"
    try:
        return looked_up(path, lambda database: names_in(database, query))
    except sqlite3.Error:
        return ()


def _states(path: Path) -> Iterator[Path]:
    """Yield the databases of runs that are there; the nearest is the one beside the agents."""
    beside = (folder / "state" / "openclaw.sqlite" for folder in path.parents)
    return filter(is_there, beside)


def _runs(path: Path) -> tuple[dict[str, dict[str, Any]], Broken | None]:
    """Return what is known of sub-agents by the key of their session, or why that is not read."""
    state = next(_states(path), None)
    if state is None:
        return {}, None
    try:
        return looked_up(state, _runs_in), None
    except sqlite3.Error as error:
        return {}, Broken(path=state, number=0, reason=str(error), more=False)


def _runs_in(database: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    query = "SELECT child_session_key, payload_json FROM subagent_runs ORDER BY created_at"
    return {str(key): object_of(json_of(payload)) for key, payload in rows(database, query)}


def _nodes(database: sqlite3.Connection) -> list[_Node]:
    """Return the sessions; columns that a release does not have are empty."""
    columns = {str(row[1]) for row in database.execute("PRAGMA table_info(session_nodes)")}
    parents: dict[str, sqlite3.Row] = {}
    if "session_key" in columns:
        parents = {
            str(row["session_key"]): row for row in rows(database, "SELECT * FROM session_nodes")
        }
    windows = {
        str(row["session_id"]): _told(row)
        for row in rows(database, "SELECT * FROM session_windows")
    }
    ids = [
        str(row[0])
        for row in rows(
            database,
            "SELECT session_id FROM transcript_events GROUP BY session_id ORDER BY min(created_at)",
        )
    ]
    chains: dict[str, list[str]] = {}
    for session_id in ids:
        before = text_of(windows.get(session_id, {}).get("previous_session_id"))
        chain = chains.get(before or "")
        if before is None or chain is None or not _shared(database, before, session_id):
            chain = []
        chains[session_id] = chain
        chain.append(session_id)
    found = {chain[0]: tuple(chain) for chain in chains.values()}
    return [
        _node(chain, text_of(windows.get(chain[0], {}).get("session_key")) or chain[0], parents)
        for chain in found.values()
    ]


def _shared(database: sqlite3.Connection, before: str, session_id: str) -> bool:
    """Tell whether a session has an entry of the one before it: a new one has none."""
    first = {id_of(entry) for entry in _entries(database, before) if kind_of(entry) != "session"}
    return any(id_of(entry) in first for entry in _entries(database, session_id))


def _told(row: sqlite3.Row) -> dict[str, Any]:
    return dict(zip(row.keys(), row, strict=True))


def _entries(database: sqlite3.Connection, session_id: str) -> Iterator[dict[str, Any]]:
    for text, packed in rows(database, _EVENTS, session_id):
        entry = json_of(text if text is not None else _unpacked(packed))
        if isinstance(entry, dict):
            yield object_of(entry)


def _node(session_ids: tuple[str, ...], key: str, parents: Mapping[str, sqlite3.Row]) -> _Node:
    row = parents.get(key)
    told = _told(row) if row is not None else {}
    return _Node(
        session_ids,
        key,
        text_of(told.get("parent_session_key")) or text_of(told.get("spawned_by")),
        text_of(told.get("fork_source_session_id")),
        text_of(told.get("label")),
    )


class _Reading:
    """The sessions of a database, each yielded once."""

    def __init__(self, database: sqlite3.Connection, runs: dict[str, dict[str, Any]]) -> None:
        self.database = database
        self.runs = runs
        self.nodes = _nodes(database)
        self._by_key = {node.key: node for node in self.nodes}
        self._by_id = {one: node for node in self.nodes for one in node.session_ids}
        self._told: set[str] = set()
        self._ids_of: dict[str, frozenset[str]] = {}
        self._forks: dict[str, list[tuple[str, _Node]]] = {}
        for node in self.nodes:
            if left_after := self._left_after(node):
                origin = self._by_id[node.fork_of or ""].session_id
                self._forks.setdefault(origin, []).append((left_after, node))

    def records(self) -> Iterator[Record]:
        """Yield all sessions, those that left another within it."""
        for node in self.nodes:
            if self._origin(node) is None:
                yield from self.told(node, parent=None)
        for node in self.nodes:
            origin = self._origin(node)
            yield from self.told(node, parent=origin.session_id if origin else None)

    def started(self, key: str, *, line: str) -> Iterator[Record]:
        """Yield a sub-agent where it was started."""
        node = self._by_key.get(key)
        if node is not None:
            yield from self.told(node, parent=line)

    def forks_after(self, session_id: str, entry: str, *, line: str) -> Iterator[Record]:
        """Yield the sessions that were forked after an entry."""
        for left_after, node in self._forks.get(session_id, ()):
            if left_after == entry:
                yield from self.told(node, parent=line)

    def children(self, node: _Node) -> Iterator[Record]:
        """Yield the sessions that left this one at a place that no record names."""
        for other in self.nodes:
            if self._origin(other) is node:
                yield from self.told(other, parent=node.session_id)

    def told(self, node: _Node, *, parent: str | None) -> Iterator[Record]:
        """Yield a session, unless it was yielded before."""
        if node.session_id not in self._told:
            self._told.add(node.session_id)
            yield from _Session(node, self).records(parent)

    def entries(self, node: _Node) -> Iterator[dict[str, Any]]:
        """Yield a session's entries, each once."""
        seen: set[str] = set()
        for session_id in node.session_ids:
            for entry in _entries(self.database, session_id):
                if len(node.session_ids) == 1:
                    yield entry
                elif id_of(entry) not in seen:
                    seen.add(id_of(entry))
                    yield entry

    def inherited(self, node: _Node) -> frozenset[str]:
        """Return the entries that a fork was given."""
        origin = self._by_id.get(node.fork_of or "")
        if origin is None or origin is node:
            return frozenset()
        if origin.session_id not in self._ids_of:
            self._ids_of[origin.session_id] = frozenset(map(id_of, self.entries(origin)))
        return self._ids_of[origin.session_id]

    def _left_after(self, node: _Node) -> str | None:
        """Return the last entry that a fork shares with its origin; it names the next one."""
        given = self.inherited(node)
        if not given:
            return None
        shared = [found for entry in self.entries(node) if (found := id_of(entry)) in given]
        return shared[-1] if shared else None

    def _origin(self, node: _Node) -> _Node | None:
        if node.fork_of and node.fork_of not in node.session_ids:
            return self._by_id.get(node.fork_of)
        found = self._by_key.get(node.parent_key or "")
        return found if found is not node else None


def _unpacked(packed: Any) -> bytes:
    try:
        return zstandard.ZstdDecompressor().decompressobj().decompress(bytes(packed or b""))
    except zstandard.ZstdError:
        return b""


class _Session(Entries):
    """One session: its lines, divided where it was reset."""

    def __init__(self, node: _Node, reading: _Reading) -> None:
        super().__init__(node.session_id)
        self._node = node
        self._reading = reading
        self._run_told = reading.runs.get(node.key, {})
        self._task = text_of(self._run_told.get("task"))
        self._woken_again = self._task is not None and self._task.startswith(_WOKEN)
        self._resets = 0
        self._asked = False

    def records(self, parent: str | None) -> Iterator[Record]:
        """Yield the session's records."""
        fork = self._node.fork_of is not None and parent is not None
        inherited = self._reading.inherited(self._node) if fork else frozenset[str]()
        project: str | None = None
        for entry in self._reading.entries(self._node):
            if kind_of(entry) == "session":
                project = text_of(entry.get("cwd"))
            elif given := asked_in(entry):
                if self._woken_again:
                    self._first_run(given, entry)
                break
        yield self._opened(self.key, self.key, parent, project, fork=fork)
        base = self.key
        course = Course(base, lambda: self._places(inherited))
        for entry in self._reading.entries(self._node):
            if kind_of(entry) == "session" or id_of(entry) in inherited:
                continue
            time = time_of(entry.get("timestamp"))
            yield from course.at(id_of(entry), time)
            if kind_of(entry) == "reset":
                self._resets += 1
                self.key = f"{base}#reset" + (f"-{self._resets}" if self._resets > 1 else "")
                self.left_out["reset"] += 1
                yield self._opened(self.key, self.key, None, project, fork=False, time=time)
                continue
            line = self.key if course.line == base else course.line
            for record in self.said(entry, line):
                yield from self._with_task(record)
                if isinstance(record, ToolResult):
                    details = object_of(object_of(entry.get("message")).get("details"))
                    child = text_of(details.get("childSessionKey"))
                    yield from self._reading.started(child or "", line=line)
            yield from self._reading.forks_after(base, id_of(entry), line=line)
            yield from course.left(time)
        yield from self._reading.children(self._node)
        yield from self.counted()
        yield from self._end()

    def _first_run(self, given: str, entry: dict[str, Any]) -> None:
        """Take task and beginning of an agent that was woken again: its first message has them."""
        task = _TASK.search(given)
        self._task = without_last_lines(given[task.end() :], _BEGIN).strip() if task else given
        execution = object_of(self._run_told.get("execution"))
        self._run_told["execution"] = {**execution, "startedAt": entry.get("timestamp")}

    def _places(self, inherited: frozenset[str]) -> Iterator[Node]:
        for entry in self._reading.entries(self._node):
            if kind_of(entry) != "session" and id_of(entry) not in inherited:
                yield node_of(entry)

    def _opened(
        self,
        key: str,
        source_id: str,
        parent: str | None,
        project: str | None,
        *,
        fork: bool,
        time: Any = None,
    ) -> Opened:
        child = parent is not None and not fork
        return Opened(
            key=key,
            source_id=source_id,
            kind="fork" if fork else "subagent" if child else "main",
            parent=parent,
            task=self._task if child else None,
            role=self._node.label if child else None,
            time=time or time_of(object_of(self._run_told.get("execution")).get("startedAt")),
            attributes={"project": project} if project else {},
        )

    def _with_task(self, record: Record) -> Iterator[Record]:
        """Yield a record; a sub-agent's first message wraps its task, which is yielded bare."""
        if isinstance(record, Turn) and record.said == "user" and not self._asked and self._task:
            self._asked = True
            yield Turn(
                line=record.line, id=record.id, said="user", text=self._task, time=record.time
            )
            return
        yield record

    def _end(self) -> Iterator[Record]:
        execution = object_of(self._run_told.get("execution"))
        outcome = text_of(object_of(execution.get("outcome")).get("status"))
        if outcome is None:
            return
        completion = object_of(self._run_told.get("completion"))
        yield Ended(
            line=self._node.session_id,
            how="completed" if outcome == "ok" else "failed",
            result=text_of(completion.get("resultText")),
            reason=f"it ended with {outcome}",
            started=time_of(execution.get("startedAt")),
            time=time_of(execution.get("endedAt")),
        )
