"""Sends the health checks of load balancers: to real targets over the network, to simulated ones by asking their model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fairway.engine.loadbalancer.probe import probe
from fairway.engine.model.facts import ProbeResult
from fairway.engine.runtime.protocol import ContainerRef
from fairway.engine.runtime.simulated import SimulatedRuntime
from fairway.engine.store.schema import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fairway.engine.model.elb import Target, TargetGroup
    from fairway.engine.runtime.protocol import Runtime
    from fairway.engine.store.store import Store


class Probing:
    """Begins checks; their results arrive as facts."""

    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        *,
        emit: Callable[[ProbeResult], None],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._emit = emit
        self._now = now
        self._under_way: set[asyncio.Task[None]] = set()

    def probe(self, group: TargetGroup, target: Target) -> None:
        """Begin a check and return at once."""
        if not target.host:
            self._tell(target, 200 if self._is_healthy(target) else None, 0.0, None)
            return
        task = asyncio.get_running_loop().create_task(self._send(group, target))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Call off what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _send(self, group: TargetGroup, target: Target) -> None:
        check = group.health_check
        outcome = await probe(
            target.host, self._port(group, target), check.path, timeout_seconds=float(check.timeout_seconds)
        )
        self._tell(target, outcome.status_code, outcome.duration_seconds, outcome.failure)

    def _port(self, group: TargetGroup, target: Target) -> int:
        """`traffic-port`, or another port of the same task."""
        wanted = group.health_check.port
        if wanted == "traffic-port":
            return target.host_port
        task = self._store.get(TASKS, target.task_arn or "")
        for binding in () if task is None else task.ports:
            if str(binding.container_port) == wanted:
                return binding.host_port
        return int(wanted)

    def _is_healthy(self, target: Target) -> bool:
        task = self._store.get(TASKS, target.task_arn or "")
        if task is None or not isinstance(self._runtime, SimulatedRuntime):
            return False
        names = {ref.container for ref in task.targets if ref.target_group_arn == target.target_group_arn}
        return all(self._runtime.is_healthy(ContainerRef(task.id, name)) for name in names)

    def _tell(self, target: Target, status: int | None, seconds: float, failure: str | None) -> None:
        if status is None and failure is None:
            failure = "connection"
        self._emit(ProbeResult(target.target_group_arn, target.key, status, failure, seconds, self._now()))
