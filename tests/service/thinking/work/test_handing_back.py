"""A branch that a draining worker hands back: at once where asked, and at no cost to the branch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch_events import new_event
from anabranch_events.errors import LogUnavailable
from anabranch_events.event.types import BranchFailed, BranchStarted, Priority
from anabranch_thinking import (
    BranchContext,
    BranchTask,
    CallableExecutor,
    Sessions,
    Status,
    ThoughtFailed,
)
from anabranch_thinking.executors.policy import ATTEMPTS_MAX, BACKOFF_S
from anabranch_thinking.work import worker as work_of_workers
from anabranch_thinking.work.attempt import HANDED_BACK_FACTOR, Attempt
from anabranch_thinking.work.dispatch import ThoughtOverWorkers, WorkTerms
from anabranch_thinking.work.history import HANDED_BACK, AttemptMade, attempts_at, attempts_in
from anabranch_thinking.work.slots import WorkSlots
from anabranch_thinking.work.worker import Worker
from tests.support.fleet_of_workers import Crew, echo, noted_hand_backs, noted_looks
from tests.support.patience import FOREVER_S, PATIENCE_S, until

if TYPE_CHECKING:
    from anabranch_events import Log
    from anabranch_thinking.sessions.state import Claim

NAMESPACE = "test"


class Stuck:
    """A worker with a branch that goes on until it is handed back; then others have it."""

    def __init__(self, log: Log) -> None:
        self.begun = asyncio.Event()
        self.crew = Crew(log, {"work": self.work})
        self.worker = Worker(
            self.crew.fabric,
            namespace=NAMESPACE,
            executors={"work": CallableExecutor(self.work, name="work")},
            silence_s=FOREVER_S,
            grace_s=FOREVER_S,
        )

    async def work(self, branch: BranchContext) -> str:
        """Go on for ever with the first attempt."""
        if branch.attempt == 1:
            self.begun.set()
            await asyncio.sleep(FOREVER_S)
        return await echo(branch)

    async def errors(self) -> list[str | None]:
        """Return how the attempts at the only branch in the queue have ended."""
        (queued,) = await self.crew.fabric.queue.queued(NAMESPACE)
        events = [event for _, event in await self.crew.sessions.events(queued.session_id)]
        return [one.error for one in attempts_in(events)]


async def test_a_worker_hands_back_at_once_where_that_is_asked(log: Log) -> None:
    """It does not wait for its grace, and another worker has the branch."""
    stuck = Stuck(log)
    thought = await stuck.crew.begin(["a"], executor="work")
    working = asyncio.create_task(stuck.worker.run())
    async with asyncio.timeout(PATIENCE_S):
        await stuck.begun.wait()

        stuck.worker.drain()
        stuck.worker.hand_back()
        await working

    async with stuck.crew.at_work():
        joined = await thought.joined()
    assert (joined.branches[0].status, joined.branches[0].attempts) == (Status.COMPLETED, 2)


async def test_what_is_handed_back_is_called_out(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that rests has it at once: it need not look by itself."""
    monkeypatch.setattr(work_of_workers, "LOOK_S", FOREVER_S)
    stuck = Stuck(log)
    thought = await stuck.crew.begin(["a"], executor="work")
    working = asyncio.create_task(stuck.worker.run())
    async with asyncio.timeout(PATIENCE_S):
        await stuck.begun.wait()
    looks = noted_looks(monkeypatch)

    async with stuck.crew.at_work():
        await until(lambda: bool(looks))
        stuck.worker.hand_back()
        joined = await thought.joined()

    await working
    assert joined.branches[0].attempts == 2


async def test_a_worker_that_is_asked_again_goes_on_handing_back(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third signal comes while the log is told: the branch does not wait for silence."""
    stuck = Stuck(log)
    fail = Sessions.fail

    async def asked_again(self: Sessions, *args: object, **options: object) -> object:
        stuck.worker.hand_back()
        await asyncio.sleep(0)
        return await fail(self, *args, **options)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # Its own.

    monkeypatch.setattr(Sessions, "fail", asked_again)
    await stuck.crew.begin(["a"], executor="work")
    working = asyncio.create_task(stuck.worker.run())
    async with asyncio.timeout(PATIENCE_S):
        await stuck.begun.wait()
        stuck.worker.hand_back()
        await working

    assert await stuck.errors() == [HANDED_BACK]


async def test_a_worker_that_is_cancelled_while_it_drains_hands_back(log: Log) -> None:
    """Nothing of it goes on behind."""
    stuck = Stuck(log)
    await stuck.crew.begin(["a"], executor="work")
    working = asyncio.create_task(stuck.worker.run())
    async with asyncio.timeout(PATIENCE_S):
        await stuck.begun.wait()
        stuck.worker.drain()
        await asyncio.sleep(0.01)
        working.cancel()
        await asyncio.wait({working})

    assert stuck.worker.slots.busy == 0
    assert await stuck.errors() == [HANDED_BACK]


async def test_a_branch_that_is_not_yet_claimed_is_handed_back_too(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that ends before it has claimed it leaves nobody to wait for its silence."""
    taken = asyncio.Event()

    async def never(*_: object) -> Claim:
        taken.set()
        await asyncio.sleep(FOREVER_S)
        raise AssertionError

    monkeypatch.setattr("anabranch_thinking.work.attempt.Attempt._claimed", never)
    given_back = noted_hand_backs(monkeypatch)
    stuck = Stuck(log)
    await stuck.crew.begin(["a"], executor="work")
    working = asyncio.create_task(stuck.worker.run())
    async with asyncio.timeout(PATIENCE_S):
        await taken.wait()
        stuck.worker.hand_back()
        await working

    assert given_back
    assert await stuck.errors() == []


@pytest.mark.parametrize(("silence_s", "said"), [(FOREVER_S, True), (0.001, False)])
async def test_a_task_that_may_be_anothers_by_now_is_not_given_back(
    log: Log, monkeypatch: pytest.MonkeyPatch, silence_s: float, *, said: bool
) -> None:
    """Behind its silence the server would take it from the worker that has it since.

    nats-server 2.15.1 obeys the answer of an earlier delivery: see
    findings/nats_answers_of_a_lost_delivery_count.sh. The queue has taken it from us by itself.
    """

    async def unanswered(*_: object) -> None:
        raise LogUnavailable("the log does not answer", fix="wait")

    crew = Crew(log, {"work": echo})
    await crew.begin(["a"], executor="work")
    await crew.fabric.queue.open(NAMESPACE, silence_s=silence_s)
    async with crew.fabric.queue.taking() as taking:
        (held,) = await taking.take(NAMESPACE, priorities=tuple(Priority), count=1)
    await asyncio.sleep(min(silence_s, 0.01))
    given_back = noted_hand_backs(monkeypatch)
    monkeypatch.setattr(Sessions, "state", unanswered)
    attempt = Attempt(
        crew.fabric,
        held,
        CallableExecutor(echo, name="work"),
        slots=WorkSlots(1),
        worker="late",
    )

    await attempt.run()

    assert bool(given_back) is said


async def handed_back(
    log: Log, thought: ThoughtOverWorkers, session_id: str, *, times: int
) -> None:
    """Store that a branch was claimed and handed back so many times."""
    for attempt in range(1, times + 1):
        for data in (
            BranchStarted(worker=f"worker {attempt}", attempt=attempt),
            BranchFailed(error=HANDED_BACK, attempt=attempt, will_retry=True),
        ):
            await log.append(
                new_event(
                    data,
                    session_id=session_id,
                    namespace=NAMESPACE,
                    correlation_id=thought.root_id,
                )
            )


async def begun(crew: Crew, *, retries: int = 0) -> tuple[ThoughtOverWorkers, str]:
    """Begin a thought of one branch; return it with the branch."""
    terms = WorkTerms(executor="work", retries=retries)
    thought = ThoughtOverWorkers(crew.fabric, crew.sessions, terms)
    (session_id,) = await thought.begin("plan the trip", [BranchTask(task="a")], session_id=None)
    return thought, session_id


async def test_a_branch_is_not_put_aside_for_ends_of_its_workers(log: Log) -> None:
    """Hand-backs are no fault of it: it is taken up more often than one that kills its workers."""
    crew = Crew(log, {"work": echo})
    thought, session_id = await begun(crew)
    await handed_back(log, thought, session_id, times=ATTEMPTS_MAX + 1)

    async with crew.at_work():
        joined = await thought.joined()

    assert (joined.branches[0].status, joined.branches[0].attempts) == (
        Status.COMPLETED,
        ATTEMPTS_MAX + 2,
    )


async def test_a_branch_that_is_always_handed_back_is_put_aside_in_the_end(log: Log) -> None:
    """One that no worker ever has the time for does not go round for ever."""
    crew = Crew(log, {"work": echo})
    thought, session_id = await begun(crew)
    await handed_back(log, thought, session_id, times=ATTEMPTS_MAX * HANDED_BACK_FACTOR)

    async with crew.at_work():
        with pytest.raises(ThoughtFailed, match="given up after"):
            await thought.joined()

    state = await crew.sessions.state(session_id)
    assert (state.status, state.error) == (
        Status.DEAD_LETTERED,
        "given up after 0 attempts, beside 20 that were handed back",
    )


async def test_hand_backs_are_none_of_the_retries(log: Log) -> None:
    """A branch that fails for the first time after hand-backs has its retries before it."""
    failures = 0

    async def work(branch: BranchContext) -> str:
        nonlocal failures
        if failures == 0:
            failures += 1
            raise ValueError("not yet")
        return await echo(branch)

    crew = Crew(log, {"work": work})
    thought, session_id = await begun(crew, retries=1)
    await handed_back(log, thought, session_id, times=2)

    async with crew.at_work():
        joined = await thought.joined()

    assert (joined.branches[0].status, joined.branches[0].attempts) == (Status.COMPLETED, 4)


async def fails(branch: BranchContext) -> str:
    """Find nothing."""
    raise ValueError(f"attempt {branch.attempt} found nothing")


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_hand_backs_change_nothing_of_an_only_failure(log: Log, times: int) -> None:
    """A branch that is not tried again has failed, by its own error, however often handed back."""
    crew = Crew(log, {"work": fails})
    thought, session_id = await begun(crew)
    await handed_back(log, thought, session_id, times=times)

    async with crew.at_work():
        with pytest.raises(ThoughtFailed):
            await thought.joined()

    state = await crew.sessions.state(session_id)
    assert (state.status, state.error) == (
        Status.FAILED,
        f"ValueError: attempt {times + 1} found nothing",
    )


async def test_hand_backs_change_no_pause_and_are_no_attempts(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next attempt comes as soon as without them, and what is given up tells them apart."""
    pauses = noted_hand_backs(monkeypatch)
    crew = Crew(log, {"work": fails})
    thought, session_id = await begun(crew, retries=1)
    await handed_back(log, thought, session_id, times=2)

    async with crew.at_work():
        with pytest.raises(ThoughtFailed):
            await thought.joined()

    state = await crew.sessions.state(session_id)
    assert pauses == [BACKOFF_S]
    assert state.status is Status.DEAD_LETTERED
    assert state.error == (
        "given up after 2 attempts, beside 2 that were handed back\n"
        "attempt 3 by worker 0: ValueError: attempt 3 found nothing\n"
        "attempt 4 by worker 0: ValueError: attempt 4 found nothing"
    )


async def test_an_outage_loses_no_failure(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the log does not answer what an attempt asks about those before, it asks again."""
    out: list[object] = []

    async def late(sessions: Sessions, session_id: str) -> list[AttemptMade]:
        if not out:
            out.append(session_id)
            raise LogUnavailable("it does not answer", fix="wait")
        return await attempts_at(sessions, session_id)

    monkeypatch.setattr("anabranch_thinking.work.attempt.attempts_at", late)
    crew = Crew(log, {"work": fails})
    thought, session_id = await begun(crew, retries=1)

    async with crew.at_work():
        with pytest.raises(ThoughtFailed):
            await thought.joined()

    state = await crew.sessions.state(session_id)
    assert out == [session_id]
    assert state.error == (
        "given up after 2 attempts\n"
        "attempt 1 by worker 0: ValueError: attempt 1 found nothing\n"
        "attempt 2 by worker 0: ValueError: attempt 2 found nothing"
    )
