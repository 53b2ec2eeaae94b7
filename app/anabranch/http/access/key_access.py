"""Access by API keys, and by tokens beside them: checked, bounded in rate, noted for the audit."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from anabranch.api.fixes import OPERATORS
from anabranch.errors import KeyRefused, TooManyRequests
from anabranch.http.access.callers import Caller
from anabranch.http.access.key_file import RATE, token_in
from anabranch.http.access.token_access import PREFIX
from anabranch.http.access.usage import Spent, counted, insights_in
from anabranch.http.metrics import AUDIT_LOST
from anabranch.http.places import CYPHER, reads
from anabranch.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.datastructures import Headers

    from anabranch.http.access.audit import Audit
    from anabranch.http.access.key_file import Key, KeyFile, Token
    from anabranch.http.access.token_access import TokenAccess
    from anabranch.http.access.usage import Usage

KNOWN_MAX: Final = 1024
CHECKS_PER_S: Final = 5.0
QUERY_S: Final[float] = Settings.model_fields["query_timeout_s"].default
"""The time that a query of Cypher may take, where none is given: that of the setting."""
UNKNOWN: Final = "unknown"
"""The key of an entry on one who showed none of the file's."""
_BURST_S: Final = 2.0
_CHECKS_AT_ONCE: Final = 2
_REFUSED_PER_S: Final = 0.1
_REFUSED_AT_ONCE: Final = 20
_SCHEME: Final = "bearer "
_FIX: Final = f"send `Authorization: Bearer KEY`; {OPERATORS} make keys: `anabranch keys create`"
_FIX_UNKNOWN: Final = (
    "check that the key is whole, of this service, and not from before a rotation, or ask "
    f"{OPERATORS} for another: `anabranch keys create`"
)
_FIX_ENDED: Final = f"ask {OPERATORS} for another key: `anabranch keys create`"


class Bucket:
    """A bound on a rate: so many a second, and twice as many at once, or `burst`."""

    def __init__(self, rate: float, *, now: float, burst: int | None = None) -> None:
        self._rate = rate
        self._full = max(1.0, rate * _BURST_S) if burst is None else float(burst)
        self._left = self._full
        self._at = now

    def take(self, *, now: float) -> None:
        """Take one. Raises TooManyRequests."""
        self._left = min(self._full, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            raise TooManyRequests((1 - self._left) / self._rate)
        self._left -= 1


class KeyAccess:
    """Knows callers by the keys of a file, and by `tokens`; a key that is revoked ends at once.

    A query of Cypher may take `query_s`.
    """

    def __init__(
        self,
        keys: KeyFile,
        *,
        audit: Audit | None = None,
        tokens: TokenAccess | None = None,
        usage: Usage | None = None,
        query_s: float = QUERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._audit = audit
        self._tokens = tokens
        self._usage = usage
        self._query_s = query_s
        self._clock = clock
        self._known: OrderedDict[bytes, str] = OrderedDict()
        """The hash in the file that a token was found to fit, by a digest of the token."""
        self._buckets: OrderedDict[tuple[str, float, int | None], Bucket] = OrderedDict()
        self._checks = asyncio.Semaphore(_CHECKS_AT_ONCE)

    async def caller(self, headers: Headers) -> Caller:
        """Return the caller of a request. Raises KeyRefused and TooManyRequests, noted before."""
        shown = _shown(headers)
        try:
            caller, rate = await self._identified(shown)
        except KeyRefused as error:
            if error.shown:
                self._note_refused(self._key_in(shown), status=401)
            raise
        except TooManyRequests:
            self._note_refused(self._key_in(shown), status=429)
            raise
        try:
            rate.take(now=self._clock())
        except TooManyRequests:
            self._note_refused(caller.name, status=429)
            raise
        return caller

    async def _identified(self, shown: str) -> tuple[Caller, Bucket]:
        """Return whose the key or the token is, and the bound on their rate."""
        token = token_in(shown)
        if token is None and self._tokens is not None and shown.count(".") == 2:
            found = await self._tokens.caller(shown)
            return found, self._bucket(found.name, RATE)
        if token is None:
            what = "what the request shows is no API key" if shown else "there is no API key"
            raise KeyRefused(what, fix=_FIX, shown=bool(shown))
        key = self._keys.keys().get(token.id)
        if key is None or not await self._fits(key, token):
            raise KeyRefused("the API key is none of this service", fix=_FIX_UNKNOWN, shown=True)
        why = key.ended(datetime.now(UTC))
        if why is not None:
            raise KeyRefused(f"the API key {key.id} is {why}", fix=_FIX_ENDED, shown=True)
        namespaces = None if key.namespaces is None else frozenset(key.namespaces)
        caller = Caller(key.id, frozenset([key.scope]), namespaces, proof=key.hash)
        return caller, self._bucket(key.id, key.rate, key.limits.burst)

    def holds(self, caller: Caller) -> bool:
        """Tell whether the caller's key is the one in the file still, or the token holds."""
        if caller.name.startswith(PREFIX):
            return self._tokens is not None and self._tokens.holds(caller)
        key = self._keys.keys().get(caller.name)
        return key is not None and key.hash == caller.proof and key.ended(datetime.now(UTC)) is None

    def note(self, caller: Caller, *, operation: str, namespace: str, status: int) -> None:
        """Note for the audit what a caller did."""
        if self._audit is not None:
            self._audit.note(caller.name, operation=operation, namespace=namespace, status=status)

    def _key_in(self, shown: str) -> str:
        """Return the id of the key that was shown, UNKNOWN where it is none of the file's."""
        token = token_in(shown)
        key = None if token is None else self._keys.keys().get(token.id)
        return UNKNOWN if key is None else key.id

    def _note_refused(self, name: str, *, status: int) -> None:
        """Note who was not let in; strangers must not push out other entries.

        So each key has room of its own, and all who show none of the file's have one together. A
        key that asks too fast has other room than guesses at it, which it would hide.
        """
        if self._audit is None:
            return
        room = self._bucket(f"{name} refused {status}", _REFUSED_PER_S, _REFUSED_AT_ONCE)
        try:
            room.take(now=self._clock())
        except TooManyRequests:
            AUDIT_LOST.inc()
        else:
            self._audit.note(name, operation="", namespace="", status=status)

    @asynccontextmanager
    async def spending(self, caller: Caller, operation: str, asked: object) -> AsyncGenerator[None]:
        """Run an operation within the key's limits of a day, and count it. Raises QuotaUsed."""
        key = self._keys.keys().get(caller.name)
        if self._usage is None or key is None or not key.limits.daily:
            yield
            return
        querying, writing = operation == CYPHER, not reads(operation)
        await self._usage.check(key.id, key.limits, asked=asked, writing=writing, querying=querying)
        # As long as a query is at work it counts with the most that it may take.
        about = Spent(insights_in(asked), int(writing), self._query_s if querying else 0.0)
        began = time.perf_counter()
        with self._usage.held(key.id, about), counted() as count:
            try:
                yield
            finally:
                seconds = time.perf_counter() - began if querying else 0.0
                self._usage.add(key.id, count.spent.plus(Spent(cypher_s=seconds)))

    async def _fits(self, key: Key, token: Token) -> bool:
        """Tell whether the secret is that of the key; found once, it is known."""
        shown = hashlib.sha256(f"{token.id} {token.secret}".encode()).digest()
        if self._known.get(shown) == key.hash:
            self._known.move_to_end(shown)
            return True
        # A check costs much by intent: it must not be a way to keep the service busy.
        self._bucket(f"{key.id} checks", CHECKS_PER_S).take(now=self._clock())
        async with self._checks:
            if not await asyncio.to_thread(key.fits, token.secret):
                return False
        self._known[shown] = key.hash
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return True

    def _bucket(self, name: str, rate: float, burst: int | None = None) -> Bucket:
        known = name, rate, burst
        found = self._buckets.pop(known, None) or Bucket(rate, now=self._clock(), burst=burst)
        self._buckets[known] = found
        if len(self._buckets) > 4 * KNOWN_MAX:
            self._buckets.popitem(last=False)
        return found


def _shown(headers: Headers) -> str:
    """Return what a request shows: a key, a token, or nothing."""
    given = headers.get("authorization", "")
    return given[len(_SCHEME) :].strip() if given.lower().startswith(_SCHEME) else ""
