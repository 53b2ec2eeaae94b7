"""A PostgreSQL server on loopback, out of the system's packages."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Generator

REQUIRED: Final = os.environ.get("ANABRANCH_REQUIRE_POSTGRES") == "1"
_OPTIONS: Final = "-c fsync=off -c full_page_writes=off -c shared_buffers=8MB"


def programs() -> Path | None:
    """Return the folder of the server's programs, None where it is not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return folders[-1].parent if folders else None


@contextmanager
def postgres(folder: Path) -> Generator[str]:
    """Give the address of a new database; `folder` has the server's programs."""
    with tempfile.TemporaryDirectory(prefix="anabranch-postgres-") as made:
        owner = _owner(made)
        data = Path(made) / "data"
        port = free_port()
        options = f"{_OPTIONS} -c listen_addresses=127.0.0.1 -p {port} -k {made}"

        def run(*words: str | Path) -> None:
            subprocess.run(words, user=owner, check=True, stdout=subprocess.DEVNULL, cwd=made)

        run(folder / "initdb", "--no-sync", "--auth=trust", "--username=keeper", "-D", data)
        log = Path(made) / "log"
        run(folder / "pg_ctl", "start", "--wait", "-D", data, "-l", log, "-o", options)
        try:
            yield f"postgresql://keeper:f0ghorn@127.0.0.1:{port}/postgres"
        finally:
            run(folder / "pg_ctl", "stop", "--mode=immediate", "-D", data)


def _owner(made: str) -> str | None:
    """Return who runs the server: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    user = pwd.getpwnam("postgres")
    os.chown(made, user.pw_uid, user.pw_gid)
    return user.pw_name
