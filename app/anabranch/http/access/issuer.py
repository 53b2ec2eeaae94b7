"""An OpenID Connect issuer: its keys, found by discovery and kept for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx2
import orjson

from anabranch.api.fixes import OPERATORS
from anabranch.errors import SettingInvalid
from anabranch.http.access.bind import loopback
from anabranch_events.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

FRESH_S: Final = 600.0
"""The time for which keys count without a look at the issuer's."""
STALE_S: Final = 3600.0
"""The time for which they count while the issuer does not answer."""
PAUSE_S: Final = 10.0
"""The time between two looks, whatever tokens say."""
_TIMEOUT_S: Final = 5.0
_BYTES_MAX: Final = 256 * 1024
_KEYS_MAX: Final = 64
_DISCOVERY: Final = "/.well-known/openid-configuration"
_log: Final = logging.getLogger("anabranch")


class Issuer:
    """The keys of one issuer by their ids; a rotated key is found when a token first names it."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        _check_address(url, field="ANABRANCH_OIDC_ISSUER")
        self.url = url
        self._clock = clock
        self._keys: dict[str, dict[str, Any]] = {}
        self._fetched: float | None = None
        self._looked: float | None = None
        self._looking = asyncio.Lock()

    async def key(self, key_id: str) -> dict[str, Any] | None:
        """Return a key as a JWK; None for one that the issuer does not have.

        Raises Unavailable while the issuer does not answer and the keys at hand are too old.
        """
        if key_id in self._keys and self._age() <= FRESH_S:
            return self._keys[key_id]
        async with self._looking:
            fresh = self._age() <= FRESH_S
            if not (fresh and key_id in self._keys) and self._may_look():
                await self._look()
        if self._age() > STALE_S:
            raise Unavailable(
                f"the issuer {self.url} does not answer, and its keys are not known",
                fix="ask again in a moment; if it stays so, the service does not reach the issuer: tell "
                f"{OPERATORS}",
            )
        return self._keys.get(key_id)

    def _age(self) -> float:
        return float("inf") if self._fetched is None else self._clock() - self._fetched

    def _may_look(self) -> bool:
        return self._looked is None or self._clock() - self._looked >= PAUSE_S

    async def _look(self) -> None:
        """Fetch the keys; those at hand stay where that fails."""
        self._looked = self._clock()
        try:
            self._keys = await _keys_of(self.url)
            self._fetched = self._clock()
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError) as error:
            _log.warning("the keys of the issuer %s are not to be had: %r", self.url, error)
        except SettingInvalid as error:
            _log.warning("the keys of the issuer %s are not to be had: %s", self.url, error)


async def _keys_of(url: str) -> dict[str, dict[str, Any]]:
    """Return the keys that an issuer names now. Raises ValueError for what are none."""
    async with httpx2.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as client:
        found = await _fetched(client, url.rstrip("/") + _DISCOVERY)
        if found.get("issuer") != url:
            raise ValueError(f"its discovery names the issuer {found.get('issuer')!r}")
        address = found.get("jwks_uri")
        if not isinstance(address, str):
            raise ValueError("its discovery names no jwks_uri")  # noqa: TRY004 - of the document.
        _check_address(address, field="jwks_uri")
        given = (await _fetched(client, address)).get("keys")
    if not isinstance(given, list):
        raise ValueError(f"{address} holds no JWK set")  # noqa: TRY004 - as above.
    keys = [one for one in given[:_KEYS_MAX] if isinstance(one, dict)]
    return {one["kid"]: one for one in keys if isinstance(one.get("kid"), str)}


async def _fetched(client: httpx2.AsyncClient, address: str) -> dict[str, Any]:
    """Return the JSON object at an address, within bounds of time and size."""
    body = bytearray()
    async with asyncio.timeout(_TIMEOUT_S), client.stream("GET", address) as answer:
        if answer.status_code != 200:
            raise ValueError(f"{address} answers {answer.status_code}")
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > _BYTES_MAX:
                raise ValueError(f"{address} answers with more than {_BYTES_MAX} bytes")
    found = orjson.loads(body)
    if not isinstance(found, dict):
        raise ValueError(f"{address} holds no JSON object")  # noqa: TRY004 - of the document.
    return found


def _check_address(address: str, *, field: str) -> None:
    """Raise SettingInvalid for an address in the clear that is not this machine's own."""
    parts = urlsplit(address)
    safe = parts.scheme == "https" or (parts.scheme == "http" and loopback(parts.hostname or ""))
    if not safe or parts.username is not None or parts.query or parts.fragment:
        raise SettingInvalid(
            f"{field}: is no address of an issuer: https, without a user and a query",
            field=field,
            fix="give it as the issuer's own discovery document says it, such as "
            "https://login.example.com",
        )
