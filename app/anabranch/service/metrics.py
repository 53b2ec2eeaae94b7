"""Metrics of this process for Prometheus, in one registry of its own."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

REGISTRY: Final = CollectorRegistry()
"""Everything that `anabranch up --http` serves under `/metrics` registers here, once a process.

Names begin with `anabranch_` and end in their unit; labels never hold what users wrote. Import this
module where a metric is made, never from the command line's own modules: `anabranch --help` must
not load the client.
"""

ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)
