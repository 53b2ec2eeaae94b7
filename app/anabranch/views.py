"""Views of a memory: sessions as they stand, and the state of its stores."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from anabranch_events.event.content import FORGOTTEN
from anabranch_thinking.sessions.receipts import ErasureReceipt

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from anabranch_thinking import SessionState


class InsightView(BaseModel):
    """An insight as the session that produced it knows it; `text` is None once it is forgotten."""

    model_config = ConfigDict(frozen=True, defer_build=True)
    insight_id: str
    text: str | None
    kind: str


class InsightDetails(InsightView):
    """An insight with all that was recorded of it, and its end.

    `position` is the one at which it was recorded, `retired` the one from which it no longer holds.
    `retired_reason` is the reason given, or else `superseded` or `forgotten`. A forgotten one has
    no text, subject, tags, entities and sources. `valid_from` and `valid_until` are times in the
    world.
    """

    subject: str | None = None
    confidence: float
    tags: tuple[str, ...]
    entities: tuple[str, ...]
    sources: tuple[str, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    session_id: str
    agent: str | None
    position: int
    recorded_at: datetime
    retired: int | None
    retired_reason: str | None
    supersedes: tuple[str, ...]
    superseded_by: tuple[str, ...]


class SealedNamespace(BaseModel):
    """A namespace whose content is encrypted in the log, since the seal at `position`."""

    model_config = ConfigDict(frozen=True, defer_build=True)
    namespace: str
    position: int


class NamespaceView(BaseModel):
    """A namespace in the log; `last` is the position of its newest event.

    `sealed` and `deleted` are the positions at which it was. A deleted one holds nothing, and takes
    no more; one without events has neither `last` nor `last_at`.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)
    namespace: str
    sessions: int = 0
    events: int = 0
    last: int | None = None
    last_at: datetime | None = None
    sealed: int | None = None
    deleted: int | None = None


class NamespaceDeletion(BaseModel):
    """A namespace that was deleted, or would be: what it had in the log, and in how many graphs.

    `position` is the one at which it ended for ever, None while that is only asked. `objects` are
    large values of its own beside the log, `size` counts the bytes of its events in the log. A
    deletion that goes on after a kill counts what was still there.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)
    namespace: str
    dry_run: bool
    position: int | None
    events: int
    sessions: int
    size: int
    objects: int
    graphs: int


class SessionView(BaseModel):
    """A session as of its event at `position`.

    A list leaves `working_memory` and `insights` out (None): ask for the one session.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)
    session_id: str
    parent_id: str | None
    root_id: str
    depth: int
    task: str
    role: str | None
    agent: str | None
    status: str
    priority: str
    forked_at: int | None
    opened_at: datetime | None
    ended_at: datetime | None
    result: str | None
    error: str | None
    position: int
    working_memory: dict[str, JsonValue] | None = None
    insights: tuple[InsightView, ...] | None = None

    @classmethod
    def of(
        cls,
        state: SessionState,
        *,
        forgotten: AbstractSet[str] = frozenset(),
        erased: bool = False,
    ) -> SessionView:
        """Show a session as the log tells it, without the texts of insights in `forgotten`.

        One that is `erased` learned what was forgotten since, and has no result to show.
        """
        return cls(
            session_id=state.session_id,
            parent_id=state.parent_id,
            root_id=state.root_id,
            depth=state.depth,
            task=state.task,
            role=state.role,
            agent=state.agent,
            status=str(state.status),
            priority=str(state.priority),
            forked_at=state.forked_at if state.parent_id else None,
            opened_at=state.opened_at,
            ended_at=state.ended_at,
            result=FORGOTTEN if erased and state.result is not None else state.result,
            error=state.error,
            position=state.position,
            working_memory=dict(state.working_memory),
            insights=tuple(
                InsightView(
                    insight_id=one.insight_id,
                    text=None if one.insight_id in forgotten else one.text,
                    kind=one.kind,
                )
                for one in state.insights
            ),
        )


class Remaining(BaseModel):
    """The texts that have an entity's name in their words and stay: it is no name there.

    `insights` have it in their text, subject, tags or entities; `sessions` in their task,
    attributes, notes, result, error, reason of end, hand-offs or a consolidation. The lists hold
    the first 1,000; `sums` counts everything.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)
    insights: tuple[str, ...]
    sessions: tuple[str, ...]
    sums: dict[str, int]


class SubjectForgotten(BaseModel):
    """A subject that was forgotten, or would be: a session, an entity or a producer.

    `insights` are its own and those derived from them, `sessions` those that say nothing any more,
    `consolidations` those that lost words. The lists hold the first 1,000; `sums` counts
    everything, also notes, results, reasons of associations, conflicts and objects. `position` is
    that of the last event about it. `log_keeps` is true where the log still holds what was said;
    in a sealed namespace it does not, and `erasure` tells what was erased. `remaining` is what says
    an entity's name and stays; `everywhere` takes it along.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)
    subject: Literal["session", "entity", "producer"]
    name: str
    dry_run: bool
    position: int | None
    log_keeps: bool
    insights: tuple[str, ...]
    sessions: tuple[str, ...]
    consolidations: tuple[str, ...]
    sums: dict[str, int]
    remaining: Remaining | None = None
    erasure: ErasureReceipt | None = None


class LogStatus(BaseModel):
    """The log: its server, its stream, and its first and last position (0 and 0: it is empty).

    `durability` says what an append survives: that of the process which runs the server, or what
    the settings say of a server elsewhere. `missing` counts positions without an event, and
    `damage` says what is known to be lost.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)
    url: str
    stream: str
    durability: Literal["default", "strict"]
    first: int
    last: int
    missing: int = 0
    damage: str | None = None


class GenerationView(BaseModel):
    """A generation of the graph: `live` is read, `filling` is half a graph, `kept` was live before.

    Versions are None for one that nothing was written to yet; `bytes` is None where its files are
    elsewhere.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)
    name: str
    state: Literal["live", "filling", "kept"]
    position: int
    projector_version: int | None
    schema_version: int | None
    created: datetime | None
    bytes: int | None
    rebuild_due: str | None = None


class GraphStatus(BaseModel):
    """The graph: its server, and the position up to which it holds the log.

    `rebuild_due` says why a rebuild is due, `others` how many generations lie beside the live one.
    `foreign` counts nodes of others under labels of ours, `hindering` are constraints and indexes
    of others that can stop events or searches.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)
    uri: str
    product: str
    version: str
    position: int
    vectors: int
    generation: str | None = None
    projector_version: int | None = None
    schema_version: int | None = None
    rebuild_due: str | None = None
    others: int = 0
    foreign: dict[str, int] = {}
    hindering: tuple[str, ...] = ()


class Lag(BaseModel):
    """The lag of the graph behind the log: in events, and the age of the first one missing."""

    model_config = ConfigDict(frozen=True, defer_build=True)
    events: int
    ms: float


class ProjectorView(BaseModel):
    """One process's run of a projection; it counts from the start of the run.

    A process that is not `active` stands by for another. `batch_size` is that of the last commit,
    `events_per_s` the rate of the last ten seconds, `dead_letters` what it put aside itself.
    `stopped` is the error that it stopped with, while it tries again and comes no further.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)
    pid: int
    active: bool
    batch_size: int
    events_per_s: float
    events: int
    retries: int
    dead_letters: int
    stopped: str | None = None


class ProjectionStatus(BaseModel):
    """One projection: how far it is in this generation of the graph, and who works on it.

    `generation` is the name of the graph's database, None for the server's default one. There is
    no projector where none answered: none runs, it hangs, or this user may not ask.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)
    name: str
    generation: str | None
    position: int
    lag: Lag
    projectors: tuple[ProjectorView, ...]


def stops_of(projections: Iterable[ProjectionStatus]) -> list[tuple[str, str]]:
    """Return the name of each projection that stopped and comes no further, and the reason."""
    return [
        (one.name, worker.stopped)
        for one in projections
        for worker in one.projectors
        if worker.stopped is not None
    ]


class Status(BaseModel):
    """The state of a memory's log and graph; `dead_letters` wait in all namespaces together.

    `ranker` is the one that answers questions in the process that was asked. `index_position` is
    the position that the home's recall index has reached, None where no process follows one.
    `projections` has `vectors` only where some are made.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)
    running: Literal[True] = True
    log: LogStatus
    graph: GraphStatus
    lag: Lag
    projections: tuple[ProjectionStatus, ...]
    dead_letters: int
    home: str | None
    owner: int | None
    owner_command: str | None
    namespace: str
    ranker: Literal["graph", "index"] = "graph"
    index_position: int | None = None
