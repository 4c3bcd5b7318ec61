"""What came of the requests: counts, failures by kind, latencies."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fairway.load.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MOST_FAILURES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Failure:
    """One request that failed."""

    at: datetime
    """When it was to be sent."""
    path: str
    kind: str
    """`HTTP 502`, `connection refused`, `connection reset`, `connection closed`, `time-out` or `broken answer`."""
    detail: str = ""
    new_connection: bool = False
    """It was the first of its connection."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of a second, or of the whole."""

    seconds: float
    requests: int
    """Requests that came to an end, the failed ones among them."""
    failed: int
    kinds: Mapping[str, int]
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds if self.seconds > 0 else 0.0

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "seconds": round(self.seconds, 3),
            "requests": self.requests,
            "requests_per_second": round(self.rate, 1),
            "failed": self.failed,
            "failures": dict(self.kinds),
            "p50_ms": self.p50_ms,
            "p95_ms": self.p95_ms,
            "p99_ms": self.p99_ms,
            "max_ms": self.max_ms,
        }


@dataclass(slots=True)
class Tally:
    """Counts since some moment."""

    requests: int = 0
    failed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    latencies: Histogram = field(default_factory=Histogram)
    """Of answers that succeeded, from when the request was to be sent."""

    def succeeded(self, seconds: float) -> None:
        self.requests += 1
        self.latencies.add(seconds)

    def failure(self, kind: str) -> None:
        self.requests += 1
        self.failed += 1
        self.kinds[kind] += 1

    def summary(self, seconds: float) -> Summary:
        """The figures of `seconds`."""

        def milliseconds(value: float | None) -> float | None:
            return None if value is None else round(value * 1000, 3)

        def percentile(percent: float) -> float | None:
            return milliseconds(self.latencies.percentile(percent))

        return Summary(
            seconds=seconds,
            requests=self.requests,
            failed=self.failed,
            kinds=dict(self.kinds),
            p50_ms=percentile(50),
            p95_ms=percentile(95),
            p99_ms=percentile(99),
            max_ms=milliseconds(self.latencies.greatest) if self.latencies.count else None,
        )
