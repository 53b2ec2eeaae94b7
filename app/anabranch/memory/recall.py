"""Recall: wait for the projections, then rank."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Required, TypedDict, TypeVar, Unpack

from pydantic import BaseModel, ValidationError

from anabranch.errors import ScopeNeedsSession
from anabranch.memory.reads.conflicts import with_conflicts
from anabranch.memory.spread import checked_steps, spread_from
from anabranch.past.as_of import position_of
from anabranch_events import input_invalid, new_id
from anabranch_events.errors import InputInvalid
from anabranch_recall import Filters, Hit, Question, Recollection, Scope
from anabranch_recall.answer import FLOOR
from anabranch_recall.question import QUESTIONS_MAX, TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment
    from anabranch_recall import FilterFields

K: Final = 10
_AROUND_A_SESSION: Final = frozenset(set(Scope) - {Scope.NAMESPACE})
Model = TypeVar("Model", bound=BaseModel)
Number = TypeVar("Number", int, float)


class AskedFields(TypedDict, total=False):
    """The arguments of `recall` beside its query."""

    k: int
    scope: Scope | str | None
    session_id: str | None
    as_of: Moment | None
    after: int | None
    include_retired: bool
    min_similarity: float | None
    wait_s: float | None
    timeout_s: float | None
    spread: int
    filters: FilterFields | None


class AskedOne(AskedFields):
    """A question with its own arguments."""

    query: Required[str]


async def recall(
    namespace: OpenNamespace, query: str, **asked: Unpack[AskedFields]
) -> Recollection:
    """Answer `query` as `Memory.recall` says."""
    [found] = await recall_all(namespace, [query], **asked)
    return found


async def recall_all(
    namespace: OpenNamespace, queries: Sequence[str], **asked: Unpack[AskedFields]
) -> list[Recollection]:
    """Answer several questions as `Memory.recall_all` says, in one pass."""
    checked_queries(queries)
    return await answered(namespace, [{**asked, "query": query} for query in queries])


async def answered(namespace: OpenNamespace, asked: Sequence[AskedOne]) -> list[Recollection]:
    """Answer questions that each have arguments of their own, in one pass, in their order.

    They wait together: for the last position, and for as long, as any of them says.
    """
    for one in asked:
        checked_steps(one.get("spread", 0), least=0)
    await namespace.backend.log.refuse_ended(namespace.name)
    reads = _SharedReads(namespace)
    questions = [await _asked(reads, one) for one in asked]
    after = _most(one.get("after") for one in asked)
    timeout_s = _most(one.timeout_s for one in questions) or TIMEOUT_S
    deadline = time.monotonic() + timeout_s
    await namespace.ready(
        after, wait_s=_most(one.get("wait_s") for one in asked), vectors_wait_s=timeout_s / 2
    )
    left_s = max(deadline - time.monotonic(), timeout_s / 2)
    questions = [
        one.model_copy(update={"timeout_s": min(one.timeout_s or TIMEOUT_S, left_s)})
        for one in questions
    ]
    found = await _answers(namespace, questions, after=after)
    found = await with_conflicts(namespace, found, [one.as_of for one in questions])
    spreads = [one.get("spread", 0) for one in asked]
    return [
        (await spread_from(namespace, question, each, steps=steps)).model_copy(
            update={"recall_id": new_id()}
        )
        for question, each, steps in zip(questions, found, spreads, strict=True)
    ]


def _most(given: Iterable[Number | None]) -> Number | None:
    return max((each for each in given if each is not None), default=None)


def checked_queries(queries: Sequence[str]) -> None:
    """Raise InputInvalid where there are no questions, or too many."""
    if isinstance(queries, str) or not 0 < len(queries) <= QUESTIONS_MAX:
        raise InputInvalid(
            f"queries: give 1 to {QUESTIONS_MAX} questions as a list",
            field="queries",
            fix="ask in several calls",
        )


class _SharedReads:
    """Reads that several questions have in common: each is made once."""

    def __init__(self, namespace: OpenNamespace) -> None:
        self.namespace = namespace
        self._stored_at: dict[int, datetime | None] = {}
        self._sessions: set[str] = set()

    async def stored_at(self, position: int) -> datetime | None:
        """Return the log's own time of a position: no producer's clock moves what was known."""
        if position not in self._stored_at:
            recorded = await self.namespace.backend.log.at(position)
            self._stored_at[position] = None if recorded is None else recorded.stored_at
        return self._stored_at[position]

    async def check_session(self, session_id: str) -> None:
        """Raise SessionNotFound where there is no such session."""
        if session_id not in self._sessions:
            await self.namespace.sessions.state(session_id)
            self._sessions.add(session_id)


async def _asked(reads: _SharedReads, asked: AskedOne) -> Question:
    """Return a question that may be answered. Raises what `Memory.recall` raises."""
    namespace = reads.namespace
    query, session_id, scope = asked["query"], asked.get("session_id"), asked.get("scope")
    if not isinstance(query, str) or not query.strip():  # pyright: ignore[reportUnnecessaryIsInstance]  # Types are not checked everywhere.
        raise InputInvalid("query: there is no text in it", field="query", fix="ask something")
    if scope is None:
        scope = Scope.NAMESPACE if session_id is None else Scope.LINEAGE
    chosen = _checked(Filters, **(asked.get("filters") or {}))
    as_of = asked.get("as_of")
    position = None if as_of is None else await position_of(namespace.backend, as_of)
    question = _question(
        text=query,
        namespace=namespace.name,
        k=asked.get("k", K),
        scope=scope,
        session_id=session_id,
        as_of=position,
        asked_at=None if position is None else await reads.stored_at(position),
        include_retired=asked.get("include_retired", False),
        filters=chosen,
        min_similarity=asked.get("min_similarity"),
        timeout_s=asked.get("timeout_s"),
        floor=FLOOR,
        evidence_prior=namespace.backend.settings.evidence_prior,
    )
    if session_id is not None:
        await reads.check_session(session_id)
    return question


class BranchRecall:
    """Recall for the branches of a thought.

    In the scope `namespace` it waits for nothing; in another one, until the graph has the branch.
    """

    def __init__(self, namespace: OpenNamespace) -> None:
        self._namespace = namespace

    async def __call__(
        self, text: str, /, *, session_id: str, k: int, scope: Scope = Scope.NAMESPACE
    ) -> Sequence[Hit]:
        """Return at most `k` hits, the best first. Raises WaitTimedOut."""
        namespace = self._namespace
        question = _question(
            text=text,
            namespace=namespace.name,
            k=k,
            session_id=session_id,
            scope=scope,
            evidence_prior=namespace.backend.settings.evidence_prior,
        )
        after = None
        if scope is not Scope.NAMESPACE:
            after = (await namespace.sessions.state(session_id)).position
            await namespace.ready(after)
        [found] = await _answers(namespace, [question], after=after)
        return found.hits


async def _answers(
    namespace: OpenNamespace, questions: Sequence[Question], *, after: int | None = None
) -> list[Recollection]:
    backend = namespace.backend
    knowing = max(backend.seen if after is None else after, *(one.as_of or 0 for one in questions))

    async def ask() -> list[Recollection]:
        return await backend.recall(questions, knowing=knowing)

    return await backend.servers.patiently(ask)


def _question(**values: object) -> Question:
    """Make a question. Raises InputInvalid naming the field that breaks a rule."""
    scope = values.get("scope", Scope.NAMESPACE)
    if scope in _AROUND_A_SESSION and values.get("session_id") is None:
        raise ScopeNeedsSession(str(scope))
    return _checked(Question, **values)


def _checked(model: type[Model], /, **values: object) -> Model:
    """Make a model of `values`. Raises InputInvalid naming the field that breaks a rule."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise input_invalid(error, known=model.model_fields) from error
