"""What Prometheus and the judge of a deployment read, under the names that the deployment strategy prescribes."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# 0.2 and 0.5 are the limits of the strategy: a percentile near them is not to be guessed between distant buckets
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
disable_created_metrics()  # they double the answer, and nothing reads them
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Counts of one application. One process serves one port, so that each scrape sees all of it."""

    def __init__(self, version: str) -> None:
        self._registry = CollectorRegistry()
        self._total = Counter(
            "http_requests_total", "Requests answered", ("method", "route", "status_code"), registry=self._registry
        )
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time to the last byte of the answer; health checks excluded",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        Gauge("taskmanager_info", "The release", ("version",), registry=self._registry).labels(version).set(1)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer. `route` is the template, never the path: paths have no end."""
        known = method if method in _METHODS else "OTHER"
        self._total.labels(known, route, str(status)).inc()
        self._duration.labels(known, route).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self._registry)
