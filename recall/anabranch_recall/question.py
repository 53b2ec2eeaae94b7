"""The question to memory, and the shape of every ranker's answer."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from anabranch_recall.filters import NO_FILTERS, Filters

if TYPE_CHECKING:
    from collections.abc import Iterator

HITS_MAX = 1000
ALSO_MAX = 100
QUESTIONS_MAX = 32
SPREAD_MAX = 4
ASSOCIATED_MAX = 50
TIMEOUT_S_MAX = 300.0
TIMEOUT_S = 10.0
"""The seconds that vectors and lanes have where a question says nothing."""
CONFLICTS_MAX = 3
"""The open conflicts that are shown beside a hit."""


class Scope(StrEnum):
    """The scope of a question. `lineage` is the own branch, and ancestors up to its fork."""

    SESSION = "session"
    LINEAGE = "lineage"
    THOUGHT = "thought"
    NAMESPACE = "namespace"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Floor(_Frozen):
    """The least at which an answer is near: a similarity, or a share of the question's words."""

    similarity: float
    words: float


class Question(_Frozen):
    """One question to memory.

    `as_of` is the position up to which the log counts: nothing from later has any influence.
    `asked_at` is the moment to which associations decay. Without it, that is now, or as of a
    position the last moment recorded up to there.

    Insights that ended, or whose time in the world is over or to come at `asked_at`, are left out.
    With `include_retired` they answer too. `filters.valid_at` asks for
    another time in the world.

    `evidence_prior`, from -1 to 0, is the score of being cited by a standing consolidation.

    Hits below `min_similarity` are left out. Without it, no hits are given where none reaches
    `floor`.

    Each lane has `timeout_s`; one that takes longer is left out, and says so.
    """

    text: Annotated[str, StringConstraints(strict=True, min_length=1, pattern=r"\S")]
    namespace: Annotated[str, StringConstraints(min_length=1)]
    k: Annotated[int, Field(ge=1, le=HITS_MAX)] = 10
    scope: Scope = Scope.NAMESPACE
    session_id: str | None = None
    as_of: Annotated[int, Field(ge=0)] | None = None
    include_retired: bool = False
    asked_at: AwareDatetime | None = None
    filters: Filters = NO_FILTERS
    min_similarity: Annotated[float, Field(ge=-1, le=1)] | None = None
    floor: Floor | None = None
    evidence_prior: Annotated[float, Field(ge=-1, le=0)] = 0.0
    timeout_s: Annotated[float, Field(gt=0, le=TIMEOUT_S_MAX)] | None = None

    @model_validator(mode="after")
    def _scope_has_its_session(self) -> Question:
        if self.scope is not Scope.NAMESPACE and self.session_id is None:
            raise PydanticCustomError(
                "missing",
                "is missing: scope {scope} needs a session",
                {"scope": str(self.scope), "field": "session_id", "fix": "give session_id"},
            )
        return self


class Association(_Frozen):
    """Another insight this one is associated with, and the weight at the time of the question."""

    insight_id: str
    kind: str
    weight: float
    position: int


class Why(_Frozen):
    """The reasons for a hit's place: the score is the sum of these.

    `lanes` has the parts of `words` and `meaning`, each scaled to its share. `session` is the part
    of the same session's best insight, and `length` that of the text's length. `priors` has, by
    name, all other parts, for the insight or against it. `path` is the part of one hop
    over shared `entities` from the insights in `seeds`, and `linked` that of `associations`.

    `cosine` is the hit's `similarity`, `matched` the words of the question that the text has.
    `events` are the positions of the events behind the hit.
    """

    lanes: dict[str, float]
    session: float = 0.0
    length: float = 0.0
    priors: dict[str, float] = {}
    path: float = 0.0
    linked: float = 0.0
    cosine: float | None = None
    matched: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    associations: tuple[Association, ...] = ()
    events: tuple[int, ...] = ()


class Restatement(_Frozen):
    """Another insight with the text of a hit."""

    insight_id: str
    session_id: str
    position: int


class OpenConflict(_Frozen):
    """Another insight that a hit stands against: `position` is the one that opened the conflict.

    A ranker that does not know its `subject` leaves it out.
    """

    insight_id: str
    text: str
    subject: str | None = None
    position: int


class Hit(_Frozen):
    """One insight that answers, its score, and why. `retired` is the position it ended at.

    `similarity` is the cosine of the vectors of question and insight. It is 1 for the same meaning,
    about 0 for none in common, never below -1, and None where there is no vector. `score` only
    orders the hits of one answer.

    Insights with the same text are one hit, of the best among them. `also` has the others, at most
    100, and `also_in` is the number of other sessions that say the same. `conflicts` are its open
    ones, at most three.
    """

    insight_id: str
    session_id: str
    text: str
    kind: str
    position: int
    recorded_at: datetime
    score: float
    why: Why
    subject: str | None = None
    retired: int | None = None
    similarity: float | None = None
    tags: tuple[str, ...] = ()
    confidence: float = 1.0
    agent: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    also_in: int = 0
    also: tuple[Restatement, ...] = ()
    conflicts: tuple[OpenConflict, ...] = ()

    @property
    def said(self) -> str:
        """The text, with its subject in front where it does not name it."""
        from anabranch_recall.text.subject import with_subject

        return with_subject(self.text, self.subject)


class Associated(_Frozen):
    """An insight that associations lead to from the insight `start`.

    `path` has the associations on the way, each with its far end, and their weights at the time;
    `strength` is the product of these.
    """

    insight_id: str
    session_id: str
    text: str
    subject: str | None
    kind: str
    tags: tuple[str, ...]
    confidence: float
    agent: str | None
    position: int
    recorded_at: datetime
    valid_from: datetime | None
    valid_until: datetime | None
    retired: int | None
    strength: float
    start: str
    path: tuple[Association, ...]


class Lane(_Frozen):
    """The state of one lane, the position up to which it knew the log, and the time it took.

    Lanes that fared alike are equal: the same question has the same answer, however long it took.
    """

    state: Literal["ok", "empty", "failed", "skipped"]
    position: int
    reason: str | None = None
    duration_ms: float = 0.0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lane) and self._fared == other._fared

    def __hash__(self) -> int:
        return hash(self._fared)

    @property
    def _fared(self) -> tuple[str, int, str | None]:
        return self.state, self.position, self.reason


class Recollection(_Frozen):
    """The hits, best first, and each lane's state. `position` is that of the graph or the index.

    It has the length of its hits, and iterating gives them. `nothing_close` says that there are
    none because all that was compared is far from the question. `forgotten_since` counts what held
    in the namespace as of the question's position and was forgotten later: the answer lacks it.
    `conflicts_known` is false where the graph did not say in time which conflicts the hits have.
    `associated` are the insights that the hits' associations lead to, where the question spreads.
    `recall_id` names this answer, for the citations of its insights; what a ranker gives has none
    yet.
    """

    hits: list[Hit]
    lanes: dict[str, Lane]
    position: int
    ranker: str
    nothing_close: bool = False
    forgotten_since: int = 0
    conflicts_known: bool = False
    recall_id: str | None = None
    associated: tuple[Associated, ...] = ()

    def __iter__(self) -> Iterator[Hit]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # A model gives its fields, an answer its hits.
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    @property
    def vectors_behind(self) -> int:
        """The number of positions that the graph had and the vectors had not.

        Insights of these were found by their words only. Where no vectors are made it is all.
        """
        meaning = self.lanes.get("meaning")
        return 0 if meaning is None else max(0, self.position - meaning.position)


class Ranker(Protocol):
    """A ranker of insights; the graph's own indexes are one."""

    async def recall(self, question: Question) -> Recollection:
        """Return the `question.k` insights that answer best."""
        ...
