"""Lines of a descriptor, whatever it is: a pipe, a file, a terminal.

They are read in a thread. An event loop reads no files, and would make the descriptor one that
does not block for everybody who shares it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

HELD_MAX: Final = 64
_PART_BYTES: Final = 1024 * 1024


async def lines_of(descriptor: int) -> AsyncGenerator[bytes]:
    """Yield each line without its end; at most `HELD_MAX` are read ahead."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()
    slots = threading.Semaphore(HELD_MAX)

    def put(line: bytes | None) -> None:
        slots.acquire()
        loop.call_soon_threadsafe(lines.put_nowait, line)

    def read() -> None:
        try:
            _read(descriptor, put)
        except RuntimeError:
            return  # The loop is closed: nobody listens.

    threading.Thread(target=read, name="input", daemon=True).start()
    while (line := await lines.get()) is not None:
        slots.release()
        yield line


def _read(descriptor: int, put: Callable[[bytes | None], None]) -> None:
    """Put each line, and None once there are no more."""
    parts: list[bytes] = []
    try:
        while part := os.read(descriptor, _PART_BYTES):
            head, *others = part.split(b"\n")
            parts.append(head)
            for line in others:
                put(b"".join(parts))
                parts = [line]
    except OSError:
        pass  # It cannot be read any more: it has ended.
    if any(parts):
        put(b"".join(parts))
    put(None)
