"""The stream that holds the tasks: a work queue with at most one message a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anabranch_events.event.types import Priority
from anabranch_events.jetstream.api import Refused, ask, translated
from anabranch_events.jetstream.kept_stream import ensure
from anabranch_events.tasks.task import SUBJECT_PREFIX, subjects_of, task_consumer

if TYPE_CHECKING:
    from anabranch_events.transport.connection import Connection

TASKS: Final = "ANABRANCH_TASKS"
SETTINGS: Final[dict[str, Any]] = {
    "subjects": [f"{SUBJECT_PREFIX}*.*.*"],
    "retention": "workqueue",
    "storage": "file",
    "discard": "new",
    "discard_new_per_subject": True,
    "max_msgs_per_subject": 1,
    "max_age": 0,
    "allow_direct": True,
}
"""The settings the queue relies on.

One message a subject, and a second one refused: a branch is queued or in work once, however often
it is put, and by whom.
"""
_NS: Final = 1_000_000_000


async def ensure_tasks(connection: Connection) -> None:
    """Create the stream if it is not there. Raises StreamDrifted when it has other settings."""
    await ensure(connection, TASKS, SETTINGS)


async def ensure_consumers(connection: Connection, namespace: str, *, silence_s: float) -> None:
    """Create the consumers of a namespace, one a priority, or give them this bound of silence.

    A worker that says nothing about a task for `silence_s` has lost it: another one gets it.
    """
    for priority in Priority:
        name, subjects = task_consumer(priority, namespace), subjects_of(priority, namespace)
        config = {
            "name": name,
            "durable_name": name,
            "filter_subject": subjects,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": int(silence_s * _NS),
            "max_deliver": -1,  # The log counts the attempts: its count survives the queue.
            "max_ack_pending": -1,  # Branches that wait for their forks are held, too.
            "replay_policy": "instant",
        }
        request = {"stream_name": TASKS, "config": config}
        try:
            await ask(connection, f"CONSUMER.CREATE.{TASKS}.{name}.{subjects}", request)
        except Refused as refused:
            raise translated(refused) from refused
