"""Histories that learn: well-formed, with an account of what may be recalled of them."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from anabranch_events.event import types
from anabranch_events.event.types import EventData, Outcome
from anabranch_projections import PositionedEvent, fold
from anabranch_recall import Question, Scope, tokens
from anabranch_recall.text.subject import with_subject
from anabranch_store import Graph, Step
from tests.support.histories import at, consolidation, insight, session

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DIMENSION: Final = 384


class HashingEmbedder:
    """A small embedder for tests: texts that share stems are near, and nothing has to be loaded."""

    model = "hashing"
    dimension = DIMENSION

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text: the sum of one random direction for each stem."""
        return [_direction(text) for text in texts]


def _direction(text: str) -> list[float]:
    total = [0.0] * DIMENSION
    for stem in tokens(text)[:64] or [""]:
        chance = random.Random(hashlib.sha256(stem.encode()).digest())  # noqa: S311 - repeatable.
        total = [number + chance.gauss(0, 1) for number in total]
    length = sum(number * number for number in total) ** 0.5
    return [number / length for number in total]


async def learn(graph: Graph, events: Sequence[PositionedEvent], *, vectors: bool = True) -> None:
    """Write `events` into `graph` with the checkpoints both projections would have there."""
    position = events[-1].position if events else 0
    rows = [
        {
            "namespace": each.namespace,
            "id": each.event.data.insight_id,
            "recorded": each.position,
            "embedding": _direction(with_subject(each.event.data.text, each.event.data.subject)),
        }
        for each in events
        if isinstance(each.event.data, types.InsightRecorded)
    ]
    steps = fold(events)
    if vectors:
        steps.append(
            Step("projection/set_embeddings", {"rows": rows, "model": HashingEmbedder.model})
        )
    for projection in ("graph", "vectors") if vectors else ("graph",):
        expected = await graph.checkpoint(projection)
        moved = {"projection": projection, "expected": expected, "position": position}
        steps.append(
            Step("projection/move_checkpoint", {**moved, "time": "2026-11-23T00:00:00+00:00"})
        )
    await graph.write(steps)


@dataclass
class Known:
    """What the account knows of an insight."""

    namespace: str
    session_id: str
    recorded: int
    forgotten: bool = False


@dataclass(frozen=True)
class Ending:
    """An end as the account knows it: its session, its place, and the insight in whose favour."""

    position: int
    session_id: str
    insight_id: str
    by: str | None
    forgotten: bool = False


def read_ends(endings: Iterable[Ending]) -> dict[str, int]:
    """Read ends one after another, and look after each at all insights anew."""
    over: dict[str, list[str]] = {}
    final: dict[str, bool] = {}
    ended: dict[str, int] = {}

    def held_down(insight_id: str) -> bool:
        return any(
            not final.get(newer, False) or held_down(newer) for newer in over.get(insight_id, ())
        )

    for ending in endings:
        if ending.by is None:
            final.setdefault(ending.insight_id, not ending.forgotten)
        elif ending.by not in ended and ending.insight_id not in final:
            over.setdefault(ending.insight_id, []).append(ending.by)
        over.setdefault(ending.insight_id, [])
        for insight_id in over:
            if insight_id in final or held_down(insight_id):
                ended.setdefault(insight_id, ending.position)
            else:
                ended.pop(insight_id, None)
    return ended


@dataclass
class Line:
    """What the account knows of a session."""

    namespace: str
    opened: int
    root_id: str
    parent_id: str | None = None
    forked_at: int = 0
    depth: int = 0
    joined: list[int] = field(default_factory=list[int])


@dataclass
class Account:
    """A history in the making, and what each question to it may answer with."""

    events: list[PositionedEvent] = field(default_factory=list[PositionedEvent])
    lines: dict[str, Line] = field(default_factory=dict[str, Line])
    insights: dict[str, Known] = field(default_factory=dict[str, Known])
    endings: list[Ending] = field(default_factory=list[Ending])

    @property
    def position(self) -> int:
        """The last position."""
        return len(self.events)

    def open(self, namespace: str = "default") -> str:
        """Open a root session."""
        session_id = session(len(self.lines) + 1)
        self._say(types.SessionOpened(task="Root"), session_id, namespace)
        self.lines[session_id] = Line(namespace, self.position, session_id)
        return session_id

    def branch(self, parent_id: str, *, forked_at: int | None = None) -> str:
        """Fork a session, by default at the last position."""
        parent = self.lines[parent_id]
        session_id = session(len(self.lines) + 1)
        forked_at = self.position if forked_at is None else forked_at
        created = types.BranchCreated(
            parent_id=parent_id,
            root_id=parent.root_id,
            forked_at=forked_at,
            depth=parent.depth + 1,
            task="Branch",
        )
        self._say(created, session_id, parent.namespace)
        self.lines[session_id] = Line(
            parent.namespace, self.position, parent.root_id, parent_id, forked_at, parent.depth + 1
        )
        return session_id

    def remember(self, session_id: str, text: str, *, entities: tuple[str, ...] = ()) -> str:
        """Record an insight in a session."""
        insight_id = insight(len(self.insights) + 1)
        namespace = self.lines[session_id].namespace
        self._say(
            types.InsightRecorded(insight_id=insight_id, text=text, entities=entities),
            session_id,
            namespace,
        )
        self.insights[insight_id] = Known(namespace, session_id, self.position)
        return insight_id

    def retract(self, insight_id: str, *, session_id: str | None = None) -> None:
        """Retract an insight, by default in its own session."""
        data = types.InsightRetracted(insight_id=insight_id, reason="wrong")
        self._end(data, insight_id, session_id=session_id)

    def supersede(self, insight_id: str, by: str, *, session_id: str | None = None) -> None:
        """Put another insight in the place of one, by default in the session of the older."""
        data = types.InsightSuperseded(insight_id=insight_id, by=by)
        self._end(data, insight_id, by=by, session_id=session_id)

    def forget(self, insight_id: str) -> None:
        """Erase an insight."""
        data = types.InsightForgotten(insight_id=insight_id, receipt="R")
        self._end(data, insight_id)
        self.insights[insight_id].forgotten = True

    def join(self, session_id: str) -> None:
        """Join a branch into its parent: a consolidation of the parent takes it in."""
        line = self.lines[session_id]
        into = line.parent_id or session_id
        data = types.ConsolidationRecorded(
            consolidation_id=consolidation(self.position + 1),
            root_id=line.root_id,
            sessions=(session_id,),
            sources=(),
            text="Joined",
            method="extractive",
        )
        self._say(data, into, line.namespace)
        line.joined.append(self.position)

    def associate(self, one: str, other: str, *, weight: float = 0.5) -> None:
        """Link two insights."""
        self.about(
            types.AssociationFormed(from_id=one, to_id=other, kind="supports", weight=weight), one
        )

    def cite(self, *insight_ids: str, outcome: Outcome = Outcome.USED) -> None:
        """Say that insights were used."""
        self.about(types.InsightCited(insight_ids=insight_ids, outcome=outcome), insight_ids[0])

    def about(self, data: EventData, insight_id: str) -> None:
        """Append an event to the session of an insight."""
        known = self.insights[insight_id]
        self._say(data, known.session_id, known.namespace)

    def eligible(self, question: Question) -> set[str]:
        """Return the insights that may answer `question`, by the words of the design."""
        until = self.position if question.as_of is None else question.as_of
        return {
            insight_id
            for insight_id, known in self.insights.items()
            if known.namespace == question.namespace
            and known.recorded <= until
            and not known.forgotten
            and (question.include_retired or insight_id not in self.ended(question))
            and self._in_scope(known, question, until)
        }

    def ended(self, question: Question) -> dict[str, int]:
        """Return what has ended for one who asks `question`, and where: by the events it sees."""
        until = self.position if question.as_of is None else question.as_of
        seen = [
            ending
            for ending in self.endings
            if self.insights[ending.insight_id].namespace == question.namespace
            and self._sees(ending, question, until)
        ]
        return read_ends(seen)

    def _sees(self, ending: Ending, question: Question, until: int) -> bool:
        if ending.position > until:
            return False
        if question.scope is Scope.NAMESPACE:
            return True
        reader = self.lines.get(question.session_id or "")
        if reader is None:
            return False
        if question.scope is Scope.THOUGHT:
            return self.lines[ending.session_id].root_id == reader.root_id
        return self._reached(ending.session_id, ending.position, question, until)

    def _reached(self, session_id: str, position: int, question: Question, until: int) -> bool:
        """Tell whether an event came to a line: by itself, or with a branch that was joined."""
        if self._on_the_way(session_id, position, question, until):
            return True
        line = self.lines[session_id]
        return line.parent_id is not None and any(
            position < joined and self._reached(line.parent_id, joined, question, until)
            for joined in line.joined
        )

    def _on_the_way(self, session_id: str, position: int, question: Question, until: int) -> bool:
        here, visible_to = question.session_id, until
        while here is not None:
            if here == session_id:
                return position <= visible_to
            visible_to = min(visible_to, self.lines[here].forked_at)
            here = self.lines[here].parent_id
        return False

    def _in_scope(self, known: Known, question: Question, until: int) -> bool:
        if question.scope is Scope.NAMESPACE:
            return True
        line = self.lines.get(question.session_id or "")
        if line is None or line.opened > until or line.namespace != question.namespace:
            return False
        if question.scope is Scope.SESSION:
            return known.session_id == question.session_id
        if question.scope is Scope.THOUGHT:
            return self.lines[known.session_id].root_id == line.root_id
        return self._on_the_way(known.session_id, known.recorded, question, until)

    def _end(
        self,
        data: EventData,
        insight_id: str,
        *,
        by: str | None = None,
        session_id: str | None = None,
    ) -> None:
        known = self.insights[insight_id]
        session_id = session_id or known.session_id
        self._say(data, session_id, known.namespace)
        forgotten = isinstance(data, types.InsightForgotten)
        self.endings.append(Ending(self.position, session_id, insight_id, by, forgotten))

    def _say(self, data: EventData, session_id: str, namespace: str) -> None:
        self.events.append(at(self.position + 1, data, of=session_id, namespace=namespace))
