"""The pauses between starts of workers that fail."""

from __future__ import annotations

from anabranch_thinking.pools.starts import Starts


def test_starts_that_fail_are_followed_by_ever_longer_pauses() -> None:
    """Each doubles the pause, up to a minute; a new worker that answers ends that."""
    starts = Starts()
    pauses: list[float] = []

    for look in range(8):
        now = 1000.0 * look
        starts.seen(gone={f"worker {look}"}, answering={"old"}, now=now)
        pauses.append(next(after for after in range(100) if starts.may(now + after)))
    starts.seen(gone=(), answering={"old", "new"}, now=9000.0)
    starts.seen(gone={"another"}, answering={"old", "new"}, now=9001.0)

    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]
    assert starts.may(9003.0)


def test_a_worker_that_had_answered_may_go() -> None:
    """One that worked, and was killed, is replaced at once."""
    starts = Starts()
    starts.seen(gone=(), answering={"one"}, now=0.0)

    starts.seen(gone={"one"}, answering=(), now=1.0)

    assert starts.may(1.0)
