"""Records of Claude Code into what they say: the base of its sessions and sub-agents."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from anabranch.importers.readers.claude_files import Results, id_of, part_id
from anabranch.importers.readers.claude_prompts import (
    Prompts,
    has_results,
    is_notice,
    is_put_in,
    plain_text,
    summary_in,
    why_no_prompt,
)
from anabranch.importers.records.model import (
    Boundary,
    Described,
    Skipped,
    Summary,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from anabranch.importers.records.values import kind_of, object_of, objects_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from anabranch.importers.records.model import Record

BEGIN_AGENTS: Final = frozenset({"Agent", "Task"})
"""The tools that begin sub-agents."""
_HARNESS: Final = frozenset({"synthetic", "<synthetic>"})


class SubAgents(Protocol):
    """The sub-agents of a source, each read where it was called or where a result names it."""

    def called(
        self, calls: dict[str, dict[str, Any]], parent: str, *, session: str
    ) -> Iterator[Record]:
        """Yield the records of the agents that calls began; their inputs by their ids."""
        ...

    def named(self, told: dict[str, Any], parent: str, *, session: str) -> Iterator[Record]:
        """Yield the records of an agent that a result tells of, with what its call said.

        The result of a workflow tells of its run, and so of all agents of that.
        """
        ...

    def commanded(self, prompt_id: str, parent: str, *, session: str) -> Iterator[Record]:
        """Yield the records of the agents that carry out a command of a person."""
        ...


@dataclass(slots=True)
class Talk:
    """A session or a sub-agent: records of its chain into what they say."""

    agents: SubAgents
    session: str
    left_out: Counter[str] = field(default_factory=Counter[str])
    version: str | None = None
    model: str | None = None
    prompts: Prompts = field(default_factory=Prompts)
    called: dict[str, dict[str, Any]] = field(default_factory=dict[str, "dict[str, Any]"])
    """The inputs of calls that began agents, by their ids, until their results come."""

    def said(self, record: dict[str, Any] | Results, line: str) -> Iterable[Record]:
        """Return what a record of the chain says on a line, to be taken before the next."""
        if isinstance(record, Results):
            return _results(record, line)
        time = time_of(record.get("timestamp"))
        match kind_of(record):
            case "user":
                return self._user(record, line, time)
            case "assistant":
                return self._assistant(record, line, time)
            case "attachment":
                return self._attachment(record, line, time)
            case "system" if kind_of(record, "subtype") in {
                "compact_boundary",
                "microcompact_boundary",
            }:
                self.left_out["compaction boundary"] += 1
            case kind:
                self.left_out[str(kind)] += 1
        return ()

    def _user(self, record: dict[str, Any], line: str, time: datetime | None) -> Iterator[Record]:
        content = object_of(record.get("message")).get("content")
        if record.get("isCompactSummary"):
            self.prompts.asked(record)
            text = plain_text(content)
            if text:
                yield Summary(line=line, id=id_of(record), text=summary_in(text), time=time)
            return
        for result in objects_of(content):
            if kind_of(result) == "tool_result":
                yield from self._result(record, result, line, time)
        if prompt := self.prompts.asked(record):
            yield Turn(line=line, id=id_of(record), said="user", text=prompt, time=time)
            if commanded := text_of(record.get("promptId")):
                yield from self.agents.commanded(commanded, line, session=self.session)
        elif is_notice(record):
            self.left_out["notification"] += 1
            yield Boundary(line=line)
        elif not has_results(content):
            self.left_out[why_no_prompt(record)] += 1

    def _result(
        self, record: dict[str, Any], result: dict[str, Any], line: str, time: datetime | None
    ) -> Iterator[Record]:
        call_id = text_of(result.get("tool_use_id")) or ""
        told = object_of(record.get("toolUseResult"))
        called = self.called.pop(call_id, {})
        if told.get("agentId") or told.get("runId"):
            told = called | told
            yield from self.agents.named(told, line, session=self.session)
        failed = result.get("is_error")
        yield ToolResult(
            line=line,
            call_id=call_id,
            given=result.get("content"),
            failed=failed if isinstance(failed, bool) else None,
            time=time,
        )

    def _assistant(
        self, record: dict[str, Any], line: str, time: datetime | None
    ) -> Iterator[Record]:
        message = object_of(record.get("message"))
        model = text_of(message.get("model"))
        if model in _HARNESS:
            self.left_out["message of the tool itself"] += 1
            return
        if model and model != self.model:
            self.model = model
            yield Described(line=line, model=model)
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        calls: dict[str, dict[str, Any]] = {}
        for number, block in enumerate(objects_of(blocks)):
            match kind_of(block):
                case "text":
                    text = text_of(block.get("text"))
                    if text:
                        yield Turn(
                            line=line,
                            id=part_id(record, number),
                            said="assistant",
                            text=text,
                            time=time,
                            final=_ends(record),
                        )
                case "tool_use" | "server_tool_use":
                    call_id = text_of(block.get("id")) or part_id(record, number)
                    calls[call_id] = {}
                    name = text_of(block.get("name")) or "tool"
                    if name in BEGIN_AGENTS:
                        calls[call_id] = self.called[call_id] = object_of(block.get("input"))
                    yield ToolCall(
                        line=line,
                        id=call_id,
                        name=name,
                        input=block.get("input"),
                        time=time,
                    )
                case "thinking" | "redacted_thinking":
                    self.left_out["hidden reasoning"] += 1
                case kind:
                    yield Unknown(line=line, what=f"block {kind}", version=self.version)
        if calls:
            yield from self.agents.called(calls, line, session=self.session)

    def _attachment(
        self, record: dict[str, Any], line: str, time: datetime | None
    ) -> Iterator[Record]:
        """Yield what the user typed while the assistant worked; all else was put in by the tool."""
        attachment = object_of(record.get("attachment"))
        if kind_of(attachment) == "queued_command" and not attachment.get("isMeta"):
            text = plain_text(attachment.get("prompt"))
            mode = kind_of(attachment, "commandMode")
            if text and mode in {"", "prompt"} and not is_put_in(text):
                yield Turn(line=line, id=id_of(record), said="user", text=text, time=time)
                return
        self.left_out["injected context"] += 1

    def counted(self, line: str) -> Iterator[Record]:
        """Yield what was left out."""
        for why, count in sorted(self.left_out.items()):
            yield Skipped(line=line, why=why, count=count)
        self.left_out.clear()


def attributes_of(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a record says about its session: project, git branch, version."""
    found = {
        "project": text_of(record.get("cwd")),
        "git_branch": text_of(record.get("gitBranch")),
        "tool_version": text_of(record.get("version")),
    }
    if found["git_branch"] == "HEAD":
        del found["git_branch"]
    return {name: value for name, value in found.items() if value}


def _results(record: Results, line: str) -> list[ToolResult]:
    """Return the results of tools of a record that holds nothing else."""
    time = time_of(record.timestamp)
    return [
        ToolResult(
            line=line,
            call_id=text_of(result.tool_use_id) or "",
            given=result.content,
            failed=result.is_error,
            time=time,
        )
        for result in record.message.content
    ]


def _ends(record: dict[str, Any]) -> bool | None:
    """Tell whether a turn ends with a message; None where what follows tells.

    One that was stopped has a mark, and no reason for its end.
    """
    if record.get("isAbortedMidStream") is True:
        return False
    reason = text_of(object_of(record.get("message")).get("stop_reason"))
    return None if reason is None else reason != "tool_use"
