"""Sources followed as they grow: a source is yielded again when its files have changed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
    from pathlib import Path

    from anabranch.importers.reader import Source

LOOK_EACH_S: Final = 0.25
FIND_EACH: Final = 8
QUIET_S: Final = 30.0
"""So long a source is not written, then an open turn is taken to be over.

Codex and Claude Code say themselves that one is. Gemini CLI and Qwen Code do not, and Gemini CLI
writes a call only with its result.
"""
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
        self,
        find: Callable[[], list[Source]],
        *,
        look_each_s: float = LOOK_EACH_S,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._find = find
        self._look_each_s = look_each_s
        self._quiet_s = quiet_s
        self._seen: dict[tuple[Path, ...], _State] = {}
        self._since: dict[tuple[Path, ...], float] = {}
        self._held: set[tuple[Path, ...]] = set()

    def look_again(self, source: Source) -> None:
        """Take a source for changed: what was made of it did not last."""
        self._seen.pop(source.files, None)

    def look_when_quiet(self, source: Source) -> None:
        """Yield a source once more when it has been quiet for a while, if it did not change."""
        self._held.add(source.files)

    def may_grow(self, source: Source) -> bool:
        """Tell whether a source was written lately: its last turn may go on."""
        if _state(source) != self._seen.get(source.files):
            return True
        return time.monotonic() - self._since[source.files] < self._quiet_s

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
                    self._note(source, state)
                    yield source
                elif source.files in self._held and not self.may_grow(source):
                    self._held.discard(source.files)
                    yield source
            await asyncio.sleep(self._look_each_s)

    def _note(self, source: Source, state: _State) -> None:
        """Note a source's state, and since when it stands: a new one's file says it by its time."""
        age_s = 0.0
        if source.files not in self._since:
            age_s = max(0.0, time.time() - source.modified.timestamp())
        self._since[source.files] = time.monotonic() - age_s
        self._seen[source.files] = state
        self._held.discard(source.files)


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
