"""Import of sources: read, map, append; each source is reported when it is stored."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from anabranch.importers.appending import Appender
from anabranch.importers.choice import Choice
from anabranch.importers.mapping.identity import Identity
from anabranch.importers.mapping.redaction import Redaction
from anabranch.importers.mapping.sessions import Mapping
from anabranch.importers.outcome import Tally
from anabranch.importers.readers.catalogue import READERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from anabranch.importers.outcome import ImportedSession
    from anabranch.importers.reader import Source
    from anabranch.importers.records.model import Record
    from anabranch_events import Event, Log

PAUSE_EACH: Final = 100
"""Records after which others have their turn: batches on their way are sent, and answered."""
LOADED_TOGETHER: Final = 32
"""Sources of which the log is asked together: most have one session, and an answer takes time."""
WAITING_MAX: Final = 32
WAITING_MAX_S: Final = 1.0
"""Sources that may wait for a batch to fill, and the time that the first of them may."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The namespace that sources are imported into, and what of them is kept.

    `redacts` secrets; `tools` keeps the text of tool calls; `tells_insights` with each session,
    which takes memory as long as the source is read.
    """

    namespace: str
    choice: Choice = field(default_factory=Choice)
    redacts: bool = True
    tools: bool = False
    tells_insights: bool = False


class Importer:
    """Brings sources into the log of one namespace; without a log it only says what it would do."""

    def __init__(
        self,
        log: Log | None,
        options: ImportOptions,
        *,
        saw: Callable[[Event, int], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._clock = clock
        self._options = options
        self._namespace = options.namespace
        self._saw = saw
        self._redaction = Redaction(secrets=options.redacts)
        self.tally = Tally()
        self.holds = False
        """True once a text of a growing source was held back, until its turn is over."""

    async def source(
        self, source: Source, *, growing: Callable[[], bool] = lambda: False
    ) -> list[ImportedSession]:
        """Import one source and return the sessions it gave. Run again it adds what is new.

        Of one that is still `growing` once it was read, texts of open turns are held: `holds`.
        Raises what `Log.append_all` raises; what was appended before stays.
        """
        found: list[ImportedSession] = []
        await self.sources(
            [source], stored=lambda _, sessions: found.extend(sessions), growing=growing
        )
        return found

    async def sources(
        self,
        sources: Sequence[Source],
        *,
        stored: Callable[[Source, list[ImportedSession]], None],
        growing: Callable[[], bool] = lambda: False,
    ) -> None:
        """Import sources in their order; `stored` is called with each once all of it is in the log.

        The next ones are read meanwhile, some 32 of them, or for about a second. Raises what
        `source` raises, and what reading raises once those before are stored.
        """
        if self._log is None:
            for source in sources:
                stored(source, await self._taken(source, growing))
            return
        async with Appender(self._log, namespace=self._namespace, saw=self._saw) as appender:
            waiting = _Waiting(appender, stored, self._clock)
            known = self.tally.appended, self.tally.known
            try:
                for at, source in enumerate(sources):
                    then = self._sessions(islice(sources, at + 1, at + LOADED_TOGETHER))
                    await appender.begin(self._sessions([source]), then=then)
                    waiting.add(source, await self._taken(source, growing, waiting))
                    await waiting.look()
            except Exception:
                if not appender.failed:
                    await appender.flush()
                raise
            else:
                await appender.flush()
            finally:
                waiting.tell()
                self.tally.appended = known[0] + appender.appended
                self.tally.known = known[1] + appender.left_out

    def _sessions(self, sources: Iterable[Source]) -> Iterator[str]:
        """Yield the sessions that are known to be in sources before they are read."""
        for source in sources:
            identity = Identity(self._namespace, source.tool)
            yield from map(identity.session, source.keys)

    async def _taken(
        self, source: Source, growing: Callable[[], bool], waiting: _Waiting | None = None
    ) -> list[ImportedSession]:
        """Read and map a source, and give its events to the appender that others wait for."""
        mapping = Mapping(
            Identity(self._namespace, source.tool),
            self._redaction,
            self.tally,
            tool=source.tool,
            fallback_time=source.modified,
            tools=self._options.tools,
            keeps_insights=self._options.tells_insights,
        )
        records = self._options.choice.chosen(source, READERS[source.tool])
        await _mapped(records, mapping, waiting, growing)
        self.holds |= mapping.holds
        self.tally.sources += 1
        self.tally.redacted = self._redaction.counted
        return list(mapping.outcomes())


class _Waiting:
    """Sources that were read, until all of each is stored; one may wait for a batch for long."""

    def __init__(
        self,
        appender: Appender,
        stored: Callable[[Source, list[ImportedSession]], None],
        clock: Callable[[], float],
    ) -> None:
        self.appender = appender
        self._stored = stored
        self._clock = clock
        self._sources: deque[_Read] = deque()

    def add(self, source: Source, sessions: list[ImportedSession]) -> None:
        """Add a source that was read."""
        read = _Read(source, sessions, last=self.appender.taken, since=self._clock())
        self._sources.append(read)

    async def look(self) -> None:
        """Tell of the sources that are stored; store the others once they wait for long.

        Raises what `append_all` raises.
        """
        self.tell()
        if not self._sources:
            return
        waited_s = self._clock() - self._sources[0].since
        if len(self._sources) > WAITING_MAX or waited_s > WAITING_MAX_S:
            await self.appender.flush()
            self.tell()

    def tell(self) -> None:
        """Tell of each source whose last event is settled."""
        while self._sources and self._sources[0].last <= self.appender.settled:
            read = self._sources.popleft()
            self._stored(read.source, read.sessions)


@dataclass(frozen=True, slots=True)
class _Read:
    """A source that was read, with the number of its last event, and since when it waits."""

    source: Source
    sessions: list[ImportedSession]
    last: int
    since: float


async def _mapped(
    records: Iterator[Record],
    mapping: Mapping,
    waiting: _Waiting | None,
    growing: Callable[[], bool],
) -> None:
    """Map records; what they give is appended, where there is a log.

    The first is read in a thread: before it databases are copied, and locks are waited for.
    """
    appender = waiting.appender if waiting is not None else None
    first = await asyncio.to_thread(next, records, None)
    if first is not None:
        records = chain([first], records)
    for number, record in enumerate(records):
        for draft in mapping.take(record):
            if appender is not None:
                await appender.put(draft)
        if number % PAUSE_EACH == 0:
            await asyncio.sleep(0)
            if waiting is not None:
                await waiting.look()
    for draft in mapping.finish(growing=growing()):
        if appender is not None:
            await appender.put(draft)
