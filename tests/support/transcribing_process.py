"""A process that appends records to a transcript, and says each that is acknowledged, for ever."""

from __future__ import annotations

import asyncio
import sys

from anabranch_events import Log
from anabranch_events.transcripts.stream import TranscriptKey

KEY = TranscriptKey("pier", "quay", "watch")


async def main(url: str, token: str) -> None:
    """Append until it is killed: records of a few bytes, and some that take several messages."""
    async with Log.connect(url, token=token) as log:
        transcripts = log.transcripts
        await transcripts.ensure()
        number = 0
        while True:
            size = 300_000 if number % 5 == 0 else 10
            records = [{"uuid": f"u{number + one}", "text": "x" * size} for one in range(3)]
            await transcripts.append(KEY, records)
            number += 3
            print(number, flush=True)  # noqa: T201 - the test reads it.


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
