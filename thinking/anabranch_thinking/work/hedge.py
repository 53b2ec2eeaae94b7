"""A second copy of a slow branch, on another worker."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from anabranch_thinking.errors import ClaimLost
from anabranch_thinking.sessions.findings import error_text
from anabranch_thinking.work.attempt import Attempt

if TYPE_CHECKING:
    from anabranch_thinking.sessions.findings import Finding
    from anabranch_thinking.sessions.state import Claim, SessionState

_log: Final = logging.getLogger("anabranch")


class Hedge(Attempt):
    """A second copy of a branch beside the attempt of another worker; the first result counts.

    It is made once for an attempt: the log holds that it began. Only its result is recorded, as a
    takeover that ends the branch at once. A failure of it is none of the branch.
    """

    async def _run(self) -> None:
        state = await self._sessions.state(self.session_id)
        first = state.claim
        if state.ended or first is None or state.hedged >= first.attempt:
            await self.delivery.done()
            return
        try:
            await self._sessions.hedge(first, worker=self._worker)
        except ClaimLost:
            await self.delivery.done()
            return
        self._claim = first
        with self._span(state):
            async with self._beating():
                try:
                    await self._work(state, first)
                except (asyncio.CancelledError, ClaimLost):
                    await self.delivery.done()
                    raise

    async def _completed(self, found: Finding, claim: Claim, duration_ms: float) -> None:
        await super()._completed(found, claim, duration_ms)
        await self._fabric.queue.signals.ended(self._sessions.namespace, [self.session_id])

    @property
    def _instead(self) -> str | None:
        return self._worker

    async def _failed(self, state: SessionState, claim: Claim, error: Exception) -> None:
        del state, claim
        _log.info("the second copy of branch %s failed: %s", self.session_id, error_text(error))
        self.outcome = "hedge_failed"
        await self.delivery.done()

    async def _settle_stopped(self) -> None:
        await self.delivery.done()
