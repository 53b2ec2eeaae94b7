"""A task: a branch that waits for a worker, and the terms on which it may be worked on."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from anabranch_events.event.identifiers import Identifier, Name, Namespace
from anabranch_events.event.types import Labels, Priority

SUBJECT_PREFIX: Final = "anabranch.tasks."


class Task(BaseModel):
    """A branch in the queue: where it is in the log, and who may run it.

    The log holds everything else. A task that is lost can be made again from the log, and one that
    comes twice changes nothing.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    namespace: Namespace
    session_id: Identifier
    priority: Priority = Priority.NORMAL
    executor: Name | None = None
    labels: Labels | None = None
    """Those that its worker should have: a preference, for a while."""
    hedge: bool = False
    """True for a second copy of a branch that another worker has."""

    @property
    def subject(self) -> str:
        """The one subject of the task; the queue holds at most one message on it."""
        return f"{SUBJECT_PREFIX}{self.priority}.{self.namespace}.{self.key}"

    @property
    def key(self) -> str:
        """The session, or a name for the second copy of it."""
        return f"{self.session_id}-hedge" if self.hedge else self.session_id

    def payload(self) -> bytes:
        """Return the task as `read_task` reads it."""
        return self.model_dump_json(exclude_none=True).encode()


def read_task(payload: bytes) -> Task | None:
    """Return the task in a message; None where it holds none."""
    try:
        return Task.model_validate_json(payload)
    except ValidationError:
        return None


def task_consumer(priority: str, namespace: str) -> str:
    """Return the name of the consumer for tasks of one priority in one namespace."""
    return f"{priority}-{namespace}"


def subjects_of(priority: str, namespace: str) -> str:
    """Return the subjects of the tasks of one priority (`*`: of any) in one namespace."""
    return f"{SUBJECT_PREFIX}{priority}.{namespace}.*"
