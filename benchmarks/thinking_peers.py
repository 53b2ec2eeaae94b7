"""Empty branches in their whole life beside the same tasks on Celery with Redis, and on Ray.

Each side has two processes on this machine: a thousand tasks that return a text at once, and one
step that joins them. The log and Redis both write each change to its file before they answer, and
sync the file by a timer. Ray holds all in memory: it is lost with its process.

Celery and Ray come from PyPI, Redis from Debian (redis-server).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.killing import MortalServer
from tests.support.ports import free_port
from tests.support.worker_processes import WorkerProcesses

from anabranch.backend.gc_tuning import collect_seldom
from anabranch_events import Log
from anabranch_thinking import BranchTask
from anabranch_thinking.work.dispatch import ThoughtOverWorkers, WorkTerms
from anabranch_thinking.work.fabric import Fabric
from benchmarks.peer import Missing
from benchmarks.peer_packages import installed
from benchmarks.rows import at_least

if TYPE_CHECKING:
    from collections.abc import Generator

    from benchmarks.rows import Row

PEERS: Final = ("celery[redis]==5.7.0", "ray==2.60.0")
NAMESPACE: Final = "bench"
COUNT: Final = 1000
ROUNDS: Final = 3
PROCESSES: Final = 2
SLOTS: Final = 32
_STARTED_S: Final = 60
_CELERY: Final = """
import os, sys, time
from celery import Celery, chord

app = Celery("celery_peer", broker=os.environ["REDIS"], backend=os.environ["REDIS"])

@app.task
def empty(task):
    return f"Found for {task}."

@app.task
def joined(found):
    return len(found)

if __name__ == "__main__":
    count, rounds = map(int, sys.argv[1:])
    empty.delay("nothing").get(timeout=60)
    for _ in range(rounds):
        begun = time.perf_counter()
        found = chord([empty.s(f"look at {one}") for one in range(count)])(joined.s())
        assert found.get(timeout=600) == count
        print(count / (time.perf_counter() - begun))
"""
_RAY: Final = """
import sys, time
import ray

@ray.remote
def empty(task):
    return f"Found for {task}."

@ray.remote
def joined(*found):
    return len(found)

ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", _node_ip_address="127.0.0.1")
count, rounds = map(int, sys.argv[1:])
ray.get([empty.remote("nothing") for _ in range(50)])
for _ in range(rounds):
    begun = time.perf_counter()
    assert ray.get(joined.remote(*[empty.remote(f"look at {one}") for one in range(count)])) == count
    print(count / (time.perf_counter() - begun))
"""


async def run() -> list[Row]:
    """Measure, and return the rows: those of peers that are not there are left out, and said."""
    rows: list[Row] = []
    collect_seldom()  # As the commands do.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = await _ours(folder / "nats")
        try:
            programs = (await asyncio.to_thread(installed, *PEERS)) / "bin"
        except Missing as missing:
            print(f"  without peers: {missing}", file=sys.stderr)
            return rows
        for peer, limit, measured in (
            ("Ray, in memory", 3.0, lambda: _ray(programs, folder)),
            ("Celery with Redis", 10.0, lambda: _celery(programs, folder)),
        ):
            try:
                theirs = await asyncio.to_thread(measured)
            except Missing as missing:
                print(f"  {peer}: {missing}", file=sys.stderr)
                continue
            rows.append(
                at_least(
                    f"empty branches, whole life, beside {peer}",
                    ours=ours,
                    theirs=theirs,
                    limit=limit,
                    unit="branches/s",
                )
            )
    return rows


async def _ours(folder: Path) -> float:
    async with (
        MortalServer(folder) as server,
        WorkerProcesses(server, namespace=NAMESPACE, count=PROCESSES, slots=SLOTS),
        Log.connect(server.url, token=server.token, timeout_s=60) as log,
    ):
        fabric = Fabric.over(log)
        rates: list[float] = []
        for _ in range(1 + ROUNDS):
            begun = time.perf_counter()
            thought = ThoughtOverWorkers(
                fabric, fabric.sessions_of(NAMESPACE), WorkTerms(executor="empty")
            )
            tasks = [BranchTask(task=f"look at {one}") for one in range(COUNT)]
            await thought.begin("measure", tasks, session_id=None)
            await thought.joined()
            rates.append(COUNT / (time.perf_counter() - begun))
    return max(rates)


def _ray(programs: Path, folder: Path) -> float:
    script = folder / "ray_peer.py"
    script.write_text(_RAY)
    return _fastest([str(programs / "python"), str(script)], folder)


def _celery(programs: Path, folder: Path) -> float:
    (folder / "celery_peer.py").write_text(_CELERY)
    with _redis(folder / "redis") as url:
        environment = {**os.environ, "REDIS": url}
        command = "-A celery_peer worker --loglevel ERROR --concurrency"
        worker = subprocess.Popen(
            [str(programs / "celery"), *command.split(), str(PROCESSES)],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            script = [str(programs / "python"), "celery_peer.py"]
            return _fastest(script, folder, environment)
        finally:
            worker.terminate()
            worker.wait()


@contextlib.contextmanager
def _redis(folder: Path) -> Generator[str]:
    """Run a Redis server; yield its address. Raises Missing where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        raise Missing("there is no redis-server (Debian's package)")
    port = free_port()
    folder.mkdir()
    options = f"--port {port} --bind 127.0.0.1 --appendonly yes --appendfsync everysec".split()
    server = subprocess.Popen(
        [program, *options, "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _STARTED_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            if time.monotonic() > deadline:
                raise TimeoutError("redis-server does not answer")
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


def _fastest(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> float:
    """Return the best rate that a peer's script prints."""
    done = subprocess.run(
        [*command, str(COUNT), str(ROUNDS)],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return max(float(line) for line in done.stdout.split() if line[0].isdigit())
