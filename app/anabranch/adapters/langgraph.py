"""A LangGraph `BaseStore` over a memory: `from anabranch.adapters.langgraph import AnabranchStore`.

Each of LangGraph's namespaces is a session of the memory's own namespace. Its items stand in that
session's working memory, by key; the text of an item is an insight, which recall finds.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, JsonValue, ValidationError

from anabranch.adapters.bridge import Bridge
from anabranch.adapters.framework import framework
from anabranch.adapters.langgraph_items import begins, matches, text_of
from anabranch.adapters.named_sessions import Named, NamedSessions
from anabranch.memory.memory import namespace_of
from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import WorkingMemorySet
from anabranch_recall import Scope
from anabranch_recall.question import HITS_MAX
from anabranch_thinking.sessions.findings import plain
from anabranch_thinking.sessions.journal import checked

with framework("langgraph", extra="langgraph"):
    from langgraph.store.base import (
        BaseStore,
        GetOp,
        Item,
        ListNamespacesOp,
        PutOp,
        SearchItem,
        SearchOp,
        get_text_at_path,
        tokenize_path,
        validate_op_namespace,
    )

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from langgraph.store.base import Op, Result

    from anabranch.memory.memory import Memory
    from anabranch.memory.session import Session
    from anabranch.sync import Memory as SyncMemory
    from anabranch_recall import Hit
    from anabranch_thinking import SessionState

ROLE: Final = "langgraph-store"
_AT_ONCE: Final = 32
_HITS_FIRST: Final = 100
"""As many hits for ten items wanted; all there are where those are too few."""


class AnabranchStore(BaseStore):
    """LangGraph's long-term memory in an Anabranch memory, synchronous and asynchronous.

    `index` names the fields that recall finds an item by, as LangGraph's `index` of `put` does;
    without it that is the whole value. A search with a query is a recall. There is no time to live.
    A value is what JSON can hold, and a key has at most 256 characters: InputInvalid otherwise.
    """

    def __init__(self, memory: Memory | SyncMemory, *, index: Sequence[str] | None = None) -> None:
        self._bridge: Bridge[Memory] = Bridge(memory)
        self._memory = self._bridge.memory
        self._sessions = NamedSessions(self._memory, role=ROLE)
        self._index = index
        self._writing: defaultdict[tuple[str, ...], asyncio.Lock] = defaultdict(asyncio.Lock)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Execute operations; the reads among them see what was there before the batch."""
        return self._bridge.run(self._batch(_checked(ops)))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Execute operations, as `batch` does."""
        return await self._bridge.arun(self._batch(_checked(ops)))

    async def _batch(self, ops: Sequence[Op]) -> list[Result]:
        results = [await self._read(op) for op in ops]
        last = {(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}
        for op in last.values():
            async with self._writing[op.namespace]:
                await self._write(op)
        return results

    async def _read(self, op: Op) -> Result:
        if isinstance(op, GetOp):
            session = await self._sessions.find(_name(op.namespace))
            shelf = None if session is None else await _shelf(session)
            return None if shelf is None else shelf.items(op.namespace).get(op.key)
        if isinstance(op, SearchOp):
            return await self._search(op)
        return await self._list(op) if isinstance(op, ListNamespacesOp) else None

    async def _write(self, op: PutOp) -> None:
        """Put an item, or delete it: its text is forgotten then, too.

        It stands on the log alone, and waits for no projection unless a text takes another's place.
        """
        name = _name(op.namespace)
        session = await (self._sessions.find if op.value is None else self._sessions.take)(name)
        if session is None:
            return
        state = await namespace_of(self._memory).sessions.state(session.session_id)
        old = _entries(state.working_memory).get(op.key)
        if op.value is not None:
            await self._put(op, session=session, state=state, old=old)
        elif old is not None:
            if old.insight_id is not None:
                await self._memory.forget(old.insight_id, session_id=session.session_id)
            await session.clear_note(op.key)

    async def _put(
        self, op: PutOp, *, session: Session, state: SessionState, old: _Entry | None
    ) -> None:
        now = datetime.now(UTC)
        entry = _Entry(
            value=dict(op.value or {}),
            created_at=now if old is None else old.created_at,
            updated_at=now,
            insight_id=None if old is None or old.insight_id in state.retired else old.insight_id,
        )
        texts = {one.insight_id: one.text for one in state.insights}
        text = self._text(op)
        if text != texts.get(entry.insight_id or "", ""):
            entry.insight_id = await self._learn(text, session=session, old=entry.insight_id)
        await session.note(op.key, entry.model_dump(mode="json"))

    async def _learn(self, text: str, *, session: Session, old: str | None) -> str | None:
        """Record the text of an item in place of its old one, and return its insight."""
        if text:
            return (await session.remember(text, supersedes=[old] if old else [])).insight_id
        if old:
            await self._memory.retract(old, "not indexed", session_id=session.session_id)
        return None

    def _text(self, op: PutOp) -> str:
        """Return the text that recall finds an item by; it is empty for one that is not indexed."""
        value = dict(op.value or {})
        fields = self._index if op.index is None else op.index
        if fields is False:
            return ""
        if fields is None or "$" in fields:
            return plain(text_of(value))
        found = [get_text_at_path(value, tokenize_path(field)) for field in fields]
        return plain("\n".join(text for texts in found for text in texts))

    async def _search(self, op: SearchOp) -> list[SearchItem]:
        depth = len(op.namespace_prefix)
        below = {
            named.session_id: named
            for named in await self._sessions.all()
            if _path(named)[:depth] == op.namespace_prefix
        }
        if op.query:
            found = await self._recalled(op, below)
        else:
            items = [item for shelf in await self._shelves(below.values()) for item in shelf]
            items.sort(key=lambda item: (item.namespace, item.key))
            items.sort(key=lambda item: item.updated_at, reverse=True)
            found = [_found(item, None) for item in items if matches(item.value, op.filter or {})]
        return found[op.offset : op.offset + op.limit]

    async def _recalled(self, op: SearchOp, below: dict[str, Named]) -> list[SearchItem]:
        """Return the items whose insights a recall gives, best first.

        Many sessions are asked at once. Where others fill that answer, each is asked by itself.
        """
        wanted = op.offset + op.limit
        found: list[SearchItem] = []
        hits: list[Hit] = []
        for k in (min(HITS_MAX, max(_HITS_FIRST, _HITS_FIRST * wanted // 10)), HITS_MAX):
            hits = await self._hits(op, below, k=k)
            found = await self._items_of(hits, op=op, below=below)
            if len(hits) < k or len(found) >= wanted:
                return found
        known = {insight_id for hit in hits for insight_id, _ in _sayings(hit)}
        each = [await self._hits(op, {one: below[one]}, k=HITS_MAX) for one in below]
        more = [hit for hits in each for hit in hits if hit.insight_id not in known]
        more.sort(key=lambda hit: (-hit.score, hit.position, hit.insight_id))
        return found + await self._items_of(more, op=op, below=below)

    async def _hits(self, op: SearchOp, below: dict[str, Named], *, k: int) -> list[Hit]:
        """Recall from one session alone, or else from the whole namespace.

        LangGraph's stores give the nearest items, however far they are: so does this.
        """
        (session_id,) = below if len(below) == 1 else (None,)
        recall = partial(
            self._memory.recall,
            str(op.query),
            k=k,
            scope=Scope.SESSION if session_id else Scope.NAMESPACE,
            session_id=session_id,
        )
        recalled = await recall()
        return (await recall(min_similarity=-1) if recalled.nothing_close else recalled).hits

    async def _items_of(
        self, hits: Sequence[Hit], *, op: SearchOp, below: dict[str, Named]
    ) -> list[SearchItem]:
        """Return the items of `hits` that pass the filter, in the order of the hits."""
        said = [(hit, *saying) for hit in hits for saying in _sayings(hit)]
        touched = dict.fromkeys(session_id for _, _, session_id in said if session_id in below)
        items: dict[str, Item] = {}
        for session_id in touched:
            shelf = await _shelf(await self._memory.session(session_id))
            items |= shelf.by_insight(_path(below[session_id]))
        return [
            _found(item, hit.score)
            for hit, insight_id, _ in said
            if (item := items.get(insight_id)) and matches(item.value, op.filter or {})
        ]

    async def _list(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        """Return the namespaces that hold an item, sorted."""
        wanted = [
            named
            for named in await self._sessions.all()
            if all(
                begins(_path(named), one.path)
                if one.match_type == "prefix"
                else begins(_path(named)[::-1], one.path[::-1])
                for one in op.match_conditions or ()
            )
        ]
        held = await self._shelves(wanted)
        paths = {items[0].namespace[: op.max_depth] for items in held if items}
        return sorted(paths)[op.offset : op.offset + op.limit]

    async def _shelves(self, named: Iterable[Named]) -> list[list[Item]]:
        """Return the items of each session."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def items(one: Named) -> list[Item]:
            async with gate:
                shelf = await _shelf(await self._memory.session(one.session_id))
                return list(shelf.items(_path(one)).values())

        return await asyncio.gather(*map(items, named))


def _sayings(hit: Hit) -> list[tuple[str, str]]:
    """Return the insights with a hit's text, with their sessions: each may be an item's."""
    others = ((one.insight_id, one.session_id) for one in hit.also)
    return [(hit.insight_id, hit.session_id), *others]


class _Entry(BaseModel):
    """An item as it stands in working memory."""

    value: dict[str, JsonValue]
    created_at: AwareDatetime
    updated_at: AwareDatetime
    insight_id: str | None


class _Shelf(NamedTuple):
    """The items of one session, by key."""

    entries: dict[str, _Entry]

    def items(self, namespace: tuple[str, ...]) -> dict[str, Item]:
        return {
            key: Item(
                value=entry.value,
                key=key,
                namespace=namespace,
                created_at=entry.created_at,
                updated_at=entry.updated_at,
            )
            for key, entry in self.entries.items()
        }

    def by_insight(self, namespace: tuple[str, ...]) -> dict[str, Item]:
        items = self.items(namespace)
        return {entry.insight_id or "": items[key] for key, entry in self.entries.items()}


async def _shelf(session: Session) -> _Shelf:
    """Return the items of a session; one whose insight was forgotten is gone."""
    view = await session.show()
    forgotten = {one.insight_id for one in view.insights or () if one.text is None}
    entries = _entries(view.working_memory or {})
    return _Shelf({k: one for k, one in entries.items() if one.insight_id not in forgotten})


def _entries(notes: Mapping[str, JsonValue]) -> dict[str, _Entry]:
    """Return the items among the notes of a session, by key."""
    found: dict[str, _Entry] = {}
    for key, note in notes.items():
        with suppress(ValidationError):  # Somebody's note, and no item.
            found[key] = _Entry.model_validate(note)
    return found


def _checked(ops: Iterable[Op]) -> list[Op]:
    """Return the operations. Raises before anything is stored where one breaks a rule."""
    found = list(ops)
    for op in found:
        validate_op_namespace(op)
        if isinstance(op, PutOp) and op.ttl is not None:
            raise InputInvalid(
                "ttl: an insight has no time to live",
                field="ttl",
                fix="leave it out, and delete the item when its time has come",
            )
        if isinstance(op, PutOp) and op.value is not None:
            checked(WorkingMemorySet, key=op.key, value=dict(op.value))
    return found


def _found(item: Item, score: float | None) -> SearchItem:
    return SearchItem(
        namespace=item.namespace,
        key=item.key,
        value=item.value,
        created_at=item.created_at,
        updated_at=item.updated_at,
        score=score,
    )


def _name(namespace: tuple[str, ...]) -> str:
    """Return a namespace of LangGraph as the task of its session."""
    return json.dumps(namespace, ensure_ascii=False)


def _path(named: Named) -> tuple[str, ...]:
    return tuple(json.loads(named.name))
