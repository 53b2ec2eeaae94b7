"""Group commit: appends that come at the same time share one atomic batch, and so its syncs."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_events.errors import AnabranchError, LogFull, LogUnavailable
from anabranch_events.jetstream.api import Refused
from anabranch_events.jetstream.limits import BATCH_EVENTS_MAX
from anabranch_events.write.append import append
from anabranch_events.write.atomic_batch import BatchesBusy, append_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events.event.envelope import Receipt
    from anabranch_events.transport.connection import Connection
    from anabranch_events.write.append import Outgoing

GROUP_BYTES_MAX: Final = 4 * 1024 * 1024
# A batch costs the server some four syncs and a dozen files, whatever its size.
GROUP_EVENTS_MIN: Final = 16


class _Member(NamedTuple):
    """An event and the future of its append."""

    out: Outgoing
    receipt: asyncio.Future[Receipt]


class GroupCommit:
    """Appends in groups: those that arrive during one group's write form the next.

    Each caller waits with one event, so that the callers bound the queue. Members of a group do not
    share their fate: a refused group is stored in halves, and at last each member for itself.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: deque[_Member] = deque()
        self._working: asyncio.Task[None] | None = None

    async def append(self, out: Outgoing) -> Receipt:
        """Store one event and return where. Raises the errors of `append.append`."""
        member = _Member(out, asyncio.get_running_loop().create_future())
        self._waiting.append(member)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await member.receipt

    async def close(self) -> None:
        """Stop; pending appends fail."""
        working, self._working = self._working, None
        if working is not None:
            working.cancel()
            await asyncio.wait([working])
        self._give_up(_closed())

    async def _work(self) -> None:
        """Store group after group while appends are pending."""
        try:
            while self._waiting:
                group = self._next_group()
                try:
                    await self._store(group)
                finally:
                    _fail(group, _closed())
                await asyncio.sleep(0)  # The callers just served may have more.
        except BaseException:
            self._give_up(_closed())
            raise
        finally:
            self._working = None

    def _next_group(self) -> list[_Member]:
        """Take the appends that fit in one batch, in the order they came.

        An expectation can stand on a session's first event of a batch only, and an id can be in it
        once. An append against that stays for the next batch, with all later ones of its session.
        """
        group: list[_Member] = []
        kept: list[_Member] = []
        size = 0
        subjects: set[str] = set()
        ids: set[str] = set()
        later: set[str] = set()
        while self._waiting and len(group) < BATCH_EVENTS_MAX and size < GROUP_BYTES_MAX:
            member = self._waiting.popleft()
            out = member.out
            if member.receipt.done():
                continue
            if (
                out.subject in later
                or out.event.id in ids
                or (out.expected is not None and out.subject in subjects)
            ):
                later.add(out.subject)
                kept.append(member)
                continue
            group.append(member)
            subjects.add(out.subject)
            ids.add(out.event.id)
            size += len(out.document)
        self._waiting.extendleft(reversed(kept))
        return group

    async def _store(self, group: Sequence[_Member]) -> None:
        """Store a group, and give each member its receipt or its error."""
        if len(group) < GROUP_EVENTS_MIN:
            await asyncio.gather(*(self._store_alone(member) for member in group))
            return
        try:
            outs = [member.out for member in group]
            receipts = await append_batch(self._connection, outs, patient=False)
        except AnabranchError as error:
            if isinstance(error.__cause__, BatchesBusy):
                await asyncio.gather(*(self._store_alone(member) for member in group))
                return
            if not isinstance(error.__cause__, Refused):
                # Nobody answered for as long as a call may take, and each caller has waited as
                # long.
                _fail(group, error)
                self._give_up(error)
                return
        else:
            for member, receipt in zip(group, receipts, strict=True):
                if not member.receipt.done():
                    member.receipt.set_result(receipt)
            return
        half = len(group) // 2
        await self._store(group[:half])
        await self._store(group[half:])

    async def _store_alone(self, member: _Member) -> None:
        if member.receipt.done():
            return
        try:
            receipt = await append(self._connection, member.out)
        except AnabranchError as error:
            _fail([member], error)
        else:
            if not member.receipt.done():
                member.receipt.set_result(receipt)

    def _give_up(self, error: AnabranchError) -> None:
        waiting, self._waiting = self._waiting, deque()
        _fail(waiting, error)


def _closed() -> LogUnavailable:
    return LogUnavailable(
        "the log was closed before the answer came: the event may be stored or not",
        fix="open the log and append the same event again",
    )


def _fail(members: Sequence[_Member] | deque[_Member], error: AnabranchError) -> None:
    """Raise an error of its own in each append that is still pending."""
    for member in members:
        if member.receipt.done():
            continue
        if isinstance(error, LogUnavailable | LogFull):
            own = type(error)(error.message, fix=error.fix)
            own.__cause__ = error.__cause__
            member.receipt.set_exception(own)
        else:
            member.receipt.set_exception(error)
