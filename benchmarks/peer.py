"""The C client beside ours: compiled when the benchmarks run, where libnats and a compiler are."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from anabranch_events import encode, subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events import Event, NatsServer

SOURCE: Final = Path(__file__).parent / "c" / "peer.c"
FLAGS: Final = ("-O2", "-std=gnu11", "-lnats", "-lpthread")


class Missing(Exception):
    """There is no peer to compare with, and why."""


class Peer:
    """The compiled program, and the server it talks to."""

    def __init__(self, program: Path, server: NatsServer) -> None:
        self._program = program
        self._server = server

    @classmethod
    def compiled(cls, folder: Path, server: NatsServer) -> Self:
        """Compile the program into `folder`. Raises Missing."""
        compiler = shutil.which("cc")
        if compiler is None:
            raise Missing("there is no C compiler (cc)")
        program = folder / "peer"
        command = [compiler, str(SOURCE), "-o", str(program), *FLAGS]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = done.stderr.strip().splitlines() or ["cc failed"]
            raise Missing(f"libnats is not there (Debian's libnats-dev): {reason[0]}")
        return cls(program, server)

    async def publish(self, events: Sequence[Event]) -> float:
        """Publish ready messages, each acknowledged, and return the seconds that took."""
        file = self._program.with_suffix(".messages")
        file.write_bytes(b"".join(_pieces(events)))
        return await self._run("publish", str(file))

    async def replay(self, count: int) -> float:
        """Read `count` messages from the log's beginning and return the seconds that took."""
        return await self._run("replay", str(count))

    async def _run(self, mode: str, argument: str) -> float:
        process = await asyncio.create_subprocess_exec(
            self._program,
            mode,
            self._server.url,
            argument,
            env={**os.environ, "PEER_TOKEN": self._server.token},
            stdout=subprocess.PIPE,
        )
        printed, _ = await process.communicate()
        assert process.returncode == 0, f"the C client failed at {mode}"
        return float(printed)


def _pieces(events: Sequence[Event]) -> list[bytes]:
    """Return what the program reads of each message: subject, id and document, after their lengths."""
    return [
        b"%d\n%b" % (len(piece), piece)
        for event in events
        for piece in (
            subject(event.namespace, event.session_id).encode(),
            event.id.encode(),
            encode(event),
        )
    ]
