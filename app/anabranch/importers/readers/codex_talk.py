"""Records of Codex into what they say: the base of its threads."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from anabranch.importers.readers.codex_items import (
    answered_in,
    asked_in,
    failed,
    sent_in,
    summary_in,
)
from anabranch.importers.records.model import (
    Boundary,
    Described,
    Ended,
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
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from anabranch.importers.readers.codex_files import Thread
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
_UNREADABLE: Final = re.compile(r"[A-Za-z0-9+/=_-]{40,}")
_CALLS: Final = frozenset(
    {"function_call", "custom_tool_call", "local_shell_call", "web_search_call", "tool_search_call"}
)
_OUTPUTS: Final = frozenset(
    {"function_call_output", "custom_tool_call_output", "tool_search_output"}
)


class SubAgents(Protocol):
    """The threads of a source that others started, each read where it was started."""

    def started(self, thread_id: str, *, line: str, task: str | None) -> Iterator[Record]:
        """Yield a sub-agent's records where it was started."""
        ...


class Talk:
    """A thread: its records into what they say, on the `line` that it is on."""

    def __init__(self, thread: Thread, agents: SubAgents, *, task: str | None) -> None:
        self.line = thread.id
        self.ordinal = 0
        self.left_out: Counter[str] = Counter()
        self.end: Ended | None = None
        self._thread = thread
        self._agents = agents
        self._task = task
        self._messages: dict[str, str] = {}
        self._held: Turn | None = None
        self._shown: str | None = None
        self._summary: str | None = None
        self._model: str | None = None
        self._first: datetime | None = None

    def said(self, found: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        """Yield what a record says."""
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
                self.left_out[str(kind)] += 1
            case kind:
                yield Unknown(line=self.line, what=f"record {kind}")

    def _described(self, model: str | None) -> Iterator[Record]:
        if model and model != self._model:
            self._model = model
            yield Described(line=self._thread.id, model=model)
        self.left_out["turn_context"] += 1

    def _item(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        kind = kind_of(payload)
        if kind == "message":
            yield from self._message(payload, time)
        elif kind == "agent_message":
            yield from self._between_agents(payload, time)
        elif kind in _CALLS:
            yield from self.let_go()
            yield self._call(payload, time)
        elif kind in _OUTPUTS:
            yield from self._output(payload, time)
        elif kind == "reasoning":
            self.left_out["hidden reasoning"] += 1
        elif kind in {"compaction", "context_compaction", "ghost_snapshot"}:
            self.left_out[str(kind)] += 1
        else:
            yield Unknown(line=self.line, what=f"item {kind}")

    def _message(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        role = text_of(payload.get("role"))
        text = asked_in(payload) if role == "user" else answered_in(payload)
        if role not in {"user", "assistant"} or text is None:
            self.left_out["injected context"] += 1
            return
        yield from self.let_go()
        if role == "user":
            self._first = self._first or time
            yield Turn(
                line=self.line, id=self._id_of(payload, time), said="user", text=text, time=time
            )
            return
        if self._summary is not None and text.strip() in self._summary:
            self.left_out["summary of a compaction"] += 1
            return
        phase = text_of(payload.get("phase"))
        final = None if phase is None else phase == "final_answer"
        self._held = Turn(
            line=self.line,
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
        return f"{turn}/{own}" if own else f"{turn}/{payload.get('role')}/{time or self.ordinal}"

    def _between_agents(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        """Yield a task that another agent gave; an answer is yielded by the one who gave it."""
        kind, text = sent_in(payload)
        if kind == "FINAL_ANSWER" or not self._thread.first.is_subagent:
            self.left_out["message between agents"] += 1
            return
        if text is None or _UNREADABLE.fullmatch(text):
            text = self._task or text_of(self._thread.first.spawn.get("agent_path"))
        if text:
            yield from self.let_go()
            yield Turn(
                line=self.line, id=self._id_of(payload, time), said="user", text=text, time=time
            )

    def _call(self, payload: dict[str, Any], time: datetime | None) -> ToolCall:
        given = payload.get("arguments", payload.get("input", payload.get("action")))
        parsed = json_of(given) if isinstance(given, str) else given
        call_id = text_of(payload.get("call_id")) or text_of(payload.get("id")) or "call"
        message = text_of(object_of(parsed).get("message"))
        if payload.get("name") == "spawn_agent" and message:
            self._messages[call_id] = message
        return ToolCall(
            line=self.line,
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
            line=self.line, call_id=call_id, given=output, failed=failed(output, told), time=time
        )

    def _started(self, thread_id: str, call_id: str) -> Iterator[Record]:
        yield from self.let_go()
        task = self._messages.get(call_id)
        yield from self._agents.started(thread_id, line=self.line, task=task)

    def _event(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        match kind_of(payload):
            case "item_completed":
                yield from self._completed_item(object_of(payload.get("item")))
            case "task_complete":
                yield from self._turn_over(payload, time)
            case "agent_message":
                self._shown = text_of(payload.get("message"))
                self.left_out["agent_message"] += 1
            case "turn_aborted":
                yield from self.let_go()
                self.end = Ended(
                    line=self._thread.id,
                    how="cancelled",
                    reason=f"the turn was {payload.get('reason') or 'aborted'}",
                    started=self._first,
                    time=time,
                )
                yield Boundary(line=self.line)
            case kind:
                self.left_out[str(kind)] += 1

    def _completed_item(self, item: dict[str, Any]) -> Iterator[Record]:
        """Yield the sub-agents that an item names; all else in it stands in other records too."""
        self.left_out["item_completed"] += 1
        call_id = text_of(item.get("id")) or ""
        if kind_of(item) == "SubAgentActivity":
            yield from self._started(str(item.get("agent_thread_id")), call_id)
        elif kind_of(item) == "CollabAgentToolCall":
            for thread_id in list_of(item.get("receiver_thread_ids")):
                yield from self._started(str(thread_id), call_id)

    def _turn_over(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        said = text_of(payload.get("last_agent_message"))
        error = object_of(payload.get("error"))
        if said is None and self._summary is not None and self._held is not None:
            self.left_out["summary of a compaction"] += 1
            self._held = None
        if self._held is not None:
            self._held = msgspec.structs.replace(self._held, final=not error)
        yield from self.let_go()
        self._summary = None
        yield Boundary(line=self.line)
        if said is not None or error:
            self.end = Ended(
                line=self._thread.id,
                how="failed" if error else "completed",
                result=said,
                reason=text_of(error.get("message")),
                started=self._first,
                time=time,
            )

    def _compacted(self, payload: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        """Yield a summary; it is written as an answer too, before or after.

        Until 0.120 it was not, and an answer was shown by an event of its own.
        """
        message = summary_in(payload)
        held, self._held = self._held, None
        is_summary = held is not None and held.text != self._shown
        if held is not None and is_summary and (message is None or held.text.strip() in message):
            self.left_out["summary of a compaction"] += 1
            message = held.text
        elif held is not None:
            yield held
        if message:
            self._summary = message
            summary_id = f"{self._thread.id}/compacted/{payload.get('window_id') or time}"
            yield Summary(line=self.line, id=summary_id, text=message, time=time)

    def left_open(self) -> Iterator[Record]:
        """Yield the answer of a turn that the file does not end: it may become a summary."""
        if self._held is not None and self._held.final:
            self._held = msgspec.structs.replace(self._held, final=None)
        yield from self.let_go()

    def let_go(self) -> Iterator[Record]:
        """Yield the answer that was held back: it is no compaction's summary."""
        if self._held is not None:
            yield self._held
            self._held = None
