"""Codex: `sessions/YYYY/MM/DD/rollout-*.jsonl`, a thread in one file or several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.cache import FileCache
from anabranch.importers.reader import Source
from anabranch.importers.readers.abandoned import Course
from anabranch.importers.readers.codex_files import (
    END,
    Rollout,
    Thread,
    is_bare_head,
    ordinals,
    read_rollout,
    related,
    threads_of,
    without_twins,
)
from anabranch.importers.readers.codex_forks import (
    copied_until,
    mark_forks,
    nodes_of,
    rolls_back,
)
from anabranch.importers.readers.codex_talk import Talk
from anabranch.importers.records.model import Broken, Ended, Opened, Skipped
from anabranch.importers.records.values import kind_of, object_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record

REVERTED: Final = "reverted: the talk went on from an earlier turn"
ROLLED_BACK: Final = "rolled back: the talk went on from an earlier turn"


class CodexReader:
    """Reads the threads of Codex."""

    tool = "codex"
    versions = "0.29.0 to 0.171.0"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folders of sessions."""
        codex = environment.get("CODEX_HOME")
        base = Path(codex) if codex else home / ".codex"
        return [base / "sessions", base / "archived_sessions"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the file's first record; its instructions may make that very long."""
        if candidate.suffix != ".jsonl":
            return False
        records = candidate.first_records
        return any(kind_of(one) == "session_meta" or is_bare_head(one) for one in records) or (
            b'"type":"session_meta"' in candidate.head[:400]
        )

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Group threads with their sub-agents and forks."""
        rollouts = [found for path in without_twins(files) if (found := read_rollout(path))]
        return [
            Source(
                self.tool,
                tuple(one.path for one in group),
                project=next((text_of(one.meta.get("cwd")) for one in group), None),
                keys=tuple(dict.fromkeys(one.thread_id for one in group)),
            )
            for group in related(rollouts)
        ]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of threads: sub-agents where they started, forks where they left."""
        cache = FileCache()
        rollouts = [found for path in source.files if (found := read_rollout(path, cache.lines))]
        reading = _Reading(threads_of(rollouts), cache)
        for thread in list(reading.threads.values()):
            if not reading.has_origin(thread):
                yield from reading.thread(thread, origin=_origin(thread.first))
        yield from reading.left_over()


def _origin(rollout: Rollout) -> str | None:
    return rollout.parent_thread or rollout.forked_from


class _Reading:
    """The threads of a source, each yielded once."""

    def __init__(self, threads: dict[str, Thread], cache: FileCache) -> None:
        self.cache = cache
        self.threads = threads
        mark_forks(threads)
        self._told: set[str] = set()

    def has_origin(self, thread: Thread) -> bool:
        """Tell whether the thread that this one left is here too."""
        origin = _origin(thread.first)
        return origin in self.threads and origin != thread.id

    def thread(
        self, thread: Thread, *, origin: str | None, task: str | None = None
    ) -> Iterator[Record]:
        """Yield a thread's records, unless they were yielded before."""
        if thread.id not in self._told:
            self._told.add(thread.id)
            yield from _Telling(thread, self, origin=origin, task=task).records()

    def started(self, thread_id: str, *, line: str, task: str | None) -> Iterator[Record]:
        """Yield a sub-agent's records where it was started."""
        thread = self.threads.get(thread_id)
        if thread is not None and thread.first.is_subagent:
            yield from self.thread(thread, origin=line, task=task)

    def children(self, thread_id: str) -> Iterator[Record]:
        """Yield the threads that left this one at a place that no record names."""
        for thread in list(self.threads.values()):
            if _origin(thread.first) == thread_id and thread.id != thread_id:
                yield from self.thread(thread, origin=thread_id)

    def copied_until(self, rollout: Rollout) -> int:
        """Return the ordinal before which a file is copied; the end where others tell it."""
        if rollout.copied_from is None:
            return END
        origin = self.threads.get(rollout.copied_from)
        return copied_until(rollout, origin.first if origin else None)

    def left_over(self) -> Iterator[Record]:
        """Yield threads that name each other as origin."""
        for thread in list(self.threads.values()):
            yield from self.thread(thread, origin=None)


class _Telling(Talk):
    """Tells one thread's records."""

    def __init__(
        self, thread: Thread, reading: _Reading, *, origin: str | None, task: str | None
    ) -> None:
        super().__init__(thread, reading, task=task)
        self._reading = reading
        self._origin = origin
        self._told: set[int] = set()

    def records(self) -> Iterator[Record]:
        """Yield the thread's records, oldest file first."""
        yield self._opened()
        for rollout in self._thread.rollouts:
            if id(rollout) not in self._told:
                yield from self._of_file(rollout)
        yield from self.let_go()
        yield from self._reading.children(self._thread.id)
        for why, count in sorted(self.left_out.items()):
            yield Skipped(line=self._thread.id, why=why, count=count)
        if self._thread.first.is_subagent and self.end is not None:
            yield self.end

    def _opened(self) -> Opened:
        first = self._thread.first
        meta = first.meta
        fork = self._origin is not None and not first.is_subagent
        found = {
            "project": text_of(meta.get("cwd")),
            "git_branch": text_of(object_of(meta.get("git")).get("branch")),
            "tool_version": text_of(meta.get("cli_version")),
            "nickname": text_of(meta.get("agent_nickname")),
        }
        return Opened(
            key=self._thread.id,
            source_id=self._thread.id,
            kind="subagent" if first.is_subagent else "fork" if fork else "main",
            parent=self._origin,
            role=text_of(first.spawn.get("agent_role")) or text_of(first.spawn.get("agent_path")),
            time=first.time,
            attributes={name: value for name, value in found.items() if value},
        )

    def _left(self, left: Thread | Rollout) -> Iterator[Record]:
        """Yield what left the line here: a fork, or a file that was reverted whole."""
        if isinstance(left, Thread):
            yield from self._reading.thread(left, origin=self.line)
            return
        line = self.line
        yield from self._of_file(left, parent=line)
        self.line = line

    def _of_file(self, rollout: Rollout, parent: str | None = None) -> Iterator[Record]:
        """Yield a file's own records; those before its first turn of its own are inherited."""
        self._told.add(id(rollout))
        trunk = self.line = parent or self._thread.id
        forks = sorted(rollout.forks, key=lambda fork: fork[0])
        whole = rollout.forked_from is None and rollout.own_from is None
        own = whole or rollout.base_id is not None
        copied = self._reading.copied_until(rollout)
        course = self._course(rollout)
        last: datetime | None = None
        for record in ordinals(rollout):
            if isinstance(record, Broken):
                yield record
                continue
            ordinal, found = record
            self.ordinal = ordinal
            while forks and forks[0][0] <= ordinal:
                yield from self.let_go()
                yield from self._left(forks.pop(0)[1])
                self.ordinal = ordinal
            time = time_of(found.get("timestamp"))
            if ordinal >= rollout.live_to and self.line == trunk and own:
                yield from self._reverted(rollout, time)
            own = ordinal >= copied or self._is_own(rollout, found, ordinal, before=own)
            if own:
                last = time or last
                said = self.said(found, time)
                yield from said if course is None else self._on_course(course, said, time)
            else:
                self.left_out["inherited"] += kind_of(found) != "session_meta"
                if course is not None:
                    course.skip()
        yield from self.left_open()
        for _, left in forks:
            yield from self._left(left)
        if self.line != trunk:
            yield Ended(line=self.line, how="cancelled", reason=REVERTED, time=last)

    def _reverted(self, rollout: Rollout, time: datetime | None) -> Iterator[Record]:
        """Go on to the line of a file's end that was reverted, and yield its opening."""
        yield from self.let_go()
        parent, self.line = self.line, f"{self._thread.id}~{rollout.name}"
        yield Opened(key=self.line, source_id=None, kind="abandoned", parent=parent, time=time)

    def _course(self, rollout: Rollout) -> Course | None:
        """Return the lines of a file in which turns were taken back; None where none were."""
        if not rolls_back(rollout, self._reading.cache.holds):
            return None
        return Course(self._thread.id, lambda: nodes_of(rollout))

    def _on_course(
        self, course: Course, said: Iterable[Record], time: datetime | None
    ) -> Iterator[Record]:
        """Yield what a record says, on its line."""
        opening = list(course.at(str(self.ordinal), time))
        if course.line != self.line:
            yield from self.let_go()
        yield from opening
        self.line = course.line
        yield from said
        if ended := list(course.left(time, reason=ROLLED_BACK)):
            yield from self.let_go()
            yield from ended

    def _is_own(
        self, rollout: Rollout, found: dict[str, Any], ordinal: int, *, before: bool
    ) -> bool:
        """Tell whether a record is the thread's own, and not of a history that it was given.

        A given history has the other thread's head, and its turns. Ids of threads and turns sort by
        their time, so that a turn which is older than the thread is none of its own. The place that
        a head names is that of the file's end, where an old file was migrated.
        """
        if rollout.own_from is not None and ordinal >= rollout.own_from:
            return True
        payload = object_of(found.get("payload"))
        if kind_of(found) == "session_meta":
            return before and payload.get("id") == self._thread.id
        turn = text_of(payload.get("turn_id"))
        if kind_of(payload) == "task_started" and turn and len(turn) == len(self._thread.id):
            return turn > self._thread.id
        return before
