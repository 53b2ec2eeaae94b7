"""Metrics of this process for Prometheus, in one registry of its own."""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

REGISTRY: Final = CollectorRegistry()
"""Everything that the HTTP service serves under `/metrics` registers here, once a process.

Names begin with `anabranch_` and end in their unit; labels never hold what users wrote. Import this
module where a metric is made, never from the command line's own modules: `anabranch --help` must
not load the client.
"""

ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

REQUESTS: Final = Counter(
    "anabranch_http_requests",
    "Requests over HTTP, by operation and status.",
    ("operation", "status"),
    registry=REGISTRY,
)
SECONDS: Final = Histogram(
    "anabranch_http_seconds",
    "Time from a request's body to its answer, by operation.",
    ("operation",),
    registry=REGISTRY,
)
AUDIT_LOST: Final = Counter(
    "anabranch_http_audit_lost",
    "Entries of the audit that there was no room for.",
    registry=REGISTRY,
)
FOLLOWERS: Final = Gauge(
    "anabranch_http_streams", "Streams of events that are open over HTTP.", registry=REGISTRY
)


def count_request(operation: str, *, status: int, seconds: float) -> None:
    """Count a request that was answered."""
    SECONDS.labels(operation).observe(seconds)
    REQUESTS.labels(operation, status).inc()
