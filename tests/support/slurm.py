"""A real Slurm on loopback: munged, slurmctld and slurmd in a folder of their own."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import pytest

from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REQUIRED: Final = os.environ.get("ANABRANCH_REQUIRE_SLURM") == "1"
_PROGRAMS: Final = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
_PATH: Final = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
_CONF: Final = """
ClusterName=anabranch
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=100
PartitionName=work Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class SlurmCluster:
    """A cluster of one node with two cores, for as long as this is open."""

    def __init__(self) -> None:
        self.folder = Path()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        _check_programs()
        with ExitStack() as stack:
            # The path of a socket may not be long.
            self.folder = Path(tempfile.mkdtemp(prefix="slurm"))
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._write_files()
            self._start(stack, "munged", *self._munge_options())
            _until((self.folder / "munge.socket").exists, "munged")
            self._start(stack, "slurmctld", "-D")
            self._start(stack, "slurmd", "-D", "-N", _host())
            _until(lambda: "idle" in self.run("sinfo", "-h", "-o", "%T", check=False), "slurmd")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def conf(self) -> str:
        """The value of SLURM_CONF."""
        return str(self.folder / "slurm.conf")

    def run(self, *command: str, check: bool = True) -> str:
        """Return what a command of Slurm's writes."""
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=check,
            env=self._environment,
            timeout=PATIENCE_S,
        )
        return done.stdout

    def jobs(self) -> dict[str, str]:
        """Return the states of the jobs that wait or run, by their ids."""
        lines = self.run("squeue", "-h", "-o", "%A %t").splitlines()
        return {fields[0]: fields[1] for fields in map(str.split, lines)}

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "SLURM_CONF": self.conf, "PATH": _PATH}

    def _write_files(self) -> None:
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(128))
        (self.folder / "state").mkdir()
        (self.folder / "spool").mkdir()
        with (
            socket.create_server(("127.0.0.1", 0)) as one,
            socket.create_server(("127.0.0.1", 0)) as other,
        ):
            ports = [one.getsockname()[1], other.getsockname()[1]]
        (self.folder / "slurm.conf").write_text(
            _CONF.format(
                host=_host(),
                folder=self.folder,
                user=getpass.getuser(),
                controller_port=ports[0],
                node_port=ports[1],
            )
        )

    def _munge_options(self) -> Sequence[str]:
        places = {
            "key-file": "munge.key",
            "socket": "munge.socket",
            "pid-file": "munged.pid",
            "log-file": "munged.log",
            "seed-file": "munged.seed",
        }
        return (
            *("--foreground", "--force"),
            *(f"--{option}={self.folder / place}" for option, place in places.items()),
        )

    def _start(self, stack: ExitStack, program: str, *options: str) -> None:
        said = stack.enter_context((self.folder / f"{program}.out").open("wb"))
        process = subprocess.Popen(
            [shutil.which(program, path=_PATH) or program, *options],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        stack.callback(_end, process)


def _check_programs() -> None:
    """Skip, or fail where Slurm is required, unless its programs are there."""
    missing = [one for one in _PROGRAMS if shutil.which(one, path=_PATH) is None]
    if missing and REQUIRED:
        pytest.fail(f"Slurm is required, and there is no {', '.join(missing)}")
    if missing:
        pytest.skip(
            f"there is no {', '.join(missing)}: install Debian's slurmctld, slurmd, slurm-client "
            "and munge; CI has them (ANABRANCH_REQUIRE_SLURM=1)"
        )


def _host() -> str:
    return socket.gethostname().partition(".")[0]


def _until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"{what} does not start"
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
