"""Take the pictures of the live page anew: `.venv/bin/python -m docs.pictures` (needs Chromium).

Each is of the page itself, on a small memory that is made for it. Look at them before they are kept.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.support.chromium import chromium
from tests.support.fixtures.http import served

from anabranch import Memory

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

IMAGES: Final = Path(__file__).parent / "images"
SIZE: Final[Any] = {"width": 1280, "height": 760}
QUESTION: Final = "What happened to pump 7?"
THOUGHTS: Final = {
    "Compare sluice designs for Lock 4": [
        (
            "surveyor",
            "Ask what the 1974 gate cost",
            "The gate of 1974 cost a third more than planned",
        ),
        (
            "sceptic",
            "Question the vendor's figures",
            "The vendor's figure leaves out the winter bypass",
        ),
        ("historian", "Read the maintenance log", "The steel gate at Lock 4 sticks in frost"),
        ("engineer", "Draw both in section", "A timber gate fits the old sill"),
    ],
    "Plan the spring survey": [
        ("surveyor", "Pick the gauges to read", "Gauge 12 was not read between May and August"),
        ("sceptic", "Check who has a boat", "Only the keeper of Lock 4 has a boat before April"),
        (
            "historian",
            "Look at last year's gaps",
            "Pump 7 was off when the gaps of last year began",
        ),
    ],
    "Why did pump 7 trip in May?": [
        (
            "surveyor",
            "Read the pump log around the flood",
            "Pump 7 drew more current after the flood of May",
        ),
        ("sceptic", "Doubt the current meter", None),
        ("historian", "Ask the keeper", "The keeper reset pump 7 twice before it tripped"),
        ("engineer", "Compare with pump 3", "Pump 3 ran through the flood without a trip"),
    ],
}
GOING: Final = {
    "Map the intake of the north arm": [
        ("surveyor", "Trace the old culvert", "The culvert leaves the north arm below the mill"),
        ("historian", "Look at the charts of 1911", None),
    ],
}


async def store(memory: Memory) -> int:
    """Store the story; return the position at which the second thought had ended."""
    middle = 0
    for number, (task, branches) in enumerate(THOUGHTS.items()):
        root = await memory.open_session(task)
        made = [await root.branch(what, role=role) for role, what, _ in branches]
        found = []
        for branch, (_, _, text) in zip(made, branches, strict=True):
            if text is not None:
                found.append(await branch.remember(text, entities=_entities(text)))
        for one, other in itertools.pairwise(found):
            await memory.associate(one.insight_id, other.insight_id, kind="explains", weight=0.6)
        for branch, (_, _, text) in zip(made, branches, strict=True):
            await (branch.complete("The figures agree") if text else branch.fail("no meter there"))
        await memory.consolidate(root.session_id)
        await root.close()
        if number == 1:
            middle = memory.position
    for task, branches in GOING.items():
        root = await memory.open_session(task)
        for role, what, text in branches:
            branch = await root.branch(what, role=role)
            if text is not None:
                await branch.remember(text)
    await memory.recall(QUESTION, after=memory.position)
    return middle


def _entities(text: str) -> list[str]:
    return [name for name in ("Pump 7", "Pump 3", "Lock 4", "Gauge 12") if name in text]


async def opened(browser: Browser, url: str, scheme: Any) -> Page:
    """Open the page, with its whole history drawn."""
    page = await browser.new_page(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce")
    await page.goto(url)
    await page.locator(".stream[data-state=live]").wait_for()
    await page.wait_for_function("document.documentElement.dataset.pictured")
    return page


async def keep(page: Page, name: str) -> None:
    """Keep a picture of the page once nothing moves."""
    await page.wait_for_timeout(500)
    await page.screenshot(path=IMAGES / f"{name}.png")
    await page.close()


async def inspected(browser: Browser, url: str) -> None:
    """A branch in the inspector, in light."""
    page = await opened(browser, url, "light")
    await page.get_by_role("treeitem", name="Read the pump log").click()
    await page.get_by_text("branch.completed").wait_for()
    await keep(page, "live-page")


async def recalled(browser: Browser, url: str) -> None:
    """A recall, its first hit open, in dark."""
    page = await opened(browser, url, "dark")
    await page.keyboard.press("r")
    await page.keyboard.type(QUESTION)
    await page.keyboard.press("Enter")
    await page.locator(".hit summary").first.click()
    await keep(page, "live-page-recall")


async def compared(browser: Browser, url: str, middle: int) -> None:
    """The answers of two moments side by side, in dark."""
    page = await opened(browser, url, "dark")
    await page.keyboard.press("r")
    await page.keyboard.type(QUESTION)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Compare with another moment").click()
    await page.get_by_role("slider", name="Position in history").fill(str(middle))
    await page.locator(".compared section").nth(1).wait_for()
    await keep(page, "live-page-compare")


async def queried(browser: Browser, url: str) -> None:
    """A query as a picture, and the minimap of lanes that are looked at from near, in light."""
    page = await opened(browser, url, "light")
    for _ in range(6):
        await page.keyboard.press("+")
    await page.get_by_role("treeitem", name="Why did pump 7").click()  # It comes into sight.
    await page.keyboard.press("q")
    await page.get_by_role("button", name="Associations").click()
    await page.locator("#panel table").wait_for()
    await page.get_by_role("button", name="Graph").click()
    await keep(page, "live-page-query")


async def main() -> None:
    """Make the memory, and take every picture."""
    with tempfile.TemporaryDirectory() as home:
        async with Memory.open(home) as memory, chromium() as browser:
            middle = await store(memory)
            async with served(memory) as url:
                await inspected(browser, url)
                await recalled(browser, url)
                await compared(browser, url, middle)
                await queried(browser, url)


if __name__ == "__main__":
    asyncio.run(main())
