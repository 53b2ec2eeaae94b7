"""The client of a home's `up`: what it does when that is not there, or goes."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from anabranch.api.client import ERROR_TREES, MEMBERS, Client, client_of
from anabranch.api.problem import Problem
from anabranch.api.subjects import COMMANDS, PROBLEM_CODE
from anabranch.errors import AnabranchError, ConflictNotFound, OwnerGone, ServiceBusy
from anabranch.home.folder import Home, Lock
from anabranch.home.running import RunningUp
from anabranch.plain_settings import PlainSettings
from anabranch_events import Log, NatsServer
from anabranch_events.errors import InputInvalid, PositionConflict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nats.aio.msg import Msg


OPEN = {"task": "Sound the delta"}
RUNTIME = (
    '{"version": 1, "instance": "one", "pid": 7, "command": "up", "graph": {"uri": "bolt://x"}, '
    '"log": {"url": "nats://x", "token": null}}'
)


def settings(home: Path) -> PlainSettings:
    """Return the settings of a call on the home."""
    return PlainSettings(home=home, namespace="default", agent=None)


def client(home: Path, server: NatsServer) -> Client:
    """Return the client of an `up` that runs on the server."""
    return Client(RunningUp("one", 7, server.url, server.token), settings(home))


async def test_without_an_up_there_is_no_answer(tmp_path: Path) -> None:
    """On a home that nobody owns, and where other settings count, the caller opens a memory."""
    for one in (client_of(settings(tmp_path)), client_of(None)):
        asked = {"query": "x", "after": None, "wait_s": None}

        assert not one.has_service
        assert await one.write("open_session", OPEN) is None
        assert await one.recall(asked) is None
        assert await one.status() is None
    assert not Home(tmp_path).owner_lock.exists()


async def test_where_nobody_listens_there_is_no_answer(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    """A server on which no service listens (yet, or any more) is one without."""
    one = client(tmp_path, nats_server)

    assert await one.write("open_session", OPEN) is None
    assert await one.status() is None


async def test_what_the_service_cannot_take_is_not_sent(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    """A request that is no JSON, or larger than a message, is for a memory that is opened here."""
    one = client(tmp_path, nats_server)

    assert await one.write("remember", {"text": "\ud800"}) is None
    assert await one.write("remember", {"text": "x" * 2_000_000}) is None


async def test_what_replaces_insights_is_for_a_memory(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    """The insights replaced may be newer than what the service has seen."""
    one = client(tmp_path, nats_server)

    assert await one.write("remember", {"text": "x", "supersedes": ["an id"]}) is None


@pytest.mark.parametrize(("owned", "expected"), [(False, OwnerGone), (True, ServiceBusy)])
async def test_no_answer_is_an_error_that_says_why(
    tmp_path: Path, owned: bool, expected: type[Exception]
) -> None:
    """After a request was taken nothing is done twice: the owner has gone, or does not answer."""
    home = Home(tmp_path)
    async with (
        NatsServer(tmp_path / "mortal") as server,
        Log.connect(server.url, token=server.token) as log,
    ):

        async def take(_message: Msg) -> None:
            os.kill(server.pid, signal.SIGKILL)

        await log.connection.subscribe(f"{COMMANDS}default.open_session", cb=take)
        await log.connection.flush()
        home.runtime.write_text(RUNTIME)

        with Lock(home.owner_lock) as lock:
            if owned:
                assert lock.take()
            with pytest.raises(expected):
                await client(tmp_path, server).write("open_session", OPEN)


@pytest.mark.parametrize(
    "error",
    [
        InputInvalid("k: is too large", field="k", fix="give less"),
        PositionConflict("one", expected=3, actual=4),
        ConflictNotFound(7, namespace="default"),
    ],
)
async def test_an_error_is_that_of_the_service(
    tmp_path: Path, nats_server: NatsServer, error: AnabranchError
) -> None:
    """It is of the same class, with the same words, and has the members that its problem has."""
    problem = Problem.of(error)
    async with Log.connect(nats_server.url, token=nats_server.token) as log:
        headers = {PROBLEM_CODE: str(problem.status)}

        async def refuse(message: Msg) -> None:
            await log.connection.publish(message.reply, problem.document(), headers=headers)

        await log.connection.subscribe(f"{COMMANDS}default.recall", cb=refuse)
        await log.connection.flush()
        asked = {"query": "x", "after": 1}
        with pytest.raises(type(error)) as raised:
            await client(tmp_path, nats_server).run("recall", asked)

    again = Problem.of(raised.value)
    assert type(raised.value) is type(error)
    assert again == problem


def test_every_error_can_be_told_by_its_name() -> None:
    """The client looks in all modules of errors, and knows each member of a problem."""
    of_every_problem = {"type", "title", "status", "detail", "fix"}

    assert {one.__module__ for one in _below(AnabranchError)} <= set(ERROR_TREES)
    assert set(Problem.model_fields) - of_every_problem == MEMBERS


def _below(kind: type[AnabranchError]) -> Iterator[type[AnabranchError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
