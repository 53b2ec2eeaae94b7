"""Consolidation of a thought, a session, an entity or a period: one text that cites insights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anabranch.memory.reads.conflicts import open_conflicts
from anabranch.memory.reads.links import reached_for
from anabranch.memory.reads.sessions import session_tree
from anabranch.memory.recall import BranchRecall
from anabranch.memory.thinking.think import executor_access
from anabranch.past.as_of import position_of, positions_of
from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import Insight
from anabranch_thinking.errors import NothingLearned

if TYPE_CHECKING:
    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment
    from anabranch.settings import Settings
    from anabranch_thinking import Consolidation
    from anabranch_thinking.consolidation.abstractive import Writer
    from anabranch_thinking.consolidation.points import Point

_OF_POINTS: Final = ("insight_id", "text", "subject", "confidence", "entities", "sources")
_READ_MAX: Final = 2000
_ASKED_AT_ONCE: Final = 500


async def consolidate(
    namespace: OpenNamespace, root_id: str, *, agent: str | None = None
) -> Consolidation:
    """Consolidate a thought as `Memory.consolidate` says, in the name of `agent`."""
    from anabranch_thinking import consolidate_thought  # It imports numpy.

    tree = await session_tree(namespace, root_id)
    return await consolidate_thought(
        namespace.sessions_of(agent),
        tree[0].root_id,
        session_ids=[view.session_id for view in tree if view.parent_id],
        embedder=namespace.backend.embedder,
        recall=BranchRecall(namespace),
        writer=_writer(namespace.backend.settings),
    )


def _writer(settings: Settings) -> Writer | None:
    """Return the chat model that writes syntheses, where the settings name one."""
    if settings.synthesis_model is None:
        return None
    from anabranch_thinking.consolidation.abstractive import Writer
    from anabranch_thinking.work.allowed import chat_at

    model = chat_at(
        settings.synthesis_model,
        access=executor_access(settings),
        tokens_max=settings.synthesis_tokens_max,
    )
    return None if model is None else Writer(model, timeout_s=settings.synthesis_timeout_s)


@dataclass(frozen=True, slots=True)
class _Subject:
    """The subject of a synthesis: its name in words and as a key, and which insights it has."""

    words: str
    key: str
    session_id: str | None = None
    name: str | None = None
    after: int = 0
    until: int | None = None


async def synthesise(
    namespace: OpenNamespace,
    *,
    session_id: str | None = None,
    entity: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    agent: str | None = None,
) -> Consolidation:
    """Synthesise a session, an entity or a period as `Memory.synthesise` says."""
    from anabranch_thinking.consolidation.points import Point  # They import numpy.
    from anabranch_thinking.consolidation.subject_synthesis import consolidate_subject
    from anabranch_thinking.settling.chain import own_session

    subject = await _subject(
        namespace, session_id=session_id, entity=entity, since=since, until=until
    )
    end = await reached_for(namespace, None)
    graph = await namespace.backend.graph()
    rows = await graph.read(
        "insights/chosen",
        namespace=namespace.name,
        session_id=subject.session_id,
        name=subject.name,
        after=subject.after,
        until=end if subject.until is None else subject.until,
        limit=_READ_MAX,
    )
    rows.sort(key=lambda row: (row["position"], row["insight_id"]))
    if not rows:
        raise NothingLearned(None, about=subject.words)
    points = [
        Point.of(Insight(**{name: row[name] for name in _OF_POINTS}), session_id=row["session_id"])
        for row in rows
    ]
    return await consolidate_subject(
        namespace.sessions_of(agent),
        own_session(namespace.name, f"synthesis:{subject.key}"),
        points,
        task=subject.words,
        embedder=namespace.backend.embedder,
        opposed=await _opposed(namespace, points, until=end),
        writer=_writer(namespace.backend.settings),
    )


async def _opposed(
    namespace: OpenNamespace, points: list[Point], *, until: int
) -> list[tuple[str, str]]:
    """Return the pairs of insights between which a conflict is open."""
    ids = [one.insight_id for one in points]
    found: list[tuple[str, str]] = []
    for start in range(0, len(ids), _ASKED_AT_ONCE):
        some = await open_conflicts(namespace, ids[start : start + _ASKED_AT_ONCE], until=until)
        found += [(one, each.insight_id) for one, others in some.items() for each in others]
    return found


async def _subject(
    namespace: OpenNamespace,
    *,
    session_id: str | None,
    entity: str | None,
    since: Moment | None,
    until: Moment | None,
) -> _Subject:
    """Return the one subject that is given. Raises InputInvalid for none or several."""
    period = since is not None or until is not None
    if [session_id is not None, entity is not None, period].count(True) != 1:
        raise InputInvalid(
            "session_id, entity, since: give one of them: a synthesis is about one subject",
            field="session_id",
            fix="give a session, an entity, or a period by since and until",
        )
    if session_id is not None:
        state = await namespace.sessions.state(session_id)
        key = f"session:{state.session_id}"
        return _Subject(f"the session {state.session_id}", key, session_id=state.session_id)
    if entity is not None:
        name = " ".join(entity.split())
        if not name:
            raise InputInvalid("entity: is empty", field="entity", fix="name who or what it is")
        return _Subject(name, f"entity:{name.lower()}", name=name.lower())
    backend = namespace.backend
    begin = 0 if since is None else since
    if until is None:
        after, last = await position_of(backend, begin, field="since"), None
    else:
        after, last = await positions_of(backend, begin, until, fields=("since", "until"))
    words = f"the time from {since or 'the beginning'} to {until or 'now'}"
    return _Subject(words, f"period:{after}:{last or ''}", after=after, until=last)
