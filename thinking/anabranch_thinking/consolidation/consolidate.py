"""Consolidation: a thought's insights become one cited text and associations across sessions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from uuid import UUID, uuid5

from anabranch_events.event.types import (
    AssociationFormed,
    ConsolidationRecorded,
    WorkingMemorySet,
)
from anabranch_recall import Embedder, entities
from anabranch_recall.ends import ends_of
from anabranch_thinking.consolidation.abstractive import Written, busy, key_of, refused, written
from anabranch_thinking.consolidation.links import WeightedLink, find_links
from anabranch_thinking.consolidation.points import Likeness, Point, likeness
from anabranch_thinking.consolidation.synthesis import METHOD, STATEMENTS_MAX, Synthesis, synthesise
from anabranch_thinking.errors import NothingLearned
from anabranch_thinking.sessions.insights import RESERVED, USAGE_NOTE
from anabranch_thinking.sessions.journal import Fact, checked
from anabranch_thinking.sessions.many import Known, states_of
from anabranch_thinking.sessions.state import RecordedConsolidation, SessionState
from anabranch_thinking.thought import Consolidation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from anabranch_thinking.consolidation.abstractive import Writer
    from anabranch_thinking.sessions.recall import Recall
    from anabranch_thinking.sessions.sessions import Sessions

    Effect = Callable[[SessionState, str], Sequence[Fact]]

ASSOCIATIONS_MAX: Final = 900
ASKED_MAX: Final = 12
NEIGHBOURS_MAX: Final = 5
RECALLS_AT_ONCE: Final = 8
HERE_MAX: Final = 16
"""The points that are compared within a millisecond: a thread of its own would take longer."""

NOTE: Final = f"{RESERVED}synthesis"
"""The note in working memory on the last text that a model wrote, or on its answer that is none."""
_IDS: Final = UUID("0f0d7c0c-7a8e-4c55-9e0b-5a0a6b0a1a57")
Computed = TypeVar("Computed")


async def consolidate_thought(
    sessions: Sessions,
    root_id: str,
    *,
    session_ids: Sequence[str],
    embedder: Embedder | None = None,
    recall: Recall | None = None,
    consolidation_id: str | None = None,
    effect: Effect | None = None,
    begun_after: int | None = None,
    known: Known | None = None,
    writer: Writer | None = None,
    root: SessionState | None = None,
) -> Consolidation:
    """Synthesise the insights of a thought's sessions, and link them across sessions.

    The synthesis and the associations are one atomic batch on the root, which may have ended.
    `session_ids` are the thought's sessions in the order in which they were forked. `embedder`
    groups and links by meaning instead of by words; `recall` finds insights outside of the thought
    to link to.

    Run again over the same insights it returns the existing consolidation, and forms only
    associations that are not active. Raises NothingLearned where no insight is left.

    With `effect` the facts that it makes of the root and of the text go into the same batch.
    Where the root has ended, or has the `consolidation_id`, nothing is added. `begun_after` is a
    position after which all the sessions began: it makes the reading quicker. So do sessions that
    are `known`, and a `root` that was read a moment ago. A `writer` has a model write the text;
    it goes without `effect`, so that no join waits for a model.
    """
    vectors: dict[str, list[float]] = {}
    asked: dict[str, Written] = {}

    just_read = [] if root is None else [root]

    async def attempt() -> Consolidation:
        root = just_read.pop() if just_read else await sessions.state(root_id)
        ids = [one for one in dict.fromkeys(session_ids) if one != root.session_id]
        states = await states_of(sessions, ids, begun_after=begun_after, known=known)
        points = _points(root, states)
        if not points:
            raise NothingLearned(root.session_id)
        own = await vectors_of(points, embedder, vectors)
        near, synthesis = await _computed(points, partial(_beside, root, points, own))
        others = await _neighbours(synthesis, recall, root_id=root.session_id)
        theirs = await vectors_of(others, embedder, vectors)
        links = await _computed(
            points,
            partial(
                find_links,
                points,
                others,
                vectors=None if own is None or theirs is None else own + theirs,
                active=root.links,
                near=near,
            ),
        )
        thinkers = tuple(dict.fromkeys(one.session_id for one in points))
        text = await text_of(root, synthesis, writer, embedder=embedder, asked=asked)
        found = Found(thinkers, text, links[:ASSOCIATIONS_MAX])
        return await record(sessions, root, found, consolidation_id=consolidation_id, effect=effect)

    return await sessions.settle(attempt)


async def _computed(points: Sequence[Point], compute: Callable[[], Computed]) -> Computed:
    """Compute something about points; of more than a few not on the loop, which others wait for."""
    return compute() if len(points) <= HERE_MAX else await asyncio.to_thread(compute)


def _beside(
    root: SessionState, points: Sequence[Point], vectors: Sequence[Sequence[float]] | None
) -> tuple[Likeness, Synthesis]:
    """Return points side by side, and their synthesis."""
    near = likeness(points, vectors=vectors)
    made = synthesise(root.task, points, vectors=vectors, root_id=root.session_id, near=near)
    return near, made


def _points(root: SessionState, states: Sequence[SessionState]) -> list[Point]:
    """Return the insights that hold: of the most confident, at most 2,000."""
    ends = [end for state in (root, *states) for end in state.ends]
    retired = ends_of(sorted(ends, key=attrgetter("position")))
    found = [
        Point.of(insight, session_id=state.session_id)
        for state in (root, *states)
        for insight in state.insights
        if insight.insight_id not in retired
    ]
    strongest = sorted(range(len(found)), key=lambda index: -found[index].confidence)
    return [found[index] for index in sorted(strongest[:STATEMENTS_MAX])]


async def _neighbours(synthesis: Synthesis, recall: Recall | None, *, root_id: str) -> list[Point]:
    """Return memory's insights near the strongest groups, without the groups' own."""
    if recall is None:
        return []
    gate = asyncio.Semaphore(RECALLS_AT_ONCE)
    asked = recall

    async def near(text: str) -> list[Point]:
        async with gate:
            hits = await asked(text, session_id=root_id, k=NEIGHBOURS_MAX)
        return [
            Point(
                insight_id=hit.insight_id,
                session_id=hit.session_id,
                text=hit.text,
                entities=frozenset(entities(hit.text)),
            )
            for hit in hits
        ]

    questions = dict.fromkeys(group.lead.text for group in synthesis.groups[:ASKED_MAX])
    answers = await asyncio.gather(*map(near, questions))
    own = set(synthesis.sources)
    found = {hit.insight_id: hit for hits in answers for hit in hits if hit.insight_id not in own}
    return [found[insight_id] for insight_id in sorted(found)]


async def vectors_of(
    points: Sequence[Point], embedder: Embedder | None, known: dict[str, list[float]]
) -> list[list[float]] | None:
    """Return a vector a point, or nothing without an embedder; `known` is filled by text."""
    if embedder is None:
        return None
    texts = [text for text in dict.fromkeys(one.text for one in points) if text not in known]
    if texts:
        known.update(zip(texts, await embedder.embed(texts), strict=True))
    return [known[one.text] for one in points]


async def text_of(
    root: SessionState,
    extractive: Synthesis,
    writer: Writer | None,
    *,
    embedder: Embedder | None,
    asked: dict[str, Written],
    opposed: Sequence[tuple[str, str]] = (),
) -> Written:
    """Return the text for the consolidation of `root`: the extractive one, or what `writer` writes.

    The id of a written text follows from the question and the consolidations before it. So a text
    that stands is found without asking again, also by another process. `asked` keeps the answers of
    one call: overtaken, it asks no second time. An answer without a supported sentence is noted,
    and the same is not asked again. A model that is away is.
    """
    if writer is None:
        return Written(extractive)
    key = key_of(writer, root.task, extractive, opposed)
    number = len(root.consolidation_ids)
    standing = root.consolidation
    if standing and standing.data.consolidation_id == _id_of(root, number - 1, key):
        synthesis = Synthesis(standing.data.text, extractive.groups, standing.data.sources)
        return Written(
            synthesis,
            standing.data.method,
            _dropped(root, standing),
            consolidation_id=standing.data.consolidation_id,
        )
    noted = _noted(root)
    if noted.get("refused") == _refusal_of(root, key):
        said = noted.get("said")
        found = refused(writer, extractive, said if isinstance(said, int) else 0)
        return replace(found, dropped=_counts(noted), refused=None)
    if key not in asked:
        call = partial(written, writer, root.task, extractive, embedder=embedder, opposed=opposed)
        made = await writer.calls.shared(key, call)
        asked[key] = replace(made, question=key) if made else busy(writer, extractive)
    found = asked[key]
    if found.method == METHOD:
        return replace(found, synthesis=extractive)
    return replace(found, consolidation_id=_id_of(root, number, key))


def _id_of(root: SessionState, number: int, key: str) -> str:
    return str(uuid5(_IDS, f"{root.session_id}:{number}:{key}"))


def _refusal_of(root: SessionState, key: str) -> str:
    return str(uuid5(_IDS, f"{root.session_id}:refused:{key}"))


def _noted(root: SessionState) -> Mapping[str, object]:
    noted = root.working_memory.get(NOTE)
    return noted if isinstance(noted, dict) else {}


def _dropped(root: SessionState, standing: RecordedConsolidation) -> dict[str, int]:
    """Return what was noted of the sentences that were dropped when a text was written."""
    noted = _noted(root)
    return _counts(noted) if noted.get("of") == standing.data.consolidation_id else {}


def _counts(noted: Mapping[str, object]) -> dict[str, int]:
    dropped = noted.get("dropped")
    counts = dropped.items() if isinstance(dropped, dict) else ()
    return {reason: count for reason, count in counts if isinstance(count, int)}


class Found(NamedTuple):
    """The content of a consolidation that is to be recorded."""

    thinkers: tuple[str, ...]
    text: Written
    links: Sequence[WeightedLink]


async def record(
    sessions: Sessions,
    root: SessionState,
    found: Found,
    *,
    consolidation_id: str | None = None,
    effect: Effect | None = None,
) -> Consolidation:
    """Record what was found on a session in the state `root`, unless it stands there already.

    Raises PositionConflict.
    """
    standing = root.consolidation
    if standing is not None and not _stands(standing, found, consolidation_id=consolidation_id):
        standing = None
    synthesis = found.text.synthesis
    data = (
        standing.data
        if standing
        else checked(
            ConsolidationRecorded,
            consolidation_id=consolidation_id or found.text.consolidation_id or sessions.new_id(),
            root_id=root.root_id,
            sessions=found.thinkers,
            sources=synthesis.sources,
            text=synthesis.text,
            method=found.text.method,
        )
    )
    closed = effect is not None and (root.ended or consolidation_id in root.consolidation_ids)
    formed = [] if closed else [*map(_formed, found.links)]
    batch = [Fact(root.session_id, fact) for fact in ([] if standing else [data]) + formed]
    batch += [
        Fact(root.session_id, note) for note in _notes(root, found.text, None if standing else data)
    ]
    if closed:
        batch = []
    elif effect is not None:
        batch += effect(root, data.text)
    receipts = (
        await sessions.append(
            batch, root_id=root.root_id, expected={root.session_id: root.position}
        )
        if batch
        else []
    )
    if standing is None:
        event_id = receipts[0].event_id if receipts else ""
        position = receipts[0].position if receipts else root.position
        standing = RecordedConsolidation(event_id, position, data)
    return Consolidation(
        **vars(data),
        event_id=standing.event_id,
        position=receipts[-1].position if receipts else standing.position,
        associations=len(formed),
        dropped=dict(found.text.dropped),
        fallback=found.text.fallback,
    )


def _notes(
    root: SessionState, text: Written, data: ConsolidationRecorded | None
) -> list[WorkingMemorySet]:
    """Return the notes on a text that a model was asked for: the tokens, and what was dropped."""
    notes: dict[str, object] = {}
    if text.usage is not None:
        notes[USAGE_NOTE] = {**text.usage}
    if text.refused is not None and text.question is not None:
        refusal = {"refused": _refusal_of(root, text.question), "said": text.refused}
        notes[NOTE] = {**refusal, "dropped": {**text.dropped}}
    if data is not None and text.method != METHOD:
        notes[NOTE] = {"of": data.consolidation_id, "dropped": {**text.dropped}}
    return [checked(WorkingMemorySet, key=key, value=value) for key, value in notes.items()]


def _formed(one: WeightedLink) -> AssociationFormed:
    return checked(
        AssociationFormed,
        from_id=one.link.from_id,
        to_id=one.link.to_id,
        kind=one.link.kind,
        weight=one.weight,
        reason=one.reason,
    )


def _stands(standing: RecordedConsolidation, found: Found, *, consolidation_id: str | None) -> bool:
    """Tell whether a consolidation is the one that is to be recorded."""
    wanted = consolidation_id or found.text.consolidation_id
    if wanted is not None:
        return standing.data.consolidation_id == wanted
    data, synthesis = standing.data, found.text.synthesis
    return (data.sessions, data.sources, data.text, data.method) == (
        found.thinkers,
        synthesis.sources,
        synthesis.text,
        found.text.method,
    )
