"""What a memory answers to a question, and what must be known before it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from anabranch.errors import ScopeNeedsSession
from anabranch.memory.reads import Reading
from anabranch.past.as_of import position_of
from anabranch_events import input_invalid
from anabranch_recall import Hit, Question, Recollection, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.past.as_of import Moment

_AROUND_A_SESSION: Final = frozenset(set(Scope) - {Scope.NAMESPACE})
_VECTORS_WAIT_S: Final = 5.0
_VECTORS_BEHIND_MAX: Final = 512


class Asking(Reading):
    """Recall in one namespace."""

    async def recall(
        self,
        text: str,
        *,
        k: int = 10,
        scope: Scope | str = Scope.NAMESPACE,
        session_id: str | None = None,
        as_of: Moment | None = None,
        after: int | None = None,
        include_retired: bool = False,
        wait_s: float | None = None,
    ) -> Recollection:
        """Ask memory a question; return ranked insights, each with the reason why.

        `as_of` asks what was known at a position, or a time. With `after` the answer waits, for at
        most `wait_s`, until the graph has reached that position, and raises WaitTimedOut if it
        does not; without, it waits for what this memory has seen, and answers in any case.
        Raises InputInvalid, ScopeNeedsSession, SessionNotFound and PositionFromFuture.
        """
        async with self.connection.explained():
            position = None if as_of is None else await position_of(self.connection, as_of)
            question = _question(
                text=text,
                namespace=self.namespace,
                k=k,
                scope=scope,
                session_id=session_id,
                as_of=position,
                include_retired=include_retired,
            )
            if session_id is not None:
                await self.sessions.state(session_id)
            await self.ready(
                after, self.connection.settings.wait_timeout_s if wait_s is None else wait_s
            )
            return await self._answered(question)

    async def asked(self, text: str, *, session_id: str, k: int) -> Sequence[Hit]:
        """Answer a branch: it waits for nothing, what its thought began with is in the graph."""
        question = _question(text=text, namespace=self.namespace, k=k, session_id=session_id)
        return (await self._answered(question)).hits

    async def _answered(self, question: Question) -> Recollection:
        return await (await self.connection.ranker()).recall(question)

    async def ready(self, after: int | None, wait_s: float) -> None:
        """Let the graph, and then the vectors, reach what the answer must know."""
        if after is not None:
            await self.connection.wait_for(after, projection="graph", timeout_s=wait_s)
        else:
            after = self.connection.seen
            await self.connection.reached(after, projection="graph", timeout_s=wait_s)
        vectors = await (await self.connection.graph()).checkpoint("vectors")
        if 0 < after - vectors <= _VECTORS_BEHIND_MAX and await self.connection.vectors_follow():
            timeout_s = min(wait_s, _VECTORS_WAIT_S)
            await self.connection.reached(after, projection="vectors", timeout_s=timeout_s)

    async def producers(self, insight_ids: Sequence[str]) -> dict[str, str]:
        """Return the session of each insight that exists, as of what this memory has seen."""
        await self._caught_up()
        graph = await self.connection.graph()
        rows = await graph.read(
            "insights/producers", namespace=self.namespace, ids=list(insight_ids)
        )
        return {row["insight_id"]: row["session_id"] for row in rows}


def _question(**values: object) -> Question:
    """Make a question. Raises InputInvalid naming the field that breaks a rule."""
    scope = values.get("scope", Scope.NAMESPACE)
    if scope in _AROUND_A_SESSION and values.get("session_id") is None:
        raise ScopeNeedsSession(str(scope))
    try:
        return Question.model_validate(values)
    except ValidationError as error:
        raise input_invalid(error) from error
