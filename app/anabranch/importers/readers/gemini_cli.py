"""Gemini CLI: `tmp/<project>/chats/session-*.jsonl`, `.json` in earlier releases.

Sub-agents are in a folder named for their parent, or where `gemini_agents` finds them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.cache import FileCache
from anabranch.importers.files.lines import plain_name
from anabranch.importers.reader import Source
from anabranch.importers.readers.abandoned import Course
from anabranch.importers.readers.gemini_agents import (
    agent_in,
    end_of,
    mixed_in,
    role_of,
    tasks_of,
)
from anabranch.importers.readers.gemini_files import (
    heads_in,
    is_agent,
    is_qwen,
    is_whole,
    project_of,
    steps_in,
)
from anabranch.importers.readers.gemini_messages import (
    CONTEXT,
    SNAPSHOT,
    failed,
    history_in,
    is_context,
    is_last_chance,
    is_snapshot,
    is_thanks,
    mark_of,
    output_in,
    result_of,
    text_in,
)
from anabranch.importers.readers.gemini_resumed import resumed_in
from anabranch.importers.records.chains import END, Node
from anabranch.importers.records.model import (
    Boundary,
    Broken,
    Described,
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
    object_of,
    objects_of,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record

_NOTICES: Final = frozenset({"info", "error", "warning"})


class GeminiCliReader:
    """Reads the sessions of Gemini CLI."""

    tool = "gemini-cli"
    versions = "0.8 to 0.61.0"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folder of projects."""
        base = environment.get("GEMINI_CLI_HOME")
        return [(Path(base) if base else home) / ".gemini" / "tmp"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the first line, the session's metadata; such files of Qwen Code are its own."""
        if candidate.suffix == ".json":
            return is_whole(candidate) and not is_qwen(candidate)
        if candidate.suffix != ".jsonl" or not candidate.first_records:
            return False
        first = candidate.first_records[0]
        return "sessionId" in first and "projectHash" in first

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Group files by the sessions that are in them, with their sub-agents."""
        groups: list[tuple[set[str], list[Path]]] = []
        for path in sorted(files):
            names = set(heads_in(path, FileCache(bytes_max=0)).sessions) | (
                {path.parent.name} if is_agent(path) else set()
            )
            joined = [group for group in groups if group[0] & names]
            groups = [group for group in groups if not group[0] & names]
            paths = [one for group in joined for one in group[1]]
            groups.append((names.union(*(group[0] for group in joined)), [*paths, path]))
        return [
            Source(self.tool, tuple(paths), project=project_of(paths), keys=tuple(sorted(names)))
            for names, paths in groups
        ]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of sessions and their sub-agents."""
        reading = _Reading(source.files, source.project)
        for session_id in reading.mains():
            yield from _Session(session_id, reading).records(parent=None)
        yield from reading.left()


class _Reading:
    """The files of a source, by session."""

    def __init__(self, files: Sequence[Path], project: str | None) -> None:
        self.project = project
        self._files: dict[str, list[Path]] = {}
        self._parents: dict[str, str] = {}
        self._cache = FileCache()
        self._told: set[str] = set()
        self._resuming: set[str] = set()
        for path in files:
            heads = heads_in(path, self._cache)
            for session_id in heads.sessions:
                if heads.contexts > 1:
                    self._resuming.add(session_id)
                self._files.setdefault(session_id, []).append(path)
                if is_agent(path):
                    self._parents[session_id] = path.parent.name

    def mains(self) -> list[str]:
        """Return the sessions that are no sub-agents."""
        return [session_id for session_id in self._files if session_id not in self._parents]

    def steps(self, session_id: str) -> Iterator[dict[str, Any] | Broken]:
        """Yield a session's lines, from all its files."""
        for path in self._files.get(session_id, ()):
            for step in steps_in(path, self._cache):
                if isinstance(step, Broken):
                    yield step
                elif step.session_id == session_id:
                    yield step.data

    def resumed(self, session_id: str) -> dict[str, str]:
        """Return the originals of a session's messages that it wrote again, by their ids."""
        return resumed_in(self._data(session_id)) if session_id in self._resuming else {}

    def first_telling(self, session_id: str) -> bool:
        """Tell whether a session is here and not yielded yet; mark it as yielded."""
        fresh = session_id in self._files and session_id not in self._told
        self._told.add(session_id)
        return fresh

    def children(self, session_id: str) -> list[str]:
        """Return the sub-agents of a session."""
        return [child for child, parent in self._parents.items() if parent == session_id]

    def may_mix(self, session_id: str) -> bool:
        """Tell whether a release wrote it that kept agents' messages with their caller's."""
        files = self._files.get(session_id, ())
        if any(plain_name(path).endswith(".json") for path in files):
            return True
        first = next(self._data(session_id), {})
        return "projectHash" in first and "kind" not in first

    def child_asked(self, session_id: str, tasks: Sequence[str]) -> str | None:
        """Return the sub-agent that was asked this: before 0.40 its call does not name it."""
        for child in self.children(session_id) if tasks else ():
            texts = (text_in(one) for one in self._data(child) if kind_of(one) == "user")
            first = next(texts, None) or ""
            if any(task in first for task in tasks):
                return child
        return None

    def _data(self, session_id: str) -> Iterator[dict[str, Any]]:
        return (step for step in self.steps(session_id) if not isinstance(step, Broken))

    def left(self) -> Iterator[Record]:
        """Yield sub-agents whose session is not there."""
        for session_id, parent in self._parents.items():
            if session_id not in self._told:
                yield from _Session(session_id, self).records(parent=parent)


@dataclass(slots=True)
class _Known:
    """The messages that were yielded: the first and fullest version of each has the truth."""

    said: set[str] = field(default_factory=set[str])
    marks: set[int] = field(default_factory=set[int])
    calls: set[str] = field(default_factory=set[str])

    def is_new(self, message: dict[str, Any]) -> bool:
        """Tell whether a message is new; mark it as seen."""
        message_id = str(message.get("id"))
        fresh = message_id not in self.said
        self.said.add(message_id)
        self.marks.add(mark_of(message))
        return fresh

    def compacted(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the copies in a history that a new summary begins; mark them as seen.

        Beside the summary such a history holds a thank-you and the last messages, by other ids. A
        message whose original was never read is no copy: the file may begin with such a history.
        """
        if not any(is_snapshot(one) and str(one.get("id")) not in self.said for one in messages):
            return []
        kept = (one for one in messages if not (is_snapshot(one) or is_context(one)))
        copies = [one for one in kept if is_thanks(one) or mark_of(one) in self.marks]
        return [one for one in copies if self.is_new(one)]


class _Session:
    """One session: its messages, what was rewound, its sub-agents."""

    def __init__(self, session_id: str, reading: _Reading) -> None:
        self._id = session_id
        self._reading = reading
        self._known = _Known()
        self._resumed = reading.resumed(session_id)
        self._may_mix = reading.may_mix(session_id)
        self._mixed = mixed_in(
            reading.steps(session_id) if self._may_mix else (),
            lambda tasks: reading.child_asked(session_id, tasks) is not None,
        )
        self._left_out: Counter[str] = Counter(self._mixed.left_out)
        self._model: str | None = None
        self._result: str | None = None
        self._last: datetime | None = None
        self._first: datetime | None = None

    def records(
        self, *, parent: str | None, role: str | None = None, outcome: str | None = None
    ) -> Iterator[Record]:
        """Yield the session's records; `outcome` is what its call gave."""
        if not self._reading.first_telling(self._id):
            return
        opened = False
        course = Course(self._id, self._nodes)
        for step in self._reading.steps(self._id):
            if isinstance(step, Broken):
                yield step
                continue
            if not opened:
                opened = True
                yield self._opened(step, parent, role)
            copies = self._known.compacted(history_in(step))
            self._left_out["kept by a compaction"] += len(copies)
            for message, is_new in self._heard_in(step):
                if is_new:
                    time = time_of(message.get("timestamp"))
                    yield from course.at(str(message["id"]), time)
                    yield from self._message(message, course.line, time)
                    yield from course.left(time)
                yield from self._tools(message, course.line)
        for child in self._reading.children(self._id):
            yield from _Session(child, self._reading).records(parent=self._id)
        for why, count in sorted((+self._left_out).items()):
            yield Skipped(line=self._id, why=why, count=count)
        if parent is not None:
            yield from end_of(
                self._id, outcome, result=self._result, started=self._first, time=self._last
            )

    def _heard_in(self, step: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
        """Yield the messages on a line, and whether they are new; not what a resume wrote again."""
        for message in self._messages_in(step, self._left_out):
            is_new = self._known.is_new(message)
            if str(message.get("id")) in self._resumed:
                self._left_out["message again"] += is_new
            else:
                yield message, is_new

    def _opened(self, step: dict[str, Any], parent: str | None, role: str | None) -> Opened:
        self._first = time_of(step.get("startTime"))
        return Opened(
            key=self._id,
            source_id=self._id,
            kind="subagent" if parent else "main",
            parent=parent,
            role=role,
            time=self._first,
            attributes={"project": self._reading.project} if self._reading.project else {},
        )

    def _nodes(self) -> Iterator[Node]:
        """Yield messages in a chain; after a rewind the next hangs before the one rewound to."""
        known = _Known()
        said: dict[int, str] = {}
        above: dict[str, str | None] = {}
        tip: str | None = None
        rewound = False
        for step in self._reading.steps(self._id):
            if isinstance(step, Broken):
                continue
            target = step.get("$rewindTo")
            if isinstance(target, str):
                tip, rewound = above.get(target), True
            rewound |= any(str(one.get("id")) in self._resumed for one in history_in(step))
            for copy in known.compacted(history_in(step)):
                above[str(copy.get("id"))] = above.get(said.get(mark_of(copy), ""), tip)
            for message in self._messages_in(step):
                if known.is_new(message):
                    message_id = str(message["id"])
                    if original := self._resumed.get(message_id):
                        tip = original
                        continue
                    said[mark_of(message)] = message_id
                    above[message_id] = tip
                    yield Node(message_id, tip, speaks=True, restarts=True)
                    tip, rewound = message_id, False
        if rewound:
            yield Node(END, tip, speaks=False, restarts=True)

    def _messages_in(
        self, step: dict[str, Any], left_out: Counter[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the messages on a line; a list that was set again holds what is known, and less."""
        if text_of(step.get("id")) and "type" in step:
            own = self._mixed.own(step)
            if own:
                yield own
            return
        left_out = Counter() if left_out is None else left_out
        history = history_in(step)
        for message in history:
            if is_context(message) or str(message.get("id")).endswith("_response"):
                left_out["injected context"] += 1
            else:
                yield message
        summary = text_of(object_of(step.get("$set")).get("summary"))
        if summary:
            self._result = self._result or result_of(json_of(summary) or summary)
        left_out["metadata"] += not history

    def _message(
        self, message: dict[str, Any], line: str, time: datetime | None
    ) -> Iterator[Record]:
        self._last = time or self._last
        text = text_in(message)
        match kind_of(message):
            case "user":
                yield from self._asked(message, line, text, time)
            case "gemini" | "qwen":
                yield from self._answer(message, line, text, time)
            case kind if kind in _NOTICES:
                self._left_out["notice"] += 1
                yield Boundary(line=line)
            case kind:
                yield Unknown(line=line, what=f"message {kind}")

    def _asked(
        self, message: dict[str, Any], line: str, text: str | None, time: datetime | None
    ) -> Iterator[Record]:
        record_id = self._record_id(message)
        if text is None:
            self._left_out["tool result again"] += 1
        elif CONTEXT.match(text):
            self._left_out["injected context"] += 1
        elif is_last_chance(text):
            self._left_out["notice"] += 1
            yield Boundary(line=line)
        elif SNAPSHOT.match(text):
            yield Summary(line=line, id=record_id, text=text, time=time)
        else:
            yield Turn(line=line, id=record_id, said="user", text=text, time=time)

    def _answer(
        self, message: dict[str, Any], line: str, text: str | None, time: datetime | None
    ) -> Iterator[Record]:
        model = text_of(message.get("model"))
        if model and model != self._model:
            self._model = model
            yield Described(line=self._id, model=model)
        self._left_out["hidden reasoning"] += len(objects_of(message.get("thoughts")))
        if text:
            yield Turn(
                line=line, id=self._record_id(message), said="assistant", text=text, time=time
            )

    def _record_id(self, message: dict[str, Any]) -> str:
        return f"{self._id}/{message.get('id')}"

    def _tools(self, message: dict[str, Any], line: str) -> Iterator[Record]:
        """Yield the calls of a message, which come with a later version of it."""
        for number, call in enumerate(objects_of(message.get("toolCalls"))):
            call_id = text_of(call.get("id")) or f"{message.get('id')}/{number}"
            if f"{message.get('id')}/{call_id}" in self._known.calls or "result" not in call:
                continue
            self._known.calls.add(f"{message.get('id')}/{call_id}")
            time = time_of(call.get("timestamp"))
            self._last = time or self._last
            name = text_of(call.get("name")) or "tool"
            given = object_of(call.get("args"))
            yield ToolCall(line=line, id=call_id, name=name, input=given, time=time)
            output = output_in(call)
            if name == "complete_task":
                self._result = result_of(given.get("result")) or self._result
            yield from self._agent(call, call_id, line, output)
            yield ToolResult(
                line=line, call_id=call_id, given=output, failed=failed(call, output), time=time
            )

    def _agent(
        self, call: dict[str, Any], call_id: str, line: str, output: str
    ) -> Iterator[Record]:
        """Yield the agent that a call ran, from its own file or from among the session's."""
        agent = text_of(call.get("agentId")) or self._reading.child_asked(self._id, tasks_of(call))
        mixed = self._mixed.agents.get(call_id)
        if mixed is None and self._may_mix:
            mixed = agent_in(call, call_id)
        if agent:
            session = _Session(agent, self._reading)
            yield from session.records(parent=line, role=role_of(call), outcome=output)
        elif mixed:
            yield from mixed.records(self._id, line, output)
