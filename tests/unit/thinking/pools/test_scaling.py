"""The formula of scaling: its properties, and a pool simulated by the second."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anabranch_events.errors import InputInvalid
from anabranch_thinking.pools.scaling import Bounds, Load, Scaling

if TYPE_CHECKING:
    from collections.abc import Callable

BOUNDS = Bounds(fewest=1, most=16, slots=4)
WINDOW_S = 60.0
START_S = 8
"""The seconds that a worker takes to start, in the simulation."""


@dataclass
class Simulated:
    """A pool by the second: branches arrive, wait, are worked on; workers start and drain."""

    bounds: Bounds
    scaling: Scaling
    starting: list[int] = field(default_factory=list)
    running: int = 0
    waiting: int = 0
    ends: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    done: int = 0

    def run(self, seconds: int, arrivals: Callable[[int], int], work_s: float) -> None:
        """Let so many seconds go by."""
        for _ in range(seconds):
            now = len(self.sizes)
            self.waiting += arrivals(now)
            while self.ends and self.ends[0] <= now:
                heapq.heappop(self.ends)
                self.done += 1
            self.running += sum(1 for ready in self.starting if ready <= now)
            self.starting = [ready for ready in self.starting if ready > now]
            while self.waiting and len(self.ends) < self.running * self.bounds.slots:
                self.waiting -= 1
                heapq.heappush(self.ends, now + work_s)
            load = Load(waiting=self.waiting, in_flight=len(self.ends))
            wanted = self.scaling.wanted(load, now=now)
            there = self.running + len(self.starting)
            self.starting += [now + START_S] * max(0, wanted - there)
            self.running -= min(self.running, max(0, there - wanted))
            self.sizes.append(wanted)

    @property
    def turns(self) -> int:
        """The number of times that growing turned into shrinking, or the other way round."""
        steps = [b - a for a, b in pairwise(self.sizes) if a != b]
        return sum(1 for a, b in pairwise(steps) if (a > 0) != (b > 0))


def simulated(bounds: Bounds = BOUNDS) -> Simulated:
    """Return a pool in which nothing has happened yet."""
    return Simulated(bounds, Scaling(bounds, window_s=WINDOW_S))


def test_a_burst_is_drained_and_an_idle_pool_goes_to_its_minimum() -> None:
    """Of 640 branches of 5 s on up to 64 slots none waits long, and then one worker is left."""
    pool = simulated()

    pool.run(240, lambda now: 640 if now == 10 else 0, work_s=5)

    assert max(pool.sizes) == 16
    assert pool.done == 640
    busy = [now for now, size in enumerate(pool.sizes) if size > 1]
    # Ten rounds of 5 s after the start of the others, and the window.
    assert busy[-1] <= 10 + START_S + 50 + WINDOW_S + 5
    assert pool.sizes[-1] == 1
    assert pool.turns == 1


def test_a_pool_without_a_minimum_ends_empty_and_comes_back() -> None:
    """With a minimum of nothing one branch starts a worker, and long after it there is none."""
    pool = simulated(Bounds(fewest=0, most=4, slots=4))

    pool.run(200, lambda now: int(now in {5, 120}), work_s=2)

    assert pool.done == 2
    assert pool.sizes[:5] == [0] * 5
    assert [pool.sizes[now] for now in (5, 80, 119, 120, 199)] == [1, 0, 0, 1, 0]


@pytest.mark.parametrize("rate", [0.5, 2.0, 6.0])
def test_a_steady_load_settles(rate: float) -> None:
    """Under arrivals at random the pool finds its size, and keeps within a worker or two of it."""
    random, pool = Random(7), simulated()  # noqa: S311 - arrivals are no secrets.

    pool.run(1200, lambda _: sum(random.random() < rate / 10 for _ in range(10)), work_s=5)

    settled = pool.sizes[300:]
    assert max(settled) - min(settled) <= 2
    # At most one turn down a window, and one up again.
    assert pool.turns <= 2 * 1200 / WINDOW_S
    assert pool.waiting <= 2 * rate


def test_waves_shorter_than_the_window_do_not_make_it_flap() -> None:
    """A load that comes and goes every 20 s leaves the pool as large as a wave needs it."""
    pool = simulated()

    pool.run(600, lambda now: 40 if now % 20 == 0 else 0, work_s=5)

    assert pool.turns == 0
    assert pool.sizes[-1] == max(pool.sizes)


LOADS = st.lists(
    st.tuples(st.floats(0.1, 50), st.integers(0, 200), st.integers(0, 100)),
    min_size=1,
    max_size=40,
)


@given(LOADS, st.integers(0, 5), st.integers(1, 30), st.integers(1, 9))
def test_it_is_the_highest_need_of_the_window(
    loads: list[tuple[float, int, int]], fewest: int, more: int, slots: int
) -> None:
    """Whatever comes, the answer is the highest need of the last window, within its bounds."""
    bounds = Bounds(fewest=fewest, most=fewest + more, slots=slots)
    scaling = Scaling(bounds, window_s=WINDOW_S)
    now, needs = 0.0, list[tuple[float, int]]()

    for pause, waiting, in_flight in loads:
        now += pause
        load = Load(waiting=waiting, in_flight=in_flight)
        wanted = scaling.wanted(load, now=now)
        needs.append((now, bounds.needed(load)))

        assert bounds.fewest <= wanted <= bounds.most
        assert wanted == max(need for at, need in needs if at > now - WINDOW_S)
        assert (wanted * slots >= waiting + in_flight) or wanted == bounds.most


@given(LOADS)
def test_between_growing_and_shrinking_lies_a_window(loads: list[tuple[float, int, int]]) -> None:
    """A pool that has just grown is not shrunk before the window is over."""
    scaling = Scaling(BOUNDS, window_s=WINDOW_S)
    now, before, grown_at = 0.0, 0, float("-inf")

    for pause, waiting, in_flight in loads:
        now += pause
        wanted = scaling.wanted(Load(waiting=waiting, in_flight=in_flight), now=now)

        assert wanted >= before or now >= grown_at + WINDOW_S
        grown_at = now if wanted > before else grown_at
        before = wanted


@pytest.mark.parametrize(
    ("fewest", "most", "slots", "field_"), [(2, 1, 4, "max"), (0, 0, 4, "max"), (0, 1, 0, "slots")]
)
def test_a_range_that_is_none_is_refused(fewest: int, most: int, slots: int, field_: str) -> None:
    """A minimum above the maximum, a pool of nobody, and workers without slots name the field."""
    with pytest.raises(InputInvalid) as refused:
        Bounds(fewest=fewest, most=most, slots=slots)

    assert refused.value.field == field_
