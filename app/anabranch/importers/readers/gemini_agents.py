"""Gemini CLI's agents: how a call tells of one, and those that have no file of their own.

Releases around 0.34 keep the call alone. Earlier ones put an agent's messages among those of the
session that called it, without a mark. Its prompt holds what its call gave it. While it runs its
caller says nothing: what is said from the prompt to the end of the call is the agent's.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.readers.gemini_messages import output_in, result_of, text_in
from anabranch.importers.records.model import Broken, Ended, How, Opened, Turn
from anabranch.importers.records.values import (
    json_of,
    kind_of,
    object_of,
    objects_of,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from anabranch.importers.records.model import Record

_AGENT: Final = re.compile(r"Subagent '([^'\n]+)' (?:finished|failed)\.")
_ENDED: Final = re.compile(r"Termination Reason:\s*(\w+)")
_BROKE: Final = re.compile(r"Subagent '[^'\n]+' failed\. Error: (.+)", re.DOTALL)
_HOW: Final[dict[str, How]] = {
    "GOAL": "completed",
    "ABORTED": "cancelled",
}
"""Reasons of an agent's end that are no failure."""
_RESULT: Final = re.compile(r"Result:\s*\n(.*)", re.DOTALL)


@dataclass(slots=True)
class MixedAgent:
    """An agent whose messages stand in its caller's file."""

    prompt_id: str
    task: str
    role: str
    started: datetime | None
    ended: datetime | None
    remarks: list[tuple[str, str, datetime]] = field(default_factory=list[Any])

    def records(self, session_id: str, line: str, outcome: str) -> Iterator[Record]:
        """Yield the agent's line, below that of the session."""
        key = f"{session_id}/{self.prompt_id}"
        yield Opened(
            key=key,
            source_id=None,
            kind="subagent",
            parent=line,
            task=self.task,
            role=self.role,
            time=self.started or self.ended,
        )
        for message_id, text, time in self.remarks:
            record_id = f"{session_id}/{message_id}"
            yield Turn(line=key, id=record_id, said="assistant", text=text, time=time, final=False)
        yield from end_of(key, outcome, result=None, started=self.started, time=self.ended)


@dataclass(slots=True)
class Mixed:
    """The agents of a session by their calls, and the ids of all that they were asked and said."""

    agents: dict[str, MixedAgent] = field(default_factory=dict[str, MixedAgent])
    taken: set[str] = field(default_factory=set[str])
    left_out: Counter[str] = field(default_factory=Counter[str])

    def own(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Return what of a message is the session's own; calls on an agent's are its caller's."""
        if str(message.get("id")) not in self.taken:
            return message
        return {**message, "content": "", "thoughts": []} if message.get("toolCalls") else None


def tasks_of(call: dict[str, Any]) -> list[str]:
    """Return what a call that ran an agent gave it; nothing for other calls."""
    told = _told(call)
    if told:
        return [task for task in [text_of(told.get("taskPrompt"))] if task]
    if text_of(call.get("agentId")) or not _AGENT.match(output_in(call)):
        return []
    given = object_of(call.get("args")).items()
    return [text for name, one in given if name != "agent_name" and (text := text_of(one))]


def _told(call: dict[str, Any]) -> dict[str, Any]:
    """Return what a call of Qwen Code shows of its agent."""
    told = object_of(call.get("resultDisplay"))
    return told if kind_of(told) == "task_execution" else {}


def agent_in(call: dict[str, Any], call_id: str) -> MixedAgent | None:
    """Return the agent of a call of which nothing else is kept."""
    tasks, time = tasks_of(call), time_of(call.get("timestamp"))
    if not tasks:
        return None
    return MixedAgent(call_id, max(tasks, key=len), role_of(call) or "agent", None, time)


def role_of(call: dict[str, Any]) -> str | None:
    """Return which agent a call ran."""
    told = text_of(_told(call).get("subagentName"))
    named = told or text_of(object_of(call.get("args")).get("agent_name"))
    found = _AGENT.match(output_in(call))
    return named or (found[1] if found else None)


def mixed_in(
    steps: Iterable[dict[str, Any] | Broken], is_elsewhere: Callable[[list[str]], bool]
) -> Mixed:
    """Find the agents among a session's messages; `is_elsewhere` tells which have a file."""
    messages = {
        str(step["id"]): step
        for step in steps
        if not isinstance(step, Broken) and "id" in step and "type" in step
    }
    asked = [one for one in messages.values() if kind_of(one) == "user"][1:]
    mixed = Mixed()
    for message in messages.values():
        for call in objects_of(message.get("toolCalls")):
            tasks = tasks_of(call)
            if tasks and not is_elsewhere(tasks):
                _take(mixed, call, tasks, asked)
    _give(mixed, messages.values())
    return mixed


def _take(
    mixed: Mixed, call: dict[str, Any], tasks: list[str], asked: list[dict[str, Any]]
) -> None:
    """Find the prompt of a call's agent: the last before its end that holds what it was given."""
    ended = time_of(call.get("timestamp"))
    found: tuple[datetime, str, str] | None = None
    for message in asked:
        time, text, name = time_of(message.get("timestamp")), text_in(message), str(message["id"])
        if not (time and ended and time <= ended and text) or name in mixed.taken:
            continue
        task = next((one for one in tasks if one in text), None)
        if task and (found is None or time >= found[0]):
            found = (time, name, task)
    if found and ended:
        mixed.taken.add(found[1])
        call_id = text_of(call.get("id")) or found[1]
        mixed.agents[call_id] = MixedAgent(
            found[1], found[2], role_of(call) or "agent", found[0], ended
        )


def _give(mixed: Mixed, messages: Iterable[dict[str, Any]]) -> None:
    """Give agents what was said while they ran; of two at once nothing tells which said it."""
    for message in messages:
        time, text = time_of(message.get("timestamp")), text_in(message)
        if kind_of(message) == "user" or not (time and text):
            continue
        running = [
            one
            for one in mixed.agents.values()
            if one.started and one.ended and one.started <= time < one.ended
        ]
        if running:
            mixed.taken.add(str(message["id"]))
        if len(running) == 1:
            running[0].remarks.append((str(message["id"]), text, time))
        elif running:
            mixed.left_out["one of several agents said it"] += 1


def end_of(
    line: str,
    outcome: str | None,
    *,
    result: str | None,
    started: datetime | None,
    time: datetime | None,
) -> Iterator[Record]:
    """Yield an agent's end: the result that it gave with its last call, else what its call says."""
    if broke := _BROKE.match(outcome or ""):
        yield Ended(line=line, how="failed", reason=broke[1].strip(), started=started, time=time)
        return
    reason = _ENDED.search(outcome or "")
    how: How = _HOW.get(reason[1], "failed") if reason else "completed"
    answered = _RESULT.search(outcome or "") if how == "completed" else None
    if result is None and answered:
        result = result_of(json_of(answered[1]) or answered[1])
    if result is None and reason is None:
        return
    yield Ended(
        line=line,
        how=how,
        result=result,
        reason=f"it ended with {reason[1]}" if reason else None,
        started=started,
        time=time,
    )
