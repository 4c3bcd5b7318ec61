"""Measures the load balancers and the services, each minute of engine time, as CloudWatch has it from them.

What went through a load balancer is the difference between two readings of its counters; the last reading is kept beside
the metrics, so that what passes while the engine is dead is counted too, in the first minute after it. Readings are taken
each real second (`Balancing`), so an engine that runs n times as fast as the clock sees its traffic up to n seconds late.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fairway.engine.model.elb import Target, TargetState
from fairway.engine.model.task import TaskStatus
from fairway.engine.runtime.protocol import ContainerRef
from fairway.engine.services.ecs.utilization import TaskUse, utilization
from fairway.engine.services.elbv2.configuration import pool_key
from fairway.engine.services.elbv2.measured import counts_of, groups_of, grown, hosts, traffic
from fairway.engine.store.schema import LISTENERS, LOAD_BALANCERS, RULES, SERVICES, TARGET_GROUPS, TARGETS, TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fairway.engine.loadbalancer.protocol import Stats
    from fairway.engine.model.metric import Datum
    from fairway.engine.model.task import Task
    from fairway.engine.runtime.protocol import Usage
    from fairway.engine.runtime.simulated import Behaviour
    from fairway.engine.store.metrics import MetricStore
    from fairway.engine.store.store import Store

MINUTE: Final = 60
LOOKS_A_MINUTE: Final = 4
"""How often targets are counted: HealthyHostCount has a minimum and a maximum within the minute."""
LEAST_REAL_SECONDS: Final = 0.2
READING: Final = "balancer"
_IN_SERVICE: Final = frozenset({TargetState.HEALTHY, TargetState.UNAVAILABLE})


class Metering:
    """Puts measurements into the metrics; `begin` makes it come back by itself."""

    def __init__(
        self,
        store: Store,
        metrics: MetricStore,
        *,
        now: Callable[[], datetime],
        rate: Callable[[], float],
        call_at: Callable[[datetime, Callable[[], None]], object],
        stats: Callable[[], Stats],
        usage: Callable[[], Mapping[ContainerRef, Usage]],
        load: Callable[[ContainerRef], Behaviour | None] = lambda _ref: None,
    ) -> None:
        """`load`: what a container of the simulated runtime is sent, where there is no load balancer that could say."""
        self._store = store
        self._metrics = metrics
        self._now = now
        self._rate = rate
        self._call_at = call_at
        self._stats = stats
        self._usage = usage
        self._load = load
        self._minute = 0
        self._looked_at: datetime | None = None
        self._simulated: Counter[str] = Counter()
        self._rest: dict[str, float] = {}
        self._used: dict[ContainerRef, Usage] = {}

    def begin(self) -> None:
        """Start with the minute that runs now."""
        now = self._now()
        self._minute = int(now.timestamp()) // MINUTE
        self._looked_at = now
        self._simulated.clear()
        self._rest.clear()
        self._used = dict(self._usage())
        self._come_back(now)

    def _come_back(self, now: datetime) -> None:
        step = max(MINUTE / LOOKS_A_MINUTE, LEAST_REAL_SECONDS * self._rate())
        border = (int(now.timestamp()) // MINUTE + 1) * MINUTE
        following = min(now.timestamp() + step, border)
        self._call_at(datetime.fromtimestamp(following, UTC), self._run)

    def _run(self) -> None:
        now = self._now()
        try:
            self.look(now)
        finally:
            self._come_back(now)

    def look(self, now: datetime) -> None:
        """Count targets and simulated requests; and when a minute is over, put down what happened in it."""
        self._simulate(now)
        minute = int(now.timestamp()) // MINUTE
        if minute != self._minute:
            self._metrics.put(self._measured((minute - 1) * MINUTE))
            self._minute = minute
        self._metrics.put(self._hosts(int(now.timestamp())))

    # -- load balancers ----------------------------------------------------------------------------------------------

    def _measured(self, at: int) -> Iterator[Datum]:
        counts = self._passed()
        listeners, rules = self._store.all(LISTENERS), self._store.all(RULES)
        for balancer in self._store.all(LOAD_BALANCERS):
            arns = groups_of(balancer, listeners, rules)
            groups = [group for group in self._store.all(TARGET_GROUPS) if group.arn in arns]
            targets = {group.arn: self._store.find(TARGETS, "target_group", group.arn) for group in groups}
            yield from traffic(balancer, listeners, groups, targets, counts, at)
        yield from self._utilization(at)

    def _passed(self) -> Counter[str]:
        """What the counters grew by since they were last asked, and what simulated tasks were sent."""
        stats = self._stats()
        counts, before = counts_of(stats), self._last_reading(stats.generation)
        if counts != before:
            self._metrics.note(READING, json.dumps({"generation": stats.generation, "counts": counts}))
        passed = grown(before, counts)
        passed.update(self._simulated)
        self._simulated.clear()
        return passed

    def _last_reading(self, generation: str) -> dict[str, int]:
        """The counters when they were last asked; none of another generation, whose counts began at zero."""
        noted = self._metrics.noted(READING)
        if noted is None:
            return {}
        document = json.loads(noted)
        counts: dict[str, int] = document["counts"]
        return counts if document["generation"] == generation else {}

    def _hosts(self, at: int) -> Iterator[Datum]:
        listeners, rules = self._store.all(LISTENERS), self._store.all(RULES)
        for balancer in self._store.all(LOAD_BALANCERS):
            for arn in sorted(groups_of(balancer, listeners, rules)):
                group = self._store.get(TARGET_GROUPS, arn)
                if group is not None:
                    yield from hosts(balancer, group, self._store.find(TARGETS, "target_group", arn), at)

    # -- simulated tasks ---------------------------------------------------------------------------------------------

    def _simulate(self, now: datetime) -> None:
        seconds = (now - (self._looked_at or now)).total_seconds()
        self._looked_at = now
        for target in self._store.all(TARGETS):
            if target.task_arn is not None and not target.host and target.state in _IN_SERVICE:
                self._send(target, target.task_arn, seconds)

    def _send(self, target: Target, task_arn: str, seconds: float) -> None:
        """Count the requests of one target; parts of a request wait for the next time."""
        task = self._store.get(TASKS, task_arn)
        refs = [] if task is None else [ContainerRef(task.id, container.name) for container in task.containers]
        loads = [load for ref in refs if (load := self._load(ref)) is not None and load.requests]
        key = pool_key(target.target_group_arn)
        for load in loads:
            requests = self._whole(f"{key}/{target.key}", load.requests * seconds)
            errors = min(requests, self._whole(f"{key}/{target.key}/errors", requests * load.errors))
            sent = {"requests": requests, "target_2xx": requests - errors, "target_5xx": errors}
            self._simulated.update({f"{key}/{name}": count for name, count in sent.items()})
            self._simulated[f"{key}/exactly/{load.latency!r}"] += requests

    def _whole(self, name: str, amount: float) -> int:
        amount += self._rest.get(name, 0.0)
        self._rest[name] = amount - int(amount)
        return int(amount)

    # -- services ----------------------------------------------------------------------------------------------------

    def _utilization(self, at: int) -> Iterator[Datum]:
        usage, before = self._usage(), self._used
        self._used = dict(usage)
        for service in self._store.all(SERVICES):
            tasks = self._store.find(TASKS, "service", service.arn)
            used = [_used(task, usage, before) for task in tasks if task.status is TaskStatus.RUNNING]
            yield from utilization(service, [use for use in used if use is not None], at)


def _used(task: Task, usage: Mapping[ContainerRef, Usage], before: Mapping[ContainerRef, Usage]) -> TaskUse | None:
    """What a task used since it was last asked; None: nothing is known of it yet."""
    refs = [ContainerRef(task.id, container.name) for container in task.containers]
    known = [(usage[ref], before.get(ref)) for ref in refs if ref in usage]
    if not known:
        return None
    cpu = None
    for now, last in known:
        seconds = now.at_seconds - last.at_seconds if last is not None else 0.0
        if last is not None and seconds > 0:
            cpu = (cpu or 0.0) + max(0.0, now.cpu_seconds - last.cpu_seconds) / seconds
    memory = sum(now.memory_bytes for now, _ in known)
    return TaskUse(cpu, memory, int(task.cpu or 0), int(task.memory or 0))
