"""The store for LangGraph, held against LangGraph's own, and run in its graphs."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import pytest
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph reads the annotations of nodes.
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from anabranch import Memory
from anabranch.adapters.langgraph import ROLE, AnabranchStore
from anabranch.errors import InputInvalid, LoopBlocked, MemoryNotOpen
from tests.support.rounds import examples

if TYPE_CHECKING:
    from langgraph.store.base import Op

    from anabranch import sync
    from anabranch.settings import Settings

ROUNDS = examples(80)
ADA, BOB = ("users", "ada"), ("users", "bob")


class State(TypedDict):
    """The state of the graph below."""

    text: str
    known: NotRequired[list[str]]


@pytest.fixture
async def store(memory: Memory) -> AnabranchStore:
    """Give a store on the loop of the test."""
    return AnabranchStore(memory)


def said(found: object) -> Any:
    """Return what an item says, without its times."""
    return (found.namespace, found.key, found.value) if isinstance(found, Item) else found


def some_op(chance: random.Random) -> Op:
    """Return any operation but a search by a query."""
    path = tuple(chance.choices("ab", k=chance.randint(1, 3)))
    key, value = chance.choice("kl"), {"n": chance.randint(0, 2), "text": chance.choice("xyz")}
    ops: list[Op] = [
        PutOp(path, key, value),
        PutOp(path, key, value, index=False),
        PutOp(path, key, None),
        GetOp(path, key),
        SearchOp(path[:-1], {"n": {"$gte": 1}}, limit=100),
        SearchOp(path[:1], {"text": "x"}, limit=100),
        ListNamespacesOp(limit=100, max_depth=chance.choice([None, 1, 2])),
    ]
    return chance.choice(ops)


async def outcome(store: BaseStore, ops: list[Op]) -> list[Any]:
    """Return what a batch gives, in an order that says nothing."""
    return [
        sorted(map(said, one), key=repr) if isinstance(one, list) else said(one)
        for one in await store.abatch(ops)
    ]


class Judge(InMemoryStore):
    """LangGraph's store in memory, but namespaces that are empty, or were only asked for, go."""

    async def abatch(self, ops: Any) -> list[Any]:
        """Execute operations after the empty namespaces have gone."""
        for path in [path for path, items in self._data.items() if not items]:
            del self._data[path]
        return await super().abatch(ops)


async def test_it_does_what_langgraphs_own_store_does(store: AnabranchStore) -> None:
    """Any series of puts, deletes, gets, filtered searches and lists has the same outcome."""
    chance = random.Random(20261128)  # noqa: S311 - a series that is the same every time.
    judge = Judge()

    for _ in range(ROUNDS):
        ops = [some_op(chance) for _ in range(chance.randint(1, 3))]
        ops.sort(key=lambda op: isinstance(op, GetOp))  # The judge lists what was only asked for.

        given, wanted = await outcome(store, ops), await outcome(judge, ops)

        assert given == wanted, ops


async def test_a_search_by_meaning_is_a_recall(store: AnabranchStore, memory: Memory) -> None:
    """It ranks within the namespaces below the prefix, and other sessions recall the texts."""
    await store.aput(ADA, "drink", {"text": "Ada drinks green tea before her morning run"})
    await store.aput(ADA, "food", {"food": "pizza", "rating": 5})
    await store.aput(BOB, "drink", {"text": "Bob drinks nothing but black coffee"})

    everywhere = await store.asearch(("users",), query="Who drinks green tea?")
    of_bob = await store.asearch(BOB, query="Who drinks green tea?")
    filtered = await store.asearch(("users",), query="green tea", filter={"rating": {"$gt": 4}})
    second = await store.asearch(("users",), query="Who drinks green tea?", limit=1, offset=1)
    recalled = await memory.recall("Who drinks green tea?", k=1)

    assert said(everywhere[0]) == (ADA, "drink", (await store.aget(ADA, "drink")).value)  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]  # It was put above.
    assert [item.score for item in everywhere] == sorted(
        (item.score or 0 for item in everywhere), reverse=True
    )
    assert {item.namespace for item in of_bob} == {BOB}
    assert [item.key for item in filtered] == ["food"]
    assert second == everywhere[1:2]
    assert [hit.text for hit in recalled] == ["Ada drinks green tea before her morning run"]


async def test_puts_of_one_key_at_once_leave_one_text(
    store: AnabranchStore, memory: Memory
) -> None:
    """Nodes that run side by side put in turn, so recall gives the last text alone."""
    await asyncio.gather(*(store.aput(ADA, "mood", {"text": f"calm {n}"}) for n in range(5)))

    item = await store.aget(ADA, "mood")
    recalled = await memory.recall("calm")

    assert item is not None
    assert [hit.text for hit in recalled] == [item.value["text"]]


async def test_a_crowd_of_others_costs_no_items(
    store: AnabranchStore, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where other insights fill the answer of a recall, each namespace is asked by itself."""
    monkeypatch.setattr("anabranch.adapters.langgraph.HITS_MAX", 3)
    await memory.remember_all([f"Somebody drinks green tea, number {each}" for each in range(9)])
    await store.aput(ADA, "drink", {"text": "Ada drinks tea, and sometimes coffee with much milk"})
    await store.aput(BOB, "drink", {"text": "Bob has a cup of tea before his long run at noon"})

    found = await store.asearch(("users",), query="Somebody drinks green tea")

    assert {item.namespace for item in found} == {ADA, BOB}


async def test_a_search_gives_every_item_of_one_text_and_the_nearest_of_what_is_far(
    store: AnabranchStore, memory: Memory
) -> None:
    """A recall gives a text once, and nothing where nothing is close; a store's items are each one."""
    await memory.remember("Tea is at four")
    for path, key in ((ADA, "tea"), (ADA, "four"), (BOB, "tea")):
        await store.aput(path, key, {"text": "Tea is at four"}, index=["text"])

    same = await store.asearch(("users",), query="When is tea?")
    of_ada = await store.asearch(ADA, query="When is tea?")
    far = await store.asearch(BOB, query="quantum chromodynamics")

    assert {(one.namespace, one.key) for one in same} == {
        (ADA, "tea"),
        (ADA, "four"),
        (BOB, "tea"),
    }
    assert {one.key for one in of_ada} == {"tea", "four"}
    assert [one.key for one in far] == ["tea"]


async def test_what_others_remember_is_no_item(store: AnabranchStore, memory: Memory) -> None:
    """An insight, and a note, that the store did not put, are not given out as items."""
    await store.aput(ADA, "drink", {"text": "Ada drinks green tea"})
    (item,) = await memory.list_sessions()
    session = await memory.session(item.session_id)
    await session.remember("Ada drinks green tea from a blue cup")
    await session.note("mood", "calm")
    await memory.remember("Eve drinks green tea")

    found = await store.asearch((), query="green tea")
    listed = await store.asearch(())

    assert [one.key for one in found] == [one.key for one in listed] == ["drink"]
    assert (item.role, item.task) == (ROLE, '["users", "ada"]')


async def test_an_item_that_is_put_again_supersedes(store: AnabranchStore, memory: Memory) -> None:
    """Recall gives the new text alone; the item keeps the time at which it was first put."""
    await store.aput(ADA, "drink", {"text": "Ada drinks green tea"})
    first = await store.aget(ADA, "drink")
    await store.aput(ADA, "drink", {"text": "Ada drinks white tea"})
    await store.aput(ADA, "drink", {"text": "Ada drinks white tea", "sure": True}, index=["text"])

    second = await store.aget(ADA, "drink")
    recalled = await memory.recall("What does Ada drink?")

    assert first is not None
    assert second is not None
    assert second.value == {"text": "Ada drinks white tea", "sure": True}
    assert second.created_at == first.created_at < second.updated_at
    assert [hit.text for hit in recalled] == ["Ada drinks white tea"]


async def test_an_item_that_is_deleted_is_forgotten(store: AnabranchStore, memory: Memory) -> None:
    """Neither store nor recall give it; and an insight that is forgotten takes its item along."""
    await store.aput(ADA, "drink", {"text": "Ada drinks green tea"})
    await store.aput(ADA, "food", {"text": "Ada eats pizza"})
    (pizza,) = (await memory.recall("Who eats pizza?", k=1)).hits

    await store.adelete(ADA, "drink")
    await store.adelete(BOB, "never there")
    await memory.forget(pizza.insight_id)

    assert await store.aget(ADA, "drink") is None
    assert await store.aget(ADA, "food") is None
    assert await store.asearch((), query="tea or pizza") == []
    assert (await memory.recall("tea or pizza")).hits == []
    assert await store.alist_namespaces() == []


async def test_only_what_is_indexed_is_found_by_a_query(memory: Memory) -> None:
    """`index` of the store or of a put names the fields, and False hides an item from queries."""
    store = AnabranchStore(memory, index=["text", "more[*].text"])
    await store.aput(ADA, "a", {"text": "green tea", "by": "x", "more": [{"text": "a blue cup"}]})
    await store.aput(ADA, "b", {"text": "white tea", "by": "green"}, index=["by"])
    await store.aput(ADA, "c", {"text": "green tea"}, index=False)
    await store.aput(ADA, "d", {"text": "black tea"})
    await store.aput(ADA, "d", {"text": "black tea"}, index=False)

    texts = {hit.text for hit in await memory.recall("green tea")}
    found = {item.key for item in await store.asearch(ADA, query="green tea")}
    held = {item.key for item in await store.asearch(ADA)}

    assert texts == {"green tea\na blue cup", "green"}
    assert found == {"a", "b"}
    assert held == {"a", "b", "c", "d"}


async def test_namespaces_are_listed_as_langgraph_does(store: AnabranchStore) -> None:
    """By prefix, suffix, wildcard and depth; and a label may hold anything but a period."""
    paths = [ADA, BOB, ("users", "ada", "drafts"), ("odd", 'quote"d', "ü, [x]")]
    for path in paths:
        await store.aput(path, "k", {"n": 1})

    assert await store.alist_namespaces() == sorted(paths)
    assert await store.alist_namespaces(prefix=("users", "*"), limit=1, offset=1) == [paths[2]]
    assert await store.alist_namespaces(suffix=("drafts",)) == [paths[2]]
    assert await store.alist_namespaces(max_depth=1) == [("odd",), ("users",)]
    assert said((await store.asearch(paths[3]))[0]) == (paths[3], "k", {"n": 1})


@pytest.mark.parametrize(
    ("op", "error"),
    [
        (PutOp(("a.b",), "k", {}), InvalidNamespaceError),
        (SearchOp(("",)), InvalidNamespaceError),
        (PutOp(("a",), "k", {}, ttl=5), InputInvalid),
        (PutOp(("a",), "k" * 257, {}), InputInvalid),
        (PutOp(("a",), "k", {"odd": object()}), InputInvalid),
        (SearchOp(("a",), {"n": {"$near": 1}}), InputInvalid),
    ],
)
async def test_what_cannot_be_done_is_refused(
    op: Op, error: type[Exception], store: AnabranchStore, memory: Memory
) -> None:
    """A batch that breaks a rule stores nothing."""
    await store.aput(("a",), "there", {"n": 1})
    position = memory.position

    with pytest.raises(error):
        await store.abatch([PutOp(("a",), "other", {"n": 2}), op])

    assert memory.position == position


async def test_two_stores_that_begin_a_namespace_at_once_share_it(
    store: AnabranchStore, memory: Memory, namespace_settings: Settings
) -> None:
    """Of two processes' sessions the first is taken by both, and nothing is lost."""
    async with Memory.open(settings=namespace_settings) as elsewhere:
        other = AnabranchStore(elsewhere)

        await asyncio.gather(
            *(
                one.aput(ADA, f"{number}", {"n": number})
                for number, one in enumerate([store, other] * 4)
            )
        )

        opened = await memory.list_sessions()
        held = [{item.key for item in await one.asearch(ADA)} for one in (store, other)]
    assert held == [{f"{number}" for number in range(8)}] * 2
    assert sorted({view.status for view in opened}) in (["cancelled", "open"], ["open"])
    assert [view.status for view in opened].count("open") == 1


def test_the_synchronous_face_takes_both_kinds_of_call(plain_memory: sync.Memory) -> None:
    """From plain code, and awaited on a loop that is not the memory's."""
    store = AnabranchStore(plain_memory)
    store.put(ADA, "drink", {"text": "Ada drinks green tea"})

    awaited = asyncio.run(store.aget(ADA, "drink"))

    assert said(awaited) == said(store.get(ADA, "drink"))
    assert said(awaited) == (ADA, "drink", {"text": "Ada drinks green tea"})
    assert [item.key for item in store.search(("users",), query="tea")] == ["drink"]
    assert store.list_namespaces() == [ADA]
    store.delete(ADA, "drink")
    assert store.get(ADA, "drink") is None


async def test_a_synchronous_call_on_the_memorys_own_loop_is_refused(
    store: AnabranchStore, memory: Memory
) -> None:
    """It would wait for itself; from another thread, or another loop, it is fine."""
    made_elsewhere = await asyncio.to_thread(AnabranchStore, memory)
    for one in (store, made_elsewhere):
        with pytest.raises(LoopBlocked):
            one.put(ADA, "drink", {"n": 1})
    with pytest.raises(MemoryNotOpen):  # No loop has awaited it.
        await asyncio.to_thread(made_elsewhere.put, ADA, "drink", {"n": 1})

    await asyncio.to_thread(store.put, ADA, "drink", {"n": 2})
    elsewhere = await asyncio.to_thread(asyncio.run, store.aget(ADA, "drink"))

    assert said(elsewhere) == (ADA, "drink", {"n": 2})


async def test_a_store_of_a_memory_that_is_closed_says_so(namespace_settings: Settings) -> None:
    """The error is that of the memory itself."""
    async with Memory.open(settings=namespace_settings) as opened:
        store = AnabranchStore(opened)

    with pytest.raises(MemoryNotOpen):
        await store.aget(ADA, "drink")


async def test_the_nodes_of_a_graph_share_it(store: AnabranchStore) -> None:
    """LangGraph hands the store to nodes of both kinds; a plain one runs in a thread."""

    async def note(state: State, runtime: Runtime[None]) -> State:
        assert runtime.store is not None
        await runtime.store.aput(ADA, state["text"], {"text": state["text"]})
        return state

    def recall(state: State, runtime: Runtime[None]) -> State:
        assert runtime.store is not None
        found = runtime.store.search(ADA, query=state["text"])
        return {**state, "known": [item.value["text"] for item in found]}

    builder = StateGraph(State)
    builder.add_sequence([note, recall])
    builder.add_edge(START, "note")
    graph = builder.compile(store=store)

    state = await graph.ainvoke({"text": "Ada drinks green tea"})

    assert state["known"] == ["Ada drinks green tea"]
