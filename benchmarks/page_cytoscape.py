"""Cytoscape with the same sessions and lines, moved by its own `panBy` and `zoom`; from npm."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Any, Final

from benchmarks.page_frames import LIVE, PAN, PICTURE, REST, SIZE, ZOOM, frames_a_second
from benchmarks.page_sessions import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser, Page

CYTOSCAPE: Final = "cytoscape@3.35.0"
PAN_BY: Final = "((at = 0) => window.cy.panBy({ x: at % 160 < 80 ? -12 : 12, y: 0 }))"
ADD: Final = """
((at = 0) => {
  const due = Math.floor(performance.now() / 100); // Ten a second.
  if (window.added === due) return;
  window.added = due;
  window.cy.add({ data: { id: `n${due}`, width: 4 }, classes: "session", position: { x: 1400, y: due % 800 } });
})
"""
PAN_ADD: Final = f"((at = 0) => {{ ({ADD})(at); ({PAN_BY})(at); }})"
PAN_ZOOM: Final = """
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


async def numbers(browser: Browser, script: str, shown: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of Cytoscape with the same sessions and lines."""
    print(f"  {len(shown['nodes']):,} nodes, {len(shown['edges']):,} edges", file=sys.stderr)
    page, first = await drawn(browser, script, shown)
    measured: dict[str, float] = {PICTURE: first}
    measured[PAN] = await frames_a_second(page, PAN_BY)
    measured[ZOOM] = await frames_a_second(page, PAN_ZOOM)
    await page.evaluate("window.cy.fit()")
    measured[LIVE] = await frames_a_second(page, PAN_ADD)
    await page.evaluate("window.cy.fit()")
    measured[REST] = await frames_a_second(page, ADD)
    await page.close()
    return measured


async def drawn(browser: Browser, script: str, shown: dict[str, Any]) -> tuple[Page, float]:
    """Return a page with Cytoscape's first picture, and the milliseconds that it took."""
    page = await browser.new_page(viewport=SIZE)
    page.set_default_timeout(WAIT_S * 1000)
    await page.evaluate(script)
    return page, await page.evaluate(_SHOW, shown)


def script_of(folder: Path) -> str:
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
