"""The live page in a real Chromium: words that are forgotten go, whatever is under way or hidden."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import expect

from anabranch.memory.memory import namespace_of
from anabranch.memory.thinking.thoughts import begin_thought
from anabranch_events.jetstream.key_blocks import KeyBlocks
from anabranch_thinking.thoughts.think import branch_tasks
from anabranch_thinking.work.dispatch import WorkTerms
from tests.support.fixtures.browser import visited
from tests.support.fixtures.http import served
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from playwright.async_api import Browser, Page, Route

    from anabranch import Memory

pytestmark = [in_full_only, pytest.mark.timeout(900)]
GOES = "The limit of the gateway is 500 requests"
STAYS = "The limit of the gateway is 800 requests"
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
WRITTEN = """
() => {
  const { fillText } = CanvasRenderingContext2D.prototype;
  window.written = [];
  CanvasRenderingContext2D.prototype.fillText = function write(text, ...rest) {
    window.written.push(text);
    return fillText.call(this, text, ...rest);
  };
}
"""


class Disputed(NamedTuple):
    """A session, and its two insights that disagree: one is to be forgotten."""

    session: str
    goes: str


async def disputed(memory: Memory) -> Disputed:
    """Store a session with two insights that disagree."""
    session = await memory.open_session("Tune the gateway")
    goes, stays = await session.remember(GOES), await session.remember(STAYS)
    await namespace_of(memory).sessions.open_conflict(
        goes.insight_id, stays.insight_id, subject="the limit"
    )
    return Disputed(session.session_id, goes.insight_id)


class Late(NamedTuple):
    """The first answer at an address: made when it was asked for, and told when it is let go."""

    made: asyncio.Event
    let_go: asyncio.Event


@asynccontextmanager
async def late(page: Page, path: str) -> AsyncGenerator[Late]:
    """Hold back the first answer at a path, as it was made."""
    held = Late(asyncio.Event(), asyncio.Event())

    async def answer(route: Route) -> None:
        made = await route.fetch()
        held.made.set()
        await held.let_go.wait()
        await route.fulfill(response=made)

    await page.route(re.compile(path), answer, times=1)
    yield held
    held.let_go.set()


async def ask(page: Page, view: str) -> None:
    """Open a view, with what it takes to have it ask."""
    await page.get_by_role("tab", name=view).click()
    if view == "Inspect":
        await page.get_by_role("treeitem", name="gateway").click()
    elif view == "Recall":
        await page.get_by_role("searchbox", name="Question").fill("the limit of the gateway")
        await page.get_by_role("button", name="Recall").click()
    elif view == "Query":
        await page.get_by_role("button", name="Run").click()


async def point_at_a_lane(page: Page) -> None:
    """Move the pointer down the lanes until there is a card beside it."""
    box = await page.locator("#lanes").bounding_box()
    assert box is not None
    for x in range(20, int(box["width"]), 100):
        for y in range(0, 120, 6):
            await page.mouse.move(box["x"] + x, box["y"] + y)
            if await page.locator("#hover-card").is_visible():
                return


@pytest.mark.parametrize(
    ("view", "path"),
    [
        ("Inspect", r"/v1/sessions/"),
        ("Recall", r"/v1/recall"),
        ("Query", r"/v1/cypher"),
        ("Conflicts", r"/v1/insights/"),
    ],
)
async def test_an_answer_that_was_under_way_is_let_go(
    browser: Browser, memory: Memory, view: str, path: str
) -> None:
    """What was answered before words were forgotten, and comes behind that, is not shown."""
    found = await disputed(memory)
    path = path + (found.goes if view == "Conflicts" else "")
    async with served(memory) as url, visited(browser, url) as page, late(page, path) as held:
        panel = page.locator("#panel")
        await ask(page, view)
        await asyncio.wait_for(held.made.wait(), PATIENCE_S)

        await memory.forget(found.goes)
        shown, gone = (
            panel.locator(".thing-link, td").filter(has_text=text) for text in (STAYS, GOES)
        )
        await expect(shown).to_be_visible()
        async with page.expect_response(re.compile(path)) as answered:
            held.let_go.set()
        await (await answered.value).finished()
        await page.evaluate(TWO_FRAMES)

        await expect(shown).to_be_visible()
        await expect(gone).to_have_count(0)


async def test_nothing_is_compared_with_what_was_forgotten(
    browser: Browser, memory: Memory
) -> None:
    """While the new answer is under way, and after one that failed, there is no button for it."""
    found = await disputed(memory)
    async with served(memory) as url, visited(browser, url) as page:
        panel = page.locator("#panel")
        compare = page.get_by_role("button", name="Compare with another moment")
        await ask(page, "Recall")
        await expect(panel.get_by_text(GOES).first).to_be_visible()
        await expect(compare).to_be_visible()
        async with late(page, r"/v1/recall") as held:
            await memory.forget(found.goes)
            await asyncio.wait_for(held.made.wait(), PATIENCE_S)
            await expect(compare).to_be_hidden()
            await expect(panel.get_by_text(GOES)).to_have_count(0)
        await expect(compare).to_be_visible()
        await page.route(
            re.compile(r"/v1/recall"), lambda route: route.fulfill(status=503), times=1
        )
        await ask(page, "Recall")

        await expect(panel.get_by_role("alert")).to_be_visible()
        await expect(compare).to_be_hidden()


async def test_a_view_that_was_hidden_shows_nothing_that_was_forgotten(
    browser: Browser, memory: Memory
) -> None:
    """Opened again it is empty until its request returns."""
    found = await disputed(memory)
    namespace = namespace_of(memory)
    thought = await begin_thought(
        namespace,
        "Count the requests",
        branch_tasks("Count the requests", branches=["Ask the gauge"], count=1),
        terms=WorkTerms(),
        sessions=namespace.sessions,
    )
    words = {"Inspect": GOES, "Conflicts": GOES, "Work": "Ask the gauge"}
    async with served(memory) as url, visited(browser, url) as page:
        panel = page.locator("#panel")
        for view, said in words.items():
            await ask(page, view)
            await expect(panel.get_by_text(said).first).to_be_visible()
        await page.get_by_role("tab", name="Query").click()
        over = asyncio.Event()
        await page.route(
            re.compile(r"/v1/(sessions|insights|conflicts|tasks)"), lambda _: over.wait()
        )
        await memory.forget(found.goes)
        await memory.forget_all(session_id=thought.branch_ids[0])
        await expect(page.get_by_role("treeitem", name="(forgotten)")).to_be_visible()

        for view, said in words.items():
            await page.get_by_role("tab", name=view).click()
            assert said not in await panel.inner_text()
        over.set()
        await page.unroute_all(behavior="ignoreErrors")


async def test_events_of_a_sealed_namespace_lose_what_was_forgotten(
    browser: Browser, memory: Memory
) -> None:
    """Its log gives the words no more; what it gave before, and comes late, is not shown."""
    await memory.transfer.seal_namespace()
    found = await disputed(memory)
    path = r"/v1/events\?"
    async with served(memory) as url, visited(browser, url) as page, late(page, path) as held:
        panel = page.locator("#panel")
        await ask(page, "Events")
        await asyncio.wait_for(held.made.wait(), PATIENCE_S)

        await memory.forget(found.goes)
        await expect(panel.get_by_text("insight.forgotten")).to_be_visible()
        async with page.expect_response(re.compile(path)) as answered:
            held.let_go.set()
        await (await answered.value).finished()
        await page.evaluate(TWO_FRAMES)

        await expect(panel.get_by_text(STAYS)).to_be_visible()
        await expect(panel.get_by_text(GOES)).to_have_count(0)


async def test_words_that_were_read_before_their_keys_were_gone_go_with_them(
    browser: Browser, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log gives them until then, however long it takes; once `forget` answers nobody has them."""
    over, erase = asyncio.Event(), KeyBlocks.erase

    async def erase_late(self: KeyBlocks, *given: Any) -> int:
        await over.wait()
        return await erase(self, *given)

    monkeypatch.setattr(KeyBlocks, "erase", erase_late)
    await memory.transfer.seal_namespace()
    found = await disputed(memory)
    async with served(memory) as url, visited(browser, url) as page:
        panel = page.locator("#panel")
        await ask(page, "Events")
        forgetting = asyncio.create_task(memory.forget(found.goes))
        await expect(panel.get_by_text("insight.forgotten")).to_be_visible()
        await expect(panel.get_by_text(GOES)).to_be_visible()

        over.set()
        await forgetting

        await expect(panel.get_by_text(GOES)).to_have_count(0)
        await expect(panel.get_by_text(STAYS)).to_be_visible()


async def test_the_card_at_the_pointer_goes_with_its_words(
    browser: Browser, memory: Memory
) -> None:
    """It stands still as long as the pointer does; what is forgotten goes from it all the same."""
    session = await memory.open_session("Tune the gateway")
    async with served(memory) as url, visited(browser, url) as page:
        card = page.locator("#hover-card")
        await point_at_a_lane(page)
        await expect(card).to_contain_text("Tune the gateway")

        await memory.forget_all(session_id=session.session_id)
        await expect(page.get_by_role("treeitem", name="(forgotten)")).to_be_visible()
        await expect(card).to_be_hidden()


async def test_a_consolidation_is_read_once_the_graph_has_it(
    browser: Browser, memory: Memory
) -> None:
    """It waits for the graph, of which the page is ahead; one that lacks it is told of."""
    root = await memory.open_session("Tune the gateway")
    branch = await root.branch("Ask the gauge")
    async with served(memory) as url, visited(browser, url) as page:
        panel = page.locator("#panel")
        await page.get_by_role("tab", name="Events").click()
        await branch.remember(STAYS)
        await branch.complete("asked")
        joined = await memory.consolidate(root.session_id)
        await expect(panel.get_by_text("consolidation.recorded")).to_be_visible()
        await page.get_by_role("treeitem", name="gateway").click()
        link = panel.get_by_role("button", name="1 session", exact=True)
        async with page.expect_request(re.compile(r"/v1/consolidations\?.*limit=1\b")) as asked:
            await link.click()
        await expect(panel.locator(".long")).to_contain_text(STAYS)
        after = parse_qs(urlsplit((await asked.value).url).query)["after"]
        await page.get_by_role("button", name="← Back").click()
        lacking: dict[str, Any] = {"consolidations": [], "next": None}
        await page.route(re.compile("/v1/consolidations"), lambda one: one.fulfill(json=lacking))
        await link.click()

        await expect(panel.locator(".long")).to_have_text("The graph has not its text.")
        assert after == [str(joined.position)]


async def test_what_is_forgotten_goes_from_a_past_moment(browser: Browser, memory: Memory) -> None:
    """A task that is forgotten while one looks at the past is seen no more, neither in the tree."""
    await memory.open_session("Map the north canal")
    closed = await memory.open_session("Look at the lower gate")
    await closed.close()
    await memory.open_session("Look at old charts")
    async with served(memory) as url, visited(browser, url) as page:
        await page.get_by_role("slider", name="Position in history").fill("3")
        await expect(page.get_by_role("treeitem")).to_have_count(2)
        await page.evaluate(WRITTEN)
        await memory.forget_all(session_id=closed.session_id)

        await page.wait_for_function("() => written.includes('(forgotten)')")
        await expect(page.get_by_role("treeitem", name="(forgotten)")).to_be_visible()
        await expect(page.locator("#banner")).to_contain_text("Viewing #3")


async def test_the_panel_lets_go_of_what_is_forgotten(browser: Browser, memory: Memory) -> None:
    """Also at a past moment, and whatever has the focus: the inspector, recall and Cypher."""
    session = await memory.open_session("Map the north canal")
    gone = await session.remember("The lower gate sticks in frost")
    await session.remember("The upper gate was painted")
    async with served(memory) as url, visited(browser, url) as page:
        panel = page.locator("#panel")
        words = panel.get_by_text("lower gate sticks", exact=False)
        await page.keyboard.press("r")
        await page.keyboard.type("Which gate sticks?")
        await page.keyboard.press("Enter")
        await expect(words.first).to_be_visible()
        await page.get_by_role("tab", name="Query").click()
        await page.get_by_role("button", name="Run").click()
        await expect(words.first).to_be_visible()
        await page.get_by_role("treeitem", name="north canal").click()
        await page.get_by_role("slider", name="Position in history").fill("3")
        await expect(words.first).to_be_visible()
        await memory.forget(gone.insight_id)

        await expect(panel.get_by_role("button", name="forgotten")).to_be_visible()
        for view in ("Query", "Recall"):
            await page.get_by_role("tab", name=view).click()
            await expect(panel.get_by_text("upper gate", exact=False).first).to_be_visible()
            await expect(words).to_have_count(0)
