"""The live page at work: opened, moved by its wheel, and the sessions that it shows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from benchmarks.page_frames import LIVE, NEAR, PAN, PICTURE, REST, SIZE, ZOOM, frames_a_second
from benchmarks.page_sessions import beginning

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

VISITS: Final = 3
_PICTURED: Final = "performance.getEntriesByName('anabranch-first-picture')[0].startTime"
STAY: Final = "((at = 0) => {})"
WHEEL: Final = """
((at = 0) => document.getElementById("lanes").dispatchEvent(new WheelEvent("wheel",
  { deltaY: at % 160 < 80 ? 12 : -12, shiftKey: true, cancelable: true })))
"""
WHEEL_ZOOM: Final = """
((at = 0) => {
  const lanes = document.getElementById("lanes");
  const way = at % 160 < 80 ? 12 : -12;
  lanes.dispatchEvent(new WheelEvent("wheel", { deltaY: way, shiftKey: true, cancelable: true }));
  lanes.dispatchEvent(new WheelEvent("wheel", { deltaY: way, cancelable: true, clientX: 700, clientY: 400 }));
})
"""
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


async def numbers(browser: Browser, url: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the numbers of the page, and the sessions and lines that it shows."""
    times: list[float] = []
    for _ in range(VISITS):  # At the first one the server plans and compiles.
        page = await opened(browser, url)
        times.append(await page.evaluate(_PICTURED))
        await page.close()
    page = await opened(browser, url)
    print(f"  first pictures {', '.join(f'{one:.0f} ms' for one in times)}", file=sys.stderr)
    measured = {PICTURE: min(times)}
    async with beginning(url):
        measured[REST] = await frames_a_second(page, STAY)  # First, as the page is opened.
    measured |= {
        PAN: await frames_a_second(page, WHEEL),
        ZOOM: await frames_a_second(page, WHEEL_ZOOM),
    }
    await page.keyboard.press("f")
    for _ in range(12):
        await page.keyboard.press("+")
    measured[NEAR] = await frames_a_second(page, WHEEL)
    await page.keyboard.press("f")
    async with beginning(url):
        measured[LIVE] = await frames_a_second(page, WHEEL)
    shown: dict[str, Any] = await page.evaluate(_SHOWN)
    await page.close()
    return measured, shown


async def opened(browser: Browser, url: str) -> Page:
    """Return the page with its first picture drawn."""
    page = await browser.new_page(viewport=SIZE, bypass_csp=True)
    await page.goto(url)
    await page.wait_for_function("document.documentElement.dataset.pictured === 'whole'")
    return page
