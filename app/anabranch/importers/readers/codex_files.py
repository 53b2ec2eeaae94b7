"""The files of Codex threads: which thread each holds, on which part of another it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.lines import lines, plain_name, records
from anabranch.importers.records.model import Broken
from anabranch.importers.records.values import kind_of, object_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from anabranch.importers.files.lines import ReadLines

END: Final = 1 << 62
_HEAD_RECORDS: Final = 4
_LATE: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Rollout:
    """A file: its thread, from which ordinal on, and what that goes on from."""

    path: Path
    read: ReadLines
    meta: dict[str, Any]
    start: int
    time: datetime
    live_to: int = END
    forks: list[tuple[int, Thread | Rollout]] = field(
        default_factory=list["tuple[int, Thread | Rollout]"]
    )
    """Forks and files that were reverted whole, each with the ordinal before which it left."""
    copied_from: str | None = None
    """The thread whose head stands second, where the file's own does not name it."""

    @property
    def thread_id(self) -> str:
        """The thread's id: the file's own, though the field `session_id` may name the root."""
        return text_of(self.meta.get("id")) or self.path.name

    @property
    def name(self) -> str:
        """The file's name without suffixes: compressed, it is the same."""
        return plain_name(self.path).removesuffix(".jsonl")

    @property
    def file_id(self) -> str:
        """The id of the file: its thread's, and one of its own where it is a later file of it."""
        return self.name.rpartition(f"{self.thread_id}_")[2] if self.is_later else self.thread_id

    @property
    def is_later(self) -> bool:
        """True for a file with which its thread went on from an earlier turn."""
        return f"{self.thread_id}_" in self.name

    @property
    def base_id(self) -> str | None:
        """The file on which the file's history stands: a first one has the id of its thread."""
        return text_of(object_of(self.meta.get("history_base")).get("thread_id"))

    @property
    def base_end(self) -> int:
        """The ordinal before which the history of the base ends."""
        end = object_of(self.meta.get("history_base")).get("end_ordinal_exclusive")
        return end if isinstance(end, int) else END

    @property
    def spawn(self) -> dict[str, Any]:
        """The record of a sub-agent's start; empty for others."""
        source = object_of(object_of(self.meta.get("source")).get("subagent"))
        return object_of(source.get("thread_spawn"))

    @property
    def parent_thread(self) -> str | None:
        """The thread that started this one as its sub-agent."""
        parent = self.meta.get("parent_thread_id") or self.spawn.get("parent_thread_id")
        return text_of(parent) if self.is_subagent else None

    @property
    def is_subagent(self) -> bool:
        """True where another thread started it."""
        return bool(self.spawn) or self.meta.get("thread_source") == "subagent"

    @property
    def own_from(self) -> int | None:
        """The ordinal from which on a sub-agent's records are its own, where its head names one."""
        start = self.meta.get("subagent_history_start_ordinal")
        return start if isinstance(start, int) else None

    @property
    def forked_from(self) -> str | None:
        """The thread of which this is a fork."""
        base = None if self.is_later or self.base_id == self.thread_id else self.base_id
        return text_of(self.meta.get("forked_from_id")) or base or self.copied_from


@dataclass(slots=True)
class Thread:
    """A thread with its files, oldest first."""

    id: str
    rollouts: list[Rollout]

    @property
    def first(self) -> Rollout:
        """The file with which it began."""
        return self.rollouts[0]


def read_rollout(path: Path, read: ReadLines = lines) -> Rollout | None:
    """Return what a file's first records say; None where it is no rollout.

    A fork begins with its own head and its origin's. Old releases named the origin nowhere else.
    """
    rollout: Rollout | None = None
    for number, record in enumerate(records(path, read)):
        if number >= _HEAD_RECORDS:
            break
        if isinstance(record, Broken):
            continue
        found = enveloped(record[1])
        if kind_of(found) != "session_meta":
            continue
        meta = object_of(found.get("payload"))
        if rollout is None:
            ordinal = found.get("ordinal")
            time = time_of(meta.get("timestamp")) or time_of(found.get("timestamp")) or _LATE
            rollout = Rollout(path, read, meta, ordinal if isinstance(ordinal, int) else 0, time)
        elif meta.get("id") != rollout.thread_id:
            if rollout.forked_from is None and not rollout.is_subagent:
                rollout.copied_from = text_of(meta.get("id"))
            break
    return rollout


def is_bare_head(record: dict[str, Any]) -> bool:
    """Tell whether a record is the head of a file of 0.2x, whose records have no envelope."""
    return "type" not in record and record.keys() >= {"id", "timestamp", "instructions"}


def enveloped(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record in the form that all releases since 0.3x write."""
    if "payload" in record or ("type" not in record and "record_type" not in record):
        bare = is_bare_head(record)
        return {"type": "session_meta", "payload": record} if bare else record
    if "record_type" in record:
        return {"type": record["record_type"]}
    return {"type": "response_item", "payload": record}


def without_twins(paths: Sequence[Path]) -> list[Path]:
    """Leave out a compressed file beside which the plain one lies."""
    plain = {path for path in paths if plain_name(path) == path.name}
    return [
        path for path in paths if path in plain or path.with_name(plain_name(path)) not in plain
    ]


def threads_of(rollouts: Sequence[Rollout]) -> dict[str, Thread]:
    """Put files together to threads, and mark what of each was reverted and where forks left."""
    threads: dict[str, Thread] = {}
    files: dict[str, Rollout] = {}
    for rollout in sorted(rollouts, key=lambda one: (one.time, one.start, str(one.path))):
        thread = threads.setdefault(rollout.thread_id, Thread(rollout.thread_id, []))
        thread.rollouts.append(rollout)
        files.setdefault(rollout.file_id, rollout)
    for thread in threads.values():
        if thread.rollouts[-1].is_later:
            _mark_reverted(thread, files)
        base = files.get(thread.first.base_id or "")
        if base is not None and base.thread_id != thread.id:
            base.forks.append((thread.first.base_end, thread))
    return threads


def _mark_reverted(thread: Thread, files: Mapping[str, Rollout]) -> None:
    """Mark what of a thread's files is not in the history of its newest one.

    A thread that was reverted to before its first turn goes on in a file that stands on none.
    """
    rollout = thread.rollouts[-1]
    live_to = {rollout.file_id: END}
    while base := files.get(rollout.base_id or ""):
        if base.thread_id != thread.id or base.file_id in live_to:
            break
        live_to[base.file_id] = rollout.base_end
        rollout = base
    is_whole = rollout.base_id is None or rollout.base_id in files
    for rollout in thread.rollouts:
        if rollout.file_id in live_to:
            rollout.live_to = live_to[rollout.file_id]
        elif is_whole or rollout.is_later:
            rollout.live_to = rollout.start
            _left(rollout, files)


def _left(reverted: Rollout, files: Mapping[str, Rollout]) -> None:
    """Mark in the file on which a reverted one stands where that left it."""
    base = files.get(reverted.base_id or "")
    if base is not None and base.thread_id == reverted.thread_id:
        base.forks.append((reverted.base_end, reverted))


def related(rollouts: Sequence[Rollout]) -> list[list[Rollout]]:
    """Group files whose threads have to do with each other."""
    group_of: dict[str, int] = {}
    groups: dict[int, list[Rollout]] = {}
    for number, rollout in enumerate(rollouts):
        names = {rollout.thread_id, rollout.base_id, rollout.parent_thread, rollout.forked_from}
        names.discard(None)
        groups[number] = [rollout]
        for other in {group_of[name] for name in names if name in group_of}:
            groups[number] += groups.pop(other)
            group_of = {
                name: number if group == other else group for name, group in group_of.items()
            }
        group_of |= {name: number for name in names if name}
    return list(groups.values())


def ordinals(rollout: Rollout) -> Iterator[tuple[int, dict[str, Any]] | Broken]:
    """Yield a file's records with their ordinals; old releases wrote none and have a count."""
    ordinal = rollout.start - 1
    for record in records(rollout.path, rollout.read):
        if isinstance(record, Broken):
            yield record
            continue
        found = enveloped(record[1])
        told = found.get("ordinal")
        ordinal = told if isinstance(told, int) else ordinal + 1
        yield ordinal, found
