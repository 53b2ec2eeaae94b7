"""The embedded graph: ArcadeDB in a child process that ends with its owner, reached over Bolt."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import socket
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, Self

from pydantic import SecretStr

from anabranch_store.address import GraphAddress
from anabranch_store.embedded.admin import admin_of
from anabranch_store.embedded.aside import is_there, put_aside
from anabranch_store.embedded.engine import DEFAULT_ENGINE, EngineName, engine_of
from anabranch_store.embedded.process import HostProcess, HostStartFailed, end_leftover
from anabranch_store.embedded.state import (
    INSIDE,
    READER,
    ROOT,
    admitted_in,
    credentials_in,
    current_in,
    mend_config,
    point_to,
)
from anabranch_store.errors import GraphFull, GraphUnavailable, SetupInvalid

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from anabranch_store.embedded.admin import Admin

_ATTEMPTS: Final = 3
_STAMP: Final = "Generation"
_TYPES: Final = "SELECT name FROM schema:types"
_NAMELESS: Final = f"SELECT FROM {_STAMP} WHERE id IS NULL OR schema_version IS NULL LIMIT 1"


class EmbeddedGraph:
    """A graph in `folder`, served on 127.0.0.1 for as long as this is open.

    `brief` is for an owner that will not live long. The server then compiles quickly rather than
    well, which more than halves the work of its first minute.
    `engine` names the build of ArcadeDB that serves it. `ports`, those of Bolt and HTTP, are taken
    where they are free, so that clients of an earlier start find it again.

    The first start makes the folder (only its owner can read it), random passwords and the
    database. Later starts use the same. One process at a time owns a folder.

    Raises EmbeddedGraphMissing without the engine's wheel, SetupInvalid when the folder cannot be
    written, GraphFull on a full disk, GraphUnavailable when another process owns the folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        brief: bool = False,
        engine: EngineName = DEFAULT_ENGINE,
        ports: tuple[int, int] | None = None,
    ) -> None:
        self.folder = folder.expanduser().absolute()
        self._brief = brief
        self._ports = ports
        self._lock: IO[str] | None = None
        self._host: HostProcess | None = None
        self._address: GraphAddress | None = None
        self._engine = engine_of(engine, self.folder)

    async def __aenter__(self) -> Self:
        self._engine.require()
        try:
            self._prepare_folder()
            await asyncio.to_thread(end_leftover, self.folder)
            await self._start()
        except OSError as error:
            await self._close()
            raise _folder_error(self.folder, error) from error
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    @property
    def address(self) -> GraphAddress:
        """The address of the graph; only while it is open."""
        if self._address is None:
            raise GraphUnavailable("the embedded graph is not open", fix="open it by `async with`")
        return self._address

    @property
    def pid(self) -> int:
        """The process that serves the graph; only while it is open."""
        if self._host is None:
            raise GraphUnavailable("the embedded graph is not open", fix="open it by `async with`")
        return self._host.pid

    @property
    def running(self) -> bool:
        """True while the process that serves the graph is there."""
        return self._host is not None and self._host.running

    async def point_to(self, database: str) -> None:
        """Make `database` the one that the next start serves, and that outside tools may read."""
        point_to(self.folder, database)
        self._address = self.address.model_copy(update={"database": database})
        await self._admit(database)

    def _prepare_folder(self) -> None:
        """Make the folder, hold its lock, and put the reader's rights in place."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        lock = (self.folder / "owner.lock").open("w", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise GraphUnavailable(
                f"another process owns the embedded graph in {self.folder}",
                fix="connect to that process, end it, or use another folder",
            ) from error
        self._lock = lock
        mend_config(self.folder)

    async def _start(self) -> None:
        credentials = credentials_in(self.folder)
        bolt_port, http_port = await self._start_with_what_opens(credentials[ROOT])
        self._address = GraphAddress(
            uri=f"bolt://127.0.0.1:{bolt_port}",
            username=ROOT,
            password=SecretStr(credentials[ROOT]),
            database=current_in(self.folder),
            reader_username=INSIDE,
            reader_password=SecretStr(credentials[INSIDE]),
            outside_username=READER,
            outside_password=SecretStr(credentials[READER]),
            admin_url=f"http://127.0.0.1:{http_port}",
        )
        await self._bootstrap()

    async def _start_with_what_opens(self, password: str) -> tuple[int, int]:
        """Start the host; where the graph keeps it from starting, without that graph."""
        try:
            return await self._start_host(password)
        except GraphFull:
            raise
        except SetupInvalid as error:
            moved = put_aside(self.folder, current_in(self.folder), why=str(error))
            if moved is None:
                raise
            try:
                return await self._start_host(password)
            except BaseException:
                moved.put_back()  # It was not the graph.
                raise

    async def _start_host(self, password: str) -> tuple[int, int]:
        """Start the host on two free ports; when another process takes one first, try again."""
        reason = ""
        wanted = self._ports
        for _ in range(_ATTEMPTS):
            if wanted is not None and all(map(is_free, wanted)):
                bolt_port, http_port = wanted
            else:
                bolt_port, http_port = free_ports(2)
            wanted = None
            order: dict[str, Any] = {
                "password": password,
                "bolt_port": bolt_port,
                "http_port": http_port,
                **self._engine.order(brief=self._brief),
            }
            try:
                self._host = await HostProcess.start(self.folder, order)
            except HostStartFailed as error:
                reason = str(error)
                continue
            return bolt_port, http_port
        if "No space left" in reason:
            raise GraphFull(f"the disk under {self.folder} is full", fix="free some space")
        raise SetupInvalid(
            f"the embedded graph in {self.folder} does not start: {reason}",
            fix=f"read {self.folder / 'host.log'}",
        )

    async def _admit(self, database: str) -> None:
        """Let outside tools into `database` alone, which they get where they name none.

        The user is made anew, which ends what it has open on the database before.
        """
        admin = admin_of(self.address)
        await admin.server(f"set server setting arcadedb.bolt.defaultDatabase {database}")
        users = admitted_in(self.folder)
        if users.get(READER) == {database: [READER]}:
            return
        if READER in users:
            await admin.server(f"drop user {READER}")
        await self._make_user(READER, self.address.outside_password, database)

    async def _make_user(self, name: str, password: SecretStr | None, databases: str) -> None:
        """Make a user that reads in `databases`, and may do nothing else."""
        secret = password.get_secret_value() if password else ""
        user = {"name": name, "password": secret, "databases": {databases: [READER]}}
        command = f"create user {json.dumps(user)}"
        await admin_of(self.address).server(command, shown=f"create user {name}")

    async def _bootstrap(self) -> None:
        """Make users and the current database where they are not there, or do not open."""
        admin = admin_of(self.address)
        if INSIDE not in admitted_in(self.folder):
            await self._make_user(INSIDE, self.address.reader_password, "*")
        database = current_in(self.folder)
        if is_there(self.folder, database) and not await self._opens(admin, database):
            with suppress(GraphUnavailable):
                await admin.server(f"close database {database}")
            put_aside(self.folder, database, why="it does not open")
        if not is_there(self.folder, database):
            await admin.server(f"create database {database}")
        await self._admit(database)

    async def _opens(self, admin: Admin, database: str) -> bool:
        """Tell whether the server can open a database, and read in it. Raises GraphFull."""
        try:
            types = {row.get("name") for row in await admin.sql(database, _TYPES)}
            # Records whose properties have lost their names can be read, and say nothing.
            return _STAMP not in types or not await admin.sql(database, _NAMELESS)
        except GraphUnavailable as error:
            if not self.running or "OutOfMemory" in str(error):
                raise
            if "No space left" in str(error):
                raise GraphFull(
                    f"the disk under {self.folder} is full", fix="free some space"
                ) from error
            return False

    async def _close(self) -> None:
        try:
            if self._host is not None:
                await self._host.close()
                self._engine.closed()
        finally:
            self._host = None
            self._address = None
            if self._lock is not None:
                self._lock.close()
                self._lock = None


def _folder_error(folder: Path, error: OSError) -> SetupInvalid:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return GraphFull(f"the disk under {folder} is full", fix="free some space")
    return SetupInvalid(
        f"the graph's folder {folder} cannot be written: {error.strerror or error}",
        fix="set ANABRANCH_HOME to a folder you can write",
    )


def free_ports(count: int) -> list[int]:
    """Return `count` different ports of 127.0.0.1 that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def is_free(port: int) -> bool:
    """Tell whether nobody listens on `port` of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
