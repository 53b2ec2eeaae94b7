"""The embedded graph: ArcadeDB in a child process that ends with its owner, reached over Bolt."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import secrets
import socket
from typing import IO, TYPE_CHECKING, Any, Final, Self, cast

from pydantic import SecretStr

from anabranch_store.address import GraphAddress
from anabranch_store.embedded.admin import admin_of
from anabranch_store.embedded.engine import DEFAULT_ENGINE, EngineName, engine_of
from anabranch_store.embedded.process import HostProcess, HostStartFailed, end_leftover
from anabranch_store.errors import GraphFull, GraphUnavailable, SetupInvalid

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

FIRST_DATABASE: Final = "graph"
READER: Final = "reader"
_ATTEMPTS: Final = 3
_CREDENTIALS: Final = "credentials.json"
_CURRENT: Final = "current"


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

    def point_to(self, database: str) -> None:
        """Make `database` the one that the next start serves."""
        _replace(self.folder / _CURRENT, database + "\n")
        self._address = self.address.model_copy(update={"database": database})

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
        groups = self.folder / "config" / "server-groups.json"
        if not groups.exists():
            groups.parent.mkdir(mode=0o700, exist_ok=True)
            _replace(groups, json.dumps(_GROUPS))

    async def _start(self) -> None:
        credentials = credentials_in(self.folder)
        bolt_port, http_port = await self._start_host(credentials["root"])
        self._address = GraphAddress(
            uri=f"bolt://127.0.0.1:{bolt_port}",
            username="root",
            password=SecretStr(credentials["root"]),
            database=current_in(self.folder),
            reader_username=READER,
            reader_password=SecretStr(credentials[READER]),
            admin_url=f"http://127.0.0.1:{http_port}",
        )
        await self._bootstrap(credentials)

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

    async def _bootstrap(self, credentials: dict[str, str]) -> None:
        """Make the reader and the current database where they are not there yet."""
        users = (self.folder / "config" / "server-users.jsonl").read_text(encoding="utf-8")
        admin = admin_of(self.address)
        if f'"{READER}"' not in users:
            reader = {
                "name": READER,
                "password": credentials[READER],
                "databases": {"*": [READER]},
            }
            await admin.server(f"create user {json.dumps(reader)}", shown="create user reader")
        database = current_in(self.folder)
        if not (self.folder / "databases" / database).is_dir():
            await admin.server(f"create database {database}")

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


def credentials_in(folder: Path) -> dict[str, str]:
    """Return the passwords kept in `folder`, made the first time.

    The server keeps only their hashes. When our file is lost, so are the users: both are made anew.
    """
    path = folder / _CREDENTIALS
    try:
        return cast("dict[str, str]", json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError):
        (folder / "config" / "server-users.jsonl").unlink(missing_ok=True)
    made = {"root": secrets.token_urlsafe(32), READER: secrets.token_urlsafe(32)}
    _replace(path, json.dumps(made))
    return made


def current_in(folder: Path) -> str:
    """Return the name of the database that `folder` serves."""
    try:
        return (folder / _CURRENT).read_text(encoding="utf-8").strip() or FIRST_DATABASE
    except FileNotFoundError:
        return FIRST_DATABASE


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


def _replace(path: Path, text: str) -> None:
    """Write `text` to `path` whole or not at all, readable by its owner only."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # The new name, too, survives a power cut.
    finally:
        os.close(folder)


def _group(access: list[str], types: list[str]) -> dict[str, Any]:
    return {
        "resultSetLimit": -1,
        "readTimeout": -1,
        "access": access,
        "types": {"*": {"access": types}},
    }


_GROUPS: Final = {
    "version": 2,
    "databases": {
        "*": {
            "groups": {
                "admin": _group(
                    ["updateSecurity", "updateSchema", "updateDatabaseSettings"],
                    ["createRecord", "readRecord", "updateRecord", "deleteRecord"],
                ),
                READER: _group([], ["readRecord"]),
                "*": _group([], []),
            }
        }
    },
}
