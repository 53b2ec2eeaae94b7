#!/usr/bin/env bash
# PSI/J 0.9.11 (psij-python) on Slurm 22.05.8: while one job waits for a drained node, no job's status is followed.
#
# One would guess that a job's status is its own, and that errors in asking for it end somewhere: there is a setting
# for it, queue_polling_error_threshold. PSI/J asks `squeue` for id, state and reason of all jobs at once, splits each
# line at its blanks, and asserts that there are three parts. The reason of a job that waits for a node which is down
# or drained is a sentence ("Nodes required for j..."). So the whole answer is lost, for all jobs of the executor. And
# the count of errors begins anew with each `squeue` that ended well, before its answer is read: the threshold is
# never met. A job that has ended stays ACTIVE, for as long as another one waits, and job.wait() waits too.
#
# Besides, JobSpec.name is written into no script: the template looks for it at the job, and it is at the spec.
#
# Seen: one job runs, another waits for the drained node; the first is cancelled, and Slurm has it no more. Ten
# polls later PSI/J says ACTIVE. It goes on so for as long as Slurm remembers the other one, MinJobAge after its end.
# The name that was given is not that of the job.
#
# Needs Debian's slurmctld, slurmd, slurm-client and munge, and root. All of it runs in a folder, on loopback.
set -euo pipefail
PATH="$PATH:/usr/sbin"
for program in munged slurmctld slurmd sbatch squeue scontrol; do
  command -v "$program" >/dev/null || { echo "this needs $program"; exit 2; }
done
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; sleep 1; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "psij-python==0.9.11"
cd "$work"
host=$(hostname -s)
read -r one other < <(python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(each.getsockname()[1] for each in held))')
mkdir state spool
head -c 128 /dev/urandom >key
chmod 600 key
cat >slurm.conf <<CONF
ClusterName=finding
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$one
SlurmdPort=$other
AuthType=auth/munge
AuthInfo=socket=$work/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=100
PartitionName=work Nodes=$host Default=YES State=UP
CONF
export SLURM_CONF=$work/slurm.conf
munged --foreground --force --key-file="$work/key" --socket="$work/munge.socket" --pid-file="$work/munged.pid" \
  --log-file="$work/munged.log" --seed-file="$work/seed" >/dev/null 2>&1 &
pids+=($!)
until [ -S munge.socket ]; do sleep 0.1; done
slurmctld -D >/dev/null 2>&1 &
pids+=($!)
slurmd -D -N "$host" >/dev/null 2>&1 &
pids+=($!)
for _ in $(seq 200); do
  sinfo -h -o %T 2>/dev/null | grep -q idle && break
  sleep 0.1
done
cat >trial.py <<'PY'
import subprocess
import sys
import time
from pathlib import Path

from psij import Job, JobExecutor, JobSpec, JobState
from psij.executors.batch.slurm import SlurmExecutorConfig

config = SlurmExecutorConfig(
    work_directory=Path("psij").absolute(), initial_queue_polling_delay=1, queue_polling_interval=1
)
executor = JobExecutor.get_instance("slurm", config=config)


def submitted():
    job = Job(JobSpec(name="given", executable="/bin/sleep", arguments=["300"]))
    executor.submit(job)
    return job


def of_slurm(kind):
    done = subprocess.run(["squeue", "-h", "-o", kind], capture_output=True, text=True, check=True)
    return sorted(done.stdout.split())


def until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit("it does not come")
        time.sleep(0.1)


running = submitted()
until(lambda: running.status.state is JobState.ACTIVE)
subprocess.run(
    ["scontrol", "update", f"nodename={sys.argv[1]}", "state=drain", "reason=by hand"], check=True
)
waiting = submitted()
print("a job has the name that was given:", "given" in of_slurm("%j"))
subprocess.run(["scancel", running.native_id], check=True)
until(lambda: of_slurm("%t") == ["PD"])
time.sleep(10)
print("Slurm has one that waits; PSI/J says", running.status.state.name)
subprocess.run(["scancel", waiting.native_id], check=True)
PY
cat >expected.txt <<'TXT'
a job has the name that was given: False
Slurm has one that waits; PSI/J says ACTIVE
TXT
venv/bin/python trial.py "$host" >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
