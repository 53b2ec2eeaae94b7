"""Access by tokens of an OpenID Connect issuer: who signed them, for whom, and what they permit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jwt

from anabranch.errors import KeyRefused, SettingInvalid
from anabranch.http.access.callers import SCOPES, Caller
from anabranch.http.access.issuer import Issuer
from anabranch_events.event.identifiers import NAME_LENGTH_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anabranch.http.access.callers import Scope
    from anabranch.settings import Settings

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""The signatures that count: none with a shared secret, and never `none`."""
SKEW_S: Final = 30.0
PREFIX: Final = "oidc:"
SCOPE_PREFIX: Final = "anabranch:"
EVERYWHERE: Final = "*"
_REQUIRED: Final = ["iss", "aud", "exp", "sub"]
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_VERIFIER: Final = jwt.PyJWT({"enforce_minimum_key_length": True})
_FIX: Final = "get another token from the issuer"
_WHY: Final[tuple[tuple[type[jwt.PyJWTError], str], ...]] = (
    (jwt.ExpiredSignatureError, "has expired"),
    (jwt.ImmatureSignatureError, "does not hold yet"),
    (jwt.InvalidAudienceError, "is for another audience"),
    (jwt.InvalidIssuerError, "is of another issuer"),
    (jwt.InvalidSignatureError, "is not signed by the issuer"),
    (jwt.InvalidKeyError, "names a key that does not make such signatures"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """The terms on which tokens count, and the claims that say what they permit."""

    audience: str
    scope_claim: str = "scope"
    namespaces_claim: str = "anabranch_namespaces"


class TokenAccess:
    """Knows callers by signed tokens; `clock` is the time of day in seconds."""

    def __init__(
        self, issuer: Issuer, terms: Terms, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._issuer = issuer
        self._terms = terms
        self._clock = clock

    async def caller(self, token: str) -> Caller:
        """Return the caller of a token. Raises KeyRefused, and Unavailable without the issuer."""
        header = _header(token)
        given = await self._issuer.key(header["kid"])
        if given is None:
            raise _refused("is signed with a key that the issuer does not have")
        claims = self._claims(token, header["alg"], given)
        subject = claims["sub"]
        if not 1 <= len(subject) <= NAME_LENGTH_MAX or not subject.isprintable():
            raise _refused("has a subject that is no name")
        return Caller(
            PREFIX + subject,
            _scopes(_listed(claims, self._terms.scope_claim)),
            _namespaces(_listed(claims, self._terms.namespaces_claim)),
            proof=repr(float(claims["exp"])),
        )

    def holds(self, caller: Caller) -> bool:
        """Tell whether the time of the caller's token has not come."""
        return self._clock() < float(caller.proof) + SKEW_S

    def _claims(self, token: str, algorithm: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return what a token says, once all of it is proven. Raises KeyRefused."""
        if given.get("use", "sig") != "sig" or given.get("alg", algorithm) != algorithm:
            raise _refused("names a key that is for something else")
        try:
            found: dict[str, Any] = _VERIFIER.decode(
                token,
                jwt.PyJWK(given, algorithm=algorithm),
                algorithms=[algorithm],
                audience=self._terms.audience,
                issuer=self._issuer.url,
                # The times are looked at below, by the one clock.
                options={
                    "require": _REQUIRED,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            self._check_times(found)
        except jwt.MissingRequiredClaimError as error:
            raise _refused(f"has no claim {error.claim}") from error
        except jwt.PyJWTError as error:
            why = next((said for kind, said in _WHY if isinstance(error, kind)), "is no token")
            raise _refused(why) from error
        return found

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock()
        times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
        for name, value in times.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise _refused(f"has a claim {name} that is no time")
        if now >= times["exp"] + SKEW_S:
            raise jwt.ExpiredSignatureError
        if now < max(times.get("nbf", 0), times.get("iat", 0)) - SKEW_S:
            raise jwt.ImmatureSignatureError


def token_access(settings: Settings) -> TokenAccess | None:
    """Return the access that the settings name; None without an issuer. Raises SettingInvalid."""
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_audience is None:
        raise SettingInvalid(
            "ANABRANCH_OIDC_AUDIENCE: is not set, so tokens for any other service would count",
            field="ANABRANCH_OIDC_AUDIENCE",
            fix="set it to the audience that the issuer gives this service's tokens",
        )
    terms = Terms(
        audience=settings.oidc_audience,
        scope_claim=settings.oidc_scope_claim,
        namespaces_claim=settings.oidc_namespaces_claim,
    )
    return TokenAccess(Issuer(settings.oidc_issuer), terms)


def _header(token: str) -> dict[str, str]:
    """Return the header of a token that may count. Raises KeyRefused."""
    try:
        found: dict[str, Any] = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise _refused("is no signed token") from error
    if found.get("alg") not in ALGORITHMS:
        raise _refused("has a signature of a kind that does not count")
    if str(found.get("typ", "JWT")).lower() not in _TYPES or "crit" in found:
        raise _refused("is of another kind than an access token")
    if not isinstance(found.get("kid"), str):
        raise _refused("does not name its key")
    return found


def _listed(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """Return the words of a claim, a text or a list; a path with points leads into objects."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    if isinstance(found, str):
        found = found.split()
    return frozenset(one for one in found or () if isinstance(one, str))


def _scopes(words: frozenset[str]) -> frozenset[Scope]:
    return frozenset(one for one in SCOPES if f"{SCOPE_PREFIX}{one}" in words)


def _namespaces(words: frozenset[str]) -> frozenset[str] | None:
    return None if EVERYWHERE in words else words


def _refused(why: str) -> KeyRefused:
    return KeyRefused(f"the token {why}", fix=_FIX, shown=True)
