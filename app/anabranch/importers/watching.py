"""Sources followed as they grow: a source is yielded again when its files have changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from anabranch.importers.reader import Source

LOOK_EACH_S: Final = 0.25
FIND_EACH: Final = 8
_BESIDE: Final = ("", "-wal")
_State: TypeAlias = "tuple[tuple[str, int, int], ...]"


class Watching:
    """Looks at the files of sources again and again; now and then it looks for new files.

    Polling works on every file system, and a look costs one `stat` a file.
    """

    def __init__(
        self, find: Callable[[], list[Source]], *, look_each_s: float = LOOK_EACH_S
    ) -> None:
        self._find = find
        self._look_each_s = look_each_s
        self._seen: dict[tuple[Path, ...], _State] = {}

    def look_again(self, source: Source) -> None:
        """Take a source for changed: what was made of it did not last."""
        self._seen.pop(source.files, None)

    async def changed(self) -> AsyncGenerator[Source]:
        """Yield each source, and again after it has changed, for ever."""
        sources: list[Source] = []
        look = 0
        while True:
            if look % FIND_EACH == 0:
                sources = await asyncio.to_thread(self._find)
            look += 1
            for source in sources:
                state = _state(source)
                if state and self._seen.get(source.files) != state:
                    self._seen[source.files] = state
                    yield source
            await asyncio.sleep(self._look_each_s)


def _state(source: Source) -> _State:
    """Return the sizes and times of a source's files, and of SQLite's files beside them."""
    found: list[tuple[str, int, int]] = []
    for path in source.files:
        for suffix in _BESIDE:
            part = path.with_name(path.name + suffix)
            try:
                told = part.stat()
            except OSError:
                continue
            found.append((part.name, told.st_size, told.st_mtime_ns))
    return tuple(found)
