"""A server with tenants, something to steal in it, and whoever tries."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import nats

from anabranch_events import Log, NatsServer, Tenant, new_event, new_id
from anabranch_events.event.types import Priority, SessionOpened
from anabranch_events.server.accounts import VIEWS_ADMIN
from anabranch_events.tasks.task import task_consumer
from anabranch_events.transport.address import with_user
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from anabranch_events import Event

SECRET = "the-others-secret"
FORGED = b"forged"
STREAM = "ANABRANCH_EVENTS"
PULLED = "admins-consumer"
SILENCE_S = 0.25
TENANTS = (
    Tenant(name="acme-app", role="producer", namespaces=("acme",)),
    Tenant(name="acme-eye", role="reader", namespaces=("acme",)),
    Tenant(name="acme-hand", role="worker", namespaces=("acme",)),
    Tenant(name="two", role="producer", namespaces=("acme", "lab")),
    Tenant(name="other-app", role="producer", namespaces=("other",)),
    Tenant(name="graph", role="projector"),
)


def opened(namespace: str, session_id: str | None = None, *, task: str = "tea") -> Event:
    """Return the first event of a session."""
    data = SessionOpened(task=task)
    return new_event(data, namespace=namespace, session_id=session_id or new_id())


class World:
    """The server, who owns it, and what stands in it: a session of each of three namespaces."""

    def __init__(self, server: NatsServer, log: Log, admin: Client, views: Client) -> None:
        self.server = server
        self.log = log
        self.admin = admin
        self.sessions = {name: new_id() for name in ("acme", "lab", "other")}
        self.heard: list[tuple[str, bytes]] = []
        self._views = views

    def url(self, name: str) -> str:
        """Return the address with which a tenant connects."""
        return with_user(self.server.url, name, self.server.passwords[name])

    async def fill(self) -> Self:
        """Store what there is to steal: events, tasks, a vector and a large value."""
        for name, session_id in self.sessions.items():
            task = f"{name}: {SECRET if name == 'other' else 'tea'}"
            await self.log.append(opened(name, session_id, task=task))
        large = opened("other", task=SECRET * 40_000)
        await self.log.append(large)
        bucket = await self.log.bucket("ANABRANCH_VECTORS")
        await bucket.put("model.other", SECRET.encode())
        tasks = {
            "name": "ANABRANCH_TASKS",
            "subjects": ["anabranch.tasks.*.*.*"],
            "retention": "workqueue",
        }
        await self.ask("STREAM.CREATE.ANABRANCH_TASKS", tasks)
        for priority in Priority:
            for namespace in self.sessions:
                await self._task(priority, namespace)
        config = {"name": PULLED, "durable_name": PULLED, "ack_policy": "none"}
        await self.ask(
            f"CONSUMER.CREATE.{STREAM}.{PULLED}", {"stream_name": STREAM, "config": config}
        )
        for tenant in TENANTS:
            if tenant.view:
                await self._filled(tenant)
        for subject in ("anabranch.>", "$JS.>", "$KV.>", "$O.>", "_INBOX.admin.>"):
            await self.admin.subscribe(subject, cb=self._hear)
        await self.admin.flush()
        return self

    async def _filled(self, tenant: Tenant) -> None:
        """Wait until a view holds all that there is for it."""
        async with Log.connect(self.url(tenant.name)) as log:
            assert (await log.bounds()).last > 0

    async def _task(self, priority: str, namespace: str) -> None:
        name = task_consumer(priority, namespace)
        filtered = f"anabranch.tasks.{priority}.{namespace}.*"
        config = {"durable_name": name, "filter_subject": filtered, "ack_policy": "explicit"}
        await self.ask(
            f"CONSUMER.CREATE.ANABRANCH_TASKS.{name}.{filtered}",
            {"stream_name": "ANABRANCH_TASKS", "config": {"name": name, **config}},
        )
        task = f"{SECRET if namespace == 'other' else 'tea'}".encode()
        await self.admin.request(
            f"anabranch.tasks.{priority}.{namespace}.{self.sessions[namespace]}", task
        )

    async def ask(self, subject: str, request: Any = None, *, views: bool = False) -> Any:
        """Ask JetStream as the owner."""
        client = self._views if views else self.admin
        payload = b"" if request is None else json.dumps(request).encode()
        answer = json.loads(
            (await client.request(f"$JS.API.{subject}", payload, timeout=PATIENCE_S)).data
        )
        assert "error" not in answer, answer
        return answer

    async def state(self) -> Any:
        """Return all that must stay as it is, whatever a tenant of acme does."""
        found: dict[str, Any] = {}
        for views in (False, True):
            for info in (await self.ask("STREAM.LIST", views=views))["streams"]:
                found[info["config"]["name"]] = info["config"]
        for stream in (STREAM, "ANABRANCH_TASKS", "KV_ANABRANCH_VECTORS", "OBJ_ANABRANCH_OBJECTS"):
            info = await self.ask(f"STREAM.INFO.{stream}", {"subjects_filter": ">"})
            subjects = info["state"]["subjects"].items()
            found[f"{stream} holds"] = {
                subject: count for subject, count in subjects if ".acme." not in subject
            }
            consumers = (await self.ask(f"CONSUMER.LIST.{stream}"))["consumers"] or []
            found[f"{stream} is read by"] = sorted(
                (one["name"], one["delivered"]["consumer_seq"], one.get("paused", False))
                for one in consumers
                if "deliver_subject" not in one["config"] and not one["name"].endswith("-acme")
            )
        return found

    def crossed(self) -> list[tuple[str, bytes]]:
        """Return what was heard in the log's account of what a tenant of acme may not send there."""
        return [
            (subject, data)
            for subject, data in self.heard
            if FORGED in data and not subject.startswith(("anabranch.events.acme.", "_INBOX."))
        ]

    async def _hear(self, message: Msg) -> None:
        self.heard.append((message.subject, message.data))


class Thief:
    """A plain client with a tenant's credentials, that keeps all it hears and every refusal."""

    def __init__(self) -> None:
        self.client: Client
        self.heard: list[Msg] = []
        self.refused: list[str] = []

    async def hear(self, message: Msg) -> None:
        """Keep a message."""
        self.heard.append(message)

    async def send(self, subject: str, payload: bytes, *, reply: str) -> None:
        """Publish, whatever the driver thinks of the subject."""
        command = f"PUB {subject} {reply} {len(payload)}\r\n".encode()
        await self.client._send_command(command + payload + b"\r\n")  # pyright: ignore[reportPrivateUsage]  # past the driver's checks
        await self.client._flush_pending()  # pyright: ignore[reportPrivateUsage]  # as above

    def stole(self, marks: Sequence[str]) -> list[Msg]:
        """Return what was heard that holds one of `marks`."""
        return [
            one
            for one in self.heard
            if any(mark.encode() in one.data or mark in str(one.headers) for mark in marks)
        ]


@asynccontextmanager
async def as_tenant(world: World, name: str) -> AsyncGenerator[Thief]:
    """Connect as a tenant, with an inbox of its own that it listens on."""
    thief = Thief()

    async def refused(error: Exception) -> None:
        thief.refused.append(str(error))

    thief.client = await nats.connect(world.url(name), error_cb=refused)
    await thief.client.subscribe("_INBOX.thief.>", cb=thief.hear)
    await thief.client.flush()
    try:
        yield thief
    finally:
        await thief.client.close()


@asynccontextmanager
async def a_world(folder: Path) -> AsyncGenerator[World]:
    """Run a server with tenants over `folder`, filled."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(NatsServer(folder, tenants=TENANTS))
        log = await stack.enter_async_context(Log.connect(server.url))
        admin = await nats.connect(server.url)
        stack.push_async_callback(admin.close)
        password = server.url.split("@", maxsplit=1)[0].rsplit(":", maxsplit=1)[1]
        views = await nats.connect(with_user(server.url, VIEWS_ADMIN, password))
        stack.push_async_callback(views.close)
        yield await World(server, log, admin, views).fill()


async def answered(thief: Thief, number: int) -> None:
    """Ask what every tenant may, and wait for the answer: the connection works."""
    inbox = f"_INBOX.thief.control{number}"
    await thief.send("anabranch.log.info", b"", reply=inbox)
    async with asyncio.timeout(PATIENCE_S):
        while inbox not in {one.subject for one in thief.heard}:  # noqa: ASYNC110  The driver's callback keeps a list.
            await asyncio.sleep(0.01)
    assert thief.client.stats["reconnects"] == 0


async def quiet() -> None:
    """Give what was sent the time to have an effect."""
    await asyncio.sleep(SILENCE_S)
