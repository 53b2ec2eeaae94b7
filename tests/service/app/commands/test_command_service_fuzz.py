"""The command service under requests that nobody should send."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import nats

from anabranch_events import encode, new_event, new_id
from anabranch_events.event.types import SessionOpened
from tests.support.answering import answering
from tests.support.damage import damaged
from tests.support.rounds import FUZZ_EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nats.aio.client import Client

    from anabranch_events import Log, NatsServer

SEED: Final = 20261127
TIMEOUT_S: Final = 60
KEYS: Final = ("a", "b", "", "x" * 300, "\u2028", "é")


def requests(session_id: str) -> dict[str, bytes]:
    """Return a good request of every command that needs no graph."""
    insight = {"text": "Ada drinks tea", "tags": ["tea"], "valid_from": "2026-11-23T06:22:05Z"}
    bodies: dict[str, Any] = {
        "open_session": {"task": "tea", "priority": "high", "attributes": {"a": [1]}},
        "branch": {"parent_id": session_id, "task": "trains", "agent": "ada"},
        "remember": {"text": "Ada drinks tea", "session_id": session_id},
        "complete": {"session_id": session_id, "result": "done", "insights": ["a", insight]},
    }
    event = new_event(SessionOpened(task="tea"), session_id=new_id(), namespace="default")
    return {"append": encode(event)} | {
        name: json.dumps(body).encode() for name, body in bodies.items()
    }


def attempts(session_id: str) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Return commands, most with damaged bodies, some with strange headers."""
    dice = random.Random(SEED)  # noqa: S311 - repeatable, not secret.
    for _ in range(FUZZ_EXAMPLES):
        command, body = dice.choice([*requests(session_id).items()])
        headers: dict[str, str] = {}
        if dice.random() < 0.3:
            headers["Nats-Msg-Id"] = dice.choice(KEYS)
        if command == "append" and dice.random() < 0.3:
            headers["Anabranch-Expected"] = dice.choice(("0", "1", "-1", "9" * 30, "x", "\uff11"))
        if dice.random() < 0.2:
            headers["ce-specversion"] = dice.choice(("1.0", "2.0"))
        if dice.random() < 0.7:
            body = next(damaged(body, dice, times=1))
        yield command, body, headers


async def test_every_request_is_answered_and_nothing_invalid_is_stored(
    nats_server: NatsServer, log: Log
) -> None:
    """Each gets a receipt for what is stored, or a problem of its own making."""
    receipts: dict[int, str] = {}
    statuses: Counter[str] = Counter()
    async with (
        answering(log, url=nats_server.url, token=nats_server.token),
        await nats.connect(nats_server.url, token=nats_server.token) as client,
    ):
        opened = await answer(client, "open_session", b'{"task": "tea"}', {})
        for command, body, headers in attempts(opened["session_id"]):
            found = await answer(client, command, body, headers)
            if "event_id" in found:
                receipts[found["position"]] = found["event_id"]
                statuses["stored"] += 1
            else:
                statuses[str(found["status"])] += 1
                assert 400 <= found["status"] < 500, (command, body, headers, found)
        records = [record async for record in log.read_all(after=opened["position"])]

    stored = {record.position: record.decode().id for record in records}
    print(f"{FUZZ_EXAMPLES} requests: {dict(sorted(statuses.items()))}")  # noqa: T201 - the count
    assert stored.items() >= receipts.items()
    assert len(set(stored.values())) == len(stored)
    assert statuses["stored"] > FUZZ_EXAMPLES // 20
    assert sum(statuses.values()) - statuses["stored"] > FUZZ_EXAMPLES // 10


async def answer(
    client: Client, command: str, body: bytes, headers: dict[str, str]
) -> dict[str, Any]:
    """Return what the service says to a request."""
    subject = f"anabranch.commands.default.{command}"
    reply = await client.request(subject, body, timeout=TIMEOUT_S, headers=headers or None)
    found: dict[str, Any] = json.loads(reply.data)
    return found
