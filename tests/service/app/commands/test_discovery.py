"""The tools of NATS find the command service, what it takes, and how often it was asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from anabranch.api.claims import COMMANDED
from tests.support.answering import answering
from tests.support.fixtures.commands import Asking
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from nats.aio.client import Client

    from anabranch_events import Log, NatsServer


async def test_the_tools_of_nats_find_the_service(
    nats_server: NatsServer, log: Log, producer: Client
) -> None:
    """It answers as all services, by its name and by its id; statistics count what was asked."""

    async def ask(subject: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            (await producer.request(subject, timeout=PATIENCE_S)).data
        )
        return found

    async with answering(log, url=nats_server.url, token=nats_server.token):
        await Asking(producer)("open_session", {"task": "plan"})
        await Asking(producer).raw("open_session", b"{}")
        ping = await ask("$SRV.PING")
        info = await ask("$SRV.INFO.anabranch")
        stats = await ask(f"$SRV.STATS.anabranch.{ping['id']}")

    counted = {one["name"]: one for one in stats["endpoints"]}
    opened = counted["open_session"]
    assert (ping["name"], ping["type"]) == ("anabranch", "io.nats.micro.v1.ping_response")
    assert {one["subject"] for one in info["endpoints"]} == {
        f"anabranch.commands.*.{one.name}" for one in COMMANDED
    }
    assert {ping["id"], info["id"], stats["id"]} == {ping["id"]}
    assert (opened["num_requests"], opened["num_errors"]) == (2, 1)
    assert opened["processing_time"] > 0
    assert opened["last_error"]
    assert counted["recall"]["num_requests"] == 0
