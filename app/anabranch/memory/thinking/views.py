"""Tasks and workers as they are shown."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict

from anabranch_events.event.types import Priority
from anabranch_thinking import Status as BranchStatus
from anabranch_thinking.work.history import AttemptMade


class TaskView(BaseModel):
    """A branch for workers: where it is, and who has it."""

    model_config = ConfigDict(frozen=True)
    session_id: str
    root_id: str
    task: str
    role: str | None
    priority: Priority
    executor: str | None
    labels: tuple[str, ...] = ()
    status: BranchStatus
    attempts: int
    worker: str | None
    waiting_since: AwareDatetime | None
    deadline: AwareDatetime | None
    error: str | None


class TaskDetails(TaskView):
    """A branch for workers with the history of its attempts, every error kept."""

    result: str | None
    history: tuple[AttemptMade, ...]


class WorkerView(BaseModel):
    """A worker, as it describes itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    worker: str
    host: str
    process: int
    namespace: str
    slots: int
    busy: int
    priorities: tuple[str, ...]
    executors: tuple[str, ...]
    labels: tuple[str, ...] = ()
    running: tuple[str, ...]
    draining: bool
    ended: dict[str, int]


class RetriedTask(BaseModel):
    """A task that is tried again: the new thought, and its one branch."""

    model_config = ConfigDict(frozen=True)
    retry_of: str
    root_id: str
    session_id: str
