"""Sources followed as they grow: a source is yielded again when its files have changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
    from pathlib import Path

    from anabranch.importers.reader import Source

LOOK_EACH_S: Final = 0.25
FIND_EACH: Final = 8
_SUFFIXES: Final = ("", "-wal")
LATER_NS: Final = 3_600_000_000_000
"""A file that sources share concerns one if it is written within an hour after that source.

One database may stand beside all sessions of a tool, and is written for the newest of them.
"""
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
    """Return the sizes and times of a source's files, of its own and of those that it shares."""
    own = list(_stats(source.files))
    if not own:
        return ()
    latest = max(written for _, _, written in own) + LATER_NS
    shared = [one for one in _stats(source.shared) if one[2] <= latest]
    return (*own, *_stats(source.beside), *shared)


def _stats(paths: Iterable[Path]) -> Iterator[tuple[str, int, int]]:
    """Yield the names, sizes and times of files, and of SQLite's logs beside them."""
    for path in paths:
        for suffix in _SUFFIXES:
            part = path.with_name(path.name + suffix)
            try:
                told = part.stat()
            except OSError:
                continue
            yield part.name, told.st_size, told.st_mtime_ns
