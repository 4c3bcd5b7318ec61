"""What a data plane does: it listens, chooses a route and a target, and counts. The control plane decides everything else.

Which targets receive traffic (target states, fail-open, draining) and which route applies is in the configuration that
`apply` is given: always the whole of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class EndpointState(StrEnum):
    """Whether an endpoint gets new requests."""

    ACTIVE = "ACTIVE"
    DRAINING = "DRAINING"
    """No new requests; those under way are finished."""


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """Where a target listens on this machine."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Pool:
    """The endpoints of one target group."""

    key: str
    """Letters, digits and hyphens only: it is part of the names of counters."""
    endpoints: Mapping[Endpoint, EndpointState]
    algorithm: str = "round_robin"
    """`round_robin` or `least_outstanding_requests`, as the target group's attribute."""
    slow_start_seconds: float = 0.0
    """Real seconds; 0 = off."""


@dataclass(frozen=True, slots=True)
class Match:
    """The conditions of a rule: all of them must hold; within one, any value.

    Patterns are ALB's: `*` = 0 or more characters, `?` = exactly one.
    Source: Elastic Load Balancing guide, "Condition types for listener rules".
    """

    paths: tuple[str, ...] = ()
    """Case-sensitive patterns for the path alone."""
    hosts: tuple[str, ...] = ()
    """Case-insensitive patterns."""
    methods: tuple[str, ...] = ()
    """Exact, case-sensitive."""
    headers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(name, patterns), both case-insensitive; each pair must match."""
    queries: tuple[tuple[tuple[str | None, str], ...], ...] = ()
    """Each group must match by at least one of its (key or None for any, pattern) pairs; case-insensitive."""


@dataclass(frozen=True, slots=True)
class Forward:
    """To target groups, by weight."""

    weights: tuple[tuple[str, int], ...]
    """(pool key, 0-999). All zero: 503, as ALB answers."""


@dataclass(frozen=True, slots=True)
class FixedResponse:
    """An answer by the load balancer itself."""

    status_code: int
    content_type: str = "text/plain"
    body: str = ""


@dataclass(frozen=True, slots=True)
class Redirect:
    """ALB's redirect; `#{protocol}`, `#{host}`, `#{port}`, `#{path}`, `#{query}` stand for the request's own parts."""

    status_code: int
    """301 or 302."""
    protocol: str = "#{protocol}"
    host: str = "#{host}"
    port: str = "#{port}"
    path: str = "/#{path}"
    query: str = "#{query}"


@dataclass(frozen=True, slots=True)
class Route:
    """A rule. Routes stand in the order of their priority; the first match decides."""

    match: Match
    action: Forward | FixedResponse | Redirect


@dataclass(frozen=True, slots=True)
class ListenerSpec:
    """One listener on 127.0.0.1."""

    key: str
    port: int
    routes: tuple[Route, ...]
    """The last has an empty `Match`: the default action."""
    idle_timeout_seconds: float = 60.0
    """Real seconds; the load balancer's `idle_timeout.timeout_seconds`."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that the data plane is to do."""

    listeners: tuple[ListenerSpec, ...] = ()
    pools: tuple[Pool, ...] = ()

    @property
    def has_work(self) -> bool:
        """A listener answers by itself or has an endpoint to send to: what simulated targets alone do not need."""
        filled = {pool.key for pool in self.pools if pool.endpoints}
        actions = [route.action for spec in self.listeners for route in spec.routes]
        return any(not isinstance(a, Forward) or any(key in filled for key, _ in a.weights) for a in actions)


@dataclass(frozen=True, slots=True)
class PoolStats:
    """Counts of one pool; they only grow, also when the data plane is started anew."""

    requests: int = 0
    """Requests for which a target was chosen and that are over."""
    target_2xx: int = 0
    target_3xx: int = 0
    target_4xx: int = 0
    target_5xx: int = 0
    """Answers made by targets; the load balancer's own are not in them."""
    balancer_502: int = 0
    balancer_503: int = 0
    balancer_504: int = 0
    """Answers made by the load balancer, by what the client got."""
    broken_off: int = 0
    """Answers by targets that ended in the middle; counted by their status too."""
    client_closed: int = 0
    """The client went away before it had an answer (ALB logs them as 460)."""
    connection_errors: int = 0
    latency_buckets: Mapping[float, int] = field(default_factory=dict)
    """Upper bound in seconds (inf = above all) -> answers by targets in this bucket alone, to their first byte."""
    active_requests: Mapping[Endpoint, int] = field(default_factory=dict)
    """Requests under way, for each endpoint that the data plane still knows."""
    pending_requests: int = 0
    """Requests that wait for a connection to whichever endpoint."""


@dataclass(frozen=True, slots=True)
class Stats:
    """A reading of all counters, all taken at the same moment; latencies may lag behind by some milliseconds."""

    generation: str
    """Changes when counts begin at zero: with a new data directory, not with a new process."""
    pools: Mapping[str, PoolStats]
    listener_requests: Mapping[str, int] = field(default_factory=dict)
    listener_5xx: Mapping[str, int] = field(default_factory=dict)


class DataPlaneRefusal(Exception):
    """The data plane cannot do it: a port is taken, no binary for this machine. The text says what and how to mend it."""


class DataPlane(Protocol):
    """Carries requests."""

    async def open(self) -> None:
        """Adopt a data plane that an engine before us left running, with its counters; else do nothing yet."""

    async def apply(self, configuration: Configuration) -> Mapping[str, str]:
        """Make it so; returns when new requests see it. Calls are made one after another, never side by side.

        Starts the data plane at the first configuration that has work for it. What is unchanged is not touched. The answer
        tells for each listener (by its key) that is not served why not; all else is done.

        Raises:
            DataPlaneRefusal: it could not be done; what was served before is served on where that is possible.
        """

    async def stats(self) -> Stats:
        """All counters now; empty while nothing has been started.

        Raises:
            DataPlaneRefusal: the data plane is gone.
        """

    async def lost(self) -> None:
        """Returns when the data plane ended though nobody asked it to; `apply` starts it anew."""

    def pid(self) -> int | None:
        """The process of the data plane, if it is one of its own and runs."""

    async def close(self, *, leave_running: bool) -> None:
        """Let go. `leave_running`: it serves on, for the next `open`; else it drains for at most 5 s and ends."""
