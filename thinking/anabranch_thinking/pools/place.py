"""The place of a pool's scaler: one at a time has it, and keeps the record of the pool's workers.

The record is a value that is replaced by its revision alone. A scaler that was frozen, and another
took its place, is refused with its next note: it notes each worker before it submits it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

import orjson

from anabranch_events import new_id
from anabranch_events.errors import Unavailable
from anabranch_thinking.work.joiner import BUCKET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch_events import Bucket, Log

SILENCE_S: Final = 15.0
"""The time after which another scaler takes the place of one that notes nothing."""
_LOOK_S: Final = 1.0
_log: Final = logging.getLogger("anabranch")
_TAKEN: Final = (
    "another process scales the pool %s: this one starts no workers until that one has ended, and "
    "follows within %g s. A second pool beside it needs a name of its own (--name)"
)


def records_of(namespace: str) -> str:
    """Return the beginning of the keys of a namespace's pools."""
    return f"pool.{namespace}."


class PlaceLost(Exception):
    """Another scaler took the place."""


class Place:
    """A scaler's place at a pool; `workers` has the handles of those that were submitted."""

    def __init__(self, log: Log, key: str, *, silence_s: float = SILENCE_S) -> None:
        self.workers: dict[str, str | None] = {}
        self._log = log
        self._key = key
        self._silence_s = silence_s
        self._holder = new_id()
        self._revision = 0
        self._opened: Bucket | None = None

    async def take(self) -> None:
        """Wait until the place is free, or its holder silent, and take it with its record.

        It is said once that another one has it.
        """
        seen, since = -1, time.monotonic()
        said = False
        while True:
            try:
                if await self._taken(seen, silent_s=time.monotonic() - since):
                    return
                if not said:
                    said = True
                    _log.warning(_TAKEN, self._key.rpartition(".")[2], self._silence_s)
                if self._revision != seen:
                    seen, since = self._revision, time.monotonic()
            except Unavailable:
                since = time.monotonic()  # Nor could the holder note anything.
            await asyncio.sleep(min(_LOOK_S, self._silence_s / 4))

    async def note(self, workers: Mapping[str, str | None]) -> None:
        """Note the workers, and that this scaler is there. Raises PlaceLost, LogUnavailable."""
        await self._write(workers, holder=self._holder)

    async def leave(self) -> None:
        """Leave the place to the next one at once."""
        await self._write(self.workers, holder="")

    async def _taken(self, seen: int, *, silent_s: float) -> bool:
        holder = await self._read()
        silent = self._revision == seen and silent_s >= self._silence_s
        if holder not in {"", self._holder} and not silent:
            return False
        try:
            await self.note(self.workers)
        except PlaceLost:
            return False
        return True

    async def _read(self) -> str:
        """Read the record; return its holder, which is nobody where there is none."""
        entry = await (await self._bucket()).entry(self._key)
        found = orjson.loads(entry.value) if entry and entry.value else {}
        self._revision = entry.revision if entry else 0
        self.workers = dict(found.get("workers", {}))
        return str(found.get("holder", ""))

    async def _write(self, workers: Mapping[str, str | None], *, holder: str) -> None:
        value = orjson.dumps({"holder": holder, "workers": dict(workers)})
        bucket = await self._bucket()
        revision = await bucket.replace(self._key, value, revision=self._revision)
        if revision is None:
            # It may be our own note, whose answer got lost.
            entry = await bucket.entry(self._key)
            if entry is None or entry.value != value:
                raise PlaceLost
            revision = entry.revision
        self._revision = revision
        self.workers = dict(workers)

    async def _bucket(self) -> Bucket:
        if self._opened is None:
            self._opened = await self._log.bucket(BUCKET)
        return self._opened
