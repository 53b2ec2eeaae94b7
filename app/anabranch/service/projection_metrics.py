"""The projections of this process as Prometheus sees them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from anabranch.errors import AnabranchError
from anabranch.generations.status import lag_behind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client import Metric

    from anabranch.backend.backend import Backend
    from anabranch.backend.projection_runner import Projecting
    from anabranch.views import Lag

_TIMEOUT_S: Final = 3.0
_NAME: Final = "anabranch_projection_"
_LABEL: Final = ("projection",)


class ProjectionMetrics(Collector):
    """Gives the figures of each projection, as of the last `observe`.

    Positions and lags are asked of the servers. While the graph is away the positions are
    those that this process reached last; while the log is, the lags are left out.
    """

    def __init__(self, projecting: Projecting, backend: Backend) -> None:
        self._projecting = projecting
        self._connection = backend
        self._positions: dict[str, int] = {}
        self._lags: dict[str, Lag] = {}
        self._generation = ""
        self._waiting: int | None = None

    async def observe(self) -> None:
        """Ask the servers, within a few seconds."""
        self._positions, self._lags = self._projecting.positions, {}
        self._waiting = None
        with suppress(AnabranchError, TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                await self._ask_graph()
        with suppress(AnabranchError, TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                await self._ask_log()

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics; each has one sample a projection."""
        yield self._gauge("position", "Position that the projection has reached.", self._positions)
        yield self._gauge(
            "lag_events",
            "Events of the log that the projection has not applied.",
            {name: lag.events for name, lag in self._lags.items()},
        )
        yield self._gauge(
            "lag_seconds",
            "Age of the oldest event that the projection has not applied.",
            {name: lag.ms / 1000 for name, lag in self._lags.items()},
        )
        info = GaugeMetricFamily(
            f"{_NAME}info",
            "The database that the projection fills.",
            labels=[*_LABEL, "generation"],
        )
        for name in self._positions:
            info.add_metric([name, self._generation], 1)
        yield info
        waiting = GaugeMetricFamily(
            "anabranch_dead_letters_waiting",
            "Events that could not be applied and wait for somebody, each counted once.",
        )
        if self._waiting is not None:
            waiting.add_metric([], self._waiting)
        yield waiting
        yield from self._of_projectors()

    def _of_projectors(self) -> Iterator[Metric]:
        """Yield what this process counts itself."""
        projectors = self._projecting.projectors
        yield self._gauge(
            "active",
            "Whether this process writes; otherwise it stands by for another.",
            {name: int(one.active) for name, one in projectors.items()},
        )
        yield self._gauge(
            "batch_events",
            "Events in the last commit of this process.",
            {name: one.batch_size for name, one in projectors.items()},
        )
        yield self._gauge(
            "events_per_second",
            "Events that this process applied, over the last ten seconds.",
            {name: one.events_per_s for name, one in projectors.items()},
        )
        for counted, text in (
            ("events", "Events that this process applied."),
            ("retries", "Transactions that this process tried again."),
            ("dead_letters", "Events that this process put aside."),
        ):
            counter = CounterMetricFamily(f"{_NAME}{counted}", text, labels=_LABEL)
            for name, one in projectors.items():
                counter.add_metric([name], getattr(one, counted))
            yield counter

    def _gauge(self, name: str, text: str, values: Mapping[str, float]) -> Metric:
        gauge = GaugeMetricFamily(_NAME + name, text, labels=_LABEL)
        for projection, value in values.items():
            gauge.add_metric([projection], value)
        return gauge

    async def _ask_graph(self) -> None:
        graph = await self._connection.graph()
        self._generation = graph.address.database or ""
        self._positions = {name: await graph.checkpoint(name) for name in self._positions}
        (counted,) = await graph.read("projection/count_dead_letters")
        self._waiting = counted["dead_letters"]

    async def _ask_log(self) -> None:
        log = self._connection.log
        last = (await log.bounds()).last
        self._lags = {
            name: await lag_behind(log, position, last=last)
            for name, position in self._positions.items()
        }
