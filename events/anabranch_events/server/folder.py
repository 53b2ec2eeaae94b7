"""The folder of a managed nats-server: its lock, token, configuration and log lines."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import re
import secrets
import shutil
from typing import IO, TYPE_CHECKING, Final

from anabranch_events.errors import ServerMissing
from anabranch_events.server.accounts import ACCOUNT, accounts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anabranch_events.server.tenant import Tenant

_GLOBAL_ACCOUNT: Final = "$G"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,}")
_log: Final = logging.getLogger("anabranch")
LOG_LINES_SHOWN: Final = 5
FREE_SHARE_USED: Final = 0.9
ROOM_MIN: Final = 4 * 1024 * 1024
_FULL: Final = b"no space left on device"

FLAGS: Final = "js_ack_fc_v2: false"
"""A flag that later servers may switch on by themselves: it changes the subject of
acknowledgements. Tenants may use both forms all the same (`accounts`)."""
BATCHES_MAX: Final = 200
"""The atomic batches that may be begun on the log at a time, of all clients. The server's own limit
of 50 is soon met, and each costs it some milliseconds. One that nobody goes on with is dropped
after ten seconds."""
_CONFIG: Final = """\
# Written by Anabranch at every start; changes are lost.
listen: "127.0.0.1:{port}"
server_name: "anabranch"
ports_file_dir: {run}
pid_file: {pid_file}
log_file: {log_file}
logfile_size_limit: 1MB
logfile_max_num: 2
feature_flags {{ {flags} }}
{access}jetstream {{
  store_dir: {store}
  max_file_store: {room}
  limits {{ batch {{ max_inflight_per_stream: {batches}, max_inflight_total: {batches_total} }} }}
{durability}}}
"""


class ServerFolder:
    """The files of the server, readable by their owner and held by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.config = self.path / "nats-server.conf"
        self.pid_file = self.path / "nats-server.pid"
        self.output = self.path / "start.log"
        self._log = self.path / "nats-server.log"
        self._run = self.path / "run"
        self._store = self.path / "jetstream"
        self._lock: IO[str] | None = None
        self._log_read = 0
        self.passwords: dict[str, str] = {}

    def hold(self) -> None:
        """Make the folder and hold it against every other process.

        Raises ServerMissing when another process has it, OSError when it cannot be written.
        """
        for folder in (self.path, self._run, self._store):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
        lock = self.path / "lock"
        self._lock = lock.open("w", encoding="utf-8")
        lock.chmod(0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServerMissing(
                f"another process runs the nats-server of {self.path}",
                fix="use that one, end its process, or choose another folder with ANABRANCH_HOME",
            ) from error

    def let_go(self) -> None:
        """Release the folder."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def write(self, *, port: int, strict: bool, tenants: Sequence[Tenant] | None = None) -> str:
        """Write the server's configuration and return its token.

        With `tenants` the token is the password of the users of our own.
        """
        token = self._kept_token()
        if tenants is None:
            self._place_log(_GLOBAL_ACCOUNT)
            access = f"authorization {{ token: {json.dumps(token)} }}\n"
        else:
            self._place_log(ACCOUNT)
            self.passwords = self._kept_passwords(tenants)
            access = accounts(tenants, passwords=self.passwords, admin_password=token)
        for stale in self._run.glob("*.ports"):
            stale.unlink()
        _write_private(
            self.config,
            _CONFIG.format(
                port=port or -1,
                run=quoted(str(self._run)),
                pid_file=quoted(str(self.pid_file)),
                log_file=quoted(str(self._log)),
                store=quoted(str(self._store)),
                room=self._room(),
                batches=BATCHES_MAX,
                batches_total=2 * BATCHES_MAX,
                flags=FLAGS,
                access=access,
                durability="  sync_interval: always\n" if strict else "",
            ),
        )
        if self._log.exists():
            self._log.replace(self.path / "nats-server.log.before")
            self._log_read = 0
        for file in (self._log, self.output):
            _write_private(file, "")
        return token

    def listening(self) -> tuple[str, int] | None:
        """Return the address and pid that the server writes when it is ready, or None yet."""
        for path in self._run.glob("*.ports"):
            with contextlib.suppress(ValueError, LookupError):  # Half written: look again.
                url = str(json.loads(path.read_bytes())["nats"][0])
                return url, int(self.pid_file.read_text(encoding="ascii"))
        return None

    @property
    def has_room(self) -> bool:
        """True while the disk has room for a while."""
        return shutil.disk_usage(self._store).free >= ROOM_MIN

    def found_full(self) -> bool:
        """Tell whether the server has met a full disk since the last time this was asked."""
        try:
            size = self._log.stat().st_size
            start, self._log_read = min(self._log_read, size), size
            if size == start:
                return False
            with self._log.open("rb") as file:
                file.seek(start)
                return _FULL in file.read(size - start)
        except OSError:
            return False

    def last_words(self) -> str:
        """Return the server's last log lines, the serious ones if there are any."""
        lines = [*_last_lines(self._log), *_last_lines(self.output)]
        return " | ".join(lines)

    def _kept_token(self) -> str:
        """Return the folder's token: with it clients reconnect after a restart on the same port."""
        path = self.path / "token"
        token = path.read_bytes().decode("ascii", "replace") if path.exists() else ""
        if _TOKEN.fullmatch(token):  # Else a crash cut it off, and it is made anew.
            path.chmod(0o600)
            return token
        token = secrets.token_urlsafe(32)
        _write_whole(path, token)
        return token

    def _kept_passwords(self, tenants: Sequence[Tenant]) -> dict[str, str]:
        """Return a password for each tenant: the one it had, or a new one."""
        path = self.path / "passwords.json"
        kept = _passwords_in(path)
        found = {one.name: kept.get(one.name) or secrets.token_urlsafe(32) for one in tenants}
        if found != kept:
            _write_whole(path, json.dumps(found, indent=2))
        return found

    def _place_log(self, account: str) -> None:
        """Move the log into the folder of its account's name, where the server looks for it.

        The streams in it know nothing of the account: the folder is renamed.
        """
        wanted = self._store / "jetstream" / account
        for other in (_GLOBAL_ACCOUNT, ACCOUNT):
            found = wanted.with_name(other)
            if other != account and found.exists() and not wanted.exists():
                found.replace(wanted)

    def _room(self) -> int:
        """Return the log's limit in bytes: its present size, and most of the free disk.

        The server's own default counts only the free disk. A log larger than that would take no
        more after a restart. Refusing in time is better than a full disk: then the server does not
        answer at all.
        """
        used = sum(path.stat().st_size for path in self._store.rglob("*") if path.is_file())
        return used + int(shutil.disk_usage(self._store).free * FREE_SHARE_USED)


def quoted(text: str) -> str:
    """Return `text` as a string of the configuration, which is UTF-8 and has few escapes."""
    known = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(known.get(each, each) for each in text) + '"'


def _passwords_in(path: Path) -> dict[str, str]:
    """Return the passwords that a file holds, none where a crash left no whole one."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        _log.warning("%s is damaged: all tenants get new passwords", path)
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: each for name, each in found.items() if isinstance(each, str)}


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, also after a crash."""
    fresh = path.with_suffix(".new")
    _write_private(fresh, text)
    descriptor = os.open(fresh, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(path)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)


def _last_lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    serious = [line for line in lines if "[FTL]" in line or "[ERR]" in line]
    return [line.strip() for line in (serious or lines)[-LOG_LINES_SHOWN:]]
