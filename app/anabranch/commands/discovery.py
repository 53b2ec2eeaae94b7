"""Discovery of the command service by the tools of NATS: `nats micro ls`, `info` and `stats`.

It answers the requests of the service protocol (`$SRV.PING`, `$SRV.INFO`, `$SRV.STATS`), each of
all services, of those of its name, or of itself alone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import orjson
from nats.errors import Error as NatsError
from nats.micro.service import EndpointInfo, EndpointStats, ServiceInfo, ServicePing, ServiceStats

from anabranch.api.claims import COMMANDED
from anabranch.api.subjects import COMMANDS
from anabranch_events import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

NAME: Final = "anabranch"
_DESCRIPTION: Final = "The commands of Anabranch on each namespace"


@dataclass(slots=True)
class _Count:
    """The requests for one command."""

    requests: int = 0
    errors: int = 0
    nanoseconds: int = 0
    last_error: str | None = None


class Discovery:
    """The description and the counts of one command service."""

    def __init__(self, *, queue: str) -> None:
        self.id = new_id()
        self._queue = queue
        self._version = version("anabranch")
        self._started = datetime.now(UTC)
        self._counts = {operation.name: _Count() for operation in COMMANDED}
        self._subscriptions: list[Subscription] = []

    def count(self, command: str, *, seconds: float, error: str | None = None) -> None:
        """Count a request that was answered, `error` if it was refused."""
        count = self._counts[command]
        count.requests += 1
        count.nanoseconds += int(seconds * 1e9)
        if error is not None:
            count.errors += 1
            count.last_error = error

    async def open(self, client: Client) -> None:
        """Answer from now on."""
        for verb, answer in (("PING", self._ping), ("INFO", self._info), ("STATS", self._stats)):
            for subject in (f"$SRV.{verb}", f"$SRV.{verb}.{NAME}", f"$SRV.{verb}.{NAME}.{self.id}"):
                self._subscriptions.append(await client.subscribe(subject, cb=_saying(answer)))

    async def close(self) -> None:
        """Answer no more."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for one in subscriptions:
            with suppress(NatsError):  # A server that has gone asks nothing.
                await one.unsubscribe()

    def _ping(self) -> dict[str, Any]:
        return ServicePing(id=self.id, name=NAME, version=self._version).to_dict()

    def _info(self) -> dict[str, Any]:
        endpoints = [
            EndpointInfo(name=name, subject=_subject(name), queue_group=self._queue)
            for name in self._counts
        ]
        return ServiceInfo(
            name=NAME,
            id=self.id,
            version=self._version,
            description=_DESCRIPTION,
            endpoints=endpoints,
        ).to_dict()

    def _stats(self) -> dict[str, Any]:
        endpoints = [
            EndpointStats(
                name=name,
                subject=_subject(name),
                queue_group=self._queue,
                num_requests=count.requests,
                num_errors=count.errors,
                processing_time=count.nanoseconds,
                average_processing_time=count.nanoseconds // max(1, count.requests),
                last_error=count.last_error,
            )
            for name, count in self._counts.items()
        ]
        return ServiceStats(
            id=self.id, name=NAME, version=self._version, started=self._started, endpoints=endpoints
        ).to_dict()


def _subject(command: str) -> str:
    return f"{COMMANDS}*.{command}"


def _saying(answer: Callable[[], dict[str, Any]]) -> Callable[[Msg], Any]:
    async def respond(message: Msg) -> None:
        if message.reply:
            await message.respond(orjson.dumps(answer()))

    return respond
