"""Records of an agent's spans: its texts, its calls, its end, and insights of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from anabranch.importers.readers.spans.messages import RESULT, TASK, answered_in, arguments_in
from anabranch.importers.readers.spans.trees import TOOL
from anabranch.importers.records.model import Fact, ToolCall, Turn
from anabranch.importers.records.spans import structured
from anabranch.importers.records.values import list_of, object_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch.importers.records.spans import Span

_TASKS: Final = ("task", "prompt", "query", "question", "input", "request", "message", "messages")
_STATUS: Final = "anabranch.status"
_SAME: Final = 1_900
"""The characters by which two texts are compared: an insight's are cut at 2,000."""
_GOES_ON: Final = frozenset({"open", "running", "pending"})
_CANCELLED: Final = re.compile(r"(?:asyncio\.)?(?:exceptions\.)?CancelledError\b")


class Texts:
    """The texts of an agent's models; the last is held until it is known that it is the answer."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._held: Turn | None = None
        self._last: str | None = None

    def said(self, span: Span) -> Iterator[Turn]:
        """Take what a model said; yield what one said before."""
        message = answered_in(span)
        if message is None:
            return
        yield from self.held()
        self._held = Turn(
            line=self._line,
            id=f"{span.key}/said",
            said="assistant",
            text=message.text,
            time=span.ended,
            final=None if message.whole and not message.calls else False,
        )

    def held(self) -> Iterator[Turn]:
        """Yield what is held: something else follows."""
        if self._held is not None:
            self._last = self._held.text
            yield self._held
        self._held = None

    def answered(self, agent: Span | None) -> Iterator[Turn]:
        """Yield the end of an agent's turn: what it answered, once, whoever tells it."""
        message = answered_in(agent) if agent is not None else None
        held = self._held
        yield from self.held()
        last = held.text if held else self._last
        if agent is None or message is None or message.text.strip() == (last or "").strip():
            return
        yield Turn(
            line=self._line,
            id=f"{agent.key}/said",
            said="assistant",
            text=message.text,
            time=agent.ended,
            final=message.whole and not agent.failed,
        )


def how_ended(span: Span) -> Literal["completed", "cancelled", "failed"]:
    """Return the end of an agent: it did not fail where its task was cancelled.

    OTLP has no status for it: one of ours that was exported says so itself.
    """
    if span.text(_STATUS) == "cancelled":
        return "cancelled"
    if not span.failed:
        return "completed"
    return "cancelled" if _CANCELLED.match(span.error or "") else "failed"


def call_of(span: Span, line: str) -> ToolCall:
    """Return the call that a tool's span tells."""
    name = span.text("gen_ai.tool.name") or span.name.removeprefix(TOOL).strip()
    return ToolCall(
        line=line, id=span.key, name=name or "tool", input=arguments_in(span), time=span.began
    )


def task_of(tool: Span) -> str | None:
    """Return the task that an agent's tool was called with: by its name, or as the only text."""
    given = arguments_in(tool)
    held = object_of(given)
    named = (text_of(held.get(name)) for name in _TASKS)
    texts = [text for value in held.values() if (text := text_of(value))]
    only = texts[0] if len(texts) == 1 else None
    return text_of(given) or next((text for text in named if text), None) or only


def facts_of(span: Span, line: str, *, is_branch: bool) -> Iterator[Fact]:
    """Yield the insights that `sessions export --to otel` wrote as events.

    Those that say a session's task or result are left out, as it comes as a turn. A branch's
    question makes no insight, so that one stays.
    """
    said = {"answer": span.text(RESULT), "report": span.text(RESULT)}
    if not is_branch:
        said["request"] = span.text(TASK)
    for event in span.events:
        text = text_of(event.attributes.get("anabranch.insight.text"))
        insight_id = text_of(event.attributes.get("anabranch.insight.id"))
        if text and insight_id:
            kind = text_of(event.attributes.get("anabranch.insight.kind")) or "insight"
            if (said.get(kind) or "")[:_SAME] == text[:_SAME]:
                continue
            entities = list_of(structured(event.attributes.get("anabranch.insight.entities")))
            yield Fact(
                line=line,
                id=insight_id,
                text=text,
                kind=kind,
                entities=tuple(name for one in entities if (name := text_of(one))),
                time=event.time,
            )


def goes_on(span: Span) -> bool:
    """Tell whether a session of ours had not ended when it was exported."""
    return span.text(_STATUS) in _GOES_ON
