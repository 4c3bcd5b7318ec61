"""What goes on beside an act: requests on the load balancer, and an eye on how many tasks are healthy."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from fairway.aws.calls import batches
from fairway.deployment.rehearsal.happened import Capacity, Requests
from fairway.load.generator import Load, LoadPlan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from fairway.aws.session import Aws
    from fairway.load.address import Address

_LOOK_SECONDS: Final = 0.25
_JOIN_SECONDS: Final = 30.0
_CONNECTIONS: Final = 10
_TASKS_AT_ONCE: Final = 100


class Traffic:
    """A steady rate of requests: half over connections that are kept, half over new ones; open-loop, counted honestly."""

    def __init__(self, address: Address, paths: tuple[str, ...], rate: float) -> None:
        self._loads = [
            Load(LoadPlan(address, rate / 2, paths, connections=_CONNECTIONS, new_connections=new))
            for new in (False, True)
        ]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._begun = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._begun.wait(_JOIN_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None:
            for load in self._loads:
                self._loop.call_soon_threadsafe(load.stop)
        self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        async def send() -> None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._begun.set)
            await asyncio.gather(*(load.run() for load in self._loads))

        asyncio.run(send())

    def requests(self) -> Requests:
        """What came of them, when all have ended."""
        kinds: dict[str, int] = {}
        summaries = [load.summary() for load in self._loads]
        for summary in summaries:
            for kind, count in summary.kinds.items():
                kinds[kind] = kinds.get(kind, 0) + count
        slowest = [summary.p95_ms for summary in summaries if summary.p95_ms is not None]
        return Requests(
            sum(summary.requests for summary in summaries),
            sum(summary.failed for summary in summaries),
            kinds,
            max(slowest, default=None),
        )


class Watchman:
    """Counts healthy tasks again and again, and keeps the lowest count.

    Behind a load balancer its healthy targets count, else tasks that are HEALTHY, or that run where nothing checks them.
    """

    def __init__(self, aws: Aws, cluster: str, names: Mapping[str, str], *, checked: frozenset[str]) -> None:
        """`names`: key -> the service's name on ECS; `checked`: keys of services whose containers have a health check."""
        self._aws = aws
        self._cluster = cluster
        self._keys = {name: key for key, name in names.items()}
        self._checked = checked
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.lowest: dict[str, Capacity] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._look()
            except (ClientError, BotoCoreError):
                # the command that is played meets the same, and tells it
                self._over.wait(1.0)
            self._over.wait(_LOOK_SECONDS)

    def _look(self) -> None:
        described = self._aws.ecs.describe_services(cluster=self._cluster, services=list(self._keys))
        for service in described["services"]:
            healthy = self._healthy(service)
            if healthy is None:
                continue
            key, desired = self._keys[service["serviceName"]], service["desiredCount"]
            percent = service["deploymentConfiguration"].get("minimumHealthyPercent", 100)
            known = self.lowest.get(key)
            if known is None or healthy < known.lowest:
                self.lowest[key] = Capacity(healthy, desired, -(-desired * percent // 100))

    def _healthy(self, service: Any) -> int | None:
        """None: something changed while it was counted, so that the count would be of no moment."""
        groups = [item["targetGroupArn"] for item in service.get("loadBalancers", ()) if "targetGroupArn" in item]
        if groups:
            found = self._aws.elbv2.describe_target_health(TargetGroupArn=groups[0])["TargetHealthDescriptions"]
            return sum(item["TargetHealth"]["State"] == "healthy" for item in found)
        name = service["serviceName"]
        before = self._arns(name)
        tasks = [
            task
            for some in batches(before, _TASKS_AT_ONCE)
            for task in self._aws.ecs.describe_tasks(cluster=self._cluster, tasks=list(some))["tasks"]
        ]
        if set(self._arns(name)) != set(before):
            return None
        wanted = {"HEALTHY"} if self._keys[name] in self._checked else {"HEALTHY", "UNKNOWN"}
        return sum(task["lastStatus"] == "RUNNING" and task.get("healthStatus", "UNKNOWN") in wanted for task in tasks)

    def _arns(self, name: str) -> list[str]:
        pages = self._aws.ecs.get_paginator("list_tasks").paginate(cluster=self._cluster, serviceName=name)
        return [arn for page in pages for arn in page["taskArns"]]
