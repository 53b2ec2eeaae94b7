"""The manifest for Kubernetes, held against the code's names and a real server's monitoring."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import yaml

from anabranch.settings import Settings, variable
from anabranch_events import Log, new_id, server_binary
from anabranch_events.event.types import Priority
from anabranch_events.tasks.task import Task
from tests.support.patience import PATIENCE_S, until
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

NAMESPACE = "default"


def manifest() -> dict[str, dict[str, Any]]:
    """Read the specifications of the manifest, by their kinds."""
    text = (ROOT / "deploy/kubernetes-workers.yaml").read_text()
    return {one["kind"]: one["spec"] for one in yaml.safe_load_all(text)}


def test_the_workers_of_the_manifest_are_those_that_it_scales_for() -> None:
    """Namespace, slots and grace agree, and each variable is a setting."""
    pods, scaled = manifest()["Deployment"]["template"]["spec"], manifest()["ScaledObject"]
    (worker,) = pods["containers"]
    given = dict(zip(worker["args"][::2], worker["args"][1::2], strict=True))
    modifiers = scaled["advanced"]["scalingModifiers"]

    assert worker["command"] == ["anabranch", "worker"]
    assert given["--namespace"] == NAMESPACE
    assert given["--slots"] == modifiers["target"]
    assert pods["terminationGracePeriodSeconds"] > float(given["--grace"])
    assert {one["name"] for one in worker["env"]} <= set(map(variable, Settings.model_fields))
    assert modifiers["formula"].split(" + ") == [one["name"] for one in scaled["triggers"]]
    assert [one["name"] for one in scaled["triggers"]] == list(Priority)


async def test_a_servers_monitoring_says_the_load_under_the_names_of_the_manifest(
    tmp_path: Path,
) -> None:
    """KEDA adds what waits to what is in flight, of the account, stream and consumer named."""
    with _monitored(tmp_path) as (url, monitoring):
        await until(lambda: _listens(url) and _listens(monitoring))
        async with Log.connect(url) as log:
            await log.tasks.open(NAMESPACE)
            tasks = [Task(namespace=NAMESPACE, session_id=new_id()) for _ in range(3)]
            urgent = Task(namespace=NAMESPACE, session_id=new_id(), priority=Priority.CRITICAL)
            await log.tasks.put([*tasks, urgent])
            async with log.tasks.taking() as taking:
                taken = await taking.take(NAMESPACE, priorities=[Priority.NORMAL], count=1)

                found = await asyncio.to_thread(_lags, monitoring)

    assert len(taken) == 1
    assert found == {"critical": 1, "high": 0, "normal": 3, "low": 0}


def _listens(url: str) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))):
        return True
    return False


def _lags(monitoring: str) -> dict[str, int]:
    """Return what each trigger of the manifest reads, as KEDA's scaler reads it."""
    found: dict[str, int] = {}
    for trigger in manifest()["ScaledObject"]["triggers"]:
        named = trigger["metadata"]
        query = f"acc={named['account']}&consumers=true&config=true"
        with urlopen(f"{monitoring}/jsz?{query}", timeout=PATIENCE_S) as answer:  # noqa: S310 - loopback.
            accounts = json.load(answer)["account_details"]
        (account,) = [one for one in accounts if one["name"] == named["account"]]
        (stream,) = [one for one in account["stream_detail"] if one["name"] == named["stream"]]
        (consumer,) = [one for one in stream["consumer_detail"] if one["name"] == named["consumer"]]
        found[trigger["name"]] = consumer["num_pending"] + consumer["num_ack_pending"]
    return found


@contextmanager
def _monitored(folder: Path) -> Generator[tuple[str, str]]:
    """Run a server with a monitoring port; give both addresses."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        port, monitoring_port = one.getsockname()[1], other.getsockname()[1]
    options = ["-js", "-sd", str(folder), "-a", "127.0.0.1", "-p", str(port), "-m"]
    server = subprocess.Popen(
        [server_binary(), *options, str(monitoring_port)],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"nats://127.0.0.1:{port}", f"http://127.0.0.1:{monitoring_port}"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)
