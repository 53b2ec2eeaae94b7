"""Records of a transcript into events: which session each belongs to, and what is learned by it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch.importers.mapping.drafts import Draft, Opening, Start
from anabranch.importers.mapping.failures import Failures
from anabranch.importers.mapping.findings import command_of, decisions_in, files_in
from anabranch.importers.mapping.insights import TEXT_LENGTH_MAX, Insights, cut, short_name
from anabranch.importers.mapping.line import Call, MappedLine
from anabranch.importers.outcome import ImportedSession
from anabranch.importers.records.model import (
    Boundary,
    Broken,
    Described,
    Ended,
    Fact,
    Opened,
    Skipped,
    Summary,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from anabranch_events.event.types import (
    BranchCancelled,
    BranchCompleted,
    BranchFailed,
    ConsolidationRecorded,
    Insight,
    WorkingMemorySet,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from anabranch.importers.mapping.drafts import AnyDraft
    from anabranch.importers.mapping.identity import Identity
    from anabranch.importers.mapping.redaction import Redaction
    from anabranch.importers.outcome import Tally
    from anabranch.importers.records.model import Record

RESULT_LENGTH_MAX: Final = 100_000
CALLS_MAX: Final = 1024
NOTE: Final = "transcript"
SILENT: Final = "completed"
"""The result of a branch whose agent ended well, and of which the transcript keeps no text."""


class Mapping:
    """Maps the records of one source, in their order, and remembers what each line became."""

    def __init__(
        self,
        identity: Identity,
        redaction: Redaction,
        tally: Tally,
        *,
        tool: str,
        fallback_time: datetime,
        tools: bool = False,
        keeps_insights: bool = False,
    ) -> None:
        self._identity = identity
        self._redaction = redaction
        self._tally = tally
        self._tool = tool
        self._fallback_time = fallback_time
        self._with_tools = tools
        self._insights = Insights(identity, redaction, tally, tool=tool, keeps=keeps_insights)
        self._failures = Failures(self._insights)
        self._lines: dict[str, MappedLine] = {}
        self.holds = False
        """True once a text was held at the end, which the next import may know more of."""

    def take(self, record: Record) -> Iterable[AnyDraft]:  # noqa: C901, PLR0912 - one case a record.
        """Return the events that a record gives, in the order in which they are to be stored.

        They are to be taken before the next record is.
        """
        match record:  # The most frequent ones first.
            case Turn(said="user"):
                return self._asked(self._lines[record.line], record)
            case Turn():
                return self._answered(self._lines[record.line], record)
            case ToolCall():
                return self._called(self._lines[record.line], record)
            case ToolResult():
                return self._gave(self._lines[record.line], record)
            case Opened():
                return self._open(record)
            case Broken():
                self._tally.broken.append(_broken(record))
            case Skipped():
                self._count(record.line, f"{record.why}", record.count)
            case Unknown():
                self._unknown(record)
            case Boundary():
                return self._paused(self._lines[record.line])
            case Summary():
                return self._summed(self._lines[record.line], record)
            case Fact():
                return self._fact(self._lines[record.line], record)
            case Described():
                return self._described(self._lines[record.line], record)
            case Ended():
                return self._ended(self._lines[record.line], record)
        return ()

    def finish(self, *, growing: bool = False) -> Iterator[AnyDraft]:
        """Yield the drafts that are left at the end of the source.

        Of a source that is `growing` a last text is held, unless it is known to end its turn.
        """
        for line in self._lines.values():
            if line.begun or line.waiting or line.answer or line.opened.silent:
                if growing and line.is_open:
                    self.holds = True
                else:
                    yield from self._settle(line, final=True)
                yield from self._begin(line)
                yield from self._note(line)

    def outcomes(self) -> Iterator[ImportedSession]:
        """Yield what each line became, parents first; those in which nothing was said are none."""
        for line in self._lines.values():
            if not line.begun:
                continue
            parent = self._lines.get(line.opened.parent or "")
            origin = parent.opened.source_id if parent else line.opened.parent
            yield ImportedSession(
                source_id=line.opened.source_id,
                session_id=line.session_id,
                parent_source_id=origin,
                kind=line.opened.kind,
                task=line.task,
                result=self._insights.clean(line.said_last) if line.said_last else None,
                insights=tuple(line.told),
                skipped=dict(sorted((line.left_out + line.unknown).items())),
            )

    def _open(self, record: Opened) -> Iterator[AnyDraft]:
        parent = self._lines.get(record.parent or "")
        if parent is not None:
            yield from self._begin(parent, fallback=record.task)
        session_id = self._identity.session(record.key)
        line = MappedLine(
            opened=record,
            session_id=session_id,
            root_id=parent.root_id if parent else session_id,
            model=record.model,
            time=record.time or (parent.time if parent else self._fallback_time),
            task=self._insights.clean(record.task) if record.task else None,
            attributes=dict(record.attributes),
        )
        self._lines[record.key] = line
        if record.kind == "memory":
            yield from self._begin(line)

    def _begin(self, line: MappedLine, *, fallback: str | None = None) -> Iterator[AnyDraft]:
        """Yield a line's first events, once; its first request comes with them."""
        if line.begun:
            return
        line.begun = True
        first, line.waiting = line.waiting, None
        asked = first.text if first else fallback
        task = line.task or (self._insights.clean(asked) if asked else None)
        line.task = line.task or (task if first else None)
        self._tally.sessions[line.opened.kind] += 1
        parent = line.opened.parent
        began = line.opened.time or (first.time if first else None) or line.time
        yield Opening(
            session_id=line.session_id,
            event_id=self._identity.opening(line.opened.key),
            parent_id=self._identity.session(parent) if parent else None,
            task=cut(task or f"a session of {self._tool}", TEXT_LENGTH_MAX),
            role=self._name(line.opened.role),
            attributes=self._attributes(line),
            time=began,
            agent=self._insights.agent(line),
        )
        if parent:
            yield Start(
                session_id=line.session_id,
                event_id=self._identity.start(line.opened.key),
                worker=self._insights.agent(line),
                time=began,
                agent=self._insights.agent(line),
            )
        if first is not None and line.opened.kind != "subagent":
            yield self._request(line, first)

    def _name(self, given: str | None) -> str | None:
        """Return a role or a kind as a name can be; an agent may have made it up."""
        return short_name(self._redaction.clean(given)) if given else None

    def _attributes(self, line: MappedLine) -> dict[str, Any]:
        given = {
            "tool": self._tool,
            "source_id": line.opened.source_id,
            "kind": line.opened.kind,
            **line.attributes,
        }
        known = {name: value for name, value in given.items() if value}
        return {**self._redaction.value(known)}

    def _asked(self, line: MappedLine, turn: Turn) -> Iterator[AnyDraft]:
        yield from self._settle(line, final=True)
        line.resumed = line.resumed or line.begun or line.waiting is not None
        line.tick(turn.time)
        line.files.clear()
        line.programs.clear()
        if not line.begun and line.waiting is None:
            line.waiting = turn  # The model that is asked becomes known with its answer.
            return
        yield from self._begin(line)
        line.task = line.task or self._insights.clean(turn.text)
        yield self._request(line, turn)

    def _request(self, line: MappedLine, turn: Turn) -> Draft:
        draft = self._insights.make(line, turn.id, "request", turn.text, turn.time)
        line.request_id = draft.event_id
        return draft

    def _answered(self, line: MappedLine, turn: Turn) -> Iterator[AnyDraft]:
        yield from self._settle(line, final=False)
        line.resumed = line.resumed or line.paused
        line.tick(turn.time)
        line.answer = turn

    def _paused(self, line: MappedLine) -> Iterator[AnyDraft]:
        yield from self._settle(line, final=True)
        line.paused = line.begun

    def _settle(self, line: MappedLine, *, final: bool) -> Iterator[AnyDraft]:
        """Yield the text that was held back until it was known whether the turn ended with it.

        The transcript's own word on that counts more than `final`, which is seen from what follows.
        """
        turn, line.answer = line.answer, None
        if turn is None:
            return
        yield from self._begin(line)
        line.said_last = turn.text
        ends = final if turn.final is None else turn.final
        yield self._insights.make(
            line, turn.id, "answer" if ends else "remark", turn.text, turn.time
        )
        yield from self._decisions(line, turn)

    def _decisions(self, line: MappedLine, turn: Turn) -> Iterator[AnyDraft]:
        for number, sentence in enumerate(decisions_in(turn.text)):
            said = self._identity.insight(turn.id)
            yield self._insights.make(
                line,
                turn.id,
                "decision",
                sentence,
                turn.time,
                aspect=f"decision {number}",
                sources=(said,),
            )

    def _called(self, line: MappedLine, call: ToolCall) -> Iterable[AnyDraft]:
        drafts: Iterable[AnyDraft] = ()
        if line.answer is not None or not line.begun:
            drafts = [*self._settle(line, final=False), *self._begin(line)]
        line.tick(call.time)
        line.tools[call.name] += 1
        command = command_of(call)
        names: tuple[str, ...] = ()
        if command:
            command, names = self._failures.known(command)
        line.calls[call.id] = Call(call.id, call.name, command, names, self._given(call))
        if len(line.calls) > CALLS_MAX:
            del line.calls[next(iter(line.calls))]
        if files := files_in(call):
            line.files.update(dict.fromkeys(files))
        line.programs.update(dict.fromkeys(names))
        return drafts

    def _given(self, call: ToolCall) -> str:
        if not self._with_tools:
            return ""
        return call.input if isinstance(call.input, str) else _json(call.input)

    def _gave(self, line: MappedLine, result: ToolResult) -> Iterable[AnyDraft]:
        line.tick(result.time)
        call = line.calls.pop(result.call_id, None)
        if call is None:
            return ()
        drafts: list[AnyDraft] = []
        if self._with_tools:
            text = f"{call.name} {call.given}\n{result.output}"
            made = self._insights.make(line, call.id, "tool", text, result.time, aspect="tool")
            drafts.append(made)
        if call.command and (result.failed or (result.failed is False and line.failures)):
            drafts += self._failures.worked_out(line, call, result)
        return drafts

    def _summed(self, line: MappedLine, summary: Summary) -> Iterator[AnyDraft]:
        yield from self._settle(line, final=True)
        yield from self._begin(line)
        line.tick(summary.time)
        replaced, line.replaced = line.replaced, []
        self._tally.insights["consolidation"] += 1
        consolidation_id = self._identity.insight(summary.id, "summary")
        yield Draft(
            session_id=line.session_id,
            event_id=consolidation_id,
            data=ConsolidationRecorded(
                consolidation_id=consolidation_id,
                root_id=line.root_id,
                sessions=(line.session_id,),
                sources=tuple(replaced),
                text=cut(self._insights.clean(summary.text), RESULT_LENGTH_MAX),
                method="compaction",
            ),
            time=line.time,
            agent=self._insights.agent(line),
        )

    def _fact(self, line: MappedLine, fact: Fact) -> Iterator[AnyDraft]:
        yield from self._begin(line)
        line.tick(fact.time)
        kind = self._name(fact.kind) or "observation"
        said = (line, fact.id, kind, fact.text, fact.time)
        yield self._insights.make(*said, only_names=fact.entities, subject=fact.subject)

    def _described(self, line: MappedLine, record: Described) -> Iterator[AnyDraft]:
        line.model = record.model or line.model
        if not line.begun:
            line.attributes.update(record.attributes)
        if line.waiting is not None and line.model:
            yield from self._begin(line)

    def _ended(self, line: MappedLine, record: Ended) -> Iterator[AnyDraft]:
        """Yield a line's end: its last answer is its report, and one event with its result.

        The log may hold an earlier end of a line that went on. Its last report is an event of its
        own then.
        """
        turn, line.answer = line.answer, None
        line.tick(record.time)
        if turn is not None:
            line.said_last = turn.text
        if record.result:
            line.said_last = record.result
        yield from self._begin(line)
        if record.how == "completed" and not line.said_last:
            line.said_last = SILENT
            yield from self._note(line)
            yield self._completed(line, record)
            return
        if record.how != "completed":
            if turn is not None:
                kind = "remark" if turn.final is False else "answer"
                yield self._insights.make(line, turn.id, kind, turn.text, turn.time)
            yield from self._note(line)
            yield self._stopped(line, record)
            return
        if turn is not None:
            yield from self._decisions(line, turn)
        yield from self._note(line)
        report = self._report(line, turn, record)
        if line.resumed:
            yield report
        yield self._completed(line, record, None if line.resumed else report)

    def _completed(self, line: MappedLine, record: Ended, report: Draft | None = None) -> Draft:
        began = record.started or line.opened.time
        took_ms = max(0.0, (line.time - began).total_seconds() * 1000) if began else 0.0
        return Draft(
            session_id=line.session_id,
            event_id=self._identity.end(line.opened.key),
            data=BranchCompleted(
                result=cut(self._insights.clean(line.said_last or ""), RESULT_LENGTH_MAX),
                insights=() if report is None else (_bare(report.data),),
                duration_ms=took_ms,
            ),
            time=line.time,
            agent=self._insights.agent(line),
            wholes=() if report is None else report.wholes,
        )

    def _report(self, line: MappedLine, turn: Turn | None, record: Ended) -> Draft:
        same = turn is not None and (
            not record.result or turn.text.strip() == record.result.strip()
        )
        if turn is not None and same:
            return self._insights.make(line, turn.id, "report", turn.text, turn.time)
        text = line.said_last or ""
        name = f"{line.opened.key}\n{_digest(text)}" if line.resumed else line.opened.key
        return self._insights.make(line, name, "report", text, record.time, aspect="report")

    def _stopped(self, line: MappedLine, record: Ended) -> Draft:
        reason = self._insights.clean(record.reason or f"it was {record.how}")
        failed = record.how == "failed"
        return Draft(
            session_id=line.session_id,
            event_id=self._identity.end(line.opened.key),
            data=BranchFailed(error=reason) if failed else BranchCancelled(reason=reason),
            time=line.time,
            agent=self._insights.agent(line),
        )

    def _note(self, line: MappedLine) -> Iterator[AnyDraft]:
        """Yield what is counted of a line, as a note in its working memory."""
        known: dict[str, Any] = {
            **self._attributes(line),
            **self._redaction.value(
                {
                    "tools": dict(sorted(line.tools.items())),
                    "left_out": dict(sorted(line.left_out.items())),
                    "unknown": dict(sorted(line.unknown.items())),
                }
            ),
        }
        content = orjson.dumps(known, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(content).digest()[:8]
        yield Draft(
            session_id=line.session_id,
            event_id=self._identity.note(line.opened.key, digest),
            data=WorkingMemorySet.model_validate({"key": NOTE, "value": known}),
            time=line.time,
            agent=self._insights.agent(line),
        )

    def _count(self, key: str | None, why: str, count: int) -> None:
        self._tally.left_out[why] += count
        line = self._lines.get(key or "")
        if line is not None:
            line.left_out[why] += count

    def _unknown(self, record: Unknown) -> None:
        what = f"unknown {record.what}"
        self._tally.unknown[f"{self._tool} {record.version or ''} {record.what}".strip()] += 1
        line = self._lines.get(record.line or "")
        if line is not None:
            line.unknown[what] += 1


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def _bare(data: Any) -> Insight:
    """Return an insight as it stands within the event that ends its branch."""
    return Insight.model_validate({name: getattr(data, name) for name in Insight.model_fields})


def _broken(record: Broken) -> str:
    place = f"{record.path}:{record.number}" if record.number else str(record.path)
    rest = "the rest of the file was read" if record.more else "nothing more of it was read"
    return f"{place}: {record.reason}; {rest}"
