"""The synchronous face: threads, a running loop beside it, Ctrl-C, and its end."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from anabranch.errors import LoopBlocked, MemoryNotOpen
from anabranch.loop_thread import LOOP, LoopThread
from anabranch.sync import Memory
from anabranch_events import new_id
from anabranch_thinking import CallableExecutor
from anabranch_thinking.errors import SessionNotFound, ThoughtFailed
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from anabranch.settings import Settings

pytestmark = pytest.mark.timeout(900)

LEFT_OPEN = """
import sys
from anabranch.sync import Memory

memory = Memory.open(sys.argv[1])
print(memory.remember("Ada drinks tea").position, flush=True)
"""


@pytest.fixture
def memory(namespace_settings: Settings) -> Iterator[Memory]:
    """Open a memory by its synchronous face."""
    with Memory.open(settings=namespace_settings) as opened:
        yield opened


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    """Hold a loop of the test's own."""
    loop = LoopThread()
    loop.hold()
    yield loop
    loop.release()


@in_full_only
async def test_it_works_beside_a_running_loop(memory: Memory) -> None:
    """As in a notebook, where a cell runs on a loop."""
    receipt = memory.remember("Ada drinks tea")

    found = memory.recall("What does Ada drink?")

    assert asyncio.get_running_loop().is_running()
    assert [hit.insight_id for hit in found.hits] == [receipt.insight_id]


def test_many_threads_use_one_memory(memory: Memory) -> None:
    """Each gets its own answers, and everything is stored once."""
    session = memory.open_session("count")

    def work(number: int) -> tuple[int, str]:
        receipt = session.remember(f"Number {number} is here")
        return receipt.position, memory.show_session(session.session_id).task

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(work, range(40)))

    stored = [one.decode().data for one in memory.replay(after=min(done)[0] - 1)]
    assert {task for _, task in done} == {"count"}
    assert len({position for position, _ in done}) == len(stored) == 40


def test_errors_keep_their_type_and_their_data(memory: Memory) -> None:
    """What the asynchronous face raises comes through unchanged."""
    unknown = new_id()

    with pytest.raises(SessionNotFound) as caught:
        memory.session(unknown)

    assert caught.value.session_id == unknown
    assert caught.value.fix


def test_a_branch_may_use_the_memory_from_its_thread(memory: Memory) -> None:
    """A plain function has a thread of its own, so its calls do not wait for themselves."""

    def look(branch: Any) -> str:
        memory.session(branch.session_id).note("seen", branch.task)
        return f"saw {branch.task}"

    thought = memory.think("look", branches=["tea", "milk"], executor=CallableExecutor(look))

    assert [one.result for one in thought.branches] == ["saw tea", "saw milk"]


def test_a_call_on_the_loop_itself_is_refused(memory: Memory) -> None:
    """A coroutine that the loop runs would wait for itself for ever: it gets LoopBlocked."""

    async def look(_: Any) -> str:
        return str(memory.remember("Ada drinks tea"))

    with pytest.raises(ThoughtFailed) as caught:
        memory.think("look", branches=["tea"], executor=look)

    assert list(caught.value.errors.values()) == [LoopBlocked().message]


def test_an_error_of_a_callback_comes_through(memory: Memory) -> None:
    """Even one that would end a loop leaves it as it is."""

    def heard(_event: object, _position: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        memory.think("look", count=1, on_event=heard)

    assert memory.status().log.last > 0


def test_ctrl_c_ends_the_call_and_nothing_else(thread: LoopThread) -> None:
    """The coroutine is cancelled, cleans up before the caller goes on, and the loop runs on."""
    begun, seen = threading.Event(), list[str]()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    def interrupt() -> None:
        begun.wait()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    async def answer() -> int:
        return 42

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        thread.run(work())
    interrupter.join()

    assert seen == ["cleaned up"]
    assert thread.run(answer()) == 42


@pytest.mark.parametrize("moment", ["before", "after"])
def test_ctrl_c_while_a_call_is_handed_over_leaves_nothing_running(
    thread: LoopThread, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Before the loop has the coroutine, and after, but before its thread waits for it."""
    post, posted = LoopThread._post, list[object]()  # pyright: ignore[reportPrivateUsage]  # It is watched.

    def interrupted(loop: LoopThread, work: Any) -> bool:
        posted.append(work)
        if len(posted) > 1:
            return post(loop, work)
        if moment == "after":
            post(loop, work)
        raise KeyboardInterrupt

    async def work() -> None:
        await asyncio.Event().wait()

    coroutine = work()
    monkeypatch.setattr(LoopThread, "_post", interrupted)
    with pytest.raises(KeyboardInterrupt):
        thread.run(coroutine)

    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


def test_iteration_may_stop_anywhere(thread: LoopThread) -> None:
    """What was read ahead is dropped, and the source is closed, also on the way to its end."""
    closed = threading.Event()

    async def count() -> AsyncIterator[int]:
        number = 0
        try:
            while True:
                yield (number := number + 1)
        finally:
            closed.set()

    first = list(islice(thread.iterate(count()), 1000))

    assert first == list(range(1, 1001))
    assert closed.wait(60)


def test_iteration_ends_with_the_error_of_its_source(thread: LoopThread) -> None:
    """What came before the error is given first."""

    async def count() -> AsyncIterator[int]:
        yield 1
        yield 2
        raise LookupError("no three")

    events = thread.iterate(count())

    assert [next(events), next(events)] == [1, 2]
    with pytest.raises(LookupError, match="no three"):
        next(events)


def test_the_thread_ends_with_its_last_holder() -> None:
    """What still runs is cancelled, and who waits for it learns that nothing is open any more."""
    loop = LoopThread()
    loop.hold()
    loop.hold()
    begun, outcome = threading.Event(), list[type]()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    def wait() -> None:
        try:
            loop.run(work())
        except MemoryNotOpen as error:
            outcome.append(type(error))

    waiter = threading.Thread(target=wait)
    waiter.start()
    begun.wait()
    loop.release()
    still = waiter.is_alive()
    loop.release()
    waiter.join()

    assert (still, outcome) == (True, [MemoryNotOpen])
    with pytest.raises(MemoryNotOpen):
        loop.run(work())


def test_a_memory_is_opened_and_closed_once(namespace_settings: Settings) -> None:
    """`open` opens, a block within it closes, and closing again does nothing."""
    memory = Memory.open(settings=namespace_settings)
    memory.remember("Ada drinks tea")

    with memory as same:
        position = same.position
    memory.close()

    assert same is memory
    assert position > 0
    with pytest.raises(MemoryNotOpen):
        memory.remember("Bob drinks coffee")


def test_a_forked_child_has_no_loop(memory: Memory) -> None:
    """Its thread did not come along: a call is refused there instead of waiting for ever."""
    memory.remember("Ada drinks tea")

    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            memory.status()
        with suppress(MemoryNotOpen):
            memory.status()
            os._exit(1)
        os._exit(0)
    _, code = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(code) == 0
    assert memory.status().log.last > 0


@in_full_only
def test_a_memory_left_open_is_closed_at_the_end(own_settings: Settings) -> None:
    """A script that forgets to close ends cleanly, and its servers with it."""
    command = [sys.executable, "-W", "error", "-c", LEFT_OPEN, str(own_settings.home)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")
    assert not (own_settings.home / "runtime.json").exists()


@in_full_only
def test_ctrl_c_reaches_a_script(own_settings: Settings) -> None:
    """A script that follows the log ends by KeyboardInterrupt, and its servers with it."""
    script = LEFT_OPEN + "for event in memory.follow(after=0): print(event.position, flush=True)"
    command = [sys.executable, "-c", script, str(own_settings.home)]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=200)

    assert lines == [b"2\n", b"1\n", b"2\n"]
    assert process.returncode == -signal.SIGINT
    assert err.splitlines()[-1] == b"KeyboardInterrupt"


def test_the_shared_loop_is_held_by_memories_alone(memory: Memory) -> None:
    """One thread serves every open memory of the process."""
    names = [one.name for one in threading.enumerate()]

    assert memory.position >= 0
    assert names.count("anabranch") == 1
    assert repr(LOOP)
