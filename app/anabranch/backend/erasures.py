"""Up to where the sealed namespaces are erased, and up to where the files of a home are."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from anabranch_events.errors import LogUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch.home.folder import Home
    from anabranch_events import Log


async def erasures(log: Log, home: Home) -> dict[str, int]:
    """Return the sealed namespaces in which something was erased, and up to which position.

    One whose stream of keys is missing stands where the files of this home do: it is waited for,
    and the others are not.
    """
    if log.rights != "all":
        return {}
    found: dict[str, int] = {}
    for name in await log.sealed_namespaces():
        erasure = log.erasure(name)
        try:
            found[name] = await erasure.erased()
        except LogUnavailable:
            if await erasure.has_keys():
                raise
            found[name] = (await files_done(log, home)).get(name, 0)
    return {name: position for name, position in found.items() if position}


def erasures_text(erased: Mapping[str, int]) -> str:
    """Return erasures as text; empty for none."""
    said = " ".join(f"{name}@{position}" for name, position in sorted(erased.items()))
    return f"erased({said})" if said else ""


async def files_done(log: Log, home: Home) -> dict[str, int]:
    """Return up to which forgetting the files of a home are done, by namespace.

    Where that is not noted, or of another log, or cannot be read, none are: they are written anew.
    """
    try:
        held = json.loads(home.erased.read_bytes())
        if held["log"] == await log.identity():
            return {str(name): int(position) for name, position in held["erased"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return {}


async def note_files_done(log: Log, home: Home, erased: Mapping[str, int]) -> None:
    """Note it; a home that is no more is left."""
    held = {"log": await log.identity(), "erased": dict(erased)}
    with suppress(FileNotFoundError):
        home.replace(home.erased, json.dumps(held).encode())
