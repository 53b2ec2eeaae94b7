"""The live page beside Cytoscape, in one Chromium, in one run, on the same ten thousand sessions.

Both have each session as a bar, and a line where it branches off and where it is joined: in
Cytoscape straight ones, which are its fastest by far. The page has the insights as well. Both are
moved by a step in each frame: the page by its wheel, Cytoscape by its own `panBy` and `zoom`. Then
ten sessions a second begin while one pans: in the page by its stream of events, in Cytoscape by
`add`. They begin as well while nobody pans, on a page as it is opened.

The display shows 60 frames a second at most, so two that reach it look alike. So both are compared
in a Chromium without that bound, in turns; a pixel of each canvas is read back in each frame, which
then is drawn. Where nobody pans, frames in which nothing changes cost nothing, and say nothing: that
row has the bound. Rows of their own compare the processor time of all of Chromium's processes a
frame, within the bound.
ANABRANCH_BENCH_SESSIONS says how many sessions, ANABRANCH_TEST_CHROMIUM where Chromium is. Cytoscape
comes from npm.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.support.chromium import chromium

from benchmarks import page_cytoscape, page_ours
from benchmarks.page_cytoscape import ADD, PAN_ADD, PAN_BY, PAN_ZOOM, drawn
from benchmarks.page_frames import (
    LIVE,
    NEAR,
    PAN,
    PICTURE,
    REST,
    ZOOM,
    frames_a_second,
    time_a_frame,
)
from benchmarks.page_ours import STAY, WHEEL, WHEEL_ZOOM, opened
from benchmarks.page_sessions import beginning, fill, served
from benchmarks.rows import Row, at_least, at_most

if TYPE_CHECKING:
    from playwright.async_api import Browser

TURNS: Final = 2
UNBOUND: Final = ("--disable-frame-rate-limit", "--disable-gpu-vsync")
GOAL: Final = 50.0
GOAL_RATIO: Final = 20.0
GOAL_PICTURE_MS: Final = 1500.0


async def run() -> list[Row]:
    """Measure, and return the rows."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        await fill(home)
        script = page_cytoscape.script_of(Path(folder))
        async with served(home) as url, chromium() as browser:
            ours, shown = await page_ours.numbers(browser, url)
            theirs = await page_cytoscape.numbers(browser, script, shown)
            taken = await _taken(browser, url, script, shown)
        async with served(home) as url, chromium(*UNBOUND) as browser:
            unbound = await _unbound(browser, url, script, shown)
    print(f"  load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    goals = [
        at_least(f"{name}, beside the goal", ours=ours[name], theirs=GOAL, limit=1, unit="1/s")
        for name in (PAN, NEAR)
    ]
    unbound[REST] = (ours[REST], theirs[REST])
    ratios = [
        at_least(f"{name}, beside Cytoscape", ours=one, theirs=other, limit=GOAL_RATIO, unit="1/s")
        for name, (one, other) in unbound.items()
    ]
    pictures = [
        at_most(f"{PICTURE}, beside {what}", ours=ours[PICTURE], theirs=other, limit=1, unit="ms")
        for what, other in (("the goal", GOAL_PICTURE_MS), ("Cytoscape", theirs[PICTURE]))
    ]
    times = [
        at_most(
            f"{name}, processor time a frame beside Cytoscape",
            ours=one,
            theirs=other,
            limit=1 / GOAL_RATIO,
            unit="ms",
        )
        for name, (one, other) in taken.items()
    ]
    return [*pictures, *goals, *ratios, *times]


async def _taken(
    browser: Browser, url: str, script: str, shown: dict[str, Any]
) -> dict[str, tuple[float, float]]:
    """Return the milliseconds of processor time a frame, ours and theirs, the least of the turns.

    Cytoscape has a new page each time, as in `_unbound`.
    """
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in (REST, PAN, ZOOM, LIVE)}
    for _ in range(TURNS):
        ours = await opened(browser, url)
        for name, step, other in (
            (REST, STAY, ADD),
            (PAN, WHEEL, PAN_BY),
            (ZOOM, WHEEL_ZOOM, PAN_ZOOM),
            (LIVE, WHEEL, PAN_ADD),
        ):
            if name != REST:  # That is of the page as it is opened.
                await ours.keyboard.press("f")
            async with beginning(url) if name in {LIVE, REST} else nullcontext():
                one = await time_a_frame(browser, ours, step)
            theirs, _ = await drawn(browser, script, shown)
            found[name].append((one, await time_a_frame(browser, theirs, other)))
            await theirs.close()
            print(f"  {name}: {one:.2f} and {found[name][-1][1]:.2f} ms a frame", file=sys.stderr)
        await ours.close()
    return {
        name: (min(one for one, _ in turns), min(other for _, other in turns))
        for name, turns in found.items()
    }


async def _unbound(
    browser: Browser, url: str, script: str, shown: dict[str, Any]
) -> dict[str, tuple[float, float]]:
    """Return the frames a second, ours and theirs, the most of the turns.

    Cytoscape has a new page each time: it keeps what it drew at each scale, and its page has crashed.
    """
    ours = await opened(browser, url)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in (PAN, ZOOM, LIVE)}
    for _ in range(TURNS):
        for name, step, other in (
            (PAN, WHEEL, PAN_BY),
            (ZOOM, WHEEL_ZOOM, PAN_ZOOM),
            (LIVE, WHEEL, PAN_ADD),
        ):
            print(f"  {name}, unbound", file=sys.stderr)
            await ours.bring_to_front()
            await ours.keyboard.press("f")
            async with beginning(url) if name == LIVE else nullcontext():
                one = await frames_a_second(ours, step, read=True)
            theirs, _ = await drawn(browser, script, shown)
            found[name].append((one, await frames_a_second(theirs, other, read=True)))
            await theirs.close()
    return {
        name: (max(one for one, _ in turns), max(other for _, other in turns))
        for name, turns in found.items()
    }
