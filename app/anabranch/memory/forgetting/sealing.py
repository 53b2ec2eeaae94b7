"""The sealing of a namespace before its first event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from anabranch.errors import NamespaceInUse
from anabranch.views import SealedNamespace

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch.backend.backend import Backend


async def seal_namespace(
    backend: Backend, namespace: str, *, accept_loss: bool = False
) -> SealedNamespace:
    """Seal a namespace as `MemoryTransfer.seal_namespace` says."""
    _refuse_tenants(backend.servers.home.credentials, namespace)
    position = await backend.log.seal(namespace, accept_loss=accept_loss)
    backend.saw(None, position)
    return SealedNamespace(namespace=namespace, position=position)


def _refuse_tenants(credentials: Path, namespace: str) -> None:
    """Raise NamespaceInUse where tenants write there, or project: they have no keys."""
    try:
        tenants = json.loads(credentials.read_bytes())
    except (OSError, ValueError):
        return
    users = [
        name
        for name, one in tenants.items()
        if namespace in one.get("namespaces", ()) or one.get("role") == "projector"
    ]
    if users:
        raise NamespaceInUse(namespace, users=users)
