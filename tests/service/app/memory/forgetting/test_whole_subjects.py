"""Forgetting of a whole subject: a session with its branches, an entity, a producer."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from anabranch.memory.memory import namespace_of
from anabranch_events import new_event, new_id
from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import InsightForgotten, InsightRecorded, SessionOpened
from anabranch_thinking import InsightDraft, Sessions
from tests.support.claude_files import ClaudeFile
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anabranch.settings import Settings
    from anabranch_thinking.sessions.receipts import SessionReceipt

pytestmark = [in_full_only, pytest.mark.timeout(360)]

SECRET = "Ann lives in Uji"


async def _shown(memory: Memory, session_ids: list[str], insight_ids: list[str]) -> str:
    """Return all that a memory tells of sessions and insights, now and at each moment, as text."""
    told: list[object] = []
    position = memory.position
    for one in session_ids:
        told.append((await memory.show_session(one)).model_dump(mode="json"))
        told.append((await memory.show_session(one, as_of=position)).model_dump(mode="json"))
        tree = [*await memory.session_tree(one), *await memory.session_tree(one, as_of=position)]
        told += [each.model_dump(mode="json") for each in tree]
        told += [each.model_dump(mode="json") for each in await memory.past.history(one)]
    for one in insight_ids:
        told.append((await memory.get(one)).model_dump(mode="json"))
    told.append((await memory.past.diff(0, position)).model_dump(mode="json"))
    told += [each.model_dump(mode="json") for each in await memory.list_sessions()]
    query = (
        "MATCH (n {namespace: $n}) OPTIONAL MATCH (n)-[r]->() "
        "RETURN properties(n) AS one, properties(r) AS other"
    )
    told.append((await memory.cypher(query, {"n": memory.namespace})).rows)
    told.append((await memory.cypher(query, {"n": memory.namespace}, as_of=position)).rows)
    return json.dumps(told, default=str)


async def test_a_session_goes_with_all_below_it(namespace_settings: Settings) -> None:
    """Task, notes, results, errors, hand-offs and findings of a tree; what is derived of them."""
    async with Memory.open(settings=namespace_settings) as memory:
        root = await memory.open_session(f"Where? {SECRET}", attributes={"source_id": "tool-1"})
        branch = await root.branch(f"Ask: {SECRET}")
        await branch.note("Ann", SECRET)
        done = await branch.complete(f"They say: {SECRET}", insights=[SECRET])
        failed = await root.branch("Ask Ann")
        await failed.fail(f"No answer: {SECRET}")
        heir = await (await root.branch("Ann?")).hand_off(summary=f"Go on: {SECRET}")
        made = await memory.consolidate(root.session_id)
        tea = await memory.remember("Tea grows near Kyoto")
        derived = await memory.remember("The one of Uji is Ann", sources=[done.insight_ids[0]])
        ids = [done.insight_ids[0], derived.insight_id]
        sessions = [root.session_id, branch.session_id, failed.session_id, heir.session_id]
        before = await _shown(memory, sessions, ids)

        found = await memory.forget_all(session_id=root.session_id, dry_run=True)
        unchanged = await _shown(memory, sessions, ids)
        receipt = await memory.forget_all(session_id="tool-1", receipt="ticket 7")
        again = await memory.forget_all(session_id=root.session_id)
        after = await _shown(memory, sessions, ids)

        assert (before.count("Ann") > 40, unchanged) == (True, before)
        assert (after.count("Ann"), "Kyoto" in after) == (0, True)
        assert (receipt.sums, receipt.insights) == (found.sums, found.insights)
        assert found.model_dump().items() >= {"dry_run": True, "position": None}.items()
        assert set(receipt.insights) == {*ids}
        assert receipt.consolidations == (made.consolidation_id,)
        counted = {"insights": 1, "derived": 1, "sessions": 5, "consolidations": 1, "notes": 1}
        assert receipt.sums.items() >= counted.items()
        assert sum(again.sums.values()) == 0
        assert (await memory.get(tea.insight_id)).text == "Tea grows near Kyoto"
        assert (await memory.show_session(root.session_id)).status == "cancelled"


async def test_a_session_that_is_still_at_work_goes_whole(
    namespace_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with what it learned, and forked, just before it was stopped."""
    async with Memory.open(settings=namespace_settings) as memory:
        root = await memory.open_session("Where?")
        cancel_all = Sessions.cancel_all
        late: list[str] = []

        async def at_work(self: Sessions, ids: Sequence[str], reason: str) -> list[SessionReceipt]:
            if not late:
                late.append((await root.remember(SECRET)).insight_id)
                late.append((await (await root.branch(SECRET)).remember(SECRET)).insight_id)
            return await cancel_all(self, ids, reason)

        monkeypatch.setattr(Sessions, "cancel_all", at_work)
        receipt = await memory.forget_all(session_id=root.session_id)

        assert (set(receipt.insights), len(receipt.sessions)) == (set(late), 2)
        assert "Ann" not in await _shown(memory, list(receipt.sessions), late)


async def test_an_entity_takes_the_insights_along_that_mention_it(
    namespace_settings: Settings,
) -> None:
    """Also more of them than one batch holds."""
    async with Memory.open(settings=namespace_settings) as memory:
        for _ in range(2):
            await memory.remember_all(
                [
                    InsightDraft(text=f"Ann saw {number} herons", entities=("Ann",))
                    for number in range(300)
                ]
            )
        await memory.remember("Tea grows near Kyoto", entities=["Kyoto"])
        steps: list[int] = []

        receipt = await memory.forget_all(entity="Ann", progress=steps.append)

        assert (receipt.sums["insights"], steps) == (600, [500, 600])
        rows = (await memory.cypher("MATCH (e:Entity {namespace: $namespace}) RETURN e.name")).rows
        assert [row["e.name"] for row in rows] == ["Kyoto"]


async def test_one_subject_is_named(namespace_settings: Settings) -> None:
    """Not none, not two, and none without a name; an unknown session is an error."""
    async with Memory.open(settings=namespace_settings) as memory:
        with pytest.raises(InputInvalid, match="one of session_id, entity, producer"):
            await memory.forget_all()
        with pytest.raises(InputInvalid, match="session_id and entity are given"):
            await memory.forget_all(session_id="x", entity="y")
        with pytest.raises(InputInvalid, match="session_id"):
            await memory.forget_all(session_id="tool-2")
        with pytest.raises(InputInvalid, match="entity: is empty"):
            await memory.forget_all(entity=" ", everywhere=True)
        with pytest.raises(InputInvalid, match="producer: is empty"):
            await memory.forget_all(producer="")


async def test_a_name_that_a_tool_gave_several_sessions_is_none_of_them(
    namespace_settings: Settings,
) -> None:
    """Some tools call their sessions by a role: none is erased for the name of another."""
    async with Memory.open(settings=namespace_settings) as memory:
        for _ in range(2):
            await memory.open_session("Plan", attributes={"source_id": "planner"})

        with pytest.raises(InputInvalid, match="'planner' is what a tool calls 2 sessions"):
            await memory.forget_all(session_id="planner")


async def test_a_producer_goes_with_what_it_brought(namespace_settings: Settings) -> None:
    """Its sessions whole, and its insights in the sessions of others."""
    async with Memory.open(settings=namespace_settings) as memory:
        log = namespace_of(memory).backend.log
        own, source = new_id(), "https://example.com/ünal"
        other = await memory.open_session("Whose?")
        kept = await other.remember("Tea grows near Kyoto")
        brought = [
            (own, SessionOpened(task=SECRET)),
            (own, InsightRecorded(insight_id=new_id(), text=SECRET)),
            (other.session_id, InsightRecorded(insight_id=new_id(), text=SECRET)),
        ]
        for session_id, data in brought:
            event = new_event(
                data, session_id=session_id, namespace=memory.namespace, source=source
            )
            await log.append(event)

        receipt = await memory.forget_all(producer=source)

        assert (receipt.sums["insights"], receipt.sessions) == (2, (own,))
        assert (await memory.show_session(other.session_id)).task == "Whose?"
        assert (await memory.get(kept.insight_id)).text == "Tea grows near Kyoto"


async def test_an_imported_session_goes_with_its_whole_texts_and_stays_away(
    namespace_settings: Settings, tmp_path: Path
) -> None:
    """By the id that its tool knows it by; imported again, and grown, it does not come back."""
    file = ClaudeFile(tmp_path)
    file.ask(f"Where? {SECRET}")
    file.say(SECRET * 300)
    async with Memory.open(settings=namespace_settings) as memory:
        log = namespace_of(memory).backend.log

        async def imported() -> None:
            importer = Importer(log, ImportOptions(memory.namespace))
            for source in sources_below([tmp_path]):
                await importer.source(source)

        await imported()
        store = await log.connection.jetstream().object_store("ANABRANCH_OBJECTS")
        held = [one.name for one in await store.list() if not one.deleted]

        receipt = await memory.forget_all(session_id=file.session_id)
        position = (await log.bounds()).last
        file.ask(f"Again? {SECRET}")
        await imported()

        left = [one.name for one in await store.list() if not one.deleted]
        assert receipt.sums.items() >= {"sessions": 1, "objects": 1}.items()
        assert len(set(held) - set(left)) == 1
        assert (await log.bounds()).last == position
        assert "Ann" not in await _shown(memory, list(receipt.sessions), list(receipt.insights))


@in_full_only
async def test_a_run_that_was_killed_goes_on(namespace_settings: Settings) -> None:
    """Killed in the middle and run again, each insight and session is forgotten, and once."""
    async with Memory.open(settings=namespace_settings) as memory:
        root = await memory.open_session(SECRET)
        for _ in range(2):
            await root.remember_all([f"{SECRET} {number}" for number in range(700)])
        log = namespace_of(memory).backend.log
        begun = (await log.bounds()).last
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.support.forgetting_process", str(namespace_settings.home)),
            *(memory.namespace, root.session_id),
        )
        while process.returncode is None and (await log.bounds()).last < begun + 600:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        process.kill()
        await process.wait()
        reached = (await log.bounds()).last

        receipt = await memory.forget_all(session_id=root.session_id)

        events = [
            one.decode() async for one in log.read(root.session_id, namespace=memory.namespace)
        ]
        forgotten = [
            one.data.insight_id for one in events if isinstance(one.data, InsightForgotten)
        ]
        assert begun + 600 <= reached < begun + 1400
        assert (len(forgotten), len(set(forgotten))) == (1400, 1400)
        # What was on its way when it was killed may have arrived behind `reached`.
        assert 0 < receipt.sums["insights"] <= 1401 - (reached - begun)
        shown = await memory.show_session(root.session_id)
        assert (shown.task, {one.text for one in shown.insights or ()}) == ("(forgotten)", {None})


async def test_what_has_a_name_in_its_words_alone_is_counted_and_goes_with_everywhere(
    namespace_settings: Settings,
) -> None:
    """A name that opens a sentence, one in small letters, and what sessions say themselves."""
    async with Memory.open(settings=namespace_settings) as memory:
        opening = await memory.remember("Xanthippe moved to Uji")
        small = await memory.remember("the mail went to xanthippe@example.com")
        known = await memory.remember("The one in Uji is Xanthippe")
        kept = await memory.remember("Xanthippes are ships")
        asked = await memory.open_session("Ask Xanthippe")
        other = await asked.remember("Tea grows near Kyoto")
        noted = await memory.open_session("Whom?")
        await noted.note("who", "xanthippe")
        done = await memory.open_session("Who lives in Uji?")
        await done.complete("It is Xanthippe")
        saying = {asked.session_id, noted.session_id, done.session_id}

        looked = await memory.forget_all(entity="Xanthippe", dry_run=True)
        receipt = await memory.forget_all(entity="Xanthippe")
        whole = await memory.forget_all(entity="Xanthippe", everywhere=True, dry_run=True)
        went = await memory.forget_all(entity="Xanthippe", everywhere=True)
        again = await memory.forget_all(entity="Xanthippe")

        assert receipt.insights == (known.insight_id,)
        assert receipt.remaining is not None
        assert set(receipt.remaining.insights) == {opening.insight_id, small.insight_id}
        assert set(receipt.remaining.sessions) == saying
        assert receipt.remaining.sums == {"insights": 2, "sessions": 3}
        assert looked.remaining == receipt.remaining
        assert set(went.insights) == {opening.insight_id, small.insight_id}
        assert (set(went.sessions), went.sums) == (saying, whole.sums)
        assert again.remaining is not None
        assert again.remaining.sums == {"insights": 0, "sessions": 0}
        shown = await _shown(memory, [*saying], [*went.insights, known.insight_id])
        assert "xanthippe" not in shown.lower().replace("xanthippes are ships", "")
        texts = [(await memory.get(one.insight_id)).text for one in (kept, other)]
        assert texts == ["Xanthippes are ships", "Tea grows near Kyoto"]


async def test_everywhere_is_for_an_entity(namespace_settings: Settings) -> None:
    """A session's words are gone anyway; those of others about it are not searched for."""
    async with Memory.open(settings=namespace_settings) as memory:
        with pytest.raises(InputInvalid, match="everywhere"):
            await memory.forget_all(producer="x", everywhere=True)
