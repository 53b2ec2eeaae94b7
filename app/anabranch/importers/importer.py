"""Import of sources: read, map, append; each source is reported when it is done."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from anabranch.importers.appending import Appender
from anabranch.importers.choice import Choice
from anabranch.importers.identity import Identity
from anabranch.importers.mapping import Mapping
from anabranch.importers.outcome import Tally
from anabranch.importers.readers.catalogue import READERS
from anabranch.importers.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anabranch.importers.outcome import ImportedSession
    from anabranch.importers.reader import Source
    from anabranch.importers.records import Record
    from anabranch_events import Event, Log

PAUSE_EACH: Final = 100
"""Records after which others have their turn: batches on their way are sent, and answered."""


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
    ) -> None:
        self._log = log
        self._options = options
        self._namespace = options.namespace
        self._saw = saw
        self._redaction = Redaction(secrets=options.redacts)
        self.tally = Tally()

    async def source(self, source: Source) -> list[ImportedSession]:
        """Import one source and return the sessions it gave. Run again it adds what is new.

        Raises what `Log.append_all` raises; what was appended before stays.
        """
        identity = Identity(self._namespace, source.tool)
        mapping = Mapping(
            identity,
            self._redaction,
            self.tally,
            tool=source.tool,
            fallback_time=source.modified,
            tools=self._options.tools,
            keeps_insights=self._options.tells_insights,
        )
        records = self._options.choice.chosen(source, READERS[source.tool])
        if self._log is None:
            await _mapped(records, mapping)
        else:
            async with Appender(self._log, namespace=self._namespace, saw=self._saw) as appender:
                if len(source.keys) > 1:
                    await appender.load(identity.session(key) for key in source.keys)
                await _mapped(records, mapping, appender)
                await appender.flush()
            self.tally.appended += appender.appended
            self.tally.known += appender.left_out
        self.tally.sources += 1
        self.tally.redacted = self._redaction.counted
        return list(mapping.outcomes())


async def _mapped(
    records: Iterable[Record], mapping: Mapping, appender: Appender | None = None
) -> None:
    """Map records; what they give is appended, where there is a log."""
    for number, record in enumerate(records):
        for draft in mapping.take(record):
            if appender is not None:
                await appender.put(draft)
        if number % PAUSE_EACH == 0:
            await asyncio.sleep(0)
    for draft in mapping.finish():
        if appender is not None:
            await appender.put(draft)
