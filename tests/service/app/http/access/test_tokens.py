"""Tokens of an OpenID Connect issuer: what each must prove, and what it permits."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from starlette.datastructures import Headers

from anabranch.errors import KeyRefused, SettingInvalid, TooManyRequests
from anabranch.home.folder import Home
from anabranch.http.access.audit import Audit, last_entries
from anabranch.http.access.bind import Bind
from anabranch.http.access.issuer import FRESH_S, PAUSE_S, STALE_S, Issuer
from anabranch.http.access.key_access import KeyAccess
from anabranch.http.access.key_file import RATE, KeyFile
from anabranch.http.access.token_access import SKEW_S, Terms, TokenAccess, token_access
from anabranch.memory.memory import namespace_of
from anabranch.settings import Settings
from anabranch_events.errors import Unavailable
from tests.support.fixtures.http import client_at, problem, served
from tests.support.issuer import AUDIENCE, LocalIssuer, issuing
from tests.support.noted_audit import NotedAudit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anabranch import Memory

TERMS = Terms(audience=AUDIENCE)
INVALID = 'Bearer realm="anabranch", error="invalid_token"'
LONG_AGO = 1_000_000_000
TEXT = "The lock of the north gate was changed in May."


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """Run an issuer with one key."""
    with issuing() as found:
        found.add_key("one")
        yield found


class Clock:
    """A clock that stands where it is set."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return that time."""
        return self.now


def headed(issuer: LocalIssuer, **changes: str | None) -> str:
    """Return a token of the right content and signature under another header."""
    _, content, signature = issuer.token("one").split(".")
    header = {"alg": "ES256", "typ": "JWT", "kid": "one", **changes}
    said = json.dumps({name: value for name, value in header.items() if value is not None})
    first = base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")
    return f"{first}.{content}.{signature}"


def by_public_key(issuer: LocalIssuer) -> str:
    """Return a token that is signed with the public key as if that were a secret."""
    signed, _, _ = headed(issuer, alg="HS256").rpartition(".")
    secret = json.dumps(issuer.published["one"]).encode()
    made = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_is_a_caller(issuer: LocalIssuer, algorithm: str) -> None:
    """Whoever the issuer signs for has the scopes and namespaces that the token says."""
    issuer.add_key("other", algorithm=algorithm)
    token = issuer.token("other", scope="email anabranch:read", anabranch_namespaces="a b")

    found = await TokenAccess(Issuer(issuer.url), TERMS).caller(token)

    assert (found.name, found.scopes, found.namespaces) == (
        "oidc:agent-7",
        frozenset({"read"}),
        frozenset({"a", "b"}),
    )


@pytest.mark.parametrize(
    ("claims", "terms", "expected"),
    [
        ({"scope": None}, TERMS, (set(), {"a"})),
        ({"scope": "write admin"}, TERMS, (set(), {"a"})),
        ({"anabranch_namespaces": None}, TERMS, ({"write"}, set())),
        ({"anabranch_namespaces": ["*"]}, TERMS, ({"write"}, None)),
        (
            {"realm_access": {"roles": ["anabranch:admin"]}, "https://x.example/spaces": ["c"]},
            Terms(
                audience=AUDIENCE,
                scope_claim="realm_access.roles",
                namespaces_claim="https://x.example/spaces",
            ),
            ({"admin"}, {"c"}),
        ),
    ],
)
async def test_claims_are_scopes_and_namespaces(
    issuer: LocalIssuer, claims: dict[str, Any], terms: Terms, expected: tuple[Any, Any]
) -> None:
    """What is not said is not permitted; a claim may have another name, or stand in an object."""
    found = await TokenAccess(Issuer(issuer.url), terms).caller(issuer.token("one", **claims))

    assert (found.scopes, found.namespaces) == expected


async def test_what_proves_nothing_is_refused_with_the_reason(issuer: LocalIssuer) -> None:
    """Each is refused for what is wrong with it, and none by an error that nobody foresaw."""
    issuer.add_key("secret", published=False)
    issuer.add_key("encrypting")
    issuer.published["encrypting"]["use"] = "enc"
    access = TokenAccess(Issuer(issuer.url), TERMS)
    good = issuer.token("one")
    wrong = {
        "is no signed token": "a.b.c",
        "has a signature of a kind that does not count": headed(issuer, alg="none"),
        "names a key that is for something else": headed(issuer, alg="RS256"),
        "is signed with a key that the issuer does not have": issuer.token("secret"),
        "is not signed by the issuer": issuer.token("secret", headers={"kid": "one"}),
        "is for another audience": issuer.token("one", aud="https://other.example.com"),
        "is of another issuer": issuer.token("one", iss="https://other.example.com"),
        "has expired": issuer.token("one", exp=LONG_AGO),
        "does not hold yet": issuer.token("one", nbf=int(time.time()) + 3600),
        "has no claim exp": issuer.token("one", exp=None),
        "has no claim aud": issuer.token("one", aud=None),
        "has no claim sub": issuer.token("one", sub=None),
        "has a subject that is no name": issuer.token("one", sub="a\nb"),
        "is of another kind than an access token": issuer.token("one", headers={"typ": "dpop+jwt"}),
        "does not name its key": headed(issuer, kid=None),
    }
    also = [
        by_public_key(issuer),
        headed(issuer, alg="HS256"),
        issuer.token("encrypting"),
        good[:-4] + "AAAA",
        issuer.token("one", exp="soon"),
    ]

    told: dict[str, str] = {}
    for why, token in (*wrong.items(), *((str(at), one) for at, one in enumerate(also))):
        with pytest.raises(KeyRefused) as refused:
            await access.caller(token)
        told[why] = refused.value.message

    assert {why: told[why] for why in wrong} == {why: f"the token {why}" for why in wrong}
    assert len(told) == len(wrong) + len(also)


async def test_clocks_may_differ_a_little(issuer: LocalIssuer) -> None:
    """A token counts for half a minute beyond its times on either side, and no longer."""
    now = int(time.time())
    clock = Clock(now)
    access = TokenAccess(Issuer(issuer.url), TERMS, clock=clock)
    token = issuer.token("one", nbf=now, iat=now, exp=now + 60)
    known = await access.caller(token)
    counts: dict[float, tuple[bool, bool]] = {}

    for offset in (-SKEW_S - 1, -SKEW_S, 60 + SKEW_S - 1, 60 + SKEW_S):
        clock.now = now + offset
        try:
            counted = bool(await access.caller(token))
        except KeyRefused:
            counted = False
        counts[offset] = counted, access.holds(known)

    assert list(counts.values()) == [(False, True), (True, True), (True, True), (False, False)]


async def test_keys_rotate(issuer: LocalIssuer) -> None:
    """A new key is found when a token names it, an old one ends; nobody makes us ask all the time."""
    clock = Clock(0.0)
    access = TokenAccess(Issuer(issuer.url, clock=clock), TERMS)
    await access.caller(issuer.token("one"))
    old = issuer.token("one")
    issuer.add_key("two")
    del issuer.published["one"]

    with pytest.raises(KeyRefused):
        await access.caller(issuer.token("two"))
    still = await access.caller(old)
    early = issuer.asked
    clock.now = PAUSE_S
    found = await access.caller(issuer.token("two"))
    with pytest.raises(KeyRefused):
        await access.caller(old)

    assert (still.name, found.name, early, issuer.asked) == ("oidc:agent-7", "oidc:agent-7", 1, 2)


async def test_an_issuer_that_is_away_is_waited_out(issuer: LocalIssuer) -> None:
    """The keys at hand count for an hour; then, and without any, tokens cannot be checked."""
    clock = Clock(0.0)
    access = TokenAccess(Issuer(issuer.url, clock=clock), TERMS)
    token = issuer.token("one")
    await access.caller(token)
    issuer.named = "https://elsewhere.example.com"

    clock.now = FRESH_S + 1
    found = await access.caller(token)
    clock.now = STALE_S + 1
    with pytest.raises(Unavailable, match="does not answer"):
        await access.caller(token)
    with pytest.raises(Unavailable):
        await TokenAccess(Issuer(issuer.url), TERMS).caller(token)

    assert found.name == "oidc:agent-7"


async def test_keys_and_tokens_stand_side_by_side(
    issuer: LocalIssuer, memory: Memory, tmp_path: Path
) -> None:
    """Over HTTP both permit what they say; who is refused is told why; the audit names the agent."""
    keys = KeyFile(Home(tmp_path / "keys"))
    _, key = await keys.create("planner", scope="read", namespaces=["a"])
    connection = namespace_of(memory).backend.log.connection
    good, reads = issuer.token("one"), issuer.token("one", scope="anabranch:read")
    expired = issuer.token("one", exp=LONG_AGO)

    async with Audit(lambda: connection) as audit:
        tokens = TokenAccess(Issuer(issuer.url), TERMS)
        access = KeyAccess(keys, audit=audit, tokens=tokens)
        async with served(memory, access=access) as url, client_at(url) as web:

            async def remember(shown: str | None, namespace: str = "a") -> Any:
                return await web.post(
                    f"/v1/insights?namespace={namespace}",
                    json={"text": TEXT},
                    headers={} if shown is None else {"Authorization": f"Bearer {shown}"},
                )

            stored = await remember(good)
            refused = [await remember(one) for one in (None, expired, "x", key, reads)]
            refused.append(await remember(good, "b"))
            listed = await web.get("/v1/sessions", headers={"Authorization": f"Bearer {key}"})
            await audit.stored()
    entries = await last_entries(connection, 10)

    assert (stored.status_code, listed.status_code) == (200, 200)
    assert [problem(one) for one in refused] == [
        (401, "KeyRefused"),
        (401, "KeyRefused"),
        (401, "KeyRefused"),
        (403, "NotPermitted"),
        (403, "NotPermitted"),
        (403, "NotPermitted"),
    ]
    assert [one.headers.get("www-authenticate") for one in refused[:3]] == [
        'Bearer realm="anabranch"',
        f'{INVALID}, error_description="the token has expired"',
        f'{INVALID}, error_description="what the request shows is no API key"',
    ]
    assert [(one.key, one.operation, one.status) for one in entries if one.key[:4] == "oidc"] == [
        ("oidc:agent-7", "remember", 200),
        ("oidc:agent-7", "remember", 403),
        ("oidc:agent-7", "remember", 403),
    ]
    assert not any(good.split(".")[2] in one.model_dump_json() for one in entries)


async def test_a_token_has_a_rate_too(issuer: LocalIssuer, tmp_path: Path) -> None:
    """One subject may ask as often as a key may by default, with whatever token of its."""
    tokens = TokenAccess(Issuer(issuer.url), TERMS)
    audit = NotedAudit()
    access = KeyAccess(KeyFile(Home(tmp_path)), audit=audit, tokens=tokens, clock=Clock(0.0))
    shown = [Headers({"Authorization": f"Bearer {issuer.token('one', jti=one)}"}) for one in "ab"]

    for at in range(int(2 * RATE)):
        await access.caller(shown[at % 2])

    with pytest.raises(TooManyRequests):
        await access.caller(shown[0])

    ((name, status),) = audit.noted
    assert (name.startswith("oidc:"), status) == (True, 429)


def test_the_settings_say_whose_tokens_count(tmp_path: Path) -> None:
    """Without an issuer none do; one needs an audience and TLS, and then no API key is needed."""
    none = Settings()
    bare = none.changed(oidc_issuer="https://login.example.com")
    clear = none.changed(oidc_issuer="http://login.example.com", oidc_audience="m")
    whole = bare.changed(oidc_audience="m")

    with pytest.raises(SettingInvalid, match="ANABRANCH_OIDC_AUDIENCE"):
        token_access(bare)
    with pytest.raises(SettingInvalid, match="ANABRANCH_OIDC_ISSUER"):
        token_access(clear)
    Bind(keys=True).check(Home(tmp_path), tokens=token_access(whole) is not None)

    assert token_access(none) is None
