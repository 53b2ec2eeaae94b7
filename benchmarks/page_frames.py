"""Frames of a page in Chromium: how many a second, and the processor time of each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

SIZE: Final[Any] = {"width": 1440, "height": 900}
SECONDS: Final = 4.0
PICTURE: Final = "first picture"
PAN: Final = "pan, all in sight"
ZOOM: Final = "pan and zoom, all in sight"
NEAR: Final = "pan, near"
LIVE: Final = "pan while sessions begin, all in sight"
REST: Final = "nobody pans while sessions begin, all in sight"
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


async def frames_a_second(page: Page, step: str, *, read: bool = False) -> float:
    """Return the frames a second while `step` is done in each, and a pixel `read` back."""
    found: float = await page.evaluate(_FRAMES, {"seconds": SECONDS, "step": step, "read": read})
    print(f"  {found:.1f} frames/s", file=sys.stderr)
    return found


async def time_a_frame(browser: Browser, page: Page, step: str) -> float:
    """Return the milliseconds that Chromium's processes take for each frame."""
    await page.bring_to_front()
    session = await browser.new_browser_cdp_session()

    async def taken() -> float:
        processes = await session.send("SystemInfo.getProcessInfo")
        return sum(float(one["cpuTime"]) for one in processes["processInfo"])

    before = await taken()
    frames = await frames_a_second(page, step) * SECONDS
    spent = await taken() - before
    await session.detach()
    return spent * 1000 / frames
