"""What the plain Python data plane knows of its listeners and pools, and what they carried."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from fairway.engine.loadbalancer.protocol import Endpoint, EndpointState, Forward, PoolStats
from fairway.engine.loadbalancer.routing import WeightedTurns

if TYPE_CHECKING:
    import asyncio

    from fairway.engine.loadbalancer.protocol import ListenerSpec, Pool

BUCKETS: Final = (
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0,
    3.0, 5.0, 10.0, 30.0, 60.0, float("inf"),
)  # fmt: skip


class Connection(Protocol):
    """A client's connection, as its listener knows it."""

    def close_when_idle(self) -> None:
        """No further request."""


@dataclass(slots=True)
class PoolState:
    """One pool and what it carried."""

    pool: Pool
    counts: Counter[str] = field(default_factory=Counter)
    latencies: Counter[float] = field(default_factory=Counter)
    active: Counter[Endpoint] = field(default_factory=Counter)
    turn: int = 0

    def choose(self) -> Endpoint | None:
        """The target of the next request; None: there is none."""
        able = sorted(e for e, state in self.pool.endpoints.items() if state is EndpointState.ACTIVE)
        if not able:
            return None
        self.turn += 1
        if self.pool.algorithm == "least_outstanding_requests":
            return min(able, key=lambda endpoint: self.active[endpoint])
        return able[self.turn % len(able)]

    def answered(self, status: int, seconds: float) -> None:
        """A target began its answer after `seconds`."""
        self.counts[f"target_{status // 100}xx"] += 1
        self.latencies[next(bound for bound in BUCKETS if seconds <= bound)] += 1

    def stats(self) -> PoolStats:
        known = {endpoint: self.active[endpoint] for endpoint in self.pool.endpoints}
        counts = {name: count for name, count in self.counts.items() if name != "target_1xx"}
        return PoolStats(
            **counts,
            latency_buckets={bound: self.latencies[bound] for bound in BUCKETS},
            active_requests=known | {endpoint: count for endpoint, count in self.active.items() if count},
        )


@dataclass(slots=True)
class ListenerState:
    """One listener, its connections and what it answered."""

    spec: ListenerSpec
    server: asyncio.Server | None = None
    connections: set[Connection] = field(default_factory=set)
    turns: dict[Forward, WeightedTurns] = field(default_factory=dict)
    requests: int = 0
    errors: int = 0

    @property
    def is_open(self) -> bool:
        return self.server is not None

    def choose_pool(self, action: Forward) -> str | None:
        return self.turns.setdefault(action, WeightedTurns()).next(action.weights)
