"""The rights of each role, by the log's own client and by the commands."""

from __future__ import annotations

import asyncio
import json
import stat
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from anabranch_events import Log, NatsServer, Tenant, encode, new_event, new_id
from anabranch_events.errors import LogRefused, LogUnavailable, PositionConflict
from anabranch_events.event.types import InsightRecorded
from anabranch_events.tasks.stream import TASKS
from tests.support.answering import answering
from tests.support.patience import PATIENCE_S, until
from tests.support.tenancy import World, a_world, as_tenant, opened, quiet

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    """A server with tenants, filled."""
    async with a_world(tmp_path / "nats") as made:
        yield made


async def read_all(log: Log, *, after: int = 0) -> list[tuple[int, str]]:
    """Return the positions and namespaces of all that can be read."""
    return [(one.position, one.namespace) async for one in log.read_all(after=after)]


@pytest.mark.parametrize(
    ("name", "rights", "namespaces"),
    [
        ("acme-app", "namespaces", {"acme"}),
        ("acme-eye", "namespaces", {"acme"}),
        ("acme-hand", "namespaces", {"acme"}),
        ("two", "namespaces", {"acme", "lab"}),
        ("graph", "projector", {"acme", "lab", "other"}),
    ],
)
async def test_each_reads_its_namespaces(
    world: World, name: str, rights: str, namespaces: set[str]
) -> None:
    """A tenant reads all of its namespaces' events and no others, at the positions of the log."""
    wanted = [one for one in await read_all(world.log) if one[1] in namespaces]

    async with Log.connect(world.url(name)) as log:
        assert log.rights == rights
        assert await read_all(log) == wanted
        assert (await log.bounds()).last == wanted[-1][0]


@pytest.mark.parametrize("name", ["acme-app", "acme-hand", "two"])
async def test_an_append_is_read_at_once(world: World, name: str) -> None:
    """Receipts, conflicts, repetitions and what is read after them are those of the whole log."""
    first, second = opened("acme"), opened("acme")
    session = first.session_id

    async with Log.connect(world.url(name)) as log:
        receipt = await log.append(first, expected=0)
        again = await log.append(first, expected=0)
        pair = await log.append_all([second, opened("acme")])
        read = [one.position async for one in log.read(session, namespace="acme")]
        last = await log.last_of(session, namespace="acme")
        with pytest.raises(PositionConflict) as conflict:
            await log.append(opened("acme", session), expected=0)
        everything = await read_all(log)

    assert again == receipt
    assert pair[1].position == pair[0].position + 1
    assert read == [receipt.position]
    assert last is not None
    assert last.position == receipt.position
    assert conflict.value.actual == receipt.position
    assert everything[-1] == (pair[1].position, "acme")


@pytest.mark.parametrize(
    ("name", "namespace"),
    [("acme-app", "other"), ("acme-hand", "lab"), ("acme-eye", "acme"), ("graph", "acme")],
)
async def test_a_refusal_is_told_at_once(world: World, name: str, namespace: str) -> None:
    """An append that is not allowed raises LogRefused that says what to do, and stores nothing."""
    before = await world.log.bounds()

    async with (
        Log.connect(world.url(name), timeout_s=PATIENCE_S) as log,
        asyncio.timeout(PATIENCE_S),
    ):
        with pytest.raises(LogRefused, match=rf"anabranch\.events\.{namespace}\.") as refused:
            await log.append(opened(namespace))
        with pytest.raises(LogRefused):
            await log.append_all([opened(namespace), opened(namespace)])

    assert "tenants file" in refused.value.fix
    assert await world.log.bounds() == before


async def test_an_import_is_refused_at_once(world: World) -> None:
    """An import that holds an event that is not allowed ends with it, and stores what was before."""
    allowed, forbidden = opened("acme"), opened("other")
    before = await world.log.bounds()

    async with (
        Log.connect(world.url("acme-app"), timeout_s=PATIENCE_S) as log,
        asyncio.timeout(PATIENCE_S),
    ):
        with pytest.raises(LogRefused, match=rf"{forbidden.session_id}") as refused:
            await log.ingest([forbidden])
        unmoved = await world.log.bounds()
        with pytest.raises(LogRefused, match=rf"{forbidden.session_id}"):
            await log.ingest([allowed, forbidden])
        again = await log.ingest([allowed])

    assert "tenants file" in refused.value.fix
    assert unmoved == before
    assert (again.position, (await world.log.bounds()).last) == (before.last + 1, before.last + 1)


async def test_reads_of_others_are_refused(world: World) -> None:
    """Reading a session of another namespace, or a bucket, raises LogRefused."""
    async with Log.connect(world.url("acme-app"), timeout_s=PATIENCE_S) as log:
        with pytest.raises(LogRefused, match="other"):
            await log.last_of(world.sessions["other"], namespace="other")
        with pytest.raises(LogRefused, match="other"):
            await anext(log.read(world.sessions["other"], namespace="other"))
        with pytest.raises(LogRefused, match="bucket"):
            await log.bucket("ANABRANCH_VECTORS")


async def test_a_taken_id_is_told_without_saying_whose(world: World) -> None:
    """An event under an id that another namespace's event has is refused, not taken for stored."""
    theirs = opened("other")
    await world.log.append(theirs)
    same_id = new_event(theirs.data, namespace="acme", session_id=new_id(), event_id=theirs.id)

    async with Log.connect(world.url("acme-app")) as log:
        with pytest.raises(Exception, match="has the id"):
            await log.append(same_id)


@pytest.mark.parametrize("name", ["acme-app", "acme-eye", "graph"])
async def test_a_subscription_follows(world: World, name: str) -> None:
    """What others append arrives in order, only what one may read, each once."""
    async with Log.connect(world.url(name)) as log:
        start = (await world.log.bounds()).last
        after = (await log.bounds()).last
        appended = [
            (await world.log.append(opened(namespace))).position
            for namespace in ("acme", "other", "acme", "lab", "acme")
        ]
        found: list[int] = []
        async with aclosing(log.subscribe(after=after)) as records, asyncio.timeout(PATIENCE_S):
            async for record in records:
                if record.position > start:
                    found.append(record.position)
                if record.position == appended[-1]:
                    break

    assert found == (appended if name == "graph" else appended[::2])


async def test_an_import_is_read_whole(world: World) -> None:
    """Three thousand events, more than a batch holds, are imported and read in their order."""
    events = [opened("acme") for _ in range(3000)]

    async with Log.connect(world.url("acme-app")) as log:
        after = (await log.bounds()).last
        stored = await log.ingest(events)
        read = [one.decode().id async for one in log.read_all(after=after)]

    assert stored.events == 3000
    assert read == [event.id for event in events]


async def test_large_values_are_for_who_projects(world: World) -> None:
    """A projector reads data from the object store; a tenant neither writes nor reads it there."""
    large = opened("acme", task="x" * 700_000)
    position = (await world.log.append(large)).position

    async with (
        Log.connect(world.url("graph")) as graph,
        Log.connect(world.url("acme-app")) as acme,
    ):
        whole = await anext(graph.read_all(after=position - 1))
        reference = await anext(acme.read_all(after=position - 1))
        with pytest.raises(LogRefused, match="512 KiB") as refused:
            await acme.append(opened("acme", task="x" * 700_000))

    assert whole.decode() == large
    assert b"dataref" in reference.raw
    assert "append" in refused.value.fix


async def test_a_projector_keeps_vectors_and_announces(world: World) -> None:
    """A projector reads and writes the vectors' bucket, and is heard in the log's account."""
    async with (
        Log.connect(world.url("graph")) as graph,
        world.log.announced("graph") as positions,
    ):
        bucket = await graph.bucket("ANABRANCH_VECTORS")
        await bucket.put("model.key", b"numbers")
        kept, missing = await bucket.get("model.key"), await bucket.get("model.none")
        await graph.announce("graph", 3)
        async with asyncio.timeout(PATIENCE_S):
            heard = await anext(positions)

    assert (kept, missing, heard) == (b"numbers", None, 3)
    assert await (await world.log.bucket("ANABRANCH_VECTORS")).get("model.key") == b"numbers"


async def test_a_worker_reads_the_bound_of_silence_of_its_namespaces(world: World) -> None:
    """It goes by the bound that stands, by a new one soon after, and never asks about others."""
    consumer = "critical-acme"

    async def stands(seconds: float) -> None:
        config = (await world.ask(f"CONSUMER.INFO.{TASKS}.{consumer}"))["config"]
        config["ack_wait"] = int(seconds * 1_000_000_000)
        create = f"CONSUMER.CREATE.{TASKS}.{consumer}.{config['filter_subject']}"
        await world.ask(create, {"stream_name": TASKS, "config": config})

    await stands(7)
    async with Log.connect(world.url("acme-hand")) as log:
        assert await log.tasks.open("acme", silence_s=2) == 7
        assert await log.tasks.bound("acme") == 7
        await stands(3)
        async with asyncio.timeout(PATIENCE_S):
            while await log.tasks.bound("acme") != 3:  # noqa: ASYNC110 - nobody tells it
                await asyncio.sleep(0.05)
        assert await log.tasks.open("other") is None
        await world.ask(f"CONSUMER.DELETE.{TASKS}.{consumer}")
        assert await log.tasks.open("acme", silence_s=2) is None
        assert await log.tasks.bound("acme") == 2


async def test_commands_answer_their_own_namespace(world: World) -> None:
    """A producer's commands are answered in its inbox; a forged reply subject gets nothing in."""
    session = world.sessions["other"]
    before = await world.state()

    async with (
        answering(world.log, url=world.server.url, token=""),
        as_tenant(world, "acme-app") as producer,
    ):
        body = b'{"task": "forged"}'
        answer = await producer.client.request(
            "anabranch.commands.acme.open_session", body, timeout=PATIENCE_S
        )
        for reply in (f"anabranch.events.other.{session}", "anabranch.commands.other.append"):
            await producer.send("anabranch.commands.acme.open_session", body, reply=reply)
        await quiet()

    assert json.loads(answer.data)["position"]
    assert await world.state() == before
    assert [one for one in world.heard if one[0].startswith("anabranch.commands.other")] == []


async def asked(world: World, command: str, body: Any, **headers: str) -> dict[str, Any]:
    """Return what the producer of acme is answered."""
    async with (
        answering(world.log, url=world.server.url, token=""),
        as_tenant(world, "acme-app") as producer,
    ):
        document = body if isinstance(body, bytes) else json.dumps(body).encode()
        subject = f"anabranch.commands.acme.{command}"
        named = {name.replace("_", "-"): value for name, value in headers.items()} or None
        reply = await producer.client.request(subject, document, headers=named, timeout=PATIENCE_S)
        answer: dict[str, Any] = json.loads(reply.data)
        return answer


@pytest.mark.parametrize("command", ["branch", "complete", "remember"])
async def test_commands_find_no_session_of_others(world: World, command: str) -> None:
    """A command that names a session of another namespace is told that there is none."""
    session = world.sessions["other"]
    body = {
        "branch": {"parent_id": session, "task": "t"},
        "complete": {"session_id": session, "result": "r"},
        "remember": {"session_id": session, "text": "t"},
    }[command]
    before = await world.state()

    answer = await asked(world, command, body)

    assert answer["status"] == 404
    assert await world.state() == before


async def test_commands_take_no_other_namespace(world: World) -> None:
    """Neither an event's attribute, nor a header, nor a body names another than the subject does."""
    event = opened("other", world.sessions["other"])
    fields = json.loads(encode(event))
    data = json.dumps(fields.pop("data")).encode()
    binary = {f"ce_{name}": str(value) for name, value in fields.items()}
    binary["Content_Type"] = "application/json"
    before = await world.state()

    structured = await asked(world, "append", encode(event))
    headers = await asked(world, "append", data, **binary)
    body = await asked(world, "open_session", {"task": "t", "namespace": "other"})

    assert [one["status"] for one in (structured, headers, body)] == [400, 400, 400]
    assert await world.state() == before


async def test_an_event_that_names_another_namespace_is_not_applied(world: World) -> None:
    """Whatever a producer writes into its own subject, it stands under its own namespace."""
    insight = InsightRecorded(insight_id=new_id(), text="forged")
    lying = new_event(insight, namespace="other", session_id=world.sessions["other"])

    async with as_tenant(world, "acme-app") as producer:
        own = f"anabranch.events.acme.{new_id()}"
        position = json.loads((await producer.client.request(own, encode(lying))).data)["seq"]
    found = await anext(world.log.read_all(after=position - 1))

    assert found.namespace == "acme"
    with pytest.raises(Exception, match="stored under"):
        found.decode()


async def test_a_log_moves_between_with_and_without_tenants(tmp_path: Path) -> None:
    """A server that begins to have tenants keeps the log and passwords, and so does one that ends."""
    acme = Tenant(name="acme-app", role="producer", namespaces=("acme",))
    lab = Tenant(name="lab-app", role="producer", namespaces=("lab",))
    async with NatsServer(tmp_path) as server, Log.connect(server.url, token=server.token) as log:
        first = await log.append(opened("acme"))

    async with NatsServer(tmp_path, tenants=[acme]) as server, Log.connect(server.url) as log:
        before = dict(server.passwords)
        second = await log.append(opened("acme"))
        read = await read_all(log)
    async with NatsServer(tmp_path, tenants=[acme, lab]) as server:
        after = dict(server.passwords)
        async with Log.connect(server.url) as log:
            kept = await read_all(log)
    async with NatsServer(tmp_path) as server, Log.connect(server.url, token=server.token) as log:
        again = await read_all(log)

    assert read == [(first.position, "acme"), (second.position, "acme")]
    assert kept == again == read
    assert after["acme-app"] == before["acme-app"]
    assert stat.S_IMODE((tmp_path / "passwords.json").stat().st_mode) == 0o600


async def test_a_view_goes_with_its_last_tenant(tmp_path: Path) -> None:
    """A tenant that is taken out of the file is refused, and its namespaces' copy is deleted."""
    acme = Tenant(name="acme-app", role="producer", namespaces=("acme",))
    async with NatsServer(tmp_path, tenants=[acme]) as server:
        password = server.passwords["acme-app"]
        views = tmp_path / "jetstream" / "jetstream" / "ANABRANCH_VIEWS" / "streams"
        assert [one.name for one in views.iterdir()] == [acme.view]

    async with NatsServer(tmp_path, tenants=[]) as server:
        address = server.url.split("@")[1]
        with pytest.raises((LogRefused, LogUnavailable)):
            async with Log.connect(f"nats://acme-app:{password}@{address}", timeout_s=5):
                pass
        await until(lambda: [*views.glob("*")] == [])  # It removes what it has put aside.

    assert server.passwords == {}
