"""Sources imported as they grow, one after another, until the task that follows is cancelled."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch.importers.importer import Importer
from anabranch.importers.watching import QUIET_S, Watching
from anabranch_events.errors import AnabranchError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from anabranch.importers.importer import ImportOptions
    from anabranch.importers.outcome import ImportedSession, Tally
    from anabranch.importers.reader import Source
    from anabranch_events import Event, Log

RETRY_EACH_S: Final = 2.0


class Followed(NamedTuple):
    """A source that was looked at: the sessions it gave, or the error that met it."""

    source: Source
    sessions: Sequence[ImportedSession]
    tally: Tally
    error: AnabranchError | None = None


class Following:
    """Imports what `find` returns, and what is written there later.

    A source that the log did not take, its server being away, is tried again until it does. The
    last text of an open turn is stored once it is known what it was, or once its source is quiet.
    """

    def __init__(
        self,
        log: Log,
        options: ImportOptions,
        find: Callable[[], list[Source]],
        *,
        saw: Callable[[Event, int], None] | None = None,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._log = log
        self._options = options
        self._saw = saw
        self._watching = Watching(find, quiet_s=quiet_s)

    async def imported(self) -> AsyncGenerator[Followed]:
        """Yield each source that gave events, and each failure, for ever."""
        async for source in self._watching.changed():
            importer = Importer(self._log, self._options, saw=self._saw)
            try:
                sessions = await importer.source(
                    source, growing=partial(self._watching.may_grow, source)
                )
            except AnabranchError as error:
                self._watching.look_again(source)
                yield Followed(source, (), importer.tally, error)
                await asyncio.sleep(RETRY_EACH_S)
                continue
            if importer.holds:
                self._watching.look_when_quiet(source)
            if importer.tally.appended:
                yield Followed(source, sessions, importer.tally)
