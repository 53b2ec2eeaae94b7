"""Insights out of texts: clean, cut where they are long, with what they mention."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.mapping.drafts import Draft, Whole
from anabranch.importers.mapping.findings import entities_of
from anabranch.importers.outcome import ImportedInsight
from anabranch_events.event.construction import construct_facts
from anabranch_events.event.identifiers import whole_milliseconds
from anabranch_events.event.types import InsightRecorded
from anabranch_recall import entities

if TYPE_CHECKING:
    from datetime import datetime

    from anabranch.importers.mapping.identity import Identity
    from anabranch.importers.mapping.line import MappedLine
    from anabranch.importers.mapping.redaction import Redaction
    from anabranch.importers.outcome import Tally

TEXT_LENGTH_MAX: Final = 2000
NAME_LENGTH_MAX: Final = 256
NAMES_KNOWN_MAX: Final = 4096
_TERMINAL: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_REDACTED: Final = re.compile(r"\[redacted: [^\]]*\]")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Insights:
    """Makes the insights of one tool's transcripts."""

    def __init__(
        self,
        identity: Identity,
        redaction: Redaction,
        tally: Tally,
        *,
        tool: str,
        keeps: bool,
    ) -> None:
        self._identity = identity
        self._redaction = redaction
        self._tally = tally
        self._tool = tool
        self._keeps = keeps
        self._tags = (tool,)
        self._clean_names: set[str] = set()
        self._agents: dict[str | None, str] = {}

    def make(
        self,
        line: MappedLine,
        record_id: str,
        kind: str,
        text: str,
        time: datetime | None,
        *,
        aspect: str = "said",
        names: Any = (),
        only_names: tuple[str, ...] | None = None,
        subject: str | None = None,
        sources: tuple[str, ...] = (),
    ) -> Draft:
        """Return an insight's event; its text is clean, and cut where it is long."""
        insight_id = self._identity.insight(record_id, aspect)
        clean = self.clean(text)
        wholes: tuple[Whole, ...] = ()
        if len(clean) > TEXT_LENGTH_MAX:
            data = clean.encode()
            whole = Whole(name=f"sha256-{hashlib.sha256(data).hexdigest()}", data=data)
            wholes, sources = (whole,), (*sources, f"object:{whole.name}")
            clean = cut(clean, TEXT_LENGTH_MAX)
        if kind in {"answer", "report"}:
            names = [*line.files, *line.programs, *names]
            sources = (*sources, line.request_id) if line.request_id else sources
        if only_names is not None:
            found = [self._name(name) for name in only_names]
        else:
            found = [self._name(name) for name in names]
            found += entities(_REDACTED.sub(" ", clean))
        line.replaced.append(insight_id)
        self._tally.insights[kind] += 1
        if self._keeps:
            told = ImportedInsight(insight_id=insight_id, kind=kind, text=clean, time=time)
            line.told.append(told)
        return Draft(
            session_id=line.session_id,
            event_id=insight_id,
            data=construct_facts(
                InsightRecorded,
                {
                    "insight_id": insight_id,
                    "text": clean,
                    "subject": short_name(self.clean(subject)) if subject else None,
                    "kind": kind,
                    "tags": self._tags,
                    "entities": entities_of(found),
                    "valid_from": None if time is None else whole_milliseconds(time),
                    "sources": (*sources, self._source(record_id, text)),
                },
            ),
            time=time or line.time,
            agent=self.agent(line),
            wholes=wholes,
        )

    def _name(self, name: str) -> str:
        """Return a name without secrets; those that hold none come again and again."""
        if name in self._clean_names:
            return name
        clean = self.clean(name)
        if clean == name and len(name) <= NAME_LENGTH_MAX:
            if len(self._clean_names) >= NAMES_KNOWN_MAX:
                self._clean_names.clear()
            self._clean_names.add(name)
        return clean

    def _source(self, record_id: str, text: str) -> str:
        """Return where an insight is from. Where no tool gave an id, texts may stand in for one."""
        if " " in record_id or not record_id.isprintable() or text in record_id:
            record_id = self._redaction.clean(record_id)
        return short_name(f"{self._tool}:{record_id}") or self._tool

    def agent(self, line: MappedLine) -> str:
        """Return the agent that speaks on a line: the tool, with the model where it is known."""
        agent = self._agents.get(line.model)
        if agent is None:
            named = f"{self._tool}/{line.model}" if line.model else self._tool
            agent = self._agents[line.model] = (
                short_name(self._redaction.clean(named)) or self._tool
            )
        return agent

    def clean(self, text: str) -> str:
        """Return text that can be stored: no control characters, no secrets, no homes."""
        plain = text.replace("\r\n", "\n") if "\r" in text else text
        if "\x1b" in plain:
            plain = _TERMINAL.sub("", plain)
        if not plain.isprintable():  # A line's end is not either.
            plain = _CONTROL.sub("", plain)
        plain = plain.strip()
        return self._redaction.clean(plain) or "(nothing to be read)"


def cut(text: str, length_max: int) -> str:
    """Return a text that is at most so long, with an ellipsis where it was cut."""
    return text if len(text) <= length_max else text[: length_max - 1] + "…"


def short_name(text: str | None) -> str | None:
    """Return a text as a name can be; None where nothing of it is left."""
    found = _CONTROL.sub("", text).strip() if text else ""
    return cut(found, NAME_LENGTH_MAX) if found else None
