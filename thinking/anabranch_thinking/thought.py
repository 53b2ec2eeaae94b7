"""The outcome of a thought: its branches, how each ended, and their consolidation."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from anabranch_thinking.sessions.state import Status


class BranchOutcome(BaseModel):
    """The outcome of one branch; `duration_ms` is its last attempt's."""

    model_config = ConfigDict(frozen=True)
    session_id: str
    parent_id: str
    depth: int
    task: str
    role: str | None
    status: Status
    result: str | None = None
    insight_ids: tuple[str, ...] = ()
    duration_ms: float = 0
    attempts: int = 0
    worker: str | None = None
    error: str | None = None


class Consolidation(BaseModel):
    """The synthesis of a thought's branches; `sources` in the order in which `text` cites them.

    `method` is `extractive`, or `abstractive:` with the model that wrote the text. `dropped` counts
    the sentences of a model that no source which they cite supports, by the reason. `fallback` says
    why the text is extractive where a model was asked.
    """

    model_config = ConfigDict(frozen=True)
    consolidation_id: str
    root_id: str
    sessions: tuple[str, ...]
    sources: tuple[str, ...]
    text: str
    method: str
    event_id: str
    position: int
    associations: int = 0
    dropped: dict[str, int] = {}
    fallback: str | None = None


class Thought(BaseModel):
    """A root session whose task was fanned out over branches and joined again.

    `branches` are in the order in which they were forked. `parallel_ms` is the time that the
    branches took together. `sequential_ms` is the sum of their durations, without the waits for
    their own forks. `parallel_max` is the number of them that ran at the same time. `speed_up` is
    how many times faster they were together than one after another.
    """

    model_config = ConfigDict(frozen=True)
    session_id: str
    task: str
    branches: tuple[BranchOutcome, ...]
    consolidation: Consolidation | None
    total_branches: int
    total_duration_ms: float
    parallel_ms: float
    sequential_ms: float
    parallel_max: int
    speed_up: float = 1.0
    position: int
