"""The live page beside Cytoscape, in one Chromium, in one run, on the same ten thousand sessions.

Both have each session as a bar, and a line where it branches off and where it is joined: in Cytoscape
straight ones, which are its fastest by far. The page has the insights as well. Both are moved by a step in each frame: the page by its wheel,
Cytoscape by its own `panBy` and `zoom`. Then ten sessions a second begin while one pans: in the page
by its stream of events, in Cytoscape by `add`. They begin as well while nobody pans, on a page as it is opened.

The display shows 60 frames a second at most, so two that reach it look alike. So both are compared in a
Chromium without that bound, in turns; a pixel of each canvas is read back in each frame, which then is
drawn. Where nobody pans, frames in which nothing changes cost nothing, and say nothing: that row has the bound.
Rows of their own compare the processor time of all of Chromium's processes a frame, within the bound.
ANABRANCH_BENCH_SESSIONS says how many sessions, ANABRANCH_TEST_CHROMIUM where Chromium is. Cytoscape
comes from npm.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx2
from tests.support.chromium import chromium

from anabranch import Memory
from anabranch.memory.memory import namespace_of
from anabranch_events import new_event, new_id
from anabranch_events.event.types import (
    BranchCompleted,
    BranchCreated,
    BranchStarted,
    ConsolidationRecorded,
    Insight,
    SessionClosed,
    SessionOpened,
)
from benchmarks.rows import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from playwright.async_api import Browser, Page

    from anabranch_events import Event

SESSIONS: Final = int(os.environ.get("ANABRANCH_BENCH_SESSIONS", "10000"))
CYTOSCAPE: Final = "cytoscape@3.35.0"
BRANCHES: Final = 9
SIZE: Final[Any] = {"width": 1440, "height": 900}
SECONDS: Final = 4.0
VISITS: Final = 3
TURNS: Final = 2
UNBOUND: Final = ("--disable-frame-rate-limit", "--disable-gpu-vsync")
GOAL: Final = 50.0
GOAL_RATIO: Final = 20.0
GOAL_PICTURE_MS: Final = 1500.0
PICTURE: Final = "first picture"
PAN: Final = "pan, all in sight"
ZOOM: Final = "pan and zoom, all in sight"
NEAR: Final = "pan, near"
LIVE: Final = "pan while sessions begin, all in sight"
REST: Final = "nobody pans while sessions begin, all in sight"
_NAMESPACE: Final = "default"
_WAIT_S: Final = 300.0
_FRAMES = """
async ({ seconds, step, read }) => {
  const move = eval(step);
  const frame = async () => {
    await new Promise(requestAnimationFrame);
    if (!read) return;
    for (const one of document.querySelectorAll("canvas")) one.getContext("2d").getImageData(0, 0, 1, 1);
  };
  move();
  await frame();
  const began = performance.now();
  let frames = 0;
  while (performance.now() - began < seconds * 1000) {
    move(frames);
    await frame();
    frames += 1;
  }
  return frames / ((performance.now() - began) / 1000);
}
"""
_PICTURED: Final = "performance.getEntriesByName('anabranch-first-picture')[0].startTime"
_WHEEL: Final = """
((at = 0) => document.getElementById("lanes").dispatchEvent(new WheelEvent("wheel",
  { deltaY: at % 160 < 80 ? 12 : -12, shiftKey: true, cancelable: true })))
"""
_WHEEL_ZOOM: Final = """
((at = 0) => {
  const lanes = document.getElementById("lanes");
  const way = at % 160 < 80 ? 12 : -12;
  lanes.dispatchEvent(new WheelEvent("wheel", { deltaY: way, shiftKey: true, cancelable: true }));
  lanes.dispatchEvent(new WheelEvent("wheel", { deltaY: way, cancelable: true, clientX: 700, clientY: 400 }));
})
"""
_PAN_BY: Final = "((at = 0) => window.cy.panBy({ x: at % 160 < 80 ? -12 : 12, y: 0 }))"
_ADD: Final = """
((at = 0) => {
  const due = Math.floor(performance.now() / 100); // Ten a second.
  if (window.added === due) return;
  window.added = due;
  window.cy.add({ data: { id: `n${due}`, width: 4 }, classes: "session", position: { x: 1400, y: due % 800 } });
})
"""
_PAN_ADD: Final = f"((at = 0) => {{ ({_ADD})(at); ({_PAN_BY})(at); }})"
_STAY: Final = "((at = 0) => {})"
_PAN_ZOOM: Final = """
((at = 0) => {
  const way = at % 160 < 80 ? 12 : -12;
  window.cy.panBy({ x: -way, y: 0 });
  window.cy.zoom({ level: window.cy.zoom() * Math.exp(-way * 0.0016), renderedPosition: { x: 700, y: 400 } });
})
"""
_SHOW: Final = """
async ({ nodes, edges }) => {
  const began = performance.now();
  const box = document.createElement("div");
  box.style.cssText = "position:absolute;inset:0";
  document.body.append(box);
  const style = [
    { selector: "node.session", style: { shape: "round-rectangle", width: "data(width)", height: 5 } },
    { selector: "edge", style: { width: 1 } },
  ];
  window.cy = cytoscape({ container: box, style, layout: { name: "preset" }, elements: [
    ...nodes.map(([id, classes, x, y, width]) => ({ data: { id, width }, classes, position: { x, y } })),
    ...edges.map(([source, target, classes], at) => ({ data: { id: `e${at}`, source, target }, classes })),
  ] });
  window.cy.fit();
  await new Promise((resolve) => window.cy.one("render", resolve));
  await new Promise(requestAnimationFrame);
  return performance.now() - began;
}
"""


async def run() -> list[Row]:
    """Measure, and return the rows."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        await _fill(home)
        script = _cytoscape(Path(folder))
        async with _served(home) as url, chromium() as browser:
            ours, shown = await _page(browser, url)
            theirs = await _beside(browser, script, shown)
            taken = await _taken(browser, url, script, shown)
        async with _served(home) as url, chromium(*UNBOUND) as browser:
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


def events(sessions: int) -> Iterator[Event]:
    """Yield thoughts of nine branches, each with two insights, joined and closed; in waves."""
    wave = 4
    for _ in range(sessions // ((BRANCHES + 1) * wave)):
        roots = [new_id() for _ in range(wave)]
        branches = {root: [new_id() for _ in range(BRANCHES)] for root in roots}
        for root in roots:
            yield _event(SessionOpened(task="Map the canal"), root)
        for at in range(BRANCHES):
            for root in roots:
                yield _event(_branch(root, at), branches[root][at])
                yield _event(BranchStarted(worker="w"), branches[root][at])
        sources: dict[str, list[str]] = {root: [] for root in roots}
        for at in range(BRANCHES):
            for root in roots:
                found = tuple(Insight(insight_id=new_id(), text=f"Lock {at} {n}") for n in range(2))
                sources[root] += [one.insight_id for one in found]
                yield _event(BranchCompleted(result="seen", insights=found), branches[root][at])
        for root in roots:
            yield _event(
                ConsolidationRecorded(
                    consolidation_id=new_id(),
                    root_id=root,
                    sessions=tuple(branches[root]),
                    sources=tuple(sources[root]),
                    text="The canal is mapped",
                ),
                root,
            )
            yield _event(SessionClosed(reason="joined"), root)


def _branch(root: str, at: int) -> BranchCreated:
    return BranchCreated(
        parent_id=root,
        root_id=root,
        forked_at=0,
        depth=1,
        task=f"Look at lock {at}",
        role="surveyor",
    )


def _event(data: Any, session_id: str) -> Event:
    return new_event(data, session_id=session_id, namespace=_NAMESPACE)


async def _fill(home: Path) -> None:
    """Store the sessions in a home, and wait until the graph has them."""
    from anabranch.settings import Settings

    settings = Settings(home=home, embedder="none")
    async with Memory.open(settings=settings) as memory:
        backend = namespace_of(memory).backend
        await backend.log.ingest(events(SESSIONS))
        last = (await backend.log.bounds()).last
        print(f"  {last:,} events", file=sys.stderr)
        await backend.wait_for(last, projection="graph", timeout_s=_WAIT_S)


@asynccontextmanager
async def _served(home: Path) -> AsyncGenerator[str]:
    """Serve a home by `anabranch serve`, as users do."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "anabranch", "--home", str(home), "serve", "--port", "0", "--json"),
        env={**os.environ, "ANABRANCH_EMBEDDER": "none"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _WAIT_S)
        yield json.loads(line)["http"]
    finally:
        process.terminate()
        await process.wait()


async def _page(browser: Browser, url: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the numbers of the page, and the sessions and lines that it shows."""
    times: list[float] = []
    for _ in range(VISITS):  # At the first one the server plans and compiles.
        page = await _opened(browser, url)
        times.append(await page.evaluate(_PICTURED))
        await page.close()
    page = await _opened(browser, url)
    print(f"  first pictures {', '.join(f'{one:.0f} ms' for one in times)}", file=sys.stderr)
    measured = {PICTURE: min(times)}
    async with _beginning(url):
        measured[REST] = await _frames(page, _STAY)  # First, as the page is opened.
    measured |= {
        PAN: await _frames(page, _WHEEL),
        ZOOM: await _frames(page, _WHEEL_ZOOM),
    }
    await page.keyboard.press("f")
    for _ in range(12):
        await page.keyboard.press("+")
    measured[NEAR] = await _frames(page, _WHEEL)
    await page.keyboard.press("f")
    async with _beginning(url):
        measured[LIVE] = await _frames(page, _WHEEL)
    shown: dict[str, Any] = await page.evaluate(_SHOWN)
    await page.close()
    return measured, shown


async def _opened(browser: Browser, url: str) -> Page:
    """Return the page with its first picture drawn."""
    page = await browser.new_page(viewport=SIZE, bypass_csp=True)
    await page.goto(url)
    await page.wait_for_function("document.documentElement.dataset.pictured === 'whole'")
    return page


@asynccontextmanager
async def _beginning(url: str) -> AsyncGenerator[None]:
    """Begin ten sessions a second for as long as this is open."""

    async def begin() -> None:
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:
            while True:
                answer = await client.post("/v1/sessions", json={"task": "Look at the lock"})
                answer.raise_for_status()
                await asyncio.sleep(0.1)

    beginning = asyncio.create_task(begin())
    yield
    beginning.cancel()
    await asyncio.gather(beginning, return_exceptions=True)


async def _frames(page: Page, step: str, *, read: bool = False) -> float:
    """Return the frames a second while `step` is done in each, and a pixel `read` back."""
    found: float = await page.evaluate(_FRAMES, {"seconds": SECONDS, "step": step, "read": read})
    print(f"  {found:.1f} frames/s", file=sys.stderr)
    return found


_SHOWN: Final = """
async () => {
  const { History } = await import("/page/history.js");
  const history = new History();
  let cursor = null;
  do {
    const page = await (await fetch(`/v1/lanes${cursor === null ? "" : `?cursor=${cursor}`}`)).json();
    history.addPage(page);
    cursor = page.next;
  } while (cursor !== null);
  cursor = 0;
  do {
    const page = await (await fetch(`/v1/consolidations?limit=1000&cursor=${cursor}`)).json();
    history.addJoins(page.consolidations);
    cursor = page.next;
  } while (cursor !== null);
  const [along, down] = [1400 / history.position, 800 / history.rows.count];  // As on the page.
  const bars = history.order.map((lane) => {
    const width = Math.max((lane.ended - lane.opened) * along, 2);
    return [lane.id, "session", lane.opened * along + width / 2, lane.row * down, width];
  });
  const forks = history.order.filter((lane) => lane.parent).map((lane) => [lane.parent, lane.id, "fork"]);
  const joins = history.joins.flatMap((one) => one.sessions.map((id) => [id, one.root, "join"]));
  return { nodes: bars, edges: [...forks, ...joins] };
}
"""


async def _beside(browser: Browser, script: str, shown: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of Cytoscape with the same sessions and lines."""
    print(f"  {len(shown['nodes']):,} nodes, {len(shown['edges']):,} edges", file=sys.stderr)
    page, first = await _drawn(browser, script, shown)
    measured: dict[str, float] = {PICTURE: first}
    measured[PAN] = await _frames(page, _PAN_BY)
    measured[ZOOM] = await _frames(page, _PAN_ZOOM)
    await page.evaluate("window.cy.fit()")
    measured[LIVE] = await _frames(page, _PAN_ADD)
    await page.evaluate("window.cy.fit()")
    measured[REST] = await _frames(page, _ADD)
    await page.close()
    return measured


async def _drawn(browser: Browser, script: str, shown: dict[str, Any]) -> tuple[Page, float]:
    """Return a page with Cytoscape's first picture, and the milliseconds that it took."""
    page = await browser.new_page(viewport=SIZE)
    page.set_default_timeout(_WAIT_S * 1000)
    await page.evaluate(script)
    return page, await page.evaluate(_SHOW, shown)


async def _taken(
    browser: Browser, url: str, script: str, shown: dict[str, Any]
) -> dict[str, tuple[float, float]]:
    """Return the milliseconds of processor time a frame, ours and theirs, the least of the turns."""
    theirs, _ = await _drawn(browser, script, shown)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in (REST, PAN, ZOOM, LIVE)}
    for _ in range(TURNS):
        ours = await _opened(browser, url)
        for name, step, other in (
            (REST, _STAY, _ADD),
            (PAN, _WHEEL, _PAN_BY),
            (ZOOM, _WHEEL_ZOOM, _PAN_ZOOM),
            (LIVE, _WHEEL, _PAN_ADD),
        ):
            if name != REST:  # That is of the page as it is opened.
                await ours.keyboard.press("f")
            await theirs.evaluate("window.cy.fit()")
            async with _beginning(url) if name in {LIVE, REST} else nullcontext():
                one = await _time_a_frame(browser, ours, step)
            found[name].append((one, await _time_a_frame(browser, theirs, other)))
            print(f"  {name}: {one:.2f} and {found[name][-1][1]:.2f} ms a frame", file=sys.stderr)
        await ours.close()
    await theirs.close()
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
    ours = await _opened(browser, url)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in (PAN, ZOOM, LIVE)}
    for _ in range(TURNS):
        for name, step, other in (
            (PAN, _WHEEL, _PAN_BY),
            (ZOOM, _WHEEL_ZOOM, _PAN_ZOOM),
            (LIVE, _WHEEL, _PAN_ADD),
        ):
            print(f"  {name}, unbound", file=sys.stderr)
            await ours.bring_to_front()
            await ours.keyboard.press("f")
            async with _beginning(url) if name == LIVE else nullcontext():
                one = await _frames(ours, step, read=True)
            theirs, _ = await _drawn(browser, script, shown)
            found[name].append((one, await _frames(theirs, other, read=True)))
            await theirs.close()
    return {
        name: (max(one for one, _ in turns), max(other for _, other in turns))
        for name, turns in found.items()
    }


async def _time_a_frame(browser: Browser, page: Page, step: str) -> float:
    """Return the milliseconds that Chromium's processes take for each frame."""
    await page.bring_to_front()
    session = await browser.new_browser_cdp_session()

    async def taken() -> float:
        processes = await session.send("SystemInfo.getProcessInfo")
        return sum(float(one["cpuTime"]) for one in processes["processInfo"])

    before = await taken()
    frames = await _frames(page, step) * SECONDS
    spent = await taken() - before
    await session.detach()
    return spent * 1000 / frames


def _cytoscape(folder: Path) -> str:
    """Return the script of Cytoscape, from npm."""
    subprocess.run(
        ["npm", "pack", "--silent", CYTOSCAPE],  # noqa: S607 - npm is found where the user has it.
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (packed,) = folder.glob("cytoscape-*.tgz")
    with tarfile.open(packed) as archive:
        found = archive.extractfile("package/dist/cytoscape.min.js")
        assert found is not None
        return found.read().decode()
