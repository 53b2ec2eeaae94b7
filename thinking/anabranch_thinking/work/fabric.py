"""The parts that workers, the joiner and those who wait share: the log's queue and its sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anabranch_thinking.sessions.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_events import Log
    from anabranch_events.tasks.queue import TaskQueue
    from anabranch_recall import Embedder
    from anabranch_thinking.sessions.recall import Recall
    from anabranch_thinking.tracing import Tracer


@dataclass(frozen=True, kw_only=True, slots=True)
class Fabric:
    """The log, the commands on sessions of each namespace, and the ways to ask memory.

    Without `recall_of` branches have no memory to ask, and consolidations link to nothing outside
    of their thought. Without `embedder` they group by words. With `tracer` there are spans.
    """

    log: Log
    sessions_of: Callable[[str], Sessions]
    recall_of: Callable[[str], Recall] | None = None
    embedder: Embedder | None = None
    tracer: Tracer | None = None

    @classmethod
    def over(cls, log: Log) -> Fabric:
        """Return a fabric over a log alone."""
        known: dict[str, Sessions] = {}

        def sessions_of(namespace: str) -> Sessions:
            return known.setdefault(namespace, Sessions(log, namespace=namespace))

        return cls(log=log, sessions_of=sessions_of)

    @property
    def queue(self) -> TaskQueue:
        """The queue of tasks."""
        return self.log.tasks

    def recall(self, namespace: str) -> Recall | None:
        """Return the way to ask memory in a namespace."""
        return None if self.recall_of is None else self.recall_of(namespace)
