"""Recall: wait for the projections, then rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import BaseModel, ValidationError

from anabranch.errors import ScopeNeedsSession
from anabranch.past.as_of import position_of
from anabranch_events import input_invalid, new_id
from anabranch_events.errors import InputInvalid
from anabranch_recall import Filters, Hit, Question, Recollection, Scope
from anabranch_recall.answer import FLOOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment
    from anabranch_recall import FilterFields

_AROUND_A_SESSION: Final = frozenset(set(Scope) - {Scope.NAMESPACE})
Model = TypeVar("Model", bound=BaseModel)


async def recall(
    namespace: OpenNamespace,
    query: str,
    *,
    k: int = 10,
    scope: Scope | str | None = None,
    session_id: str | None = None,
    as_of: Moment | None = None,
    after: int | None = None,
    include_retired: bool = False,
    min_similarity: float | None = None,
    wait_s: float | None = None,
    filters: FilterFields | None = None,
) -> Recollection:
    """Answer `query` as `Memory.recall` says."""
    if not isinstance(query, str) or not query.strip():  # pyright: ignore[reportUnnecessaryIsInstance]  # Types are not checked everywhere.
        raise InputInvalid("query: there is no text in it", field="query", fix="ask something")
    if scope is None:
        scope = Scope.NAMESPACE if session_id is None else Scope.LINEAGE
    chosen = _checked(Filters, **(filters or {}))
    position = None if as_of is None else await position_of(namespace.backend, as_of)
    question = _question(
        text=query,
        namespace=namespace.name,
        k=k,
        scope=scope,
        session_id=session_id,
        as_of=position,
        asked_at=None if position is None else await _stored_at(namespace, position),
        include_retired=include_retired,
        filters=chosen,
        min_similarity=min_similarity,
        floor=FLOOR,
    )
    if session_id is not None:
        await namespace.sessions.state(session_id)
    await namespace.ready(after, wait_s=wait_s)
    found = await _answer(namespace, question, after=after)
    return found.model_copy(update={"recall_id": new_id()})


async def _stored_at(namespace: OpenNamespace, position: int) -> datetime | None:
    """Return the log's own time of a position: no producer's clock moves what was known then."""
    recorded = await namespace.backend.log.at(position)
    return None if recorded is None else recorded.stored_at


class BranchRecall:
    """Recall for the branches of a thought: it waits for nothing, their fork is in the graph."""

    def __init__(self, namespace: OpenNamespace) -> None:
        self._namespace = namespace

    async def __call__(self, text: str, /, *, session_id: str, k: int) -> Sequence[Hit]:
        """Return at most `k` hits, the best first."""
        namespace = self._namespace
        question = _question(text=text, namespace=namespace.name, k=k, session_id=session_id)
        return (await _answer(namespace, question)).hits


async def _answer(
    namespace: OpenNamespace, question: Question, *, after: int | None = None
) -> Recollection:
    backend = namespace.backend
    knowing = max(backend.seen if after is None else after, question.as_of or 0)

    async def ask() -> Recollection:
        return await backend.recall(question, knowing=knowing)

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
