"""Imported sessions, as the command tells them: a line of JSON each, or counts."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from pydantic import BaseModel, ConfigDict


class ImportedInsight(BaseModel):
    """An insight that a transcript gave."""

    model_config = ConfigDict(frozen=True)
    insight_id: str
    kind: str
    text: str
    time: datetime | None


class ImportedSession(BaseModel):
    """A session that a line of a transcript became; `source_id` is the tool's own id.

    `skipped` counts what was left out, by kind, and the secrets that were redacted.
    """

    model_config = ConfigDict(frozen=True)
    source_id: str | None
    session_id: str
    parent_source_id: str | None
    kind: str
    task: str | None
    result: str | None
    insights: tuple[ImportedInsight, ...]
    skipped: dict[str, int]


class Tally:
    """Counts over a whole import, for its summary."""

    def __init__(self) -> None:
        self.sources = 0
        self.sessions: Counter[str] = Counter()
        self.insights: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.redacted: Counter[str] = Counter()
        self.broken: list[str] = []
        self.appended = 0
        self.known = 0
