"""The sessions on a machine: which sources there are, and which of them the log does not have."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from anabranch.errors import InputInvalid
from anabranch.importers.files.candidates import is_there
from anabranch.importers.mapping.identity import Identity
from anabranch.importers.mapping.redaction import Redaction
from anabranch.importers.readers.catalogue import READERS, is_address, source_at, sources_below

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from anabranch.importers.files.candidates import Unread
    from anabranch.importers.reader import Source
    from anabranch_events import Log


class FoundSessions(BaseModel):
    """The sources of one tool and project; `new` counts those that were never imported."""

    model_config = ConfigDict(frozen=True)
    tool: str
    project: str | None
    sources: int
    bytes: int
    newest: datetime
    new: int


def located_here(where: Sequence[str] = (), *, unread: Unread | None = None) -> list[Source]:
    """Return what `located` does for the person who runs this process."""
    return located(where, home=Path.home(), environment=os.environ, unread=unread)


def located(
    where: Sequence[str],
    *,
    home: Path,
    environment: Mapping[str, str],
    unread: Unread | None = None,
) -> list[Source]:
    """Return the sources of tools, paths and addresses; of every tool's own places without any.

    `unread` hears of folders and files that may not be read. Raises InputInvalid for what is no
    place, and FrameworkMissing.
    """
    found: list[Source] = [source_at(name) for name in where if is_address(name)]
    named = [name for name in where if name not in READERS and not is_address(name)]
    paths = [Path(name).expanduser() for name in named]
    for name, path in zip(named, paths, strict=True):
        if not name or not is_there(path):
            raise InputInvalid(
                f"where: {str(path) if name else ''!r} is neither a tool nor a file or folder",
                field="where",
                fix=f"name a path that exists, or one of {', '.join(sorted(READERS))}",
            )
    found += sources_below(paths, unread=unread) if paths else []
    for tool in [name for name in where if name in READERS] if where else READERS:
        places = READERS[tool].places(home, environment)
        found += sources_below(filter(is_there, places), tools=[tool], unread=unread)
    return found


async def inventory(sources: Iterable[Source], *, log: Log, namespace: str) -> list[FoundSessions]:
    """Count sources by tool and project, the newest first; personal folders are shown as `~`."""
    redaction = Redaction(secrets=False)
    groups: dict[tuple[str, str | None], list[Source]] = {}
    for source in sources:
        project = redaction.clean(source.project) if source.project else None
        groups.setdefault((source.tool, project), []).append(source)
    rows = [
        FoundSessions(
            tool=tool,
            project=project,
            sources=len(group),
            bytes=sum(source.bytes for source in group),
            newest=max(source.modified for source in group),
            new=sum([await _is_new(source, log, namespace) for source in group]),
        )
        for (tool, project), group in groups.items()
    ]
    return sorted(rows, key=lambda row: row.newest, reverse=True)


async def _is_new(source: Source, log: Log, namespace: str) -> bool:
    """Tell whether the log has none of a source's sessions."""
    identity = Identity(namespace, source.tool)
    for key in source.keys:
        if await log.last_of(identity.session(key), namespace=namespace) is not None:
            return False
    return True
