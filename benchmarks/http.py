# ruff: noqa: A005 - `make bench ONLY=http`: the parts are named for what they measure.
"""Requests over HTTP beside the same ones over NATS and by the Python API, to one home, in turns.

First one caller asks after the other; then a crowd of mixed clients does: most recall, some remember,
some follow the events, each with a pause between its requests as agents have. The same crowd comes
again over NATS to the same `anabranch up`, and by a `Memory` that joined its home. The ways take
short turns, so that what else the machine does falls on each. ANABRANCH_BENCH_HTTP_SECONDS says for how
long over HTTP (300 for the whole run), the others have a third of it; ANABRANCH_BENCH_HTTP_CLIENTS says
how many they are.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx2
import nats
import orjson

from anabranch import Memory
from anabranch.api.subjects import COMMANDS, PROBLEM_CODE
from anabranch_events import Log
from benchmarks.rows import Row, at_most

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping

    from nats.aio.client import Client
    from pydantic import BaseModel

SECONDS: Final = float(os.environ.get("ANABRANCH_BENCH_HTTP_SECONDS", "15"))
CLIENTS: Final = int(os.environ.get("ANABRANCH_BENCH_HTTP_CLIENTS", "200"))
ALONE: Final = 150
KNOWN: Final = 500
PAUSE_S: Final = 4.0
LIMIT: Final = 2.0
GOAL_SHARE: Final = 99
TURN_S: Final = 15.0
WEB: Final = "HTTP"
NAMESPACE: Final = "default"
FOLLOWED: Final = "remember until a follower has it"
_WORDS: Final = [
    "sluice",
    "lamp",
    "harbour",
    "pump",
    "meter",
    "keeper",
    "wick",
    "buoy",
    "anchor",
    "rope",
    "delta",
    "arm",
]
_TIMEOUT_S: Final = 60.0


class Caller(Protocol):
    """A way to the memory: with HTTP, or without."""

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of an operation; raises for one that is an error."""
        ...

    def events(self, after: int) -> AsyncGenerator[str]:
        """Yield the id of each event that comes."""
        ...


class OverHttp:
    """Requests to `/v1`, each client on a connection that it keeps."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request."""
        path = {"recall": "/v1/recall", "remember": "/v1/insights"}[operation]
        answer = await self._client.post(path, content=orjson.dumps(request))
        if answer.is_error:
            raise RuntimeError(answer.text)
        found: dict[str, Any] = orjson.loads(answer.content)
        return found

    async def events(self, after: int) -> AsyncGenerator[str]:
        """Follow the stream of events."""
        address = f"/v1/events/stream?after={after}"
        async with self._client.stream("GET", address, timeout=None) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    yield orjson.loads(line[6:])["id"]


class OverNats:
    """Commands by request and reply, and a subscription to the log."""

    def __init__(self, client: Client, log: Log) -> None:
        self._client = client
        self._log = log

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Send a command."""
        subject = f"{COMMANDS}{NAMESPACE}.{operation}"
        answer = await self._client.request(subject, orjson.dumps(request), timeout=_TIMEOUT_S)
        if PROBLEM_CODE in (answer.headers or {}):
            raise RuntimeError(answer.data.decode())
        found: dict[str, Any] = orjson.loads(answer.data)
        return found

    async def events(self, after: int) -> AsyncGenerator[str]:
        """Follow the log."""
        async for record in self._log.subscribe(after=after):
            yield record.decode().id


class InPython:
    """The Python API, by one `Memory` that joined the home: all callers share it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Call the method."""
        answer: BaseModel
        if operation == "remember":
            answer = await self._memory.remember(request["text"])
        else:
            answer = await self._memory.recall(**request)
        return answer.model_dump()

    async def events(self, after: int) -> AsyncGenerator[str]:
        """Follow the log."""
        async for record in self._memory.follow(after=after):
            yield record.decode().id


class Crowd:
    """Mixed clients of one way, with the times that their requests took."""

    def __init__(self, caller: Caller, random_: random.Random) -> None:
        self._caller = caller
        self._random = random_
        self._begun: dict[str, float] = {}
        self._arrived: dict[str, list[float]] = defaultdict(list)
        self.ms: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []

    async def run(self, seconds: float, *, after: int) -> None:
        """Let three of five clients recall, one remember, and one follow, for some seconds."""
        end = time.perf_counter() + seconds
        following = [asyncio.create_task(self._follows(after)) for _ in range(CLIENTS // 5)]
        await asyncio.gather(
            *(self._loop(self._remembers, end) for _ in range(CLIENTS // 5)),
            *(self._loop(self._recalls, end) for _ in range(CLIENTS - 2 * (CLIENTS // 5))),
        )
        await asyncio.sleep(1)  # The last events arrive.
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        self._count_arrivals()

    async def alone(self, count: int) -> None:
        """Ask one thing after the other."""
        for _ in range(count):
            await self._recalls()
            await self._remembers()

    async def _loop(self, ask: Callable[[], Awaitable[None]], end: float) -> None:
        while (pause := self._random.uniform(0, 2 * PAUSE_S)) < end - time.perf_counter():
            await asyncio.sleep(pause)
            await ask()

    async def _recalls(self) -> None:
        query = f"What about the {' '.join(self._random.sample(_WORDS, 2))}?"
        await self._timed("recall", {"query": query, "k": 10, "after": 1})

    async def _remembers(self) -> None:
        await self._timed("remember", {"text": _sentence(self._random)})

    async def _timed(self, operation: str, request: dict[str, Any]) -> None:
        began = time.perf_counter()
        try:
            answer = await self._caller.call(operation, request)
        except Exception as error:  # noqa: BLE001  Each is counted.
            self.errors.append(repr(error))
            return
        self.ms[operation].append(1000 * (time.perf_counter() - began))
        if operation == "remember":
            self._begun[answer["event_id"]] = began

    async def _follows(self, after: int) -> None:
        try:
            async for event_id in self._caller.events(after):
                self._arrived[event_id].append(time.perf_counter())
        except Exception as error:  # noqa: BLE001  As above.
            self.errors.append(repr(error))

    def _count_arrivals(self) -> None:
        """Count once the turn is over: an event may come before its own receipt."""
        for event_id, began in self._begun.items():
            self.ms[FOLLOWED] += [1000 * (at - began) for at in self._arrived[event_id]]
        self._begun.clear()
        self._arrived.clear()


async def run() -> list[Row]:
    """Measure every way in turns; return a row a kind of request and share, and the errors."""
    with tempfile.TemporaryDirectory(prefix="anabranch-bench-") as folder, _up(Path(folder)) as up:
        async with _ways(up, Path(folder)) as ways:
            await _fill(ways["NATS"])
            rows = await _alone(ways)
            return [*rows, *await _together(ways)]


async def _alone(ways: Mapping[str, Caller]) -> list[Row]:
    crowds = {name: Crowd(way, _random(1)) for name, way in ways.items()}
    for crowd in crowds.values():
        await crowd.alone(ALONE // 10)  # Warm.
        crowd.ms.clear()
    for _ in range(10):
        for crowd in crowds.values():
            await crowd.alone(ALONE // 10)
    return _rows("alone", crowds)


async def _together(ways: Mapping[str, Caller]) -> list[Row]:
    crowds = {name: Crowd(way, _random(2)) for name, way in ways.items()}
    turns = max(2, round(SECONDS / TURN_S))
    for _ in range(turns):
        for name, crowd in crowds.items():
            end = (await ways["NATS"].call("remember", {"text": "A turn begins"}))["position"]
            await crowd.run(SECONDS / turns / (1 if name == WEB else 3), after=end)
    ours = crowds[WEB]
    for name, crowd in crowds.items():
        for error in sorted(set(crowd.errors))[:5]:
            print(name, error, file=sys.stderr)
    asked = sum(map(len, ours.ms.values()))
    row = Row(
        f"errors of {CLIENTS} clients over HTTP, {SECONDS:g} s, of so many",
        len(ours.errors),
        asked,
        len(ours.errors) / asked,
        "0",
        not ours.errors,
        "",
    )
    return [*_rows(f"{CLIENTS} clients", crowds), row]


def _rows(who: str, crowds: Mapping[str, Crowd]) -> list[Row]:
    ours = crowds[WEB].ms
    return [
        _row(f"{who}: {kind}, p{share}, HTTP / {name}", ours[kind], crowd.ms[kind], share)
        for kind in ours
        for name, crowd in crowds.items()
        if name != WEB and crowd.ms[kind]
        for share in (50, 99)
    ]


def _row(what: str, ours: list[float], theirs: list[float], share: int) -> Row:
    """Return a row of a share; the goal is one of the slowest hundredth."""
    row = at_most(
        what,
        ours=_percentile(ours, share),
        theirs=_percentile(theirs, share),
        limit=LIMIT,
        unit="ms",
    )
    return row if share == GOAL_SHARE else replace(row, goal="-", met=True)


def _percentile(values: list[float], share: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)]


def _random(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  It keeps no secret.


def _sentence(random_: random.Random) -> str:
    return f"The {' and the '.join(random_.sample(_WORDS, 4))} were seen on day {random_.random()}"


async def _fill(bus: Caller) -> None:
    """Store what is asked about."""
    random_ = _random(0)
    for _ in range(KNOWN):
        await bus.call("remember", {"text": _sentence(random_)})
    end = (await bus.call("remember", {"text": "The beginning ends"}))["position"]
    await bus.call("recall", {"query": "What was seen?", "after": end})


@asynccontextmanager
async def _ways(up: dict[str, Any], home: Path) -> AsyncGenerator[dict[str, Caller]]:
    """Give the ways to an `up`, by their names."""
    async with AsyncExitStack() as stack:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        web = httpx2.AsyncClient(
            base_url=up["http_url"], timeout=_TIMEOUT_S, trust_env=False, limits=limits
        )
        await stack.enter_async_context(web)
        client = await nats.connect(up["log"]["url"], token=up["log"]["token"])
        stack.push_async_callback(client.close)
        log = Log.connect(up["log"]["url"], token=up["log"]["token"])
        await stack.enter_async_context(log)
        memory = await stack.enter_async_context(Memory.open(home))
        yield {WEB: OverHttp(web), "NATS": OverNats(client, log), "Python": InPython(memory)}


@contextmanager
def _up(home: Path) -> Generator[dict[str, Any]]:
    """Run an `anabranch up` with HTTP; give what its runtime file says."""
    named = ("ANABRANCH_", "NATS_", "NEO4J_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(named)}
    environment = {**kept, "ANABRANCH_HOME": str(home)}
    command = [sys.executable, "-m", "anabranch"]
    subprocess.run([*command, "up", "--detach", "--http", "0"], env=environment, check=True)
    try:
        yield orjson.loads((home / "runtime.json").read_bytes())
    finally:
        subprocess.run([*command, "down"], env=environment, check=True)
