"""An OpenID Connect issuer on loopback: discovery, keys that rotate, and signed tokens."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.support.answering_http import JSON, answering

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.answering_http import Asked

AUDIENCE = "https://memory.example.com"
_MAKERS: dict[str, Any] = {
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
_FORMS: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


class LocalIssuer:
    """What the issuer has: its keys by their ids, and how often it was asked for them."""

    def __init__(self) -> None:
        self.url = ""
        self.named: str | None = None
        """The issuer that its discovery names, where it is another one."""
        self.asked = 0
        self.published: dict[str, dict[str, Any]] = {}
        self._private: dict[str, tuple[str, Any]] = {}

    def add_key(self, key_id: str, *, algorithm: str = "ES256", published: bool = True) -> None:
        """Make a key; one that is not `published` signs all the same."""
        private = _MAKERS[algorithm]()
        self._private[key_id] = algorithm, private
        if published:
            form = _FORMS[algorithm].to_jwk(private.public_key(), as_dict=True)
            self.published[key_id] = {**form, "kid": key_id, "use": "sig", "alg": algorithm}

    def token(self, key_id: str, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Sign a token of an agent; a claim that is None is left out."""
        algorithm, private = self._private[key_id]
        now = time.time()
        said = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "agent-7",
            "iat": int(now),
            "exp": int(now) + 300,
            "scope": "openid anabranch:write",
            "anabranch_namespaces": ["a"],
            **claims,
        }
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(
            kept, private, algorithm=algorithm, headers={"kid": key_id, **(headers or {})}
        )

    def answer(self, asked: Asked) -> tuple[bytes, str]:
        """Answer a request of the service."""
        if asked.path == "/.well-known/openid-configuration":
            found: dict[str, Any] = {
                "issuer": self.named or self.url,
                "jwks_uri": f"{self.url}/keys",
            }
        else:
            self.asked += 1
            found = {"keys": list(self.published.values())}
        return json.dumps(found).encode(), JSON


@contextmanager
def issuing() -> Generator[LocalIssuer]:
    """Run an issuer without keys."""
    issuer = LocalIssuer()
    with answering(issuer.answer) as url:
        issuer.url = url
        yield issuer
