"""The usage of keys: what each has stored and asked since midnight (UTC), kept over restarts."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from anabranch.api.requests import Complete, Remember, RememberAll, Update
from anabranch.errors import QuotaUsed
from anabranch_events import Event
from anabranch_events.errors import AnabranchError
from anabranch_events.event.types import BranchCompleted, InsightRecorded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from anabranch.http.access.key_file import Limits
    from anabranch_events import Bucket

BUCKET: Final = "ANABRANCH_USAGE"
STORE_S: Final = 0.5
AT_WORK_S: Final = 1.0
"""The time after which a query may fit that those at work left no room for."""
_DAY: Final = timedelta(days=1)
_TIMEOUT_S: Final = 5.0
_log: Final = logging.getLogger("anabranch")


class Spent(NamedTuple):
    """A sum of insights, events, and seconds of Cypher."""

    insights: int = 0
    events: int = 0
    cypher_s: float = 0.0

    def plus(self, other: Spent) -> Spent:
        """Return the sum."""
        return Spent(
            self.insights + other.insights,
            self.events + other.events,
            self.cypher_s + other.cypher_s,
        )

    def minus(self, other: Spent) -> Spent:
        """Return the difference."""
        return Spent(
            self.insights - other.insights,
            self.events - other.events,
            self.cypher_s - other.cypher_s,
        )


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)
    day: str
    spent: Spent


class RequestCount:
    """Counts what one request appends."""

    def __init__(self) -> None:
        self.spent = Spent()


_counting: ContextVar[RequestCount | None] = ContextVar("anabranch_request_count", default=None)


@contextmanager
def counted() -> Generator[RequestCount]:
    """Count what is appended in this context."""
    count = RequestCount()
    token = _counting.set(count)
    try:
        yield count
    finally:
        _counting.reset(token)


def note_append(event: Event) -> None:
    """Count an event that was appended for the request in work, if one is."""
    count = _counting.get()
    if count is not None:
        count.spent = count.spent.plus(Spent(insights_in(event), 1))


def insights_in(asked: object) -> int:
    """Return the number of insights that a request, or an event, records."""
    match asked:
        case Remember() | Update():
            return 1
        case RememberAll() | Complete():
            return len(asked.insights)
        case Event(data=InsightRecorded()):
            return 1
        case Event(data=BranchCompleted() as ended):
            return len(ended.insights)
        case _:
            return 0


class Usage:
    """The sums of keys today, stored a moment later, beside the requests.

    Several services of one log add to the same sums. A kill may lose half a second's, and so may
    one of two services that store at the same moment.
    """

    def __init__(
        self,
        bucket: Callable[[], Awaitable[Bucket]],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bucket_of = bucket
        self._now = now
        self._bucket: Bucket | None = None
        self._stored: dict[str, _Kept] = {}
        self._fresh: dict[str, _Kept] = {}
        self._some = asyncio.Event()
        self._held: dict[str, Spent] = {}
        """The sums that the requests in work may store, and take."""
        self._changing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Store what is not stored yet, within a bound."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with suppress(TimeoutError, AnabranchError):
            async with asyncio.timeout(_TIMEOUT_S):
                await self.store()

    async def check(
        self, key_id: str, limits: Limits, *, asked: object, writing: bool, querying: bool
    ) -> None:
        """Raise QuotaUsed for a request that the limits of today leave no room for."""
        if not (limits.daily and (writing or querying)):
            return
        spent, insights = await self.spent(key_id), insights_in(asked)
        bounds = (
            ("insights", limits.insights, spent.insights + insights, insights > 0),
            ("events", limits.events, spent.events + 1, writing),
            ("cypher", limits.cypher, spent.cypher_s, querying),
        )
        for name, limit, would_be, matters in bounds:
            if limit is None:
                continue
            used_up = would_be > limit or (querying and would_be == limit)
            if matters and used_up:
                # Seconds that queries at work do not take are left again when they end.
                at_work = name == "cypher" and spent.cypher_s - self._at_work_s(key_id) < limit
                after_s = AT_WORK_S if at_work else self._rest_s()
                raise QuotaUsed(name, limit, retry_after_s=after_s, at_work=at_work)

    @contextmanager
    def held(self, key_id: str, spent: Spent) -> Generator[None]:
        """Count what a request may store, and take, as spent, until it is added."""
        self._held[key_id] = self._held.get(key_id, Spent()).plus(spent)
        try:
            yield
        finally:
            self._held[key_id] = self._held[key_id].minus(spent)
            if self._held[key_id] == Spent():
                del self._held[key_id]

    def _at_work_s(self, key_id: str) -> float:
        return self._held.get(key_id, Spent()).cypher_s

    def add(self, key_id: str, spent: Spent) -> None:
        """Add what a key has spent."""
        if spent == Spent():
            return
        day = self._day()
        before = self._fresh.get(key_id)
        kept = before.spent if before is not None and before.day == day else Spent()
        self._fresh[key_id] = _Kept(day=day, spent=kept.plus(spent))
        self._some.set()

    async def spent(self, key_id: str) -> Spent:
        """Return what a key has spent today, with what is in work."""
        day = self._day()
        stored = self._stored.get(key_id)
        if stored is None or stored.day != day:
            async with self._changing:
                stored = self._stored[key_id] = await self._read(key_id, day)
        spent = stored.spent.plus(self._held.get(key_id, Spent()))
        fresh = self._fresh.get(key_id)
        return spent if fresh is None or fresh.day != day else spent.plus(fresh.spent)

    async def store(self) -> None:
        """Add what is new to what is stored."""
        async with self._changing:
            for key_id, fresh in list(self._fresh.items()):
                stored = await self._read(key_id, fresh.day)
                kept = _Kept(day=fresh.day, spent=stored.spent.plus(fresh.spent))
                bucket = await self._opened()
                await bucket.put(key_id, kept.model_dump_json().encode())
                self._stored[key_id] = kept
                self._settle(key_id, fresh)

    def _settle(self, key_id: str, stored: _Kept) -> None:
        """Keep of a key's new spending only what came while it was stored."""
        fresh = self._fresh.pop(key_id)
        if fresh.day != stored.day:
            self._fresh[key_id] = fresh
            return
        rest = fresh.spent.minus(stored.spent)
        if rest != Spent():
            self._fresh[key_id] = _Kept(day=fresh.day, spent=rest)

    async def _keep(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            try:
                await self.store()
            except AnabranchError as error:
                _log.warning("the usage of keys is not stored yet: %s", error)
                self._some.set()
            await asyncio.sleep(STORE_S)

    async def _read(self, key_id: str, day: str) -> _Kept:
        bucket = await self._opened()
        found = await bucket.get(key_id)
        with suppress(ValidationError):
            kept = _Kept.model_validate_json(found or b"")
            if kept.day == day:
                return kept
        return _Kept(day=day, spent=Spent())

    async def _opened(self) -> Bucket:
        if self._bucket is None:
            self._bucket = await self._bucket_of()
        return self._bucket

    def _day(self) -> str:
        return self._now().date().isoformat()

    def _rest_s(self) -> float:
        """Return the seconds until midnight."""
        now = self._now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        return (midnight - now).total_seconds()
