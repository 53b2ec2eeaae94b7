"""The home: who may look into it, who holds it, and what stays whole."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from anabranch.errors import HomeFull, HomeUnwritable, PortTaken, SetupInvalid, from_os_error
from anabranch.home.folder import Home, Lock, held
from anabranch.home.runtime_file import LogAddress, Ports, Runtime, ports_before, read_runtime
from anabranch_store import GraphAddress

if TYPE_CHECKING:
    from pathlib import Path


def test_only_its_owner_may_look_into_a_home(tmp_path: Path) -> None:
    """The folder is 0700 and the files written to it are 0600."""
    home = Home(tmp_path / "deep" / "home")

    home.prepare()
    home.replace(home.runtime, b"{}")

    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.runtime.stat().st_mode) == 0o600


def test_a_home_that_is_a_file_cannot_be_used(tmp_path: Path) -> None:
    """Where a file is in the way the error names the home and the setting."""
    path = tmp_path / "home"
    path.write_text("in the way")

    with pytest.raises(HomeUnwritable, match=str(path)) as caught:
        Home(path).prepare()

    assert "ANABRANCH_HOME" in caught.value.fix


def test_a_failed_replacement_leaves_what_was_there(tmp_path: Path) -> None:
    """A file is replaced whole or not at all, and no draft stays behind."""
    home = Home(tmp_path)
    home.prepare()
    (home.runtime).mkdir()

    with pytest.raises(HomeUnwritable):
        home.replace(home.runtime, b"new")

    assert [path.name for path in home.folder.iterdir()] == ["runtime.json"]


def test_what_a_kill_left_of_a_file_is_gone_with_the_next(tmp_path: Path) -> None:
    """Each file has one place beside it, so that nothing gathers there; it may hold passwords."""
    home = Home(tmp_path)
    home.prepare()
    killed = "import os, sys; from pathlib import Path; from anabranch.home.folder import Home; "
    killed += "home = Home(Path(sys.argv[1])); os.replace = lambda *_: os.kill(os.getpid(), 9); "
    killed += "home.replace(home.runtime, b'half a secret')"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False)
    left = [path.name for path in home.folder.iterdir()]

    home.replace(home.runtime, b"new")

    assert left == [".runtime.json.next"]
    assert [path.name for path in home.folder.iterdir()] == ["runtime.json"]
    assert home.runtime.read_bytes() == b"new"


def test_writers_of_one_file_take_turns(tmp_path: Path) -> None:
    """What is there is always what one of them wrote, whole."""
    home = Home(tmp_path)
    home.prepare()
    texts = [bytes([65 + number]) * 20_000 for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(partial(_written, home), texts * 10))

    assert set(seen) <= set(texts)
    assert [path.name for path in home.folder.iterdir()] == ["keys.json"]


def _written(home: Home, text: bytes) -> bytes:
    home.replace(home.keys, text)
    return home.keys.read_bytes()


def test_one_at_a_time_owns(tmp_path: Path) -> None:
    """Of two locks on one file the second is not taken until the first is released."""
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")

    taken = (first.take(), second.take())
    first.release()

    assert (taken, second.take()) == ((True, False), True)
    second.release()


def test_many_join_and_the_owner_waits(tmp_path: Path) -> None:
    """Shared locks stand beside each other and keep an exclusive one out."""
    joined = [Lock(tmp_path / "lock", shared=True) for _ in range(3)]
    owner = Lock(tmp_path / "lock")

    assert [lock.take() for lock in joined] == [True, True, True]
    assert not owner.take()
    for lock in joined:
        lock.release()
    assert owner.take()
    owner.release()


def test_a_lock_is_held_by_all_to_whom_it_was_passed(tmp_path: Path) -> None:
    """It is free once the last of them has let it go."""
    path = tmp_path / "lock"
    first = Lock(path)
    first.take()
    assert first.descriptor is not None
    second = Lock.passed(path, os.dup(first.descriptor))

    first.release()
    between = held(path)
    second.release()

    assert (between, held(path)) == (True, False)


def test_looking_who_holds_a_lock_writes_nothing(tmp_path: Path) -> None:
    """Neither that nor joining makes a file that is not there, or needs the right to write to it."""
    path = tmp_path / "lock"
    absent = held(path)
    made = path.exists()
    with Lock(path) as owner:
        owner.take()
        path.chmod(0o400)
        taken = held(path)
    with Lock(path, shared=True) as joined:
        shared = joined.take()

    assert (absent, made, taken, shared) == (False, False, True, True)


def test_those_who_look_do_not_see_each_other(tmp_path: Path) -> None:
    """A lock that others share, as those do who look at it, is held by nobody."""
    with Lock(tmp_path / "lock", shared=True) as other:
        other.take()

        assert not held(tmp_path / "lock")


def test_a_retired_runtime_file_keeps_its_ports(tmp_path: Path) -> None:
    """Nobody can join by it any more, and the next owner knows which ports to take."""
    home = Home(tmp_path)
    Runtime(
        instance="first",
        pid=1,
        command="up",
        started_at=datetime(2026, 11, 28, tzinfo=UTC),
        log_url="nats://127.0.0.1:4001",
        graph_uri="bolt://127.0.0.1:4002",
        log=LogAddress(url="nats://user:word@127.0.0.1:4001"),
        graph=GraphAddress(
            uri="bolt://127.0.0.1:4002",
            username="root",
            password=SecretStr("word"),
            admin_url="http://127.0.0.1:4003",
        ),
    ).write(home)
    unknown = ports_before(home)

    home.retire_runtime()
    home.retire_runtime()

    assert unknown == Ports()
    assert read_runtime(home) is None
    assert ports_before(home) == Ports(log=4001, graph=(4002, 4003))


async def test_waiting_for_a_lock_has_a_bound(tmp_path: Path) -> None:
    """A lock that stays taken is given up after the time given."""
    with Lock(tmp_path / "lock") as holder:
        holder.take()

        assert not await Lock(tmp_path / "lock").wait(0.05)


def test_held_says_whether_somebody_holds(tmp_path: Path) -> None:
    """A lock file that nobody holds is free, as one that is not there."""
    path = tmp_path / "lock"

    before = held(path)
    with Lock(path) as lock:
        lock.take()
        during = held(path)

    assert (before, during, held(path)) == (False, True, False)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, HomeFull),
        (errno.EDQUOT, HomeFull),
        (errno.EROFS, HomeUnwritable),
        (errno.EACCES, HomeUnwritable),
        (errno.EADDRINUSE, PortTaken),
    ],
)
def test_what_the_system_says_becomes_an_error_of_ours(
    tmp_path: Path, number: int, kind: type[SetupInvalid]
) -> None:
    """A full disk, a home that cannot be written and a taken port each have their error."""
    error = from_os_error(OSError(number, "reason"), tmp_path)

    assert (type(error), error.exit_code) == (kind, 1)


def test_another_log_has_another_graph(tmp_path: Path) -> None:
    """The graph of an outside log never shares a folder with that of the home's own."""
    home = Home(tmp_path)

    folders = {
        home.graph_of(None),
        home.graph_of("nats://one.example:4222"),
        home.graph_of("nats://two.example:4222"),
    }

    assert len(folders) == 3
