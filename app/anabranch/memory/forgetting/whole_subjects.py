"""Forgetting of a whole subject, by the events that forget insights and sessions one by one.

It goes batch by batch, and each is whole: its objects go first, then the log has its events. A run
that was killed is run again, and finds what is left.
"""

from __future__ import annotations

from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from anabranch.generations.erasing import finish_forgetting
from anabranch.importers.mirrored import drop_mirrored
from anabranch.memory.forgetting.insights import LISTED_MAX, copies_of, derived_from, not_yet_done
from anabranch.memory.forgetting.mentions import insights_saying, sessions_saying
from anabranch.memory.forgetting.subjects import OF_SESSIONS, Subject, ids_of, some_of, subject_of
from anabranch.views import Remaining, SubjectForgotten
from anabranch_thinking.sessions.insights import REQUESTED, LocatedInsight

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch_events import Receipt
    from anabranch_store import Graph
    from anabranch_thinking import Sessions
    from anabranch_thinking.sessions.receipts import ErasureReceipt

_GRAPH_MAX_S: Final = 300.0
_KINDS: Final = ("consolidations", "associations", "conflicts")


async def forget_subject(
    namespace: OpenNamespace,
    *,
    sessions: Sessions,
    session_id: str | None = None,
    entity: str | None = None,
    producer: str | None = None,
    everywhere: bool = False,
    receipt: str = REQUESTED,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
    wait: bool = True,
) -> SubjectForgotten:
    """Forget a subject as `Memory.forget_all` says, by commands of `sessions`.

    Without `wait` the files of a sealed namespace are erased later, by the owner of the home.
    """

    async def found() -> Subject:
        await _graph_follows(namespace)
        return await subject_of(
            namespace,
            session_id=session_id,
            entity=entity,
            producer=producer,
            everywhere=everywhere,
        )

    return await _forget(
        namespace,
        found,
        sessions=sessions,
        receipt=receipt,
        dry_run=dry_run,
        progress=progress,
        wait=wait,
    )


async def forget_sessions(
    namespace: OpenNamespace, session_ids: Sequence[str], *, receipt: str
) -> SubjectForgotten | None:
    """Forget these sessions as `Memory.forget_all` does one, but none of those below them.

    Those that the log has not are passed over; None where it has none of them. Transcripts stay.
    """
    log = namespace.backend.log
    there = tuple(
        [one for one in session_ids if await log.last_of(one, namespace=namespace.name) is not None]
    )
    if not there:
        return None

    async def found() -> Subject:
        await _graph_follows(namespace)
        return Subject("session", there[0], there, OF_SESSIONS, there)

    return await _forget(
        namespace, found, sessions=namespace.sessions, receipt=receipt, transcripts=False
    )


async def _forget(
    namespace: OpenNamespace,
    found: Callable[[], Awaitable[Subject]],
    *,
    sessions: Sessions,
    receipt: str,
    dry_run: bool = False,
    transcripts: bool = True,
    progress: Callable[[int], None] | None = None,
    wait: bool = True,
) -> SubjectForgotten:
    subject = await found()
    graph = await namespace.backend.graph()
    forgetting = _Forgetting(namespace, sessions, graph, receipt=receipt, dry_run=dry_run)
    while await forgetting.stop(subject.sessions):
        subject = await found()  # Until it was stopped it went on learning, and forking.
        if subject.kind != "session":
            break  # A producer may begin sessions for ever.
    async with aclosing(subject.insights(namespace)) as batches:
        async for rows in batches:
            await forgetting.insights(rows)
            if progress is not None:
                progress(len(forgetting.known))
    remaining = await forgetting.remaining(subject)
    if transcripts and not dry_run:
        await drop_mirrored(namespace.backend.log, namespace.name, subject.sessions)
    await forgetting.sessions(subject.sessions)
    backend = namespace.backend
    sealed = namespace.name in await backend.log.sealed_namespaces()
    erasure = None if dry_run else await finish_forgetting(backend, namespace.name, wait=wait)
    return forgetting.result(subject, remaining, log_keeps=not sealed, erasure=erasure)


async def _graph_follows(namespace: OpenNamespace) -> None:
    """Wait until the graph has all that is in the log by now."""
    backend = namespace.backend
    last = (await backend.log.bounds()).last
    await backend.wait_for(last, projection="graph", timeout_s=_GRAPH_MAX_S)


class _Forgetting:
    """A run over one subject: what it has forgotten by now, or would have."""

    def __init__(
        self,
        namespace: OpenNamespace,
        sessions: Sessions,
        graph: Graph,
        *,
        receipt: str,
        dry_run: bool,
    ) -> None:
        self._namespace = namespace
        self._sessions = sessions
        self._graph = graph
        self._receipt = receipt
        self._dry_run = dry_run
        self.known: dict[str, None] = {}
        self._own = 0
        self._silenced: dict[str, None] = {}
        self._words: dict[str, dict[object, None]] = {kind: {} for kind in _KINDS}
        self._results: dict[str, None] = {}
        self._objects: set[str] = set()
        self._sums: Counter[str] = Counter()
        self._position: int | None = None

    async def stop(self, session_ids: Sequence[str]) -> bool:
        """Cancel the sessions that still go on: nobody learns anything in them any more.

        Tells whether there were any.
        """
        stopped = False
        if not self._dry_run:
            for some in some_of(session_ids):
                for ended in await self._sessions.cancel_all(some, self._receipt):
                    self._stored(ended)
                    stopped = True
        return stopped

    async def insights(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Forget insights, and with them what is derived from them."""
        rows = [row for row in rows if row["insight_id"] not in self.known]
        name = self._namespace.name
        derived = await derived_from(self._graph, ids_of(rows), namespace=name)
        derived = [row for row in derived if row["insight_id"] not in self.known]
        ids = [*ids_of(rows), *ids_of(derived)]
        copies = await copies_of(self._graph, ids, namespace=name)
        self.known.update(dict.fromkeys(ids))
        self._own += len(rows)
        for kind in _KINDS:
            self._words[kind].update(dict.fromkeys(map(str, copies[kind])))
        self._results.update(dict.fromkeys(copies["sessions"]))
        await self._drop_objects({each for row in rows for each in row["objects"]}, ids)
        if not self._dry_run:
            located = [
                *(
                    LocatedInsight(one["insight_id"], one["session_id"], one["root_id"])
                    for one in rows
                ),
                *not_yet_done(derived),
            ]
            self._stored(await self._sessions.forget_all(located, receipt=self._receipt))

    async def sessions(self, session_ids: Sequence[str]) -> None:
        """Forget what the sessions said themselves."""
        for some in some_of(session_ids):
            rows = await self._graph.read("sessions/said", namespace=self._namespace.name, ids=some)
            left = {row["id"]: row["root_id"] or row["id"] for row in rows if not row["forgotten"]}
            for row in rows:
                self._sums["notes"] += row["notes"]
                self._words["consolidations"].update(dict.fromkeys(row["consolidations"]))
                if row["result"]:
                    self._results[row["id"]] = None
            self._silenced.update(dict.fromkeys(left))
            if not self._dry_run:
                self._stored(await self._sessions.forget_sessions(left, receipt=self._receipt))

    async def _drop_objects(self, names: set[str], ids: Sequence[str]) -> None:
        """Remove the whole texts of insights from the object store, but for those others have."""
        if not names:
            return
        if self._namespace.name in await self._namespace.backend.log.sealed_namespaces():
            return  # Objects there hold what events hold: nothing can be read without the keys.
        rows = await self._graph.read(
            "insights/holding_objects", objects=sorted(names), ids=[*self.known, *ids]
        )
        names -= {row["name"] for row in rows}
        self._objects |= names
        if not self._dry_run:
            await self._namespace.backend.log.drop_objects(sorted(names))

    async def remaining(self, subject: Subject) -> Remaining | None:
        """Return what has the name of an entity and does not go; None for other subjects.

        The graph need not know yet what went: it is left out by its id.
        """
        if subject.kind != "entity":
            return None
        if subject.everywhere:  # All that says it goes, and was looked for by its words.
            return Remaining(insights=(), sessions=(), sums={"insights": 0, "sessions": 0})
        insights: dict[str, None] = {}
        async with aclosing(insights_saying(self._namespace, subject.name)) as batches:
            async for rows in batches:
                insights.update(dict.fromkeys(one for one in ids_of(rows) if one not in self.known))
        saying = await sessions_saying(
            self._namespace,
            subject.name,
            results_going=self._results,
            consolidations_going={str(one) for one in self._words["consolidations"]},
        )
        sessions = [one for one in saying if one not in subject.sessions]
        return Remaining(
            insights=tuple(insights)[:LISTED_MAX],
            sessions=tuple(sessions)[:LISTED_MAX],
            sums={"insights": len(insights), "sessions": len(sessions)},
        )

    def _stored(self, receipt: Receipt | None) -> None:
        if receipt is not None:
            self._position = max(self._position or 0, receipt.position)

    def result(
        self,
        subject: Subject,
        remaining: Remaining | None,
        *,
        log_keeps: bool,
        erasure: ErasureReceipt | None,
    ) -> SubjectForgotten:
        """Return what was forgotten, or would be."""
        return SubjectForgotten(
            subject=subject.kind,
            name=subject.name,
            dry_run=self._dry_run,
            position=self._position,
            log_keeps=log_keeps,
            insights=tuple(self.known)[:LISTED_MAX],
            sessions=tuple(self._silenced)[:LISTED_MAX],
            consolidations=tuple(map(str, self._words["consolidations"]))[:LISTED_MAX],
            sums={
                "insights": self._own,
                "derived": len(self.known) - self._own,
                "sessions": len(self._silenced),
                "results": len(self._results),
                **{kind: len(self._words[kind]) for kind in _KINDS},
                "notes": self._sums["notes"],
                "objects": len(self._objects),
            },
            remaining=remaining,
            erasure=erasure,
        )
