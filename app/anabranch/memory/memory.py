"""A memory, open for work: sessions branch and learn, recall answers, the log is replayed."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self, Unpack

from anabranch.backend.backend import Backend
from anabranch.errors import MemoryNotOpen
from anabranch.generations.erasing import erasing_files
from anabranch.generations.status import status
from anabranch.memory.consolidation import consolidate, synthesise
from anabranch.memory.context import context
from anabranch.memory.cypher import cypher
from anabranch.memory.earlier import earlier
from anabranch.memory.forgetting.insights import forget_insight
from anabranch.memory.forgetting.retention import MemoryRetention
from anabranch.memory.forgetting.whole_subjects import forget_subject
from anabranch.memory.graph import MemoryGraph
from anabranch.memory.namespaces import OpenNamespace
from anabranch.memory.past import MemoryPast
from anabranch.memory.reads.conflicts import resolve_conflict, show_conflict
from anabranch.memory.reads.insights import get_insight, update_insight
from anabranch.memory.reads.links import list_conflicts
from anabranch.memory.reads.profiles import about
from anabranch.memory.reads.sessions import list_sessions, session_tree, show_session
from anabranch.memory.recall import recall, recall_all
from anabranch.memory.session import Session, session_of
from anabranch.memory.settling import settle
from anabranch.memory.spread import associations
from anabranch.memory.thinking.think import checked_over, think_locally, think_over_workers
from anabranch.memory.thinking.work import MemoryWork
from anabranch.memory.transfer import MemoryTransfer
from anabranch.past.replay import follow, replay
from anabranch.settings import Settings
from anabranch_events.event.types import Outcome, Priority
from anabranch_recall.context import INSIGHTS, TOKENS
from anabranch_recall.question import ASSOCIATED_MAX
from anabranch_thinking.sessions.insights import RELATED, REQUESTED
from anabranch_thinking.thoughts.think import CONCURRENCY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from anabranch.memory.reads.conflicts import ConflictDetails
    from anabranch.memory.reads.links import ConflictView
    from anabranch.memory.reads.profiles import Profile
    from anabranch.memory.settling import SettledMemory
    from anabranch.memory.thinking.think import Over, ThinkOptions
    from anabranch.past.as_of import Moment
    from anabranch.views import InsightDetails, SessionView, Status, SubjectForgotten
    from anabranch_events import Event, Recorded
    from anabranch_recall import Associated, FilterFields, RecalledContext, Recollection, Scope
    from anabranch_store import QueryResult
    from anabranch_thinking import (
        BranchTask,
        Consolidation,
        EventListener,
        Executor,
        ForgetReceipt,
        InsightDraft,
        InsightFields,
        InsightReceipt,
        InsightsReceipt,
        SessionReceipt,
        Sessions,
        Thought,
        Work,
    )


class Memory:
    """Memory for sessions that branch; make it by `open`, use it within `async with`.

    Reads see what this memory has written before, and what was in the log when it was opened. Its
    parts are `graph`, `past`, `retention`, `transfer` and `work`.

    Where no block fits, `await Memory.open(...)` opens it too, and `await memory.close()` closes
    it.
    """

    settings: Settings

    def __init__(self, settings: Settings, *, command: str = "memory") -> None:
        self.settings = settings
        self._command = command
        self._opened: OpenNamespace | None = None

    def __repr__(self) -> str:
        """Return where it works, and whether it is open; settings hold secrets and stay out."""
        state = "not open" if self._opened is None else "open"
        return f"<Memory {self.namespace!r} in {str(self.settings.home)!r}, {state}>"

    @classmethod
    def open(
        cls,
        home: Path | str | None = None,
        *,
        namespace: str | None = None,
        agent: str | None = None,
        settings: Settings | None = None,
    ) -> Self:
        """Return the memory in the folder `home`; what is not given, the settings say.

        Opening it starts its servers or joins those that run. Raises InputInvalid; opening raises
        HomeUnwritable, HomeFull, HomeBusy, HomeMismatched and what the servers raise.
        """
        base = Settings.read() if settings is None else settings
        return cls(base.changed(home=home, namespace=namespace, agent=agent))

    async def __aenter__(self) -> Self:
        if self._opened is None:
            async with AsyncExitStack() as stack:
                backend = Backend(self.settings, command=self._command)
                await stack.enter_async_context(backend)
                await backend.enter(erasing_files(backend))
                self._opened = OpenNamespace(backend, self.namespace)
                stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Self]:
        return self.__aenter__().__await__()

    async def close(self) -> None:
        """Close the memory, and end the servers that it started; closing it again does nothing."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    @property
    def namespace(self) -> str:
        """The namespace that it writes to and reads from, for as long as it lives."""
        return self.settings.namespace

    @property
    def sessions(self) -> Sessions:
        """The commands on sessions and insights, one by one: also those without a method here."""
        return self._namespace.sessions

    @property
    def graph(self) -> MemoryGraph:
        """The graph: its digest, its generations, its dead letters, and building it again."""
        return MemoryGraph(self._namespace)

    @property
    def past(self) -> MemoryPast:
        """Earlier moments: positions, the life of one thing, and the change in between."""
        return MemoryPast(self._namespace)

    @property
    def retention(self) -> MemoryRetention:
        """Retention of insights: the policy, and the end of those that outlived it."""
        return MemoryRetention(self._namespace)

    @property
    def transfer(self) -> MemoryTransfer:
        """Events out of this memory and into it, and snapshots of the whole log."""
        return MemoryTransfer(self._namespace)

    @property
    def work(self) -> MemoryWork:
        """Thoughts over workers: the tasks that wait or are in work, and the workers."""
        return MemoryWork(self._namespace)

    @property
    def position(self) -> int:
        """The last position seen here: written by this memory, or there when it was opened."""
        return self._namespace.backend.seen

    async def open_session(
        self,
        task: str,
        *,
        role: str | None = None,
        priority: Priority | str = Priority.NORMAL,
        attributes: Mapping[str, object] | None = None,
        agent: str | None = None,
    ) -> Session:
        """Begin a root session; `agent` is the one in whose name it works."""
        receipt = await self._namespace.sessions_of(agent).open_session(
            task, role=role, priority=priority, attributes=attributes
        )
        return Session(
            self._namespace,
            session_id=receipt.session_id,
            root_id=receipt.session_id,
            position=receipt.position,
            receipt=receipt,
            agent=agent,
        )

    async def session(self, session_id: str, *, agent: str | None = None) -> Session:
        """Return the session that has this id, to work in `agent`'s name.

        Raises SessionNotFound.
        """
        state = await self._namespace.sessions.state(session_id)
        return session_of(self._namespace, state, agent=agent)

    async def remember(
        self,
        insight: InsightDraft | str,
        *,
        session_id: str | None = None,
        supersedes: Sequence[str] = (),
        **fields: Unpack[InsightFields],
    ) -> InsightReceipt:
        """Record one thing learned; without a session one is opened for it.

        `insight` is a text with the `fields` of an InsightDraft (subject, kind, confidence, tags,
        entities, valid_from, valid_until, sources), or a draft. The insights in `supersedes` are
        retired by this one. Raises InputInvalid, SessionNotFound, SessionEnded and InsightNotFound.
        """
        return await self._namespace.sessions.remember(
            insight, session_id=session_id, supersedes=supersedes, **fields
        )

    async def remember_all(
        self, insights: Sequence[InsightDraft | str], *, session_id: str | None = None
    ) -> InsightsReceipt:
        """Record several things learned, at most 999, as one batch: all of them or none.

        Each is a text or an InsightDraft. Without a session one is opened for all of them. Raises
        InputInvalid, SessionNotFound and SessionEnded.
        """
        return await self._namespace.sessions.remember_all(insights, session_id=session_id)

    async def get(self, insight_id: str) -> InsightDetails:
        """Return an insight with what became of it, also one that no longer holds.

        Raises InsightNotFound.
        """
        return await get_insight(self._namespace, insight_id)

    async def update(
        self,
        insight_id: str,
        insight: InsightDraft | str,
        *,
        session_id: str | None = None,
        anyway: bool = False,
        **fields: Unpack[InsightFields],
    ) -> InsightReceipt:
        """Record a new text, and retire the insight whose place it takes, as one batch.

        A text keeps kind, tags and subject of the old one, where `fields` name no others. Of one
        that holds no longer there would be two newer versions. So it is refused, and the error
        names the current ones; `anyway` does it all the same. Raises InsightEnded,
        InsightNotFound, and what `remember` raises.
        """
        namespace = self._namespace
        return await update_insight(
            namespace,
            insight_id,
            insight,
            sessions=namespace.sessions,
            session_id=session_id,
            fields=fields,
            anyway=anyway,
        )

    async def retract(
        self,
        insight_id: str,
        reason: str,
        *,
        valid_until: datetime | None = None,
        session_id: str | None = None,
    ) -> SessionReceipt:
        """Say that an insight no longer holds, and why; recall leaves it out from then on.

        `valid_until` is when it ceased to hold in the world. This and what else is done to an
        insight is stored in `session_id`, or else in the insight's own session. Raises
        InsightNotFound.
        """
        return await self._namespace.sessions.retract(
            insight_id, reason=reason, valid_until=valid_until, session_id=session_id
        )

    async def forget(
        self, insight_id: str, *, receipt: str = REQUESTED, session_id: str | None = None
    ) -> ForgetReceipt:
        """Erase what an insight said, from the graph and from every answer.

        Insights derived from it are forgotten too, and words of others about it go: the answer
        lists it. `receipt` names the request for it.
        The log of an open namespace keeps the event that holds the text. That of a sealed one keeps
        nothing of it to read, and the files of this home are rewritten; `erasure` in the answer
        tells. Raises InsightNotFound.
        """
        return await forget_insight(
            self._namespace,
            insight_id,
            receipt=receipt,
            sessions=self._namespace.sessions,
            session_id=session_id,
        )

    async def forget_all(
        self,
        *,
        session_id: str | None = None,
        entity: str | None = None,
        producer: str | None = None,
        everywhere: bool = False,
        receipt: str = REQUESTED,
        dry_run: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> SubjectForgotten:
        """Erase a whole subject: a session, an entity or a producer; exactly one is given.

        A session goes with all branches below it, and is cancelled where it still goes on. An
        imported one may be named by the id that its tool gave it. Its insights are forgotten as
        `forget` does; so are its task, notes, results, errors and hand-offs, and the whole texts in
        the object store. An entity takes the insights that mention it along. With `everywhere` it
        takes those that only have its name in their words, in any case. Words of sessions that have
        it go then too, and their other insights stay. A producer (the `source` of events) takes
        those that it recorded, and the sessions that it opened.

        A run that was killed is run again, and goes on. `progress` gets the number of insights so
        far. `dry_run` says what would go. The log of an open namespace keeps the texts; see
        `forget` for a sealed one. Raises InputInvalid and SessionNotFound.
        """
        return await forget_subject(
            self._namespace,
            sessions=self._namespace.sessions,
            session_id=session_id,
            entity=entity,
            producer=producer,
            everywhere=everywhere,
            receipt=receipt,
            dry_run=dry_run,
            progress=progress,
        )

    async def settle(
        self,
        *,
        since: int | None = None,
        dry_run: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> SettledMemory:
        """Settle what was learned since the last time: restated, changed and related insights.

        Restated ones become consolidations that cite them. One is superseded where a newer one says
        itself that it takes its place; where both give one attribute two values a conflict is
        opened. Related ones of different sessions are associated. With `since` what came after
        that position is looked at again. A `dry_run` records nothing. `progress` is called with
        how many insights were looked at, and how many there are. Raises PositionFromFuture.
        """
        return await settle(self._namespace, since=since, dry_run=dry_run, progress=progress)

    async def conflicts(
        self, *, only_open: bool = True, as_of: Moment | None = None, limit: int = 100
    ) -> list[ConflictView]:
        """Return the conflicts between insights by position, now or at a moment.

        Raises PositionFromFuture.
        """
        return await list_conflicts(self._namespace, only_open=only_open, as_of=as_of, limit=limit)

    async def conflict(self, position: int) -> ConflictDetails:
        """Return the conflict that was opened at a position, with both of its insights.

        Raises ConflictNotFound.
        """
        return await show_conflict(self._namespace, position)

    async def resolve_conflict(
        self,
        position: int,
        decision: str,
        *,
        holds: str | None = None,
        session_id: str | None = None,
        recall_id: str | None = None,
    ) -> SessionReceipt:
        """Resolve the conflict that was opened at a position by a `decision`, which says why.

        With `holds`, one of its two insights, the other one is superseded by it, and it is cited as
        confirmed. `recall_id` names the answer that had it. The same decision for the same insight
        is no second one, and has the receipt of the first. The events are in the name of the
        memory's agent. Raises ConflictNotFound and InputInvalid.
        """
        return await resolve_conflict(
            self._namespace,
            position,
            decision=decision,
            holds=holds,
            session_id=session_id,
            recall_id=recall_id,
        )

    async def about(self, name: str, *, as_of: Moment | None = None, limit: int = 100) -> Profile:
        """Return what is known about a name: the insights that hold and name it, with sources.

        It stands among their entities, is their subject, or stands in their texts with capitals. A
        name alone at the start of a sentence counts too, though it is no entity. `as_of` asks for
        what was known at a position, or a time. Raises InputInvalid and PositionFromFuture.
        """
        return await about(self._namespace, name, as_of=as_of, limit=limit)

    async def cite(
        self,
        insight_ids: Sequence[str],
        *,
        outcome: Outcome | str = Outcome.USED,
        recall_id: str | None = None,
        session_id: str | None = None,
    ) -> SessionReceipt:
        """Say that insights were used, confirmed or rejected.

        Their associations grow stronger with it, or weaker. `recall_id` names the answer that had
        them. Raises InsightNotFound.
        """
        return await self._namespace.sessions.cite(
            insight_ids, outcome=outcome, recall_id=recall_id, session_id=session_id
        )

    async def associate(
        self,
        from_id: str,
        to_id: str,
        *,
        kind: str = RELATED,
        weight: float = 0.5,
        reason: str | None = None,
        session_id: str | None = None,
    ) -> SessionReceipt:
        """Link two insights; recall then finds the one by the other. Raises InsightNotFound."""
        return await self._namespace.sessions.associate(
            from_id, to_id, kind=kind, weight=weight, reason=reason, session_id=session_id
        )

    async def sever(
        self,
        from_id: str,
        to_id: str,
        *,
        kind: str = RELATED,
        reason: str | None = None,
        session_id: str | None = None,
    ) -> SessionReceipt:
        """Unlink two insights that were associated. Raises InsightNotFound."""
        return await self._namespace.sessions.sever(
            from_id, to_id, kind=kind, reason=reason, session_id=session_id
        )

    async def associations(
        self,
        insight_id: str,
        *,
        spread: int = 1,
        as_of: Moment | None = None,
        include_retired: bool = False,
        limit: int = ASSOCIATED_MAX,
    ) -> list[Associated]:
        """Return the insights that up to `spread` associations lead to, the strongest first.

        Of each insight its eight strongest links are followed, with their weights as of now, or of
        `as_of`. Raises InputInvalid, InsightNotFound and PositionFromFuture.
        """
        return await associations(
            self._namespace,
            insight_id,
            steps=spread,
            as_of=as_of,
            include_retired=include_retired,
            limit=limit,
        )

    async def recall(
        self,
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
        timeout_s: float | None = None,
        spread: int = 0,
        **filters: Unpack[FilterFields],
    ) -> Recollection:
        """Ask memory a question; return ranked insights, each with the reason why.

        The scope is the session's lineage where one is named, or else the namespace. `filters` are
        those of `Filters` (tags, kinds, agent, role, confidence_min, since, until, valid_at).
        Derived insights, and what does not hold at `valid_at`, are left out, unless `kinds` names
        them or `include_retired` is set. Hits below `min_similarity` are left out; without it there
        are none where nothing is close.

        `as_of` asks what was known at a position, or a time. With `after` the answer waits, for at
        most `wait_s`, until the graph has reached that position, and raises WaitTimedOut if it
        does not. Without, it waits for what this memory has seen, and answers in any case.
        Vectors and lanes have `timeout_s` together, ten seconds by default; a lane that takes
        longer is left out, and says so. With `spread` the answer's `associated` has up to 50
        insights beside its hits: those that up to so many associations, at most four, lead to.
        Raises InputInvalid, ScopeNeedsSession, SessionNotFound, PositionFromFuture, and
        NamespaceEnded where the namespace was deleted.
        """
        return await recall(
            self._namespace,
            query,
            k=k,
            scope=scope,
            session_id=session_id,
            as_of=as_of,
            after=after,
            include_retired=include_retired,
            min_similarity=min_similarity,
            wait_s=wait_s,
            timeout_s=timeout_s,
            spread=spread,
            filters=filters,
        )

    async def recall_all(
        self,
        queries: Sequence[str],
        *,
        k: int = 10,
        scope: Scope | str | None = None,
        session_id: str | None = None,
        as_of: Moment | None = None,
        after: int | None = None,
        include_retired: bool = False,
        min_similarity: float | None = None,
        wait_s: float | None = None,
        timeout_s: float | None = None,
        spread: int = 0,
        **filters: Unpack[FilterFields],
    ) -> list[Recollection]:
        """Ask memory up to 32 questions at once; return the answer of each, in their order.

        They wait once, their texts are embedded together, and the index goes through its vectors
        once for several. The arguments are those of `recall`, for all of them.
        """
        return await recall_all(
            self._namespace,
            queries,
            k=k,
            scope=scope,
            session_id=session_id,
            as_of=as_of,
            after=after,
            include_retired=include_retired,
            min_similarity=min_similarity,
            wait_s=wait_s,
            timeout_s=timeout_s,
            spread=spread,
            filters=filters,
        )

    async def context(
        self,
        query: str,
        *,
        tokens: int = TOKENS,
        k: int = INSIGHTS,
        scope: Scope | str | None = None,
        session_id: str | None = None,
        as_of: Moment | None = None,
        after: int | None = None,
        include_retired: bool = False,
        min_similarity: float | None = None,
        wait_s: float | None = None,
        timeout_s: float | None = None,
        **filters: Unpack[FilterFields],
    ) -> RecalledContext:
        """Ask memory a question; return what it knows as text for a prompt, with citations.

        The text has at most `tokens`, by an estimate that is rather too high. Consolidations come
        first where they cover what was recalled; of insights that differ the most recent comes
        first. Each `[n]` in the text is an insight in `citations`: cite those that were of use
        with the answer's `recall_id`. The rest is as for `recall`, at most `k` insights.
        """
        return await context(
            self._namespace,
            query,
            tokens=tokens,
            k=k,
            scope=scope,
            session_id=session_id,
            as_of=as_of,
            after=after,
            include_retired=include_retired,
            min_similarity=min_similarity,
            wait_s=wait_s,
            timeout_s=timeout_s,
            filters=filters,
        )

    async def think(
        self,
        task: str,
        *,
        branches: Sequence[BranchTask | str] = (),
        count: int | None = None,
        executor: Executor | Work | str | None = None,
        session_id: str | None = None,
        concurrency: int = CONCURRENCY,
        over: Over = "local",
        on_event: EventListener | None = None,
        **options: Unpack[ThinkOptions],
    ) -> Thought:
        """Fan a task out over branches that run in parallel, join them, and consolidate.

        Without branches there are `count`, by the roles focus, pattern recognition, creative
        synthesis, risk analysis and meta-cognition in turn, or by `roles` of your own. Without an
        executor each branch asks memory what it knows from its role's side. With `session_id` the
        thought happens in that session. `over` workers the branches run where `anabranch worker`
        does, with an executor that these allow by its name, and the thought outlives this process.
        `options` are those of ThinkOptions: join, late_kept, deadline, priority, roles, retries,
        timeout_s, branches_max.

        `on_event` gets every event of the thought. Raises InputInvalid before anything is
        appended, and ThoughtFailed where no branch completed.
        """
        namespace = self._namespace
        if checked_over(over) == "workers":
            return await think_over_workers(
                namespace,
                task,
                branches=branches or None,
                count=count,
                executor=executor,
                session_id=session_id,
                on_event=on_event,
                options=options,
            )
        await namespace.ready()
        return await think_locally(
            namespace,
            task,
            branches=branches or None,
            count=count,
            executor=executor,
            session_id=session_id,
            concurrency=concurrency,
            on_event=_both(namespace.backend.saw, on_event),
            options=options,
        )

    async def consolidate(self, root_id: str) -> Consolidation:
        """Synthesise what the branches of a thought found; every insight used is cited.

        With the setting ANABRANCH_SYNTHESIS_MODEL a model writes it, as `synthesise` says. Raises
        SessionNotFound, and NothingLearned where there is nothing to cite.
        """
        return await consolidate(self._namespace, root_id)

    async def synthesise(
        self,
        *,
        session_id: str | None = None,
        entity: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
    ) -> Consolidation:
        """Synthesise what holds of a session, of an entity, or of a period, with its sources.

        The text is made of the insights themselves. They are grouped, those that more sessions
        have seen stand first, and open conflicts stand side by side at the end. It is recorded in a
        session of the subject's own. Nothing is recorded again where nothing has changed. Of
        more than 2,000 insights the most confident and latest are read. With the setting
        ANABRANCH_SYNTHESIS_MODEL a model writes the text from up to 80 of them. Then `dropped`
        counts its sentences that no source supports, and `fallback` says why it wrote none.

        Raises InputInvalid, SessionNotFound, PositionFromFuture, and NothingLearned where there is
        nothing to cite.
        """
        return await synthesise(
            self._namespace, session_id=session_id, entity=entity, since=since, until=until
        )

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        as_of: Moment | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> QueryResult:
        """Run a query that only reads, with a timeout, a row cap and a byte cap.

        The graph holds every namespace: filter by `$namespace`, which is this memory's own. With
        `as_of` a query gives what it gave then. One that filters by `$as_of` itself is asked of the
        live graph; without `as_of`, `$as_of` is the log's end. Any other is asked of a graph into
        which the log is folded up to there, and `progress` gets each position of that. Raises
        CypherInvalid, QueryRefused, QueryTimedOut and PositionFromFuture.
        """
        return await cypher(self._namespace, query, parameters, as_of=as_of, progress=progress)

    async def show_session(self, session_id: str, *, as_of: Moment | None = None) -> SessionView:
        """Return the session with its working memory and insights, as it is or was at `as_of`.

        The texts of insights that were forgotten since are left out. Raises SessionNotFound, also
        where it had not begun by then, and PositionFromFuture.
        """
        return await show_session(self._namespace, session_id, as_of=as_of)

    async def list_sessions(
        self,
        *,
        root_id: str | None = None,
        status: str | None = None,
        limit: int = 100,
        remembered: bool = False,
    ) -> list[SessionView]:
        """Return sessions, the newest first; `root_id` keeps those of one thought.

        Those that `remember` opened for a single insight come with `remembered` only. No index is
        of a `status`: where fewer than `limit` have it, all sessions are looked at.
        """
        return await list_sessions(
            self._namespace, root_id=root_id, status=status, limit=limit, remembered=remembered
        )

    async def session_tree(
        self, session_id: str, *, as_of: Moment | None = None
    ) -> list[SessionView]:
        """Return the whole thought that the session belongs to, parents before their branches.

        With `as_of` it is the thought at that moment; it costs what the events of its sessions do.
        Raises SessionNotFound, PositionFromFuture, and WaitTimedOut.
        """
        return await session_tree(self._namespace, session_id, as_of=as_of)

    async def replay(
        self,
        *,
        after: int = 0,
        to: int | None = None,
        session_id: str | None = None,
        speed: float | None = None,
    ) -> AsyncIterator[Recorded]:
        """Read the events of this namespace again, in order, those after `after` and up to `to`.

        With `speed` they come with the pauses they happened with, so many times faster. Nothing is
        run again. Raises InputInvalid, SessionNotFound and PositionFromFuture.
        """
        namespace = self._namespace
        if session_id is not None:
            session_id = (await namespace.sessions.state(session_id)).session_id
        events = replay(
            namespace.backend,
            namespace.name,
            after=after,
            to=to,
            session_id=session_id,
            speed=speed,
        )
        async for recorded in events:
            yield recorded

    async def follow(self, *, after: int | None = None) -> AsyncIterator[Recorded]:
        """Give the events of this namespace as they happen, without end, from the log's end on.

        With `after` those that happened since come first.
        """
        namespace = self._namespace
        async for recorded in follow(namespace.backend, namespace.name, after=after):
            yield recorded

    async def wait_for(self, position: int, *, timeout_s: float | None = None) -> int:
        """Wait until the graph has reached `position`; return where it is.

        Raises PositionFromFuture, and WaitTimedOut.
        """
        bound_s = self.settings.wait_timeout_s if timeout_s is None else timeout_s
        backend = self._namespace.backend
        return await backend.wait_for(position, projection="graph", timeout_s=bound_s)

    async def status(self) -> Status:
        """Return where the log and the graph are, and how far the graph is behind."""
        return await status(self._namespace.backend, namespace=self.namespace)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return earlier(self, name)

    @property
    def _namespace(self) -> OpenNamespace:
        if self._opened is None:
            raise MemoryNotOpen
        return self._opened


def namespace_of(memory: Memory) -> OpenNamespace:
    """Return the open namespace below a memory, for surfaces of this package."""
    return memory._namespace  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # The one door.


def _both(first: EventListener, second: EventListener | None) -> EventListener:
    """Return a listener that calls both."""
    if second is None:
        return first

    def heard(event: Event, position: int) -> None:
        first(event, position)
        second(event, position)

    return heard
