"""Codex: `sessions/YYYY/MM/DD/rollout-*.jsonl`, a thread in one file or several."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

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
from anabranch.importers.readers.codex_items import (
    answered_in,
    asked_in,
    failed,
    sent_in,
    summary_in,
)
from anabranch.importers.records.model import (
    Boundary,
    Broken,
    Described,
    Ended,
    Opened,
    Skipped,
    Summary,
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
    output_of,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record

_BOOKKEEPING: Final = frozenset(
    {
        "inter_agent_communication",
        "inter_agent_communication_metadata",
        "realtime_item",
        "retained_context",
        "security_risk_score",
        "state",
        "token_usage_record",
        "world_state",
    }
)
ROLLED_BACK: Final = "rolled back: the talk went on from an earlier turn"
_UNREADABLE: Final = re.compile(r"[A-Za-z0-9+/=_-]{40,}")
_CALLS: Final = frozenset(
    {"function_call", "custom_tool_call", "local_shell_call", "web_search_call", "tool_search_call"}
)
_OUTPUTS: Final = frozenset(
    {"function_call_output", "custom_tool_call_output", "tool_search_output"}
)


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
        rollouts = [found for path in source.files if (found := read_rollout(path))]
        reading = _Reading(threads_of(rollouts))
        for thread in list(reading.threads.values()):
            if not reading.has_origin(thread):
                yield from reading.thread(thread, origin=_origin(thread.first))
        yield from reading.left_over()


def _origin(rollout: Rollout) -> str | None:
    return rollout.parent_thread or rollout.forked_from


class _Reading:
    """The threads of a source, each yielded once."""

    def __init__(self, threads: dict[str, Thread]) -> None:
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


class _Telling:
    """Tells one thread's records."""

    def __init__(
        self, thread: Thread, reading: _Reading, *, origin: str | None, task: str | None
    ) -> None:
        self._thread = thread
        self._reading = reading
        self._origin = origin
        self._task = task
        self._line = thread.id
        self._left_out: Counter[str] = Counter()
        self._messages: dict[str, str] = {}
        self._held: Turn | None = None
        self._summary: str | None = None
        self._model: str | None = None
        self._end: Ended | None = None
        self._first: datetime | None = None
        self._named_task = False
        self._ordinal = 0
        self._shown: str | None = None

    def records(self) -> Iterator[Record]:
        """Yield the thread's records, oldest file first."""
        yield self._opened()
        for rollout in self._thread.rollouts:
            yield from self._of_file(rollout)
        yield from self._let_go()
        yield from self._reading.children(self._thread.id)
        for why, count in sorted(self._left_out.items()):
            yield Skipped(line=self._thread.id, why=why, count=count)
        if self._thread.first.is_subagent and self._end is not None:
            yield self._end

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

    def _of_file(self, rollout: Rollout) -> Iterator[Record]:
        """Yield a file's own records; those before its first turn of its own are inherited."""
        self._line = self._thread.id
        forks = sorted(rollout.forks, key=lambda fork: fork[0])
        whole = rollout.forked_from is None and rollout.own_from is None
        own = whole or rollout.base_thread is not None
        copied = self._reading.copied_until(rollout)
        course = self._course(rollout)
        last: datetime | None = None
        for record in ordinals(rollout):
            if isinstance(record, Broken):
                yield record
                continue
            ordinal, found = record
            self._ordinal = ordinal
            while forks and forks[0][0] <= ordinal:
                yield from self._let_go()
                yield from self._reading.thread(forks.pop(0)[1], origin=self._line)
            time = time_of(found.get("timestamp"))
            if ordinal >= rollout.live_to and self._line == self._thread.id and own:
                yield from self._let_go()
                self._line = f"{self._thread.id}~{rollout.name}"
                yield Opened(
                    key=self._line,
                    source_id=None,
                    kind="abandoned",
                    parent=self._thread.id,
                    time=time,
                )
            own = ordinal >= copied or self._is_own(rollout, found, ordinal, before=own)
            if own:
                last = time or last
                yield from self._on_course(course, found, time)
            else:
                self._left_out["inherited"] += kind_of(found) != "session_meta"
                if course is not None:
                    course.skip()
        yield from self._left_open()
        for _, thread in forks:
            yield from self._reading.thread(thread, origin=self._line)
        if self._line != self._thread.id:
            reason = "reverted: the talk went on from an earlier turn"
            yield Ended(line=self._line, how="cancelled", reason=reason, time=last)

    def _course(self, rollout: Rollout) -> Course | None:
        """Return the lines of a file in which turns were taken back; None where none were."""
        if not rolls_back(rollout):
            return None
        return Course(self._thread.id, lambda: nodes_of(rollout))

    def _on_course(
        self, course: Course | None, found: dict[str, Any], time: datetime | None
    ) -> Iterator[Record]:
        """Yield what a record says, on its line."""
        if course is None:
            yield from self._told(found, time)
            return
        opening = list(course.at(str(self._ordinal), time))
        if course.line != self._line:
            yield from self._let_go()
        yield from opening
        self._line = course.line
        yield from self._told(found, time)
        if ended := list(course.left(time, reason=ROLLED_BACK)):
            yield from self._let_go()
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

    def _told(self, found: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        payload = object_of(found.get("payload"))
        match kind_of(found):
            case "response_item":
                yield from self._item(payload, time)
            case "event_msg":
                yield from self._event(payload, time)
            case "compacted":
                yield from self._compacted(payload, time)
            case "turn_context":
                yield from self._described(text_of(payload.get("model")))
            case "session_meta":
                pass
            case kind if kind in _BOOKKEEPING:
                self._left_out[str(kind)] += 1
            case kind:
                yield Unknown(line=self._line, what=f"record {kind}")

    def _described(self, model: str | None) -> Iterator[Record]:
        if model and model != self._model:
            self._model = model
            yield Described(line=self._thread.id, model=model)
        self._left_out["turn_context"] += 1

    def _item(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        kind = kind_of(payload)
        if kind == "message":
            yield from self._message(payload, time)
        elif kind == "agent_message":
            yield from self._between_agents(payload, time)
        elif kind in _CALLS:
            yield from self._let_go()
            yield self._call(payload, time)
        elif kind in _OUTPUTS:
            yield from self._output(payload, time)
        elif kind == "reasoning":
            self._left_out["hidden reasoning"] += 1
        elif kind in {"compaction", "context_compaction", "ghost_snapshot"}:
            self._left_out[str(kind)] += 1
        else:
            yield Unknown(line=self._line, what=f"item {kind}")

    def _message(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        role = text_of(payload.get("role"))
        text = asked_in(payload) if role == "user" else answered_in(payload)
        if role not in {"user", "assistant"} or text is None:
            self._left_out["injected context"] += 1
            return
        yield from self._let_go()
        if role == "user":
            self._first = self._first or time
            yield Turn(
                line=self._line, id=self._id_of(payload, time), said="user", text=text, time=time
            )
            return
        if self._summary is not None and text.strip() in self._summary:
            self._left_out["summary of a compaction"] += 1
            return
        phase = text_of(payload.get("phase"))
        final = None if phase is None else phase == "final_answer"
        self._held = Turn(
            line=self._line,
            id=self._id_of(payload, time),
            said="assistant",
            text=text,
            time=time,
            final=final,
        )

    def _id_of(self, payload: dict[str, Any], time: datetime | None) -> str:
        """Return the item's own id within its turn; in old releases its time or place stands in."""
        told = object_of(payload.get("internal_chat_message_metadata_passthrough"))
        own = text_of(payload.get("id"))
        turn = text_of(told.get("turn_id")) or self._thread.id
        return f"{turn}/{own}" if own else f"{turn}/{payload.get('role')}/{time or self._ordinal}"

    def _between_agents(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        """Yield a task that another agent gave; an answer is yielded by the one who gave it."""
        kind, text = sent_in(payload)
        if kind == "FINAL_ANSWER" or not self._thread.first.is_subagent:
            self._left_out["message between agents"] += 1
            return
        if text is None or _UNREADABLE.fullmatch(text):
            text = self._task or text_of(self._thread.first.spawn.get("agent_path"))
        if text:
            yield from self._let_go()
            yield Turn(
                line=self._line, id=self._id_of(payload, time), said="user", text=text, time=time
            )

    def _call(self, payload: dict[str, Any], time: datetime | None) -> ToolCall:
        given = payload.get("arguments", payload.get("input", payload.get("action")))
        parsed = json_of(given) if isinstance(given, str) else given
        call_id = text_of(payload.get("call_id")) or text_of(payload.get("id")) or "call"
        message = text_of(object_of(parsed).get("message"))
        if payload.get("name") == "spawn_agent" and message:
            self._messages[call_id] = message
        return ToolCall(
            line=self._line,
            id=call_id,
            name=text_of(payload.get("name")) or str(kind_of(payload)).removesuffix("_call"),
            input=given if parsed is None else parsed,
            time=time,
        )

    def _output(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        call_id = text_of(payload.get("call_id")) or "call"
        output = output_of(payload.get("output"))
        told = object_of(json_of(output))
        agent = text_of(told.get("agent_id"))
        if agent:
            yield from self._started(agent, call_id)
        yield ToolResult(
            line=self._line, call_id=call_id, given=output, failed=failed(output, told), time=time
        )

    def _started(self, thread_id: str, call_id: str) -> Iterator[Record]:
        yield from self._let_go()
        task = self._messages.get(call_id)
        yield from self._reading.started(thread_id, line=self._line, task=task)

    def _event(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        match kind_of(payload):
            case "item_completed":
                yield from self._completed_item(object_of(payload.get("item")))
            case "task_complete":
                yield from self._turn_over(payload, time)
            case "agent_message":
                self._shown = text_of(payload.get("message"))
                self._left_out["agent_message"] += 1
            case "turn_aborted":
                yield from self._let_go()
                self._end = Ended(
                    line=self._thread.id,
                    how="cancelled",
                    reason=f"the turn was {payload.get('reason') or 'aborted'}",
                    started=self._first,
                    time=time,
                )
                yield Boundary(line=self._line)
            case kind:
                self._left_out[str(kind)] += 1

    def _completed_item(self, item: dict[str, Any]) -> Iterator[Record]:
        """Yield the sub-agents that an item names; all else in it stands in other records too."""
        self._left_out["item_completed"] += 1
        call_id = text_of(item.get("id")) or ""
        if kind_of(item) == "SubAgentActivity":
            yield from self._started(str(item.get("agent_thread_id")), call_id)
        elif kind_of(item) == "CollabAgentToolCall":
            for thread_id in list_of(item.get("receiver_thread_ids")):
                yield from self._started(str(thread_id), call_id)

    def _turn_over(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        said = text_of(payload.get("last_agent_message"))
        if said is None and self._summary is not None and self._held is not None:
            self._left_out["summary of a compaction"] += 1
            self._held = None
        if self._held is not None:
            self._held = msgspec.structs.replace(self._held, final=True)
        yield from self._let_go()
        self._summary = None
        yield Boundary(line=self._line)
        if said is not None:
            self._end = Ended(line=self._thread.id, result=said, started=self._first, time=time)

    def _compacted(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        """Yield a summary; it is written as an answer too, before or after.

        Until 0.120 it was not, and an answer was shown by an event of its own.
        """
        message = summary_in(payload)
        held, self._held = self._held, None
        is_summary = held is not None and held.text != self._shown
        if held is not None and is_summary and (message is None or held.text.strip() in message):
            self._left_out["summary of a compaction"] += 1
            message = held.text
        elif held is not None:
            yield held
        if message:
            self._summary = message
            summary_id = f"{self._thread.id}/compacted/{payload.get('window_id') or time}"
            yield Summary(line=self._line, id=summary_id, text=message, time=time)

    def _left_open(self) -> Iterator[Record]:
        """Yield the answer of a turn that the file does not end: it may become a summary."""
        if self._held is not None and self._held.final:
            self._held = msgspec.structs.replace(self._held, final=None)
        yield from self._let_go()

    def _let_go(self) -> Iterator[Record]:
        """Yield the answer that was held back: it is no compaction's summary."""
        if self._held is not None:
            yield self._held
            self._held = None
