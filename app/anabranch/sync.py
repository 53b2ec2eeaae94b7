"""The synchronous face, for notebooks and scripts: `from anabranch.sync import Memory`.

It has the classes of the asynchronous face, with the same names, arguments and errors, and nothing
to await. Asynchronous iterators are plain ones here. It may be called from several threads,
and beside a running event loop. Made by `python docs/generate_sync.py`: change it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.loop_thread import LOOP, Face, OpenFace
from anabranch.memory.forgetting.retention import MemoryRetention as AsyncMemoryRetention
from anabranch.memory.graph import MemoryGraph as AsyncMemoryGraph
from anabranch.memory.memory import Memory as AsyncMemory
from anabranch.memory.past import MemoryPast as AsyncMemoryPast
from anabranch.memory.session import Session as AsyncSession
from anabranch.memory.session import SessionHold as AsyncSessionHold
from anabranch.memory.thinking.stats import BY
from anabranch.memory.thinking.work import TASKS_MAX
from anabranch.memory.thinking.work import MemoryWork as AsyncMemoryWork
from anabranch.memory.transfer import MemoryTransfer as AsyncMemoryTransfer
from anabranch.past.diff import ITEMS_MAX
from anabranch_events.event.types import Outcome, Priority
from anabranch_projections.dead_letters import DeadLetters as AsyncDeadLetters
from anabranch_recall import Scope
from anabranch_recall.context import INSIGHTS, TOKENS
from anabranch_recall.question import ASSOCIATED_MAX
from anabranch_thinking.pools.scaling import WINDOW_S
from anabranch_thinking.sessions.holding import TTL_S
from anabranch_thinking.sessions.insights import RELATED, REQUESTED
from anabranch_thinking.thoughts.think import CONCURRENCY
from anabranch_thinking.work.worker import GRACE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import IO, Any, Self, Unpack

    from anabranch.memory.forgetting.retention import RetentionApplied, RetentionPolicy
    from anabranch.memory.reads.conflicts import ConflictDetails
    from anabranch.memory.reads.links import ConflictView
    from anabranch.memory.reads.profiles import Profile
    from anabranch.memory.settling import SettledMemory
    from anabranch.memory.thinking.load import Load, LoadWatch
    from anabranch.memory.thinking.stats import By, WorkStats
    from anabranch.memory.thinking.think import Over, ThinkOptions
    from anabranch.memory.thinking.views import RetriedTask, TaskDetails, TaskView, WorkerView
    from anabranch.memory.watching import WatchedInsight
    from anabranch.past.as_of import Moment
    from anabranch.past.diff_model import Diff
    from anabranch.past.history import LifeEvent
    from anabranch.settings import Settings
    from anabranch.transfer.append_events import Appended
    from anabranch.transfer.imports import Imported
    from anabranch.transfer.snapshot import Snapshot
    from anabranch.views import (
        GenerationView,
        InsightDetails,
        NamespaceDeletion,
        NamespaceView,
        SealedNamespace,
        SessionView,
        Status,
        SubjectForgotten,
    )
    from anabranch_events import LogReport, Recorded
    from anabranch_events.event.types import RetentionRule
    from anabranch_projections import RebuildProgress, RebuildResult, RepairResult
    from anabranch_projections.dead_letters import DeadLetter, RetryOutcome
    from anabranch_recall import Associated, FilterFields, RecalledContext, Recollection
    from anabranch_store import Digest, Foreign, GraphAddress, QueryResult
    from anabranch_thinking import (
        CompletionReceipt,
        Consolidation,
        EventListener,
        Executor,
        ForgetReceipt,
        InsightDraft,
        InsightFields,
        InsightReceipt,
        InsightsReceipt,
        SessionReceipt,
        Thought,
        Work,
    )
    from anabranch_thinking.pools.scaler import PoolState, Scaler
    from anabranch_thinking.sessions.sessions import BranchTask
    from anabranch_thinking.work.worker import Worker

__all__ = [
    "DeadLetters",
    "Memory",
    "MemoryGraph",
    "MemoryPast",
    "MemoryRetention",
    "MemoryTransfer",
    "MemoryWork",
    "Session",
    "SessionHold",
]


class Memory(OpenFace[AsyncMemory]):
    """Memory for sessions that branch; make it by `open`, use it within `with`.

    Reads see what this memory has written before, and what was in the log when it was opened. Its
    parts are `graph`, `past`, `retention`, `transfer` and `work`.

    Where no block fits, `Memory.open(...)` has opened it, and `memory.close()` closes
    it.
    """

    @property
    def settings(self) -> Settings:
        """The `settings` of this memory."""
        return self._wrapped.settings

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
        return cls(
            AsyncMemory.open(home, namespace=namespace, agent=agent, settings=settings)
        ).__enter__()

    @property
    def namespace(self) -> str:
        """The namespace that it writes to and reads from, for as long as it lives."""
        return self._wrapped.namespace

    @property
    def graph(self) -> MemoryGraph:
        """The graph: its digest, its generations, its dead letters, and building it again."""
        return MemoryGraph(self._wrapped.graph)

    @property
    def past(self) -> MemoryPast:
        """Earlier moments: positions, the life of one thing, and the change in between."""
        return MemoryPast(self._wrapped.past)

    @property
    def retention(self) -> MemoryRetention:
        """Retention of insights: the policy, and the end of those that outlived it."""
        return MemoryRetention(self._wrapped.retention)

    @property
    def transfer(self) -> MemoryTransfer:
        """Events out of this memory and into it, and snapshots of the whole log."""
        return MemoryTransfer(self._wrapped.transfer)

    @property
    def work(self) -> MemoryWork:
        """Thoughts over workers: the tasks that wait or are in work, and the workers."""
        return MemoryWork(self._wrapped.work)

    @property
    def position(self) -> int:
        """The last position seen here: written by this memory, or there when it was opened."""
        return self._wrapped.position

    def open_session(
        self,
        task: str,
        *,
        role: str | None = None,
        priority: Priority | str = Priority.NORMAL,
        attributes: Mapping[str, object] | None = None,
        agent: str | None = None,
    ) -> Session:
        """Begin a root session; `agent` is the one in whose name it works."""
        return Session(
            LOOP.run(
                self._wrapped.open_session(
                    task, role=role, priority=priority, attributes=attributes, agent=agent
                )
            )
        )

    def session(self, session_id: str, *, agent: str | None = None) -> Session:
        """Return the session that has this id, to work in `agent`'s name.

        Raises SessionNotFound.
        """
        return Session(LOOP.run(self._wrapped.session(session_id, agent=agent)))

    def remember(
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
        return LOOP.run(
            self._wrapped.remember(insight, session_id=session_id, supersedes=supersedes, **fields)
        )

    def remember_all(
        self, insights: Sequence[InsightDraft | str], *, session_id: str | None = None
    ) -> InsightsReceipt:
        """Record several things learned, at most 999, as one batch: all of them or none.

        Each is a text or an InsightDraft. Without a session one is opened for all of them. Raises
        InputInvalid, SessionNotFound and SessionEnded.
        """
        return LOOP.run(self._wrapped.remember_all(insights, session_id=session_id))

    def get(self, insight_id: str) -> InsightDetails:
        """Return an insight with what became of it, also one that no longer holds.

        Raises InsightNotFound.
        """
        return LOOP.run(self._wrapped.get(insight_id))

    def update(
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
        return LOOP.run(
            self._wrapped.update(
                insight_id, insight, session_id=session_id, anyway=anyway, **fields
            )
        )

    def retract(
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
        return LOOP.run(
            self._wrapped.retract(
                insight_id, reason, valid_until=valid_until, session_id=session_id
            )
        )

    def forget(
        self, insight_id: str, *, receipt: str = REQUESTED, session_id: str | None = None
    ) -> ForgetReceipt:
        """Erase what an insight said, from the graph and from every answer.

        Insights derived from it are forgotten too, and words of others about it go: the answer
        lists it. `receipt` names the request for it.
        The log of an open namespace keeps the event that holds the text. That of a sealed one keeps
        nothing of it to read, and the files of this home are rewritten; `erasure` in the answer
        tells. Raises InsightNotFound.
        """
        return LOOP.run(self._wrapped.forget(insight_id, receipt=receipt, session_id=session_id))

    def forget_all(
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
        return LOOP.run(
            self._wrapped.forget_all(
                session_id=session_id,
                entity=entity,
                producer=producer,
                everywhere=everywhere,
                receipt=receipt,
                dry_run=dry_run,
                progress=progress,
            )
        )

    def settle(
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
        return LOOP.run(self._wrapped.settle(since=since, dry_run=dry_run, progress=progress))

    def conflicts(
        self, *, only_open: bool = True, as_of: Moment | None = None, limit: int = 100
    ) -> list[ConflictView]:
        """Return the conflicts between insights by position, now or at a moment.

        Raises PositionFromFuture.
        """
        return LOOP.run(self._wrapped.conflicts(only_open=only_open, as_of=as_of, limit=limit))

    def conflict(self, position: int) -> ConflictDetails:
        """Return the conflict that was opened at a position, with both of its insights.

        Raises ConflictNotFound.
        """
        return LOOP.run(self._wrapped.conflict(position))

    def resolve_conflict(
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
        return LOOP.run(
            self._wrapped.resolve_conflict(
                position, decision, holds=holds, session_id=session_id, recall_id=recall_id
            )
        )

    def about(self, name: str, *, as_of: Moment | None = None, limit: int = 100) -> Profile:
        """Return what is known about a name: the insights that hold and name it, with sources.

        It stands among their entities, is their subject, or stands in their texts with capitals. A
        name alone at the start of a sentence counts too, though it is no entity. `as_of` asks for
        what was known at a position, or a time. Raises InputInvalid and PositionFromFuture.
        """
        return LOOP.run(self._wrapped.about(name, as_of=as_of, limit=limit))

    def cite(
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
        return LOOP.run(
            self._wrapped.cite(
                insight_ids, outcome=outcome, recall_id=recall_id, session_id=session_id
            )
        )

    def associate(
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
        return LOOP.run(
            self._wrapped.associate(
                from_id, to_id, kind=kind, weight=weight, reason=reason, session_id=session_id
            )
        )

    def sever(
        self,
        from_id: str,
        to_id: str,
        *,
        kind: str = RELATED,
        reason: str | None = None,
        session_id: str | None = None,
    ) -> SessionReceipt:
        """Unlink two insights that were associated. Raises InsightNotFound."""
        return LOOP.run(
            self._wrapped.sever(from_id, to_id, kind=kind, reason=reason, session_id=session_id)
        )

    def associations(
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
        return LOOP.run(
            self._wrapped.associations(
                insight_id, spread=spread, as_of=as_of, include_retired=include_retired, limit=limit
            )
        )

    def recall(
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
        return LOOP.run(
            self._wrapped.recall(
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
                **filters,
            )
        )

    def recall_all(
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
        return LOOP.run(
            self._wrapped.recall_all(
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
                **filters,
            )
        )

    def context(
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
        return LOOP.run(
            self._wrapped.context(
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
                **filters,
            )
        )

    def think(
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
        return LOOP.run(
            self._wrapped.think(
                task,
                branches=branches,
                count=count,
                executor=executor,
                session_id=session_id,
                concurrency=concurrency,
                over=over,
                on_event=on_event,
                **options,
            )
        )

    def consolidate(self, root_id: str) -> Consolidation:
        """Synthesise what the branches of a thought found; every insight used is cited.

        With the setting ANABRANCH_SYNTHESIS_MODEL a model writes it, as `synthesise` says. Raises
        SessionNotFound, and NothingLearned where there is nothing to cite.
        """
        return LOOP.run(self._wrapped.consolidate(root_id))

    def synthesise(
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
        return LOOP.run(
            self._wrapped.synthesise(session_id=session_id, entity=entity, since=since, until=until)
        )

    def cypher(
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
        return LOOP.run(self._wrapped.cypher(query, parameters, as_of=as_of, progress=progress))

    def show_session(self, session_id: str, *, as_of: Moment | None = None) -> SessionView:
        """Return the session with its working memory and insights, as it is or was at `as_of`.

        The texts of insights that were forgotten since are left out. Raises SessionNotFound, also
        where it had not begun by then, and PositionFromFuture.
        """
        return LOOP.run(self._wrapped.show_session(session_id, as_of=as_of))

    def list_sessions(
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
        return LOOP.run(
            self._wrapped.list_sessions(
                root_id=root_id, status=status, limit=limit, remembered=remembered
            )
        )

    def session_tree(self, session_id: str, *, as_of: Moment | None = None) -> list[SessionView]:
        """Return the whole thought that the session belongs to, parents before their branches.

        With `as_of` it is the thought at that moment; it costs what the events of its sessions do.
        Raises SessionNotFound, PositionFromFuture, and WaitTimedOut.
        """
        return LOOP.run(self._wrapped.session_tree(session_id, as_of=as_of))

    def replay(
        self,
        *,
        after: int = 0,
        to: int | None = None,
        session_id: str | None = None,
        speed: float | None = None,
    ) -> Iterator[Recorded]:
        """Read the events of this namespace again, in order, those after `after` and up to `to`.

        With `speed` they come with the pauses they happened with, so many times faster. Nothing is
        run again. Raises InputInvalid, SessionNotFound and PositionFromFuture.
        """
        return LOOP.iterate(
            self._wrapped.replay(after=after, to=to, session_id=session_id, speed=speed)
        )

    def follow(self, *, after: int | None = None) -> Iterator[Recorded]:
        """Give the events of this namespace as they happen, without end, from the log's end on.

        With `after` those that happened since come first.
        """
        return LOOP.iterate(self._wrapped.follow(after=after))

    def wait_for(self, position: int, *, timeout_s: float | None = None) -> int:
        """Wait until the graph has reached `position`; return where it is.

        Raises PositionFromFuture, and WaitTimedOut.
        """
        return LOOP.run(self._wrapped.wait_for(position, timeout_s=timeout_s))

    def status(self) -> Status:
        """Return where the log and the graph are, and how far the graph is behind."""
        return LOOP.run(self._wrapped.status())


class Session(Face[AsyncSession]):
    """A line of thinking: it learns, notes things for itself, branches, and ends.

    `forked_at` and `parent_id` are None for a root session. `position` is the last event that this
    handle knows of. An `with` block ends the session, unless it has ended by itself: it is
    closed, or failed with the error that leaves the block.
    """

    @property
    def session_id(self) -> str:
        """The `session_id` of this session."""
        return self._wrapped.session_id

    @property
    def root_id(self) -> str:
        """The `root_id` of this session."""
        return self._wrapped.root_id

    @property
    def position(self) -> int:
        """The `position` of this session."""
        return self._wrapped.position

    @property
    def parent_id(self) -> str | None:
        """The `parent_id` of this session."""
        return self._wrapped.parent_id

    @property
    def forked_at(self) -> int | None:
        """The `forked_at` of this session."""
        return self._wrapped.forked_at

    def __enter__(self) -> Self:
        LOOP.run(self._wrapped.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        LOOP.run(self._wrapped.__aexit__(kind, error, trace))

    @property
    def receipt(self) -> SessionReceipt:
        """The receipt of the last event that this handle stored. Raises LookupError before one."""
        return self._wrapped.receipt

    def branch(
        self,
        task: str,
        *,
        role: str | None = None,
        priority: Priority | str = Priority.NORMAL,
        attributes: Mapping[str, object] | None = None,
        agent: str | None = None,
    ) -> Session:
        """Fork a session from this one as it is now, in `agent`'s name. Raises SessionEnded."""
        return Session(
            LOOP.run(
                self._wrapped.branch(
                    task, role=role, priority=priority, attributes=attributes, agent=agent
                )
            )
        )

    def remember(
        self,
        insight: InsightDraft | str,
        *,
        supersedes: Sequence[str] = (),
        **fields: Unpack[InsightFields],
    ) -> InsightReceipt:
        """Record one thing learned, as `Memory.remember` does. Raises SessionEnded."""
        return LOOP.run(self._wrapped.remember(insight, supersedes=supersedes, **fields))

    def remember_all(self, insights: Sequence[InsightDraft | str]) -> InsightsReceipt:
        """Record several things learned, as `Memory.remember_all` does. Raises SessionEnded."""
        return LOOP.run(self._wrapped.remember_all(insights))

    def recall(
        self,
        query: str,
        *,
        k: int = 10,
        scope: Scope | str = Scope.LINEAGE,
        as_of: Moment | None = None,
        after: int | None = None,
        include_retired: bool = False,
        min_similarity: float | None = None,
        wait_s: float | None = None,
        timeout_s: float | None = None,
        spread: int = 0,
        **filters: Unpack[FilterFields],
    ) -> Recollection:
        """Ask memory from this session: by default its own line of ancestors."""
        return LOOP.run(
            self._wrapped.recall(
                query,
                k=k,
                scope=scope,
                as_of=as_of,
                after=after,
                include_retired=include_retired,
                min_similarity=min_similarity,
                wait_s=wait_s,
                timeout_s=timeout_s,
                spread=spread,
                **filters,
            )
        )

    def watch(
        self, *, scope: Scope | str = Scope.THOUGHT, after: int | None = None
    ) -> Iterator[WatchedInsight]:
        """Give the insights of the thought as they are recorded, until this session has ended.

        `scope` may be narrower or wider, as of a recall. With `after` those recorded since that
        position come first: give the last one's `position` to go on without a gap.
        """
        return LOOP.iterate(self._wrapped.watch(scope=scope, after=after))

    def claim(self, resource: str, *, ttl_s: float = TTL_S, wait_s: float = 0) -> SessionHold:
        """Claim a resource, by any name, so that no other session does the same meanwhile.

        The claim ends by itself after `ttl_s`, and with the session. Claimed again by this session
        it is a new one, and the one before is void. Raises ResourceTaken where another session has
        it, and still has it after `wait_s`. Raises SessionEnded.
        """
        return SessionHold(LOOP.run(self._wrapped.claim(resource, ttl_s=ttl_s, wait_s=wait_s)))

    def renew(self, resource: str, *, token: int, ttl_s: float | None = None) -> datetime:
        """Have this session's claim on a resource hold for longer; return its end.

        It holds for `ttl_s` from now on, or as long as before. Raises TokenStale where it was given
        back or claimed anew, and SessionEnded.
        """
        return LOOP.run(self._wrapped.renew(resource, token=token, ttl_s=ttl_s))

    def release(self, resource: str, *, token: int) -> None:
        """Give back this session's claim on a resource that has the token.

        Raises TokenStale where it holds no more.
        """
        return LOOP.run(self._wrapped.release(resource, token=token))

    def complete(
        self, result: str, *, insights: Sequence[InsightDraft | str] = ()
    ) -> CompletionReceipt:
        """End the session with its result and what it learned, as one event."""
        return LOOP.run(self._wrapped.complete(result, insights=insights))

    def note(self, key: str, value: object) -> SessionReceipt:
        """Set `key` in the session's working memory to a value that JSON can hold."""
        return LOOP.run(self._wrapped.note(key, value))

    def clear_note(self, key: str) -> SessionReceipt:
        """Drop `key` from the session's working memory."""
        return LOOP.run(self._wrapped.clear_note(key))

    def hand_off(self, *, summary: str, to_agent: str | None = None) -> Session:
        """Pass the task and the working memory on to a new branch, and end; return the branch."""
        return Session(LOOP.run(self._wrapped.hand_off(summary=summary, to_agent=to_agent)))

    def fail(self, error: str) -> SessionReceipt:
        """End the session without a result, because of `error`."""
        return LOOP.run(self._wrapped.fail(error))

    def cancel(self, reason: str) -> SessionReceipt:
        """Call the session off."""
        return LOOP.run(self._wrapped.cancel(reason))

    def close(self, reason: str = "done") -> SessionReceipt:
        """End the session without a result."""
        return LOOP.run(self._wrapped.close(reason))

    def show(self, *, as_of: Moment | None = None) -> SessionView:
        """Return the session as it stands, or stood, with its working memory and insights."""
        return LOOP.run(self._wrapped.show(as_of=as_of))


class SessionHold(Face[AsyncSessionHold]):
    """A claim on a resource that a session has; nobody else has one meanwhile.

    It ends by itself `ttl_s` after it was last renewed, and when its session ends. An `with`
    block renews it as long as it lasts, and gives it back. Writes through `session` count only
    while the claim holds: a later one raises TokenStale.
    """

    @property
    def resource(self) -> str:
        """The name of the resource."""
        return self._wrapped.resource

    @property
    def token(self) -> int:
        """The fencing token: the position of the claim, higher than that of any claim before."""
        return self._wrapped.token

    @property
    def expires_at(self) -> datetime:
        """The time at which the claim ends, by the last renewal that this handle made."""
        return self._wrapped.expires_at

    @property
    def session(self) -> Session:
        """The session whose writes stand under this claim."""
        return Session(self._wrapped.session)

    def renew(self, *, ttl_s: float | None = None) -> None:
        """Have the claim hold from now on for `ttl_s`, or as long as before. Raises TokenStale."""
        return LOOP.run(self._wrapped.renew(ttl_s=ttl_s))

    def release(self) -> None:
        """Give the claim back; one that holds no more needs nothing."""
        return LOOP.run(self._wrapped.release())

    def __enter__(self) -> Self:
        LOOP.run(self._wrapped.__aenter__())
        return self

    def __exit__(self, *error: object) -> None:
        LOOP.run(self._wrapped.__aexit__(*error))


class MemoryGraph(Face[AsyncMemoryGraph]):
    """The graph that a memory reads, as `memory.graph`."""

    def digest(
        self, *, as_of: Moment | None = None, progress: Callable[[int], None] | None = None
    ) -> Digest:
        """Return a hash of the graph's content: the same events, the same digest, on any store.

        With `as_of` it is the digest the graph had then. The log is folded up to there into a graph
        that is dropped again, and `progress` gets each position. Raises PositionFromFuture, and
        EmbeddedGraphMissing.
        """
        return LOOP.run(self._wrapped.digest(as_of=as_of, progress=progress))

    def rebuild(
        self,
        *,
        into: GraphAddress | None = None,
        skip: bool = False,
        accept_loss: bool = False,
        progress: Callable[[RebuildProgress], None] | None = None,
    ) -> RebuildResult:
        """Fold the whole log into a fresh graph.

        The embedded graph gets a new generation. Once that is filled it takes the old one's place;
        the old one is kept until it is dropped. `into` names another graph, which must be empty,
        and leaves this one as it is. One that was killed goes on where it was. Raises
        ProjectionHalted at an event that cannot be applied, unless `skip` puts such aside. Raises
        LogDamaged and LogRewound where the log has lost events, unless `accept_loss` writes the
        loss down and goes on with what is left.
        """
        return LOOP.run(
            self._wrapped.rebuild(into=into, skip=skip, accept_loss=accept_loss, progress=progress)
        )

    def repair(
        self, *, dry_run: bool = False, progress: Callable[[RebuildProgress], None] | None = None
    ) -> RepairResult:
        """Make the live graph what the log says, in place; what others wrote to it stays.

        The log is folded into a graph beside it, and only where both differ something is written.
        Reads go on meanwhile. With `dry_run` the differences are counted and stay. A graph of an
        earlier version becomes one of this version. Raises GraphNotBegun, GenerationRefused for a
        graph of another log, LogRewound, LogDamaged, and EmbeddedGraphMissing.
        """
        return LOOP.run(self._wrapped.repair(dry_run=dry_run, progress=progress))

    def foreign(self) -> Foreign:
        """Look at each node for what others wrote to the database that holds the graph."""
        return LOOP.run(self._wrapped.foreign())

    def dead_letters(self) -> DeadLetters:
        """Return the events of this namespace that could not be applied, to look at and settle."""
        return DeadLetters(LOOP.run(self._wrapped.dead_letters()))

    def generations(self) -> list[GenerationView]:
        """Return the generations of the graph: the live one, kept ones, one that is half filled."""
        return LOOP.run(self._wrapped.generations())

    def use(
        self,
        name: str,
        *,
        skip: bool = False,
        progress: Callable[[RebuildProgress], None] | None = None,
    ) -> GenerationView:
        """Bring a kept generation to the log's end and read it from then on.

        Raises GenerationNotFound, GenerationRefused for one that is only half filled, and
        ProjectionHalted at an event that cannot be applied, unless `skip` puts such aside.
        """
        return LOOP.run(self._wrapped.use(name, skip=skip, progress=progress))

    def drop(self, name: str) -> GenerationView:
        """Remove a generation with all its files; return its last state.

        Raises GenerationNotFound, and GenerationRefused for the live one.
        """
        return LOOP.run(self._wrapped.drop(name))


class MemoryPast(Face[AsyncMemoryPast]):
    """The earlier moments of a memory, as `memory.past`."""

    def position_of(self, moment: Moment, *, field: str = "as_of") -> int:
        """Return the position that a moment stands for: the last one stored up to a time.

        Raises PositionFromFuture.
        """
        return LOOP.run(self._wrapped.position_of(moment, field=field))

    def history(
        self,
        thing_id: str,
        *,
        as_of: Moment | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[LifeEvent]:
        """Return the life of a session, an insight or a consolidation: the events that name it.

        The whole log is read, up to `as_of`, so that nothing is missed; only events that name the
        thing are decoded. Raises InputInvalid, HistoryNotFound and PositionFromFuture.
        """
        return LOOP.run(self._wrapped.history(thing_id, as_of=as_of, progress=progress))

    def diff(
        self,
        after: Moment,
        to: Moment,
        *,
        items_max: int = ITEMS_MAX,
        progress: Callable[[int], None] | None = None,
    ) -> Diff:
        """Return what this namespace learned between two moments, `after` not included.

        The sums are exact; of each kind at most `items_max` are listed, the first ones. It costs
        what the events between the two do. Raises InputInvalid, PositionFromFuture, WaitTimedOut.
        """
        return LOOP.run(self._wrapped.diff(after, to, items_max=items_max, progress=progress))

    def event(self, position: int) -> Recorded:
        """Return the event at `position`. Raises EventNotFound, and PositionFromFuture."""
        return LOOP.run(self._wrapped.event(position))


class MemoryRetention(Face[AsyncMemoryRetention]):
    """The retention of a memory's insights, as `memory.retention`."""

    def set(self, rules: Sequence[RetentionRule | Mapping[str, object]]) -> SessionReceipt:
        """Set the whole policy, in place of an earlier one; without rules all is kept.

        A rule is for the insights of its `kind`, one without a kind for those of all other kinds.
        It keeps them for `age_days` since the log stored them, and of them the latest `count`.
        Those out of a tool's transcript are as old as it says.
        Nothing is taken out yet: the consolidator does that, and `apply`. Raises InputInvalid.
        """
        return LOOP.run(self._wrapped.set(rules))

    def show(self, *, as_of: Moment | None = None) -> RetentionPolicy:
        """Return the policy, now or at a moment, and who set it when.

        Raises PositionFromFuture.
        """
        return LOOP.run(self._wrapped.show(as_of=as_of))

    def apply(
        self, *, dry_run: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> RetentionApplied:
        """Take out the insights that outlived the policy, each by an event that says why.

        Recall leaves them out from then on; as of an earlier position they are there, and with
        `include_retired`. Those that they superseded do not hold again. Run again, a run that
        was killed goes on. A `dry_run` only counts. `progress` is called with how many expired,
        and how many will. Raises WaitTimedOut where the graph is far behind.
        """
        return LOOP.run(self._wrapped.apply(dry_run=dry_run, progress=progress))


class MemoryTransfer(Face[AsyncMemoryTransfer]):
    """Events out of a memory and into it, as `memory.transfer`."""

    def export(
        self,
        target: IO[bytes],
        *,
        after: int = 0,
        to: int | None = None,
        chained: bool = True,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Write the namespace's events as JSON Lines, a CloudEvent a line; return how many.

        With `chained` each line has its link, and a manifest ends the file, so that
        `verify_lines` finds any change. `progress` gets the positions reached, now and then.
        Raises LogDamaged where the log lacks events, once all others are written.
        """
        return LOOP.run(
            self._wrapped.export(target, after=after, to=to, chained=chained, progress=progress)
        )

    def import_lines(
        self,
        lines: Iterable[bytes],
        *,
        verified: bool = True,
        progress: Callable[[], None] | None = None,
    ) -> Imported:
        """Append exported events, in their order; those whose id the log has are left out.

        So an import that was killed is simply run again. Positions of the old log (where a branch
        was forked) become those of the same events in this one. An event of an older version or of
        an unknown type is appended unchanged. Raises EventInvalid naming the first line that is no
        event; the lines before its batch are in the log by then. `progress` is called now and then.

        Lines with links are checked as `verify_lines` does: ExportDamaged names the first line that
        was changed, or where they were cut off. Lines of a stretch that follow on events that the
        log lacks are refused with EventInvalid. `verified=False` leaves both checks out.
        """
        return LOOP.run(self._wrapped.import_lines(lines, verified=verified, progress=progress))

    def append_lines(
        self, lines: Iterable[bytes], *, progress: Callable[[], None] | None = None
    ) -> Appended:
        """Append a producer's own CloudEvents, a line each, in their order and of any namespace.

        It takes what `check` takes. Events that the log has already are left out, so that the same
        lines may be appended again. Raises EventInvalid naming the first line that is no event.
        """
        return LOOP.run(self._wrapped.append_lines(lines, progress=progress))

    def verify_log(
        self, *, accept_loss: bool = False, progress: Callable[[int], None] | None = None
    ) -> LogReport:
        """Read the whole log, of all namespaces; return what is missing, changed or no event.

        With `accept_loss` what is missing is written down, and readers go on without it. `progress`
        gets the positions reached, now and then. Raises LogReplaced and LogRewound where nothing
        else is wrong, but the graph was filled from another log, or from more of this one.
        """
        return LOOP.run(self._wrapped.verify_log(accept_loss=accept_loss, progress=progress))

    def namespaces(self) -> tuple[NamespaceView, ...]:
        """Return all namespaces of the log, by name, the sealed and the deleted ones too.

        Only what the server counts is read, no event. Raises LogRefused for a tenant.
        """
        return LOOP.run(self._wrapped.namespaces())

    def seal_namespace(self, *, accept_loss: bool = False) -> SealedNamespace:
        """Seal this memory's namespace before its first event, for ever.

        Content of its events is encrypted from then on, each insight and event under a key of its
        own. `forget` drops the keys: the log, the object store, exports, snapshots and backups
        without the keys then hold nothing to read. One that is sealed already stays so. With
        `accept_loss` its stream of keys is made anew where it was lost: all that was sealed is
        forgotten then.

        Raises InputInvalid where it has events, NamespaceInUse with tenants, and LogRefused for
        a tenant.
        """
        return LOOP.run(self._wrapped.seal_namespace(accept_loss=accept_loss))

    def delete_namespace(
        self,
        confirm: str | None = None,
        *,
        dry_run: bool = False,
        progress: Callable[[str], None] | None = None,
    ) -> NamespaceDeletion:
        """Delete this memory's namespace for ever, and all that is known of it.

        `confirm` repeats its name. Its events leave the log, its insights every graph, the caches
        and the recall index. Nobody can write to it again (NamespaceEnded), and no other namespace
        changes. `log verify` then says deleted, not damaged. One that was killed goes on where it
        was when it is called again. `progress` gets the name of each step done. `dry_run` says
        what would go.

        Copies elsewhere stay: exports, snapshots, backups. Raises NamespaceNotFound where nothing
        was ever written, InputInvalid without the name, and NamespaceInUse while tenants may write
        there. LogRefused is for a tenant, LogDamaged for a log that is not whole.
        """
        return LOOP.run(self._wrapped.delete_namespace(confirm, dry_run=dry_run, progress=progress))

    def snapshot(
        self, path: Path, *, vectors: bool = True, progress: Callable[[int], None] | None = None
    ) -> Snapshot:
        """Write the whole log, of all namespaces, to the file `path`.

        The file appears when it is whole. Positions, times and ids stay as they are. With `vectors`
        the cache of embeddings is in it.
        """
        return LOOP.run(self._wrapped.snapshot(path, vectors=vectors, progress=progress))


class MemoryWork(Face[AsyncMemoryWork]):
    """The tasks and the workers of a memory's namespace."""

    def run_worker(
        self,
        *,
        executors: Sequence[str],
        slots: int = 4,
        reserved: int = 0,
        priorities: Sequence[Priority | str] = tuple(Priority),
        labels: Sequence[str] = (),
        passes: Sequence[str] = (),
        silence_s: float | None = None,
        grace_s: float = GRACE_S,
        name: str | None = None,
        ready: Callable[[Worker], None] | None = None,
    ) -> None:
        """Work on branches until the worker that `ready` is given drains, or this is cancelled.

        It runs the `executors` that are named here, and no others: `recalling`, `module:function`,
        `name=command`, or the address of a model or a service. Commands have the variables of
        `passes` in their environment. Of its slots `reserved` are kept for critical branches.
        Branches that want some of its `labels`, and no others, come to it before they go elsewhere.

        It joins what was forked, where no other process does. A worker that says nothing for
        `silence_s` has lost its branches to others. The bound is the namespace's. A new one holds
        at once for what is in work; None leaves the one that stands, 10 s at first. Raises
        InputInvalid.
        """
        return LOOP.run(
            self._wrapped.run_worker(
                executors=executors,
                slots=slots,
                reserved=reserved,
                priorities=priorities,
                labels=labels,
                passes=passes,
                silence_s=silence_s,
                grace_s=grace_s,
                name=name,
                ready=ready,
            )
        )

    def run_pool(
        self,
        pool: str = "local",
        *,
        fewest: int = 0,
        most: int,
        executors: Sequence[str],
        slots: int = 4,
        reserved: int = 0,
        priorities: Sequence[Priority | str] = tuple(Priority),
        labels: Sequence[str] = (),
        passes: Sequence[str] = (),
        silence_s: float | None = None,
        grace_s: float = GRACE_S,
        cooldown_s: float = WINDOW_S,
        name: str | None = None,
        ready: Callable[[Scaler], None] | None = None,
        changed: Callable[[PoolState], None] | None = None,
    ) -> None:
        """Start and drain workers as the load asks, until the scaler that `ready` is given stops.

        The pool is `local`: processes, which end with this one; or `slurm` or `pbs`: jobs, which go
        on and are found again. There are as many workers as have a slot for each branch that waits
        or is in work, from `fewest` to `most`. None goes within `cooldown_s` after it was needed.
        Of several such calls for one pool one is at work; pools with another `name` stand beside
        each other. `changed` hears of each change. The other options are those of `run_worker`.
        Raises InputInvalid.
        """
        return LOOP.run(
            self._wrapped.run_pool(
                pool,
                fewest=fewest,
                most=most,
                executors=executors,
                slots=slots,
                reserved=reserved,
                priorities=priorities,
                labels=labels,
                passes=passes,
                silence_s=silence_s,
                grace_s=grace_s,
                cooldown_s=cooldown_s,
                name=name,
                ready=ready,
                changed=changed,
            )
        )

    def tasks(self, *, status: str | None = None, limit: int = TASKS_MAX) -> list[TaskView]:
        """Return the branches that wait for a worker or are in work, the urgent ones first.

        With the status `dead_lettered` it returns those that were put aside, from the graph.
        """
        return LOOP.run(self._wrapped.tasks(status=status, limit=limit))

    def task(self, session_id: str) -> TaskDetails:
        """Return a branch with all attempts at it. Raises InputInvalid, SessionNotFound."""
        return LOOP.run(self._wrapped.task(session_id))

    def retry(self, session_id: str) -> RetriedTask:
        """Try a branch again that has ended without a result, as a new thought of that one branch.

        The old branch stays as it is. Raises InputInvalid for a root, for a branch that goes on,
        and for one that another has now.
        """
        return LOOP.run(self._wrapped.retry(session_id))

    def cancel(self, session_id: str, reason: str = "cancelled") -> list[str]:
        """Cancel a session with all that was forked of it; return those that were going.

        One that was handed off has its receiver cancelled. Executors that run for one of them are
        stopped at once. Raises SessionNotFound.
        """
        return LOOP.run(self._wrapped.cancel(session_id, reason))

    def stats(
        self, *, by: Sequence[By] = BY, since: Moment | None = None, limit: int = TASKS_MAX
    ) -> list[WorkStats]:
        """Return what branches did, and what their insights were cited for later, in groups.

        A group is what has one role, executor and worker, or those of them that `by` names; the
        largest come first. With `since` only branches that were forked after it count. Raises
        InputInvalid and PositionFromFuture.
        """
        return LOOP.run(self._wrapped.stats(by=by, since=since, limit=limit))

    def load(self, watch: LoadWatch | None = None) -> Load:
        """Return the tasks by priority and the workers that answer.

        With the `watch` of earlier looks it also tells how fast branches end, and who fell silent.
        """
        return LOOP.run(self._wrapped.load(watch))

    def workers(self) -> list[WorkerView]:
        """Return the workers of the namespace that answer; one that is frozen does not."""
        return LOOP.run(self._wrapped.workers())

    def drain(self, workers: Sequence[str]) -> list[WorkerView]:
        """Ask workers to take no more and to end; return those that heard it."""
        return LOOP.run(self._wrapped.drain(workers))


class DeadLetters(Face[AsyncDeadLetters]):
    """The dead letters of one namespace in one graph."""

    def all(self, *, discarded: bool = False) -> list[DeadLetter]:
        """Return the pending ones, in position order; with `discarded` the discarded ones too."""
        return LOOP.run(self._wrapped.all(discarded=discarded))

    def page(self, *, beyond: int, limit: int, discarded: bool = False) -> list[DeadLetter]:
        """Return the first of those that `all` returns after a position, `limit` at most."""
        return LOOP.run(self._wrapped.page(beyond=beyond, limit=limit, discarded=discarded))

    def get(self, position: int) -> DeadLetter:
        """Return the one at a position. Raises DeadLetterNotFound."""
        return LOOP.run(self._wrapped.get(position))

    def discard(self, positions: Sequence[int]) -> list[DeadLetter]:
        """Discard dead letters: all of them, or none.

        They stay, so that the graph says which events it does not hold. Raises DeadLetterNotFound.
        """
        return LOOP.run(self._wrapped.discard(positions))

    def retry(self, positions: Sequence[int] | None = None) -> list[RetryOutcome]:
        """Apply dead letters after all, in position order; without `positions` all pending ones.

        Each is one transaction that applies the event at its own position and takes the letter
        away, while no projector can move the checkpoint. One that fails stays, with the new reason.
        RetryTooLate keeps an event that later ones have built on: the graph would not be that of a
        rebuild. Raises DeadLetterNotFound.
        """
        return LOOP.run(self._wrapped.retry(positions))
