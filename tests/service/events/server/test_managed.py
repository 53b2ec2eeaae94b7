"""The managed nats-server: quick to start, private, and gone with its owner."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log, NatsServer
from anabranch_events.errors import ServerMissing
from anabranch_events.event.identifiers import new_id
from tests.support.events import note
from tests.support.patience import PATIENCE_S, until

if TYPE_CHECKING:
    from pathlib import Path

TIMES_MAX = 4
OWNER = """
import asyncio, pathlib, sys
from anabranch_events import NatsServer

async def own():
    async with NatsServer(pathlib.Path(sys.argv[1])) as server:
        print(server.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(own())
"""


def runs(pid: int) -> bool:
    """Tell whether a process lives; one that has ended and waits to be collected does not."""
    found = subprocess.run(
        ("ps", "-o", "stat=", "-p", str(pid)),  # noqa: S607 - the system's
        capture_output=True,
        text=True,
        check=False,
    )
    return bool(found.stdout.strip()) and not found.stdout.startswith("Z")


async def bare(server: NatsServer, folder: Path) -> asyncio.subprocess.Process:
    """Start a server's program over its folder by hand; return once it listens."""
    process = await asyncio.create_subprocess_exec(
        *(server.binary, "-c", str(server.config)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await until(lambda: bool(list(folder.glob("run/*.ports"))))
    return process


async def test_it_starts_and_stops_quickly(tmp_path: Path) -> None:
    """With JetStream ready it takes little longer than its program alone, side by side."""
    folder = tmp_path / "nats"
    ratios: list[float] = []
    # Others may be at work on this machine: one quiet moment of many is enough.
    while len(ratios) < 40 and min(ratios, default=TIMES_MAX) >= TIMES_MAX:
        began = time.perf_counter()
        async with NatsServer(folder) as server:
            assert runs(server.pid)
        between = time.perf_counter()
        process = await bare(server, folder)
        process.terminate()
        await process.wait()
        ratios.append((between - began) / (time.perf_counter() - between))

    assert min(ratios) < TIMES_MAX, ratios


async def test_what_it_keeps_only_its_owner_can_read(tmp_path: Path) -> None:
    """Token, configuration and data are nobody else's business."""
    folder = tmp_path / "nats"

    async with NatsServer(folder) as server:
        assert len(server.token) > 30
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]
        }

    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


async def test_it_listens_on_the_loopback_only(nats_server: NatsServer) -> None:
    """Nobody on the network reaches a managed server."""
    assert nats_server.url.startswith("nats://127.0.0.1:")


async def test_events_and_token_outlive_a_restart(tmp_path: Path) -> None:
    """The next start serves what was stored."""
    event = note(new_id())
    async with NatsServer(tmp_path) as server, Log.connect(server.url, token=server.token) as log:
        await log.append(event)
        first_token = server.token

    async with NatsServer(tmp_path) as server, Log.connect(server.url, token=server.token) as log:
        events = [record.decode() async for record in log.read_all()]

    assert events == [event]
    assert server.token == first_token


async def test_strict_durability_writes_through(tmp_path: Path) -> None:
    """With durability strict the server is told to sync every message."""
    async with NatsServer(tmp_path, durability="strict") as server:
        async with Log.connect(server.url, token=server.token) as log:
            await log.append(note(new_id()))

        assert "sync_interval: always" in server.config.read_text()


async def test_it_ends_when_its_owner_is_killed(tmp_path: Path) -> None:
    """A kill -9 of the owner leaves no server behind, and the next start finds the folder free."""
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(tmp_path / "nats")), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    pid = int(await owner.stdout.readline())
    assert runs(pid)

    owner.kill()
    await owner.wait()

    await until(lambda: not runs(pid))
    async with NatsServer(tmp_path / "nats") as server:
        assert server.pid != pid


async def test_a_server_left_on_the_folder_is_ended_first(tmp_path: Path) -> None:
    """A server that outlived its owner and its watcher does not stand in the way."""
    folder = tmp_path / "nats"
    async with NatsServer(folder) as server:
        pass
    left = await bare(server, folder)

    async with NatsServer(folder) as server:
        assert await asyncio.wait_for(left.wait(), PATIENCE_S) is not None
        assert server.pid != left.pid
        async with Log.connect(server.url, token=server.token) as log:
            await log.append(note(new_id()))


async def test_a_number_that_now_belongs_to_another_program_is_left_alone(tmp_path: Path) -> None:
    """A pid file from long ago does not end an innocent process."""
    folder = tmp_path / "nats"
    folder.mkdir()
    innocent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import time; time.sleep(600)")
    )
    (folder / "nats-server.pid").write_text(str(innocent.pid))

    async with NatsServer(folder):
        alive = innocent.returncode is None

    innocent.kill()
    await innocent.wait()
    assert alive


async def test_a_second_owner_of_the_folder_is_refused(tmp_path: Path) -> None:
    """Two servers never write to the same folder."""
    async with NatsServer(tmp_path) as first:
        with pytest.raises(ServerMissing, match="another process"):
            await NatsServer(tmp_path).__aenter__()

        async with Log.connect(first.url, token=first.token) as log:
            await log.append(note(new_id()))


async def test_a_port_that_is_taken_is_said_with_the_servers_words(tmp_path: Path) -> None:
    """A server that dies at the start shows its last log lines."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ServerMissing, match="address already in use"):
            await NatsServer(tmp_path, port=port).__aenter__()


async def test_a_start_that_failed_leaves_the_folder_free(tmp_path: Path) -> None:
    """After the reason is gone the same folder starts."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken, pytest.raises(ServerMissing):
        await NatsServer(tmp_path, port=taken.getsockname()[1]).__aenter__()

    async with NatsServer(tmp_path) as server:
        assert server.pid


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file in the way, or a missing permission, is told with what to do."""
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ServerMissing, match="cannot hold the log") as refused:
        await NatsServer(tmp_path / "file" / "nats").__aenter__()

    assert "ANABRANCH_HOME" in refused.value.fix
    assert refused.value.exit_code == 1


async def test_a_machine_without_nats_server_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither beside the interpreter nor on PATH: the error names the extra to install."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ServerMissing) as refused:
        await NatsServer(tmp_path / "nats").__aenter__()

    assert "anabranch[embedded]" in refused.value.fix


async def test_a_start_that_is_cancelled_leaves_no_server(tmp_path: Path) -> None:
    """Cancelling is allowed anywhere."""
    starting = asyncio.create_task(NatsServer(tmp_path).__aenter__())
    pid_file = tmp_path / "nats-server.pid"
    while not pid_file.exists() or not pid_file.read_text():  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.001)
    pid = int(pid_file.read_text())

    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    await until(lambda: not runs(pid))


async def test_a_start_may_be_cancelled_while_its_process_is_made(tmp_path: Path) -> None:
    """However early it comes, it neither hangs nor leaves the folder taken."""
    for turns in range(10):
        starting = asyncio.create_task(NatsServer(tmp_path).__aenter__())
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(starting, PATIENCE_S)

    async with NatsServer(tmp_path) as server:
        assert server.pid


async def test_control_c_in_the_terminal_does_not_reach_the_server(
    nats_server: NatsServer,
) -> None:
    """The server is in a session of its own, so that its owner decides when it ends."""
    assert os.getsid(nats_server.pid) != os.getsid(0)
    assert os.getpgid(nats_server.pid) != os.getpgid(0)


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "Jürgen Größe 漢字",
        "quo\"te's",
        "dol$lar ${HOME} $(id)",
        "back\\slash",
        "# {b} ; [c] %n",
        "tab\tbed",
    ],
)
async def test_a_folder_of_any_name_will_do(tmp_path: Path, name: str) -> None:
    """Spaces, other scripts, quotes and dollars: its configuration names the folder as it is."""
    async with (
        NatsServer(tmp_path / name) as server,
        Log.connect(server.url, token=server.token) as log,
    ):
        receipt = await log.append(note(new_id(), 1))

    assert receipt.position == 1
    assert list((tmp_path / name / "jetstream").iterdir())


@pytest.mark.parametrize("content", [b"", b"\0" * 43, b"\xff\xfe", b"cut"])
async def test_state_files_that_are_damaged_are_made_anew(tmp_path: Path, content: bytes) -> None:
    """After a crash left token, process id, lock and configuration empty or garbled, it starts."""
    async with NatsServer(tmp_path) as server, Log.connect(server.url, token=server.token) as log:
        await log.append(note(new_id(), 1))
    for name in ("token", "nats-server.pid", "nats-server.conf", "lock", "start.log"):
        (tmp_path / name).write_bytes(content)

    async with NatsServer(tmp_path) as server, Log.connect(server.url, token=server.token) as log:
        bounds = await log.bounds()

    assert bounds.last == 1
    assert len(server.token) >= 43
