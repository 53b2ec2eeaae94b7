"""The live page in a real Chromium: what happens is seen, at any moment, by eye, key and ear."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from anabranch.memory.memory import namespace_of
from anabranch_thinking import Sessions
from tests.support.fixtures.browser import violations, visited
from tests.support.fixtures.http import served
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

    from anabranch import Memory, Session

pytestmark = [in_full_only, pytest.mark.timeout(900)]
SCRIPTS = Path(__file__).parent
SMOOTHING = 24  # Of 255: edges of curves that cross are smoothed a little otherwise in parts.
PICTURE = '() => document.getElementById("minimap").toDataURL()'
MARKUP = "<b>loud</b> <img src=nowhere> &amp; <script>no</script>"
VIEWS = ("Inspect", "Recall", "Query", "Work", "Conflicts", "Events")
LENGTHS = """
async (position) => {
  const { History } = await import("/page/history.js");
  const answered = async (path) => (await fetch(`/v1${path}`)).json();
  const [opened, watched] = [new History(), new History()];
  opened.addPage(await answered(`/lanes?after=${position}&wait_s=30`));
  for (const event of (await answered("/events")).events) watched.apply(event);
  return [opened, watched].map(({ order }) => order.map((lane) => [lane.row, lane.opened, lane.updated]));
}
"""
PLAY_AND_PAUSE = """
async () => {
  const press = () => document.body.dispatchEvent(new KeyboardEvent("keydown", { key: " ", bubbles: true }));
  const shown = () => Number(document.getElementById("scrubber").value);
  press();
  const first = shown();
  while (shown() === first) await new Promise(requestAnimationFrame);
  press();
  return shown();
}
"""
# Tells whether bars of sessions that have ended are seen: with their colour, or dim.
BARS = """
() => {
  const style = getComputedStyle(document.documentElement);
  const ctx = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  const colour = (alpha) => {
    ctx.globalAlpha = 1;
    ctx.fillStyle = style.getPropertyValue("--surface").trim();
    ctx.fillRect(0, 0, 1, 1);
    ctx.globalAlpha = alpha;
    ctx.fillStyle = style.getPropertyValue("--bar").trim();
    ctx.fillRect(0, 0, 1, 1);
    return [...ctx.getImageData(0, 0, 1, 1).data];
  };
  const [lit, dim] = [colour(1), colour(0.22)];
  window.bars = () => {
    const lanes = document.getElementById("lanes");
    const { data } = lanes.getContext("2d").getImageData(0, 0, lanes.width, lanes.height);
    const has = (at, one) => one.every((value, part) => Math.abs(data[at + part] - value) <= 1);
    const found = { lit: 0, dim: 0 };
    for (let at = 0; at < data.length; at += 4) {
      found.lit += has(at, lit) ? 1 : 0;
      found.dim += has(at, dim) ? 1 : 0;
    }
    return { lit: found.lit > 40, dim: found.dim > 40 }; // Fewer are smoothed edges.
  };
}
"""


# Tells how far to the right a bar of a session that has ended is seen: 0 to 1.
REACH = """
() => {
  const lanes = document.getElementById("lanes");
  const ctx = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  ctx.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--bar").trim();
  ctx.fillRect(0, 0, 1, 1);
  const bar = [...ctx.getImageData(0, 0, 1, 1).data];
  const { data } = lanes.getContext("2d").getImageData(0, 0, lanes.width, lanes.height);
  let reach = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (bar.every((value, part) => Math.abs(data[at + part] - value) <= 1)) {
      reach = Math.max(reach, ((at / 4) % lanes.width) / lanes.width);
    }
  }
  return reach;
}
"""
# Tells how wide the state of the stream is, where it ends, and up to where it would be seen.
STATE = """
() => {
  const [state, figures] = [".stream", "#figures"].map((one) => document.querySelector(one).getBoundingClientRect());
  return [state.width, state.right, figures.right];
}
"""


async def thought(memory: Memory) -> tuple[Session, list[Session]]:
    """Store a thought of two branches, one of which has failed."""
    root = await memory.open_session("Map the north canal")
    one = await root.branch("Look at the lower gate", role="surveyor")
    other = await root.branch("Look at old charts", role="historian")
    await one.note("gauge", 7)
    first = await one.remember("The north gate sticks in frost", entities=["north gate"])
    second = await one.remember("The north gate was painted in May", entities=["north gate"])
    await memory.associate(first.insight_id, second.insight_id, kind="explains", weight=0.7)
    await one.complete("seen")
    await other.fail("the archive is closed")
    await memory.consolidate(root.session_id)
    return root, [one, other]


async def dragged_with_shift(page: Page, *, cancelled: bool = False) -> None:
    """Drag over a part of the lanes; the system takes a cancelled pointer away meanwhile."""
    lanes = page.locator("#lanes")
    box = await lanes.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] * 0.8
    await page.keyboard.down("Shift")
    await page.mouse.move(box["x"] + box["width"] * 0.4, y)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.5, y)
    if cancelled:
        await lanes.dispatch_event("pointercancel")
    await page.mouse.move(box["x"] + box["width"] * 0.6, y)
    await page.mouse.up()
    await page.keyboard.up("Shift")


async def test_a_new_branch_is_seen_without_a_reload(browser: Browser, memory: Memory) -> None:
    """An empty memory says what to do; what then happens stands on the page by itself."""
    async with served(memory) as url, visited(browser, url) as page:
        await expect(page.get_by_text("No sessions yet")).to_be_visible()

        root = await memory.open_session("Map the north canal")
        branch = await root.branch("Look at the lower gate", role="surveyor")
        item = page.get_by_role("treeitem", name="surveyor: Look at the lower gate")
        await expect(item).to_contain_text("pending")
        await branch.remember("The gate sticks")
        await expect(item).to_contain_text("◆1")
        await page.get_by_role("tab", name="Events").click()
        await page.get_by_role("button", name="Pause").click()
        await branch.complete("seen")
        await page.get_by_role("button", name="Go on: 1 new").click()
        await expect(page.locator(".event-type").first).to_have_text("branch.completed")

        await expect(item).to_have_attribute("data-status", "completed")
        await expect(item).to_have_attribute("aria-level", "2")
        await expect(page.get_by_text("No sessions yet")).to_have_count(0)


async def test_the_past_is_shown_whole(browser: Browser, memory: Memory) -> None:
    """At an earlier position the tree, recall and Cypher answer as of there, until live again."""
    await thought(memory)
    async with served(memory) as url, visited(browser, url) as page:
        await expect(page.get_by_role("treeitem")).to_have_count(3)
        slider = page.get_by_role("slider", name="Position in history")

        await slider.fill("2")
        await expect(page.locator("#banner")).to_contain_text("Viewing #2")
        await expect(page.get_by_role("treeitem")).to_have_count(2)
        await expect(page.get_by_role("treeitem", name="lower gate")).to_contain_text("running")
        await page.get_by_role("tab", name="Recall").click()
        await page.get_by_role("searchbox", name="Question").fill("north gate")
        await page.get_by_role("button", name="Recall").click()
        await expect(page.locator("#panel")).to_contain_text("0 hits at #2")
        await page.get_by_role("tab", name="Query").click()
        await page.get_by_label("Cypher").fill(
            "MATCH (s:Session {namespace: $namespace}) RETURN count(s) AS many"
        )
        await page.get_by_role("button", name="Run").click()
        await expect(page.locator("#panel td")).to_have_text("2")
        await page.get_by_role("button", name="Return to live").click()

        await expect(page.locator("#panel td")).to_have_text("3")
        await expect(page.locator("#banner")).to_be_hidden()
        await expect(page.get_by_role("treeitem")).to_have_count(3)


async def test_a_namespace_is_as_wide_as_what_happened_in_it(
    browser: Browser, memory: Memory
) -> None:
    """However much other namespaces write after it: its lanes and the scrubber end where it does."""
    root, _ = await thought(memory)
    closed = await root.close("mapped")
    await Sessions(namespace_of(memory).backend.log, namespace="elsewhere").remember_all(
        ["x"] * 900
    )

    async with served(memory) as url, visited(browser, url) as page:
        scrubber = page.get_by_role("slider")
        await expect(scrubber).to_have_attribute("max", str(closed.position))
        await expect(page.locator("#minimap")).to_be_hidden()
        assert await page.evaluate(REACH) > 1 / 3
        await page.keyboard.press(",")
        await expect(page.locator("#banner-text")).to_contain_text(f"#{closed.position - 1} ")
        await page.keyboard.press(".")
        await expect(page.locator("html")).to_have_attribute("data-moment", "live")


async def test_a_phone_shows_whether_the_page_is_live(browser: Browser, memory: Memory) -> None:
    """The state of the stream stands in sight, whole, however narrow the window is."""
    sight: Any = {"width": 390, "height": 844}
    async with served(memory) as url, visited(browser, url, viewport=sight) as page:
        width, end, edge = await page.evaluate(STATE)

    assert width > 20
    assert end <= edge <= sight["width"]


async def test_recall_shows_the_parts_of_each_score(browser: Browser, memory: Memory) -> None:
    """Each hit's parts add up to its score, and two moments stand side by side."""
    await thought(memory)
    async with served(memory) as url, visited(browser, url) as page:
        await page.keyboard.press("r")
        await page.keyboard.type("Doesn't the north gate stick?")
        await page.keyboard.press("Enter")
        first = page.locator(".hit").first
        await expect(first).to_contain_text("The north gate sticks in frost")
        await page.get_by_text("The same from elsewhere").click()
        [terminal, curl, tool] = await page.locator(".call code").all_inner_texts()
        question = "Doesn't the north gate stick?"
        assert shlex.split(terminal) == [
            *("anabranch", "recall", "-N", "default", "--why", "--", question)
        ]
        assert json.loads(shlex.split(curl)[-1]) == json.loads(tool) == {"query": question, "k": 10}
        await first.locator("summary").click()

        numbers = [float(one) for one in await first.locator(".parts td").all_inner_texts()]
        assert abs(sum(numbers[:-1]) - numbers[-1]) < 0.005
        await page.get_by_role("button", name="Compare with another moment").click()
        await page.get_by_role("slider", name="Position in history").fill("5")
        await expect(page.locator(".compared h3")).to_have_count(2)
        await expect(page.locator(".compared section").first).to_contain_text("1 hit at #5")
        await first.locator(".hit-head button").first.click()

        await expect(page.locator("#panel h2")).to_have_text("The north gate sticks in frost")


async def test_what_disagrees_and_what_was_forgotten_is_said(
    browser: Browser, memory: Memory
) -> None:
    """A conflict stands there once it opens, and beside its hits; what was forgotten is counted."""
    async with served(memory) as url, visited(browser, url) as page:
        panel = page.locator("#panel")
        await page.keyboard.press("c")
        await expect(panel).to_contain_text("No conflict is open")

        await memory.remember("The limit of the gateway is 500 requests")
        await memory.remember("The limit of the gateway is 800 requests")
        await memory.settle()
        [conflict] = await memory.conflicts()
        await page.get_by_text("Decide it from a terminal").click()
        decide = f'anabranch conflicts resolve {conflict.position} --decision "…"'
        await expect(panel.locator("code").last).to_have_text(
            f"{decide} --holds {conflict.other} -N default"
        )
        await page.keyboard.press("r")
        await page.keyboard.type("What is the limit of the gateway?")
        await page.keyboard.press("Enter")
        await expect(panel.locator(".hit .note").first).to_contain_text(
            "≠ The limit of the gateway is"
        )
        await memory.forget(conflict.other)
        await page.get_by_role("slider", name="Position in history").fill(str(conflict.position))

        await expect(panel).to_contain_text(
            "Left out: 1 insight that held then and was forgotten since."
        )
        assert await violations(page) == []


async def test_every_fact_links_to_its_event(browser: Browser, memory: Memory) -> None:
    """A session's facts have positions, and a position leads to the event as it is stored."""
    _, (one, _) = await thought(memory)
    async with served(memory) as url, visited(browser, url) as page:
        await page.get_by_role("treeitem", name="lower gate").click()
        facts = page.locator(".fact")

        await expect(facts.filter(has_text="Role")).to_contain_text("surveyor#2")
        await expect(facts.filter(has_text="gauge")).to_contain_text("7#4")
        await expect(facts.filter(has_text="Result")).to_contain_text("seen#8")
        await (
            facts.filter(has_text="The north gate sticks")
            .get_by_role("button", name="Event 5")
            .click()
        )
        await expect(page.locator("#panel h2")).to_have_text("insight.recorded.v1")
        await page.get_by_role("button", name="← Back").click()

        await expect(page.locator("#panel h2")).to_have_text("Look at the lower gate")
        await page.get_by_role("button", name="The north gate sticks in frost").click()
        await expect(page.locator(".fact").filter(has_text="explains")).to_contain_text("#7")
        assert one.session_id in page.url


async def test_cypher_is_shown_in_three_forms(browser: Browser, memory: Memory) -> None:
    """Rows are a table, a picture and JSON; a query that writes is refused with what to do."""
    await thought(memory)
    async with served(memory) as url, visited(browser, url) as page:
        await page.keyboard.press("q")
        await page.get_by_role("button", name="Branches").click()
        await expect(page.locator("#panel tbody tr")).to_have_count(2)
        await page.get_by_role("button", name="Graph").click()
        await expect(page.get_by_role("img", name="3 nodes, 2 relationships")).to_be_visible()
        await page.get_by_role("button", name="JSON").click()
        await expect(page.locator("pre.json")).to_contain_text('"rel": "branch"')

        await page.get_by_text("Saved queries").click()
        await page.get_by_label("Name of the query").fill("forks")
        await page.keyboard.press("Enter")
        await page.reload()
        await expect(page.get_by_role("tab", name="Query", selected=True)).to_be_visible()
        await page.get_by_text("Saved queries").click()
        await page.get_by_role("button", name="forks", exact=True).click()
        await expect(page.get_by_role("cell", name="Look at old charts")).to_be_visible()
        await page.get_by_role("button", name="Delete forks").click()
        await expect(page.locator(".saved")).to_have_text("None yet.")

        await page.get_by_label("Cypher").fill("CREATE (n:Note)")
        await page.keyboard.press("Control+Enter")

        await expect(page.get_by_role("alert")).to_be_visible()


async def test_nodes_of_a_query_have_names(browser: Browser, memory: Memory) -> None:
    """A node of any label says what it is called, and in its tip of which label it is."""
    await thought(memory)
    async with served(memory) as url, visited(browser, url) as page:
        await page.keyboard.press("q")
        await page.get_by_label("Cypher").fill("MATCH (n) WHERE n:Entity OR n:Note RETURN n")
        await page.keyboard.press("Control+Enter")
        await page.get_by_role("button", name="Graph").click()

        named = await page.locator("figure.graph text").all_text_contents()
        tips = await page.locator("figure.graph .node title").all_text_contents()

    assert sorted(named) == ["gauge", "north gate"]
    assert sorted(tips) == ["Entity: north gate", "Note: gauge"]


async def test_an_address_of_what_is_not_there_is_told(browser: Browser, memory: Memory) -> None:
    """A position past the end and an unknown session are named; the page is live."""
    await memory.open_session("Map the north canal")
    address = "#at=99999999&session=nobody"
    async with served(memory) as url, visited(browser, url + "/" + address) as page:
        said = page.locator("#failure")

        await expect(said).to_contain_text("at: 99999999 is no position up to #1; this is live")
        await expect(said).to_contain_text("session: nobody is none of the namespace default")
        await expect(page.locator("#banner")).to_be_hidden()


async def test_markup_stays_text(browser: Browser, memory: Memory) -> None:
    """A task, an insight and a note that look like markup are shown as they were written."""
    session = await memory.open_session(MARKUP)
    await session.note(MARKUP, MARKUP)
    await session.remember(MARKUP)
    async with served(memory) as url, visited(browser, url) as page:
        await page.get_by_role("treeitem").click()

        await expect(page.locator("#panel h2")).to_have_text(MARKUP)
        await expect(page.locator(".fact dt", has_text="loud")).to_have_text(MARKUP)
        await expect(page.get_by_role("button", name=MARKUP)).to_be_visible()
        made = page.locator("main :is(b, img, script)")
        await expect(made).to_have_count(0)


async def test_what_is_drawn_in_parts_is_as_if_drawn_whole(
    browser: Browser, memory: Memory
) -> None:
    """Whatever happens, and from near or far, what is drawn over the lanes leaves them right."""
    chances = {"seeds": 40, "steps": 15, "limit": SMOOTHING, "edge": 6}
    async with served(memory) as url, visited(browser, url) as page:
        found = await _evaluated(page, "picture_in_parts.js", chances)

    assert found["wrong"] == []
    assert found["levels"] == [0, 1, 2, 3, 4]  # From far bars alone, from near everything.
    assert found["partial"] > 100
    assert (
        min(found["seen"].values()) > 5
    )  # In the past, some lit, with less detail, while it zooms.


async def test_a_page_that_is_opened_has_the_bars_of_one_that_is_watched(
    browser: Browser, memory: Memory
) -> None:
    """A bar reaches to its last insight, also where that came after all else of its session."""
    session = await memory.open_session("Map the canal")
    await memory.remember("The gauge stands at 7")
    last = await session.remember("The lock sticks")
    async with served(memory) as url, visited(browser, url) as page:
        opened, watched = await page.evaluate(LENGTHS, last.position)

    assert opened == watched
    assert [bar[1:] for bar in watched] == [[1, last.position], [2, 3]]


async def test_a_page_that_is_watched_draws_what_is_new_alone(
    browser: Browser, memory: Memory
) -> None:
    """Batches use the room to grow; whatever is panned, lanes are in sight, and named once ended."""
    chances = {"batches": 60, "pans": 200}
    async with served(memory) as url, visited(browser, url) as page:
        found = await _evaluated(page, "watched_lanes.js", chances)

    assert found["fits"] <= 3
    assert found["whole"] <= 6
    assert found["apart"] <= SMOOTHING
    assert found["lost"] == []
    assert found["named"] == ["Map the canal"]  # The others have ended, or were forgotten.


async def _evaluated(page: Page, script: str, chances: dict[str, int]) -> Any:
    """Return what a script finds, with the chances and the comparison that they share."""
    await page.evaluate(_without_comment(SCRIPTS / "lane_chances.js"))
    return await page.evaluate(_without_comment(SCRIPTS / script), chances)


def _without_comment(script: Path) -> str:
    """Return a function of JavaScript as Playwright knows one: without what stands above it."""
    comment, _, function = script.read_text(encoding="utf-8").partition("\n\n")
    assert comment.startswith("//")
    return function


async def test_a_branch_of_what_is_picked_is_lit(browser: Browser, memory: Memory) -> None:
    """A branch that begins below a picked session stands out, and one beside it does not."""
    root = await memory.open_session("Map the north canal")
    picked = await root.branch("Look at the lower gate")
    async with served(memory) as url, visited(browser, url) as page:
        await page.evaluate(BARS)
        await page.get_by_role("treeitem", name="lower gate").click()
        before = await page.evaluate("bars()")

        await (await root.branch("Look at old charts")).complete("seen")
        await expect(page.get_by_role("treeitem", name="old charts")).to_contain_text("completed")
        await page.wait_for_function("() => bars().dim")
        beside = await page.evaluate("bars()")
        await (await picked.branch("Look at its hinges")).complete("seen")
        await page.wait_for_function("() => bars().lit")

    assert before == {"lit": False, "dim": False}  # None had ended.
    assert beside == {"lit": False, "dim": True}


async def test_the_inspector_takes_what_comes(browser: Browser, memory: Memory) -> None:
    """An event that names what is shown changes it, whichever session it is of."""
    session, other = await memory.open_session("tea"), await memory.open_session("coffee")
    first = await session.remember("Green tea is bitter")
    second = await other.remember("Coffee is bitter")
    async with served(memory) as url, visited(browser, url) as page:
        panel = page.locator("#panel")
        await page.get_by_role("treeitem", name="tea").click()
        await panel.get_by_role("button", name="Green tea is bitter").click()
        await expect(panel.get_by_text("Associations · 0")).to_be_visible()
        await page.locator("#lanes").hover()
        await page.evaluate("document.activeElement.blur()")
        await memory.associate(second.insight_id, first.insight_id, kind="contrasts")

        await expect(panel.get_by_text("Associations · 1")).to_be_visible()
        await page.get_by_role("treeitem", name="coffee").click()
        branch = await other.branch("Look at beans")
        await expect(panel.get_by_text("Branches · 1")).to_be_visible()
        await branch.complete("roasted")
        await expect(panel.get_by_text("completed", exact=True)).to_be_visible()


async def test_everything_is_done_by_keys(browser: Browser, memory: Memory) -> None:
    """Sessions are walked, folded and let go of; the moment is stepped; help is read."""
    await thought(memory)
    async with served(memory) as url, visited(browser, url) as page:
        await expect(page.get_by_role("treeitem")).to_have_count(3)
        selected = page.locator("[role=treeitem][aria-selected=true]")
        title = page.locator("#panel h2")

        await page.keyboard.press("j")
        await expect(title).to_have_text("Map the north canal")
        await page.keyboard.press("l")
        await expect(title).to_have_text("Look at the lower gate")
        await page.keyboard.press("h")
        await expect(selected).to_contain_text("Map the north canal")
        await page.keyboard.press("x")
        await expect(page.get_by_role("treeitem")).to_have_count(1)
        await page.get_by_role("tree").focus()
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowDown")
        await expect(title).to_have_text("Look at the lower gate")
        await page.keyboard.press(",")
        await expect(page.locator("#banner")).to_be_visible()
        await page.keyboard.press("Shift+L")
        await expect(page.locator("#banner")).to_be_hidden()
        await page.get_by_role("combobox", name="Speed").select_option("2/s")
        assert await page.evaluate(PLAY_AND_PAUSE) == 2
        await expect(page.locator("#banner")).to_contain_text("Viewing #2")
        await page.get_by_role("combobox", name="Speed").select_option("2,000/s")
        await page.get_by_role("tree").focus()
        await page.keyboard.press("Space")
        await expect(page.locator("#banner")).to_be_hidden()
        minimap = page.locator("#minimap")
        await page.keyboard.press("f")
        await expect(minimap).to_be_hidden()
        await dragged_with_shift(page, cancelled=True)
        await expect(minimap).to_be_hidden()
        await dragged_with_shift(page)
        await expect(minimap).to_be_visible()
        await page.keyboard.press("f")
        await expect(minimap).to_be_hidden()
        for _ in range(8):
            await page.keyboard.press("+")
        await expect(minimap).to_be_visible()
        before = await minimap.evaluate(PICTURE)
        await minimap.click(position={"x": 4, "y": 4})
        await page.wait_for_function(f"(before) => ({PICTURE})() !== before", arg=before)
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        await page.keyboard.press("Escape")
        await page.keyboard.press("/")
        await page.keyboard.type("historian")
        await expect(page.get_by_role("treeitem")).to_have_count(1)


@pytest.mark.parametrize(("scheme", "rules"), [("dark", ["color-contrast"]), ("light", [])])
async def test_every_view_is_accessible(
    browser: Browser, memory: Memory, scheme: str, rules: list[str]
) -> None:
    """Axe finds nothing on any view, with content, in the past, and with reduced motion.

    The themes differ in nothing but their colours.
    """
    await thought(memory)
    options: dict[str, Any] = {"color_scheme": scheme, "reduced_motion": "reduce"}
    async with served(memory) as url, visited(browser, url, **options) as page:
        found = {}
        for name in VIEWS:
            await page.get_by_role("tab", name=name).click()
            if name == "Inspect":
                await page.get_by_role("treeitem", name="lower gate").click()
                await page.get_by_text("Working memory").wait_for()
            elif name == "Recall":
                await page.get_by_role("searchbox", name="Question").fill("north gate")
                await page.get_by_role("button", name="Recall").click()
                await page.locator(".hit summary").first.click()
            elif name == "Query":
                await page.get_by_role("button", name="Run").click()
                await page.locator("#panel td").first.wait_for()
                await page.get_by_text("Saved queries").click()
                await page.get_by_text("The same from elsewhere").click()
            elif name == "Work":
                await page.get_by_text("No worker answers").wait_for()
            else:
                await page.locator("#panel .view > *").first.wait_for()
            found[name] = await violations(page, *rules)
        await page.get_by_role("slider", name="Position in history").fill("6")
        await page.keyboard.press("?")
        found["help, in the past"] = await violations(page, *rules)

        moving = await page.evaluate("document.getAnimations().length")
        assert found == {name: [] for name in found}
        assert moving == 0
