"""Three nats-servers on the loopback that keep one stream together, to be killed one by one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import time
from typing import TYPE_CHECKING, Any, Final, Self

from nats.errors import Error

from anabranch_events import STREAM, server_binary
from anabranch_events.jetstream.stream import SETTINGS
from anabranch_events.transport.connection import Connection
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from nats.aio.client import Client

SIZE: Final = 3
_CONFIG: Final = """\
listen: "127.0.0.1:{port}"
server_name: "n{number}"
log_file: {log}
jetstream {{ store_dir: {store}, max_file_store: 1GB, max_memory_store: 64MB }}
cluster {{ name: "anabranch", listen: "127.0.0.1:{route}", routes: {routes} }}
"""


class Cluster:
    """Servers n0, n1 and n2; each keeps its ports over `kill` and `start`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports, self._routes = _free_ports(SIZE), _free_ports(SIZE)
        self._processes: dict[int, asyncio.subprocess.Process] = {}

    @property
    def url(self) -> str:
        """The addresses of all servers."""
        return ",".join(f"nats://127.0.0.1:{port}" for port in self._ports)

    async def __aenter__(self) -> Self:
        for number in range(SIZE):
            await self.start(number)
        await asyncio.gather(*(_listening(port) for port in self._ports))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in tuple(self._processes):
            await self.kill(number)

    async def start(self, number: int) -> None:
        """Start a server over its folder."""
        folder = self._folder / f"n{number}"
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "nats-server.conf"
        config.write_text(
            _CONFIG.format(
                number=number,
                port=self._ports[number],
                route=self._routes[number],
                log=json.dumps(str(folder / "nats-server.log")),
                store=json.dumps(str(folder / "jetstream")),
                routes=json.dumps([f"nats://127.0.0.1:{port}" for port in self._routes]),
            )
        )
        self._processes[number] = await asyncio.create_subprocess_exec(
            server_binary(), "-c", str(config), stderr=asyncio.subprocess.DEVNULL
        )

    async def kill(self, number: int) -> None:
        """End a server the hard way."""
        process = self._processes.pop(number)
        process.send_signal(signal.SIGKILL)
        await process.wait()

    async def ready(self) -> str:
        """Make the log's stream on all three, once they have come together; return the address."""
        async with Connection(self.url, token=None, timeout_s=PATIENCE_S) as connection:
            request = {"name": STREAM, "num_replicas": SIZE, **SETTINGS}
            await _until(connection.client, f"STREAM.CREATE.{STREAM}", request, key="config")
            await self.leader(connection.client)
        return self.url

    async def leader(self, client: Client) -> int:
        """Return the number of the stream's leader, once there is one and all follow it."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            info = await _until(client, f"STREAM.INFO.{STREAM}", None, key="cluster")
            cluster = info["cluster"]
            replicas = cluster.get("replicas", [])
            if cluster.get("leader") and all(one["current"] for one in replicas):
                return int(cluster["leader"].removeprefix("n"))
            await asyncio.sleep(0.05)
        raise TimeoutError

    async def step_down(self, client: Client) -> None:
        """Have the leader give up its office."""
        await _until(client, f"STREAM.LEADER.STEPDOWN.{STREAM}", None, key="success")


async def _until(client: Client, subject: str, request: object, *, key: str) -> dict[str, Any]:
    """Ask the JetStream API until it answers with `key`."""
    payload = b"" if request is None else json.dumps(request).encode()
    deadline = time.monotonic() + PATIENCE_S
    answer: dict[str, Any] = {}
    while time.monotonic() < deadline:
        with contextlib.suppress(Error, OSError):
            answer = json.loads((await client.request(f"$JS.API.{subject}", payload, 0.5)).data)
            if key in answer:
                return answer
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{subject}: {answer}")


async def _listening(port: int) -> None:
    """Return once somebody listens on a port."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [int(one.getsockname()[1]) for one in sockets]
