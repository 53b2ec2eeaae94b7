"""The home: who may look into it, who holds it, and what stays whole."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING

import pytest

from anabranch.errors import HomeFull, HomeUnwritable, PortTaken, SetupInvalid, from_os_error
from anabranch.home.folder import Home, Lock, held

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
