"""The live page in a real Chromium: it asks for a key, and goes on after it was cut off."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from anabranch.home.folder import Home
from anabranch.http.access.key_access import KeyAccess
from anabranch.http.access.key_file import KeyFile
from tests.support.fixtures.browser import visited
from tests.support.fixtures.http import served
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

    from anabranch import Memory

pytestmark = [in_full_only, pytest.mark.timeout(900)]


async def test_a_key_is_asked_for_and_stays_in_the_tab(
    browser: Browser, memory: Memory, tmp_path: Path
) -> None:
    """Without a key the page asks; with one it works, and the key is in no address."""
    await memory.remember("The gate sticks")
    keys = KeyFile(Home(tmp_path / "keys"))
    _, token = await keys.create("page", scope="read", namespaces=["default"])
    asked: list[str] = []
    async with (
        served(memory, access=KeyAccess(keys)) as url,
        visited(browser, url, loaded=False) as page,
    ):
        page.on("request", lambda one: asked.append(one.url))
        dialog = page.get_by_role("dialog", name="API key")
        await expect(dialog).to_be_visible()
        await page.get_by_label("Key", exact=True).fill(token)
        await page.keyboard.press("Enter")

        await expect(page.get_by_role("treeitem", name="Remember")).to_be_visible()
        await memory.open_session("Map the canal")
        await expect(page.get_by_role("treeitem", name="Map the canal")).to_be_visible()
        assert asked
        assert not any(token in one for one in [*asked, page.url])
        await page.keyboard.press("q")
        await page.get_by_role("button", name="Run").click()
        await expect(page.get_by_role("cell", name="The gate sticks")).to_be_visible()


async def test_a_page_that_was_offline_goes_on(browser: Browser, memory: Memory) -> None:
    """It says so at once, and has what happened meanwhile once it is back."""
    session = await memory.open_session("Map the canal")
    async with served(memory) as url, visited(browser, url, loaded=True) as page:
        stream = page.locator(".stream")
        await page.evaluate('() => window.dispatchEvent(new Event("offline"))')
        await expect(stream).to_have_attribute("data-state", "lost")
        await session.branch("Look at the gate")

        await expect(stream).to_have_attribute("data-state", "live")
        await expect(page.get_by_role("treeitem", name="Look at the gate")).to_be_visible()


async def test_a_break_is_said_and_mended(browser: Browser, memory: Memory) -> None:
    """Where the service is gone the page says so; on its return what was missed is there."""
    await memory.open_session("Map the canal")
    async with served(memory) as url, visited(browser, url) as page:
        await page.context.set_offline(True)
        await page.evaluate("performance.mark('offline')")
        await memory.open_session("Map the delta")
        await page.context.set_offline(False)

        await expect(page.get_by_role("treeitem", name=re.compile("delta"))).to_be_visible()
        await expect(page.locator(".stream")).to_have_text("Live")
