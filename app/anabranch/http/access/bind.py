"""The address of the HTTP service, and what must guard it there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anabranch.errors import BindRefused

if TYPE_CHECKING:
    from anabranch.home.folder import Home

HOST: Final = "127.0.0.1"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Bind:
    """The address to listen on, and what guards it.

    `certificate` names the files of a TLS certificate and of its key. `behind_proxy` says that a
    proxy in front ends TLS. `allowed_hosts` are further names by which the service is known.
    """

    host: str = HOST
    port: int = 0
    certificate: tuple[str, str] | None = None
    behind_proxy: bool = False
    keys: bool = False
    allowed_hosts: tuple[str, ...] = ()

    @property
    def needs_keys(self) -> bool:
        """True where others than this machine's own users can come."""
        return self.keys or self.behind_proxy or not loopback(self.host)

    def check(self, home: Home, *, tokens: bool = False) -> None:
        """Raise BindRefused where others could come in without a key, or listen in.

        Where `tokens` of an issuer are taken, no key need be there.
        """
        if not loopback(self.host) and self.certificate is None and not self.behind_proxy:
            raise BindRefused(
                f"{self.host} can be reached from elsewhere, and there is no TLS",
                fix="give --tls-cert and --tls-key, or --behind-proxy where a proxy ends TLS",
            )
        if self.needs_keys and not tokens:
            from anabranch.http.access.key_file import KeyFile

            if not KeyFile(home).holding():
                raise BindRefused(
                    "the service needs API keys, and there is none",
                    fix="make one with `anabranch keys create NAME`, or set ANABRANCH_OIDC_ISSUER",
                )


def loopback(host: str) -> bool:
    """Tell whether a host is this machine's loopback."""
    return host in LOOPBACK
