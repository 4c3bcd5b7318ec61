"""Keeps the data plane as the load balancers want it, counts what it carries, and tells when draining targets are idle."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fairway.clock import monotonic
from fairway.engine.loadbalancer.protocol import (
    Configuration,
    DataPlane,
    DataPlaneRefusal,
    Endpoint,
    EndpointState,
    Stats,
)
from fairway.engine.model.elb import Listener, LoadBalancer, Rule, Target, TargetGroup, TargetState
from fairway.engine.model.facts import TargetIdle
from fairway.engine.services.elbv2.configuration import pool_key, render
from fairway.engine.store.schema import LISTENERS, LOAD_BALANCERS, RULES, TARGET_GROUPS, TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from fairway.engine.loops.kernel import Fact
    from fairway.engine.store.store import Change, Store

log = logging.getLogger(__name__)

STATS_EVERY_SECONDS: Final = 1.0
DRAINING_EVERY_SECONDS: Final = 0.1
TAKEN_IN_SECONDS: Final = 0.05
"""After `apply` a request that was routed just before may not be counted yet."""
RETRY_SECONDS: Final = 2.0
_KINDS: Final = (LoadBalancer, Listener, Rule, Target, TargetGroup)


class Balancing:
    """Applies configurations one after another, and reads the counters."""

    def __init__(
        self,
        store: Store,
        plane: DataPlane,
        *,
        emit: Callable[[Fact], None],
        now: Callable[[], datetime],
        rate: Callable[[], float],
    ) -> None:
        self._store = store
        self._plane = plane
        self._emit = emit
        self._now = now
        self._rate = rate
        self._changed = asyncio.Event()
        self._applied: Configuration | None = None
        self._applied_at = 0.0
        self._again_at: float | None = 0.0
        """When to apply though nothing changed: at the start, after a loss, and while something is refused."""
        self._measure_at = 0.0
        self._refusals: Mapping[str, str] = {}
        self.stats = Stats(generation="", pools={})
        store.subscribe(self._listen)

    @property
    def refusal(self) -> str | None:
        """Why the data plane does not do all that it should; None: it does."""
        return "; ".join(self._refusals.values()) or None

    @property
    def refusals(self) -> Mapping[str, str]:
        """The same by the key of the listener that is not served; "" stands for all."""
        return self._refusals

    def _listen(self, changes: list[Change]) -> None:
        if any(isinstance(c.after if c.after is not None else c.before, _KINDS) for c in changes):
            self._changed.set()

    async def run(self) -> None:
        """Until cancelled: apply what changed, and read the counters each second, more often while targets drain."""
        watch = asyncio.create_task(self._watch(), name="the data plane's end")
        try:
            while True:
                await self._step()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _step(self) -> None:
        if self._changed.is_set() or (self._again_at is not None and monotonic() >= self._again_at):
            self._changed.clear()
            await self._apply()
        if monotonic() >= self._measure_at:
            await self._measure()
            self._measure_at = monotonic() + (DRAINING_EVERY_SECONDS if self._draining() else STATS_EVERY_SECONDS)
        elif self._draining():
            self._measure_at = min(self._measure_at, monotonic() + DRAINING_EVERY_SECONDS)
        until = self._measure_at if self._again_at is None else min(self._measure_at, self._again_at)
        try:
            async with asyncio.timeout(max(0.0, until - monotonic())):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _watch(self) -> None:
        while True:
            await self._plane.lost()
            log.warning("the load balancer ended by itself; it is started anew")
            self._again_at = 0.0
            self._changed.set()

    async def _apply(self) -> None:
        wanted = render(
            self._store.all(LOAD_BALANCERS),
            self._store.all(LISTENERS),
            self._store.all(RULES),
            self._store.all(TARGET_GROUPS),
            self._store.all(TARGETS),
            self._rate(),
        )
        if wanted == self._applied and self._again_at is None:
            return
        self._again_at = None
        try:
            refusals = await self._plane.apply(wanted)
        except DataPlaneRefusal as refusal:
            refusals = {"": str(refusal)}
        else:
            self._applied, self._applied_at = wanted, monotonic()
        for key, text in refusals.items():
            if self._refusals.get(key) != text:
                log.error("load balancer: %s", text)
        self._refusals = refusals
        if refusals:
            self._again_at = monotonic() + RETRY_SECONDS

    async def _measure(self) -> None:
        asked_at = monotonic()
        try:
            self.stats = await self._plane.stats()
        except DataPlaneRefusal as error:
            log.warning("load balancer: no counters: %s", error)
            self._again_at = monotonic() + RETRY_SECONDS if self._again_at is None else self._again_at
            return
        if asked_at - self._applied_at >= TAKEN_IN_SECONDS:
            self._tell_idle(self.stats)

    def _draining(self) -> list[Target]:
        return [t for t in self._store.all(TARGETS) if t.state is TargetState.DRAINING and not t.idle]

    def _tell_idle(self, stats: Stats) -> None:
        """A draining target is idle when the applied configuration sends it nothing new and nothing is under way there.

        A request that waits for a connection may be on its way there: then it is too early to tell.
        """
        for target in self._draining():
            endpoint = Endpoint(target.host, target.host_port)
            key = pool_key(target.target_group_arn)
            if target.host and self._may_be_offered(key, endpoint):
                continue
            pool = stats.pools.get(key)
            if pool is None or (pool.active_requests.get(endpoint, 0) == 0 and pool.pending_requests == 0):
                self._emit(TargetIdle(target.target_group_arn, target.key, self._now()))

    def _may_be_offered(self, key: str, endpoint: Endpoint) -> bool:
        if self._applied is None:
            return True
        pools = (pool for pool in self._applied.pools if pool.key == key)
        return any(pool.endpoints.get(endpoint) is EndpointState.ACTIVE for pool in pools)
