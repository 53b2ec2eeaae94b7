"""Tenants try to cross every line that the server draws, and fail to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from anabranch_events.server import folder
from anabranch_events.server.tenant import view_name
from tests.support.rounds import in_full_only
from tests.support.tenancy import (
    FORGED,
    PULLED,
    SECRET,
    STREAM,
    World,
    a_world,
    answered,
    as_tenant,
    opened,
    quiet,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

VIEW = view_name(("acme",))
OTHERS = view_name(("other",))
API = "$JS.API"
ROLES = ["acme-app", "acme-eye", "acme-hand", "graph"]
Attempt = tuple[str, Any]


# The world is filled once, for all who try: whatever they do, it must stay as it is.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), in_full_only]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[World]:
    """A server with tenants, and something to steal."""
    async with a_world(tmp_path_factory.mktemp("tenants") / "nats") as made:
        yield made


@pytest.fixture
def world(filled_world: World) -> World:
    """A server with tenants, in which nothing was heard yet."""
    filled_world.heard.clear()
    return filled_world


def publications(session: str) -> Iterator[Attempt]:
    """Yield subjects on which no tenant of acme may make anything happen."""
    for subject in (
        f"anabranch.events.other.{session}",
        f"anabranch.events.*.{session}",
        "anabranch.events.*.*",
        "anabranch.events.>",
        "anabranch.>",
        ">",
        f"anabranch.events.acme.{session}.more",
        "anabranch.events.acme",
        f"anabranch.events.ACME.{session}",
        f"anabranch.tasks.high.other.{session}",
        f"anabranch.tasks.high.acme.{session}",
        "anabranch.commands.other.open_session",
        "anabranch.commands.*.open_session",
        "anabranch.commands.>",
        "anabranch.home.folder.move",
        "anabranch.home.projections.x",
        f"$O.ANABRANCH_OBJECTS.C.{session}",
        f"$O.ANABRANCH_OBJECTS.M.{session}",
        "$JS.ACK.ANABRANCH_TASKS.high-other.1.1.1.1.0",
        "$JS.ACK.ANABRANCH_TASKS.high-other.>",
        "$JS.ACK._.hash.ANABRANCH_TASKS.high-other.1.1.1.1.0",
        "$JS.ACK._.*.ANABRANCH_TASKS.high-other.>",
        f"$JS.FC.{STREAM}.x.y",
        f"anabranch.views.{VIEW}.M.x",
        f"anabranch.views.{OTHERS}.M.x",
        "_INBOX.admin.1",
        "_R_.x.y",
        "$SYS.REQ.SERVER.PING",
        "$SYS.REQ.ACCOUNT.ANABRANCH.JSZ",
    ):
        yield subject, FORGED.decode()


def consumers() -> Iterator[Attempt]:
    """Yield ways to make, change, use up or take away a consumer."""
    reader = {"name": "thief", "ack_policy": "none", "deliver_policy": "all"}
    own = "anabranch.events.acme.*"
    others = "anabranch.events.other.*"
    create = f"{API}.CONSUMER.CREATE.{STREAM}"
    for subject, config in (
        (f"{create}.thief", reader),
        (f"{create}.thief.{own}", {**reader, "filter_subject": own}),
        (f"{create}.thief.{own}", {**reader, "filter_subject": others}),
        (f"{create}.thief.{own}", {**reader, "filter_subjects": [own, others]}),
        (f"{create}.{PULLED}", {**reader, "name": PULLED, "filter_subject": own}),
        (create, {**reader, "deliver_subject": "_INBOX.thief.push"}),
        (
            f"{create}.thief.{own}",
            {**reader, "filter_subject": own, "deliver_subject": "anabranch.commands.other.append"},
        ),
        (
            f"{create}.thief.{own}",
            {**reader, "filter_subject": own, "deliver_subject": "anabranch.events.other.pushed"},
        ),
        (f"{API}.CONSUMER.DURABLE.CREATE.{STREAM}.thief", {**reader, "durable_name": "thief"}),
        (f"anabranch.log.api.CONSUMER.CREATE.{STREAM}", reader),
        (f"anabranch.log.api.CONSUMER.CREATE.{STREAM}.thief.{own}", reader),
        (f"{API}.CONSUMER.CREATE.{VIEW}.thief", reader),
        (f"{API}.CONSUMER.CREATE.{OTHERS}.thief", reader),
        (f"{API}.CONSUMER.CREATE.ANABRANCH_TASKS.thief", reader),
    ):
        yield subject, {"stream_name": STREAM, "config": config}
    for verb in ("DELETE", "INFO", "MSG.NEXT", "RESET", "UNPIN", "PAUSE"):
        yield f"{API}.CONSUMER.{verb}.{STREAM}.{PULLED}", {"seq": 1, "batch": 10}
        yield f"{API}.CONSUMER.{verb}.ANABRANCH_TASKS.high-other", {"batch": 10}
    yield f"{API}.CONSUMER.MSG.NEXT.ANABRANCH_TASKS.*", {"batch": 10}
    yield f"{API}.CONSUMER.LIST.{STREAM}", {}
    yield f"{API}.CONSUMER.NAMES.{STREAM}", {}


def reads(session: str) -> Iterator[Attempt]:
    """Yield ways to read what is stored: all that a projector may do, too."""
    for stream in (STREAM, OTHERS, "KV_ANABRANCH_VECTORS", "OBJ_ANABRANCH_OBJECTS"):
        for asked in (
            {"seq": 3},
            {"seq": 1, "next_by_subj": ">"},
            {"last_by_subj": f"anabranch.events.other.{session}"},
            {"seq": 1, "next_by_subj": ">", "batch": 100},
            {"multi_last": [">"], "batch": 100},
        ):
            yield f"{API}.DIRECT.GET.{stream}", asked
            yield f"{API}.STREAM.MSG.GET.{stream}", asked
        yield f"{API}.STREAM.INFO.{stream}", {"subjects_filter": ">"}
    for asked in (
        {"seq": 3},
        {"seq": 1, "next_by_subj": "anabranch.events.other.>", "batch": 100},
        {"seq": 1, "next_by_subj": ">", "batch": 1000},
        {"multi_last": [">", "anabranch.events.other.*"], "batch": 1000},
        {"last_by_subj": f"anabranch.events.other.{session}"},
        {"start_time": "2020-01-01T00:00:00Z", "batch": 1000},
    ):
        yield "anabranch.log.get", asked
    yield "anabranch.log.info", {"subjects_filter": ">", "deleted_details": True}
    for subject in (f"other.{session}", f"*.{session}", "*.*", ">", "acme.>", "other.>"):
        yield f"anabranch.log.last.{subject}", None
        yield f"{API}.DIRECT.GET.{STREAM}.anabranch.events.{subject}", None
    yield "anabranch.log.value.ANABRANCH_VECTORS", {"last_by_subj": "$KV.ANABRANCH_VECTORS.>"}


def administration() -> Iterator[Attempt]:
    """Yield what only the owner may do to a stream."""
    for stream in (STREAM, VIEW, OTHERS, "ANABRANCH_TASKS", "KV_ANABRANCH_VECTORS"):
        for verb in ("PURGE", "DELETE", "SEAL", "LEADER.STEPDOWN"):
            yield f"{API}.STREAM.{verb}.{stream}", {}
        yield f"{API}.STREAM.MSG.DELETE.{stream}", {"seq": 1}
        yield f"{API}.STREAM.UPDATE.{stream}", {"name": stream, "subjects": ["x.>"]}
        yield f"{API}.STREAM.SNAPSHOT.{stream}", {"deliver_subject": "_INBOX.thief.snapshot"}
        yield f"{API}.STREAM.RESTORE.{stream}", {"config": {"name": stream}}
    copied = {"name": "THIEF", "mirror": {"name": STREAM}}
    yield f"{API}.STREAM.CREATE.THIEF", copied
    yield f"{API}.STREAM.CREATE.THIEF", {"name": "THIEF", "subjects": ["anabranch.events.other.*"]}
    for verb in ("STREAM.LIST", "STREAM.NAMES", "INFO", "ACCOUNT.INFO"):
        yield f"{API}.{verb}", {}


async def carried_out(world: World, name: str, attempts: list[Attempt]) -> list[str]:
    """Make each attempt, with the answer to one's own inbox and to others; return what succeeded."""
    others = world.sessions["other"]
    marks = [SECRET] if name == "graph" else [SECRET, others]
    succeeded: list[str] = []
    before = await world.state()
    async with as_tenant(world, name) as thief:
        await answered(thief, 1)
        for number, (subject, payload) in enumerate(attempts):
            body = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
            for reply in (
                f"_INBOX.thief.{number}",
                f"anabranch.events.other.{others}",
                "anabranch.commands.other.append",
                f"{API}.STREAM.DELETE.{STREAM}",
            ):
                await thief.send(subject, b"" if payload is None else body, reply=reply)
        await answered(thief, 2)  # What was sent before has been dealt with.
        await quiet()
        stolen = {one.subject for one in thief.stole(marks)}
        succeeded += [
            f"{subject} {payload}"
            for number, (subject, payload) in enumerate(attempts)
            if f"_INBOX.thief.{number}" in stolen
        ]
    succeeded += [f"reached {subject}" for subject, _ in world.crossed()]
    if await world.state() != before:
        succeeded.append("changed what is stored")
    return succeeded


@pytest.mark.parametrize("name", ROLES)
async def test_nobody_publishes_what_is_not_its_own(world: World, name: str) -> None:
    """Subjects of others, wildcards, longer and shorter ones, and the server's own: nothing comes."""
    attempts = [*publications(world.sessions["other"])]

    assert await carried_out(world, name, attempts) == []


@pytest.mark.parametrize("name", ROLES)
async def test_nobody_touches_consumers(world: World, name: str) -> None:
    """None is made, with whatever filter or deliver subject, nor changed, pulled from or deleted."""
    assert await carried_out(world, name, [*consumers()]) == []


@pytest.mark.parametrize("name", ROLES)
async def test_nobody_administers_streams(world: World, name: str) -> None:
    """No stream is purged, deleted, changed, copied, or even listed."""
    assert await carried_out(world, name, [*administration()]) == []


@pytest.mark.parametrize("name", ["acme-app", "acme-eye", "acme-hand"])
async def test_nobody_reads_other_namespaces(world: World, name: str) -> None:
    """No direct get, by whatever key and of whatever stream, gives anything of another namespace."""
    attempts = [*reads(world.sessions["other"])]

    assert await carried_out(world, name, attempts) == []


async def test_a_projector_reads_all_by_its_view_only(world: World) -> None:
    """A projector finds the others' events where it should, and changes nothing by reading."""
    attempts = [*reads(world.sessions["other"])]
    ways = {
        "anabranch.log.get",
        "anabranch.log.last",
        "anabranch.log.info",
        "anabranch.log.value",
        f"{API}.DIRECT.GET.OBJ_ANABRANCH_OBJECTS",
    }

    found = await carried_out(world, "graph", attempts)

    assert found
    assert [one for one in found if not one.startswith(tuple(ways))] == []


@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize(
    "subject",
    [
        ">",
        "anabranch.>",
        "anabranch.events.>",
        "anabranch.events.other.*",
        "anabranch.commands.*.*",
        "anabranch.views.>",
        "_INBOX.>",
        "_R_.>",
        "$JS.>",
        "$JS.EVENT.>",
        "$SYS.>",
        "$KV.>",
        "*.*.*.*",
    ],
)
async def test_nobody_overhears_others(world: World, name: str, subject: str) -> None:
    """A wide subscription hears nothing of what others append, read, answer and are told."""
    async with as_tenant(world, name) as thief, as_tenant(world, "other-app") as other:
        await thief.client.subscribe(subject, cb=thief.hear)
        await thief.client.flush()
        await world.log.append(opened("other", task=SECRET))
        await other.client.request(
            f"anabranch.events.other.{world.sessions['other']}", SECRET.encode()
        )
        await world.ask(f"STREAM.INFO.{STREAM}")
        await world.admin.request(f"{API}.STREAM.MSG.GET.{STREAM}", b'{"seq": 3}')
        await quiet()

        assert thief.heard == []


@pytest.mark.parametrize("name", ["acme-app", "acme-hand"])
async def test_a_forged_reply_stays_with_who_forged_it(world: World, name: str) -> None:
    """What the server answers to an append of one's own is published in one's own account only."""
    before = await world.state()
    own = f"anabranch.events.acme.{world.sessions['acme']}"

    async with as_tenant(world, name) as thief:
        for reply in (
            f"anabranch.events.other.{world.sessions['other']}",
            "anabranch.commands.other.append",
            f"{API}.STREAM.DELETE.{STREAM}",
            "_INBOX.admin.1",
        ):
            await thief.send(own, FORGED, reply=reply)
        stored = await thief.client.request(own, b"{}")
        await quiet()

    assert json.loads(stored.data)["stream"] == STREAM
    assert world.crossed() == []
    assert await world.state() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Nats-Rollup": "all"},
        {"Nats-Rollup": "sub"},
        {"Nats-TTL": "1s"},
        {"Nats-Schedule": "@every 1s", "Nats-Schedule-Target": "anabranch.events.other.x"},
        {"Nats-Incr": "1"},
        {"Nats-Expected-Stream": "ANABRANCH_TASKS"},
    ],
)
async def test_headers_do_not_reach_past_the_session(world: World, headers: dict[str, str]) -> None:
    """No header makes the server erase, repeat or redirect: it refuses the message."""
    before = await world.state()
    own = f"anabranch.events.acme.{world.sessions['acme']}"

    async with as_tenant(world, "acme-app") as thief:
        answer = await thief.client.request(own, FORGED, headers=headers)
        await quiet()

    assert "error" in json.loads(answer.data)
    assert world.crossed() == []
    assert await world.state() == before


@pytest_asyncio.fixture(loop_scope="module")
async def other_acks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[World]:
    """A server whose acknowledgements have the other form of subject."""
    monkeypatch.setattr(folder, "FLAGS", "js_ack_fc_v2: true")
    async with a_world(tmp_path / "other") as made:
        yield made


async def test_a_worker_acknowledges_by_either_form_of_subject(other_acks: World) -> None:
    """With the server's flag on, a worker ends its own tasks, and cannot end another's."""
    async with as_tenant(other_acks, "acme-hand") as worker:
        fetch = f"{API}.CONSUMER.MSG.NEXT.ANABRANCH_TASKS.high-acme"
        await worker.send(fetch, b'{"batch": 1, "no_wait": true}', reply="_INBOX.thief.own")
        await quiet()
        task = next(one for one in worker.heard if one.reply.startswith("$JS.ACK._."))
        await worker.client.request(task.reply, b"+ACK")
        await worker.send(task.reply.replace("high-acme", "high-other"), b"+TERM", reply="")
        await quiet()

    left = await other_acks.ask("STREAM.INFO.ANABRANCH_TASKS", {"subjects_filter": ">"})
    ended = f"anabranch.tasks.high.acme.{other_acks.sessions['acme']}"
    assert task.subject == ended
    assert ended not in left["state"]["subjects"]
    assert left["state"]["messages"] == 11
    assert len(worker.refused) == 1


async def test_a_worker_claims_only_what_it_may(world: World) -> None:
    """A worker fetches and ends tasks of its namespace, of every priority, and no others."""
    async with as_tenant(world, "acme-hand") as worker:
        fetch = f"{API}.CONSUMER.MSG.NEXT.ANABRANCH_TASKS."
        asked = b'{"batch": 10, "no_wait": true}'
        await worker.send(f"{fetch}high-acme", asked, reply="_INBOX.thief.own")
        await worker.send(f"{fetch}high-other", asked, reply="_INBOX.thief.others")
        await worker.send(f"{fetch}high-lab", asked, reply="_INBOX.thief.others")
        await quiet()
        task = next(one for one in worker.heard if one.reply.startswith("$JS.ACK."))
        await worker.client.request(task.reply, b"+ACK")

    left = await world.ask("STREAM.INFO.ANABRANCH_TASKS", {"subjects_filter": ">"})
    gone = f"anabranch.tasks.high.acme.{world.sessions['acme']}"
    assert task.subject == gone
    assert gone not in left["state"]["subjects"]
    assert left["state"]["messages"] == 11
    assert [one for one in worker.heard if one.subject == "_INBOX.thief.others"] == []
    assert worker.stole([SECRET]) == []
