"""A process that takes spans until it is killed; and the same within a test's own."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from anabranch.service.otlp_receiver import OtlpReceiver
from anabranch.settings import Settings
from anabranch_events import Log

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@asynccontextmanager
async def receiving(log: Log, home: Path, *, wait_s: float = 600) -> AsyncGenerator[str]:
    """Give the address of an endpoint over a home."""
    settings = Settings().changed(home=home, otlp_port=0, otlp_wait_s=wait_s)
    receiver = OtlpReceiver(settings)
    async with receiver.opened(log):
        yield f"{receiver.url}/v1/traces"


async def main(url: str, token: str, home: str) -> None:
    """Say the address, and wait to be killed."""
    async with Log.connect(url, token=token) as log, receiving(log, Path(home)) as address:
        print(address, flush=True)  # noqa: T201 - the test reads it.
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
