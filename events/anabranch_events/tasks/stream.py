"""The stream that holds the tasks: a work queue with at most one message a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anabranch_events.event.types import Priority
from anabranch_events.jetstream.api import CONSUMER_EXISTS, Refused, ask, parsed, translated
from anabranch_events.jetstream.kept_stream import ensure
from anabranch_events.tasks.task import SUBJECT_PREFIX, subjects_of, task_consumer

if TYPE_CHECKING:
    from anabranch_events.transport.connection import Connection

TASKS: Final = "ANABRANCH_TASKS"
SILENCE_S: Final = 10.0
"""The time after which a worker that says nothing about a task has lost it, where none is given."""
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
TENANT_BOUND: Final = "anabranch.tasks.bound."
"""Before a namespace: where a tenant asks about the consumer of its critical tasks."""
_NS: Final = 1_000_000_000


async def ensure_tasks(connection: Connection) -> None:
    """Create the stream if it is not there. Raises StreamDrifted when it has other settings."""
    await ensure(connection, TASKS, SETTINGS)


async def ensure_consumers(
    connection: Connection, namespace: str, *, silence_s: float | None
) -> float:
    """Create the consumers of a namespace, one a priority; return their bound of silence.

    A worker that says nothing about a task for so long has lost it: another one gets it. A bound
    that is given holds at once for what is in work, and moves pauses. So with None the one that
    stands is left. See findings/nats_ack_wait_reaches_what_is_in_work.sh.
    """
    bounds = [
        await _ensured(connection, priority, namespace, silence_s=silence_s)
        for priority in Priority
    ]
    return min(bounds)


async def _ensured(
    connection: Connection, priority: Priority, namespace: str, *, silence_s: float | None
) -> float:
    """Return the bound of the consumer for one priority, which is made where there is none."""
    name, subjects = task_consumer(priority, namespace), subjects_of(priority, namespace)
    config = {
        "name": name,
        "durable_name": name,
        "filter_subject": subjects,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": int((SILENCE_S if silence_s is None else silence_s) * _NS),
        "max_deliver": -1,  # The log counts the attempts: its count survives the queue.
        # Branches that wait for their forks are held, too, and those that were put off count. At a
        # limit looks would get no answer (findings/nats_a_pull_that_must_not_wait_waits.sh).
        "max_ack_pending": -1,
        "replay_policy": "instant",
    }
    action = "create" if silence_s is None else ""
    request = {"stream_name": TASKS, "config": config, "action": action}
    try:
        info = await ask(connection, f"CONSUMER.CREATE.{TASKS}.{name}.{subjects}", request)
    except Refused as refused:
        if refused.code == CONSUMER_EXISTS:
            return await bound_of(connection, namespace, priority)
        raise translated(refused) from refused
    return _bound_in(info)


async def bound_of(
    connection: Connection, namespace: str, priority: Priority = Priority.CRITICAL
) -> float:
    """Return the bound of silence that stands for a namespace; all priorities have the same.

    Raises LogRefused where there is no consumer yet, and for a tenant of accounts that were made
    before tenants could ask.
    """
    stands = f"$JS.API.CONSUMER.INFO.{TASKS}.{task_consumer(priority, namespace)}"
    subject = stands if connection.view is None else f"{TENANT_BOUND}{namespace}"

    async def once(timeout_s: float) -> bytes:
        return (await connection.request(subject, timeout_s=timeout_s)).data

    try:
        return _bound_in(parsed(await connection.attempt(once)))
    except Refused as refused:
        raise translated(refused) from refused


def _bound_in(info: dict[str, Any]) -> float:
    return float(info["config"]["ack_wait"]) / _NS
