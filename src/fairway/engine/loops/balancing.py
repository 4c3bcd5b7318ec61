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
    from collections.abc import Callable
    from datetime import datetime

    from fairway.engine.loops.kernel import Fact
    from fairway.engine.store.store import Change, Store

log = logging.getLogger(__name__)

STATS_EVERY_SECONDS: Final = 1.0
DRAINING_EVERY_SECONDS: Final = 0.1
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
        self.refusal: str | None = None
        """Why the data plane does not do all that it should; None: it does."""
        self.stats = Stats(generation="", pools={})
        store.subscribe(self._listen)

    def _listen(self, changes: list[Change]) -> None:
        if any(isinstance(c.after if c.after is not None else c.before, _KINDS) for c in changes):
            self._changed.set()

    async def run(self) -> None:
        """Until cancelled: apply what changed, and read the counters each second, more often while targets drain."""
        self._changed.set()
        while True:
            if self._changed.is_set():
                self._changed.clear()
                await self._apply()
            else:
                await self._measure()
            pause = DRAINING_EVERY_SECONDS if self._draining() else STATS_EVERY_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _apply(self) -> None:
        wanted = render(
            self._store.all(LOAD_BALANCERS),
            self._store.all(LISTENERS),
            self._store.all(RULES),
            self._store.all(TARGET_GROUPS),
            self._store.all(TARGETS),
            self._rate(),
        )
        if wanted == self._applied and self.refusal is None:
            return
        try:
            await self._plane.apply(wanted)
        except DataPlaneRefusal as refusal:
            if self.refusal != str(refusal):
                log.error("load balancer: %s", refusal)  # noqa: TRY400 - the text says all
            self.refusal = str(refusal)
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._changed.set)
            return
        self.refusal = None
        self._applied = wanted
        self._applied_at = monotonic()

    async def _measure(self) -> None:
        if self._applied is None or not self._applied.listeners:
            self._tell_idle(Stats(generation="", pools={}))
            return
        asked_at = monotonic()
        try:
            self.stats = await self._plane.stats()
        except (OSError, DataPlaneRefusal) as error:
            log.warning("load balancer: no counters: %s", error)
            self._applied = None
            self._changed.set()
            return
        if asked_at - self._applied_at >= DRAINING_EVERY_SECONDS:
            self._tell_idle(self.stats)

    def _draining(self) -> list[Target]:
        return [t for t in self._store.all(TARGETS) if t.state is TargetState.DRAINING and not t.idle]

    def _tell_idle(self, stats: Stats) -> None:
        """A draining target is idle when the applied configuration sends it nothing new and nothing is under way there."""
        for target in self._draining():
            endpoint = Endpoint(target.host, target.host_port)
            key = pool_key(target.target_group_arn)
            if self._is_offered(key, endpoint):
                continue
            pool = stats.pools.get(key)
            if pool is None or pool.active_requests.get(endpoint, 0) == 0:
                self._emit(TargetIdle(target.target_group_arn, target.key, self._now()))

    def _is_offered(self, key: str, endpoint: Endpoint) -> bool:
        if self._applied is None:
            return False
        for pool in self._applied.pools:
            if pool.key == key:
                return pool.endpoints.get(endpoint) is EndpointState.ACTIVE
        return False
