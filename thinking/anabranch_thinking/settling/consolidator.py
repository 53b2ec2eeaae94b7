"""The consolidator: it follows the log, and settles what was learned when there is time for it.

One consolidator is at work at a time, by a pin that the server moves when its holder falls silent.
The pin is no fence. Each settlement is one conditional batch on a session of the namespace, and
says up to which position it went. Of two consolidators one makes it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anabranch_events import PinLost
from anabranch_events.errors import (
    AnabranchError,
    EventInvalid,
    InputInvalid,
    LogRewound,
    LogUnavailable,
    NamespaceEnded,
    Unavailable,
)
from anabranch_events.event.types import (
    ConsolidationRecorded,
    NamespaceDeleted,
    RetentionSet,
    SessionClosed,
    SessionHandedOff,
)
from anabranch_thinking.settling.chain import AGENT, Overtaken
from anabranch_thinking.settling.recording import AT_ONCE, Settler
from anabranch_thinking.settling.retention import Policy, Retention, policy_session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anabranch_events import Event, Log, PinnedConsumer, Recorded
    from anabranch_thinking.sessions.sessions import Sessions
    from anabranch_thinking.settling.recording import VectorsOf
    from anabranch_thinking.settling.retention import OutlivedOf

NAME: Final = "consolidator"
IDLE_S: Final = 3.0
"""The quiet after which memory is settled."""
BUDGET: Final = 512
"""The number of new insights that are settled without waiting for quiet."""
TICK_S: Final = 0.2
RETAIN_EVERY_S: Final = 60.0
"""The time between two looks at what outlived a policy of retention."""
TRIGGERS: Final = (SessionHandedOff, SessionClosed, ConsolidationRecorded)
"""The ends of work after which a namespace is settled without waiting for quiet."""
_RECORDS_AT_ONCE: Final = 64
_PAUSE_S: Final = 0.3
_log: Final = logging.getLogger("anabranch")


class Consolidator:
    """A place among the consolidators of a log; `run` waits for its turn, and settles meanwhile."""

    def __init__(
        self,
        log: Log,
        sessions_of: Callable[[str], Sessions],
        *,
        vectors_of: VectorsOf | None = None,
        outlived_of: OutlivedOf | None = None,
        idle_s: float = IDLE_S,
        budget: int = BUDGET,
    ) -> None:
        self.active = False
        """True while this consolidator is the one at work."""
        self._log = log
        self._sessions_of = sessions_of
        self._vectors_of = vectors_of
        self._outlived_of = outlived_of
        self._idle_s = idle_s
        self._budget = budget

    async def run(self) -> None:
        """Settle until cancelled. An outage of the log is waited out."""
        pinned = self._log.pinned(NAME)
        while True:
            turn = Turn(
                self._sessions_of,
                self._vectors_of,
                self._idle_s,
                self._budget,
                outlived_of=self._outlived_of,
            )
            try:
                async with pinned.taken(_from_the_beginning):
                    self.active = True
                    await turn.run(pinned, end=await self._log.last_held())
            except Overtaken:
                _log.debug("the consolidator begins again: another one was faster")
            except PinLost as lost:
                _log.debug("the consolidator's place went to another: %s", lost)
            except LogRewound:
                _log.debug("the consolidator begins again: the log was rewound")
            except Unavailable as error:
                _log.debug("the consolidator waits for the log: %s", error)
                await asyncio.sleep(_PAUSE_S)
            finally:
                self.active = False


async def _from_the_beginning() -> int:
    """Return where a turn begins: the book is a fold of the whole log."""
    return 0


@dataclass(slots=True)
class _Kept:
    """A namespace with a policy of retention, and when to look again at what outlived it."""

    retention: Retention
    policy: Policy
    due: float = 0.0


class Turn:
    """One turn: what was read of the log, by namespace, and when the last of it came."""

    def __init__(
        self,
        sessions_of: Callable[[str], Sessions],
        vectors_of: VectorsOf | None,
        idle_s: float,
        budget: int,
        *,
        outlived_of: OutlivedOf | None = None,
    ) -> None:
        self._sessions_of = sessions_of
        self._vectors_of = vectors_of
        self._idle_s = idle_s
        self._budget = budget
        self._settlers: dict[str, Settler] = {}
        self._outlived_of = outlived_of
        self._kept: dict[str, _Kept] = {}
        self._asked: set[str] = set()
        self._left_out: set[str] = set()
        self._heard_at = time.monotonic()
        self._caught_up = asyncio.Event()
        self._reading = asyncio.Lock()  # The book stands still while it is settled.

    async def run(self, pinned: PinnedConsumer, *, end: int) -> None:
        """Read and settle until either fails. Raises PinLost, Overtaken, and errors of the log.

        Nothing is settled before the position `end` is read: what is known up to there may have
        been retracted or forgotten since.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(pinned, end))
                group.create_task(self._tick())
                group.create_task(self._tick_retention())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _read(self, pinned: PinnedConsumer, end: int) -> None:
        async with aclosing(pinned.batches(after=0)) as batches:
            async for records in batches:
                async with self._reading:
                    for start in range(0, len(records), _RECORDS_AT_ONCE):
                        self._take(records[start : start + _RECORDS_AT_ONCE])
                        await asyncio.sleep(0)
                if records and records[-1].position >= end:
                    self._caught_up.set()

    def _take(self, records: Sequence[Recorded]) -> None:
        """Take in records, in order. A record that cannot be read says nothing."""
        for recorded in records:
            try:
                event = recorded.decode()
            except EventInvalid:
                continue
            if isinstance(event.data, NamespaceDeleted):
                self._settlers.pop(event.data.namespace, None)
                self._kept.pop(event.data.namespace, None)
                continue
            settler = self._settler(event.namespace)
            if settler is not None:
                self._keep(event, recorded.position)
            if isinstance(event.data, TRIGGERS) and event.agent != AGENT:
                self._asked.add(event.namespace)
            if settler is not None and settler.take(event, recorded.position):
                self._heard_at = time.monotonic()

    def _settler(self, namespace: str) -> Settler | None:
        """Return the settler of a namespace; None for one that is reserved or left out."""
        if namespace in self._left_out:
            return None
        if namespace not in self._settlers:
            try:
                sessions = self._sessions_of(namespace)
            except InputInvalid:
                self._left_out.add(namespace)
                return None
            self._settlers[namespace] = Settler(sessions, self._vectors_of)
        return self._settlers[namespace]

    def _keep(self, event: Event, position: int) -> None:
        """Take in a policy; one without rules keeps everything. In other sessions it is none."""
        namespace = event.namespace
        if not isinstance(event.data, RetentionSet) or self._outlived_of is None:
            return
        if event.session_id != policy_session(namespace):
            return
        self._kept.pop(namespace, None)
        if event.data.rules:
            policy = Policy(event.data.rules, position, event.agent, event.time)
            retention = Retention(self._sessions_of(namespace), self._outlived_of)
            self._kept[namespace] = _Kept(retention, policy)

    async def _tick(self) -> None:
        """Settle what waits, whenever it is quiet, much has come, or a session came to its end."""
        await self._caught_up.wait()
        while True:
            await asyncio.sleep(TICK_S)
            quiet = self._is_quiet()
            asked, self._asked = self._asked, set()
            for namespace, settler in tuple(self._settlers.items()):
                wanted = quiet or namespace in asked or settler.waiting >= self._budget
                if settler.waiting and wanted:
                    if namespace in asked and settler.waiting > AT_ONCE:
                        self._asked.add(namespace)  # The rest goes on at the next tick.
                    async with self._reading:
                        await self._settle(namespace, settler)

    def _is_quiet(self) -> bool:
        return time.monotonic() - self._heard_at >= self._idle_s

    async def _tick_retention(self) -> None:
        """Take out what outlived a policy, while it is quiet.

        It waits for the graph, and settling does not wait for it.
        """
        await self._caught_up.wait()
        while True:
            await asyncio.sleep(TICK_S)
            for namespace, kept in tuple(self._kept.items()):
                if self._is_quiet() and time.monotonic() >= kept.due:
                    await self._retain(namespace, kept)

    async def _settle(self, namespace: str, settler: Settler) -> None:
        """Settle the next insights of a namespace; one that refuses is left out for this turn."""
        try:
            await settler.settle_next()
        except (PinLost, LogRewound, LogUnavailable):
            raise
        except NamespaceEnded:
            self._leave_out(namespace)
        except Unavailable as error:
            _log.debug("the namespace %s is settled when it is quiet again: %s", namespace, error)
            self._heard_at = time.monotonic()
        except AnabranchError as error:
            _log.warning("the namespace %s is not settled for now: %s", namespace, error)
            self._leave_out(namespace)

    async def _retain(self, namespace: str, kept: _Kept) -> None:
        """Take out a batch of insights that outlived a policy, unless it was replaced."""
        if self._kept.get(namespace) is not kept:
            return
        try:
            if not await kept.retention.expire_next(kept.policy):
                kept.due = time.monotonic() + RETAIN_EVERY_S
        except Overtaken:
            pass  # By a command: the next tick looks again.
        except (PinLost, LogRewound, LogUnavailable):
            raise
        except NamespaceEnded:
            self._leave_out(namespace)
        except AnabranchError as error:
            kind = logging.DEBUG if isinstance(error, Unavailable) else logging.WARNING
            _log.log(kind, "the retention of %s waits a while: %s", namespace, error)
            kept.due = time.monotonic() + RETAIN_EVERY_S

    def _leave_out(self, namespace: str) -> None:
        self._settlers.pop(namespace, None)
        self._kept.pop(namespace, None)
        self._left_out.add(namespace)
