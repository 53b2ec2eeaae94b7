"""The address of the HTTP service: from elsewhere only with keys, and not in the clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch.errors import BindRefused
from anabranch.home.folder import Home
from anabranch.http.access.bind import Bind
from anabranch.http.access.key_file import KeyFile

if TYPE_CHECKING:
    from pathlib import Path

CERTIFICATE = ("cert.pem", "key.pem")
OPEN = (Bind(), Bind(host="localhost"), Bind(host="::1"), Bind(certificate=CERTIFICATE))
GUARDED = (
    Bind(keys=True),
    Bind(behind_proxy=True),
    Bind(host="0.0.0.0", behind_proxy=True),  # noqa: S104 - nothing is bound.
    Bind(host="192.0.2.7", certificate=CERTIFICATE),
)
IN_THE_CLEAR = (
    Bind(host="0.0.0.0"),  # noqa: S104 - nothing is bound.
    Bind(host="::"),
    Bind(host="192.0.2.7", keys=True),
    Bind(host="127.0.0.1.example"),
)


@pytest.mark.parametrize("bind", OPEN)
def test_loopback_needs_nothing(bind: Bind, tmp_path: Path) -> None:
    """This machine's own users need no key."""
    bind.check(Home(tmp_path))

    assert not bind.needs_keys


@pytest.mark.parametrize("bind", GUARDED)
async def test_others_need_a_key(bind: Bind, tmp_path: Path) -> None:
    """Where others may come it does not start without a key that holds."""
    home = Home(tmp_path / "home")
    with pytest.raises(BindRefused, match="API keys"):
        bind.check(home)
    key, _ = await KeyFile(home).create("x", scope="read", namespaces=None)
    bind.check(home)
    await KeyFile(home).revoke(key.id)

    with pytest.raises(BindRefused, match="API keys"):
        bind.check(home)


@pytest.mark.parametrize("bind", IN_THE_CLEAR)
async def test_nobody_may_listen_in(bind: Bind, tmp_path: Path) -> None:
    """With keys, too, another address needs TLS, here or at a proxy."""
    home = Home(tmp_path / "home")
    await KeyFile(home).create("x", scope="read", namespaces=None)

    with pytest.raises(BindRefused, match="TLS"):
        bind.check(home)
