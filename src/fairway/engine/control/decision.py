"""What the service scheduler sees and what it decides, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fairway.engine.control.deployment_alarms import WatchedAlarm
    from fairway.engine.control.task_health import Verdict
    from fairway.engine.model.elb import Target
    from fairway.engine.model.service import Service, ServiceDeployment
    from fairway.engine.model.task import StopCode, Task


@dataclass(frozen=True, slots=True)
class ObservedTask:
    """A task of the service that has not ended, or whose end was not counted yet."""

    task: Task
    targets: tuple[Target, ...] = ()
    checked: bool = False
    """An essential container of its revision has a health check."""


@dataclass(frozen=True, slots=True)
class ServiceView:
    """All that the scheduler looks at."""

    service: Service
    tasks: tuple[ObservedTask, ...] = ()
    records: tuple[ServiceDeployment, ...] = ()
    """Service deployments that have not ended."""
    rate: float = 1.0
    """Engine seconds per real second: the grace period is a limit on real work and lasts real seconds."""
    alarms: Mapping[str, WatchedAlarm] = field(default_factory=dict)
    """Those that deployments of the service name, by name."""


@dataclass(frozen=True, slots=True)
class Start:
    """Start `count` tasks of a deployment."""

    deployment_id: str
    count: int
    replaced: int = 0
    """So many of them replace unhealthy tasks: the event says it."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a task."""

    task_arn: str
    code: StopCode
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done, and when to ask again. Doing it twice does it once."""

    service: Service
    records: tuple[ServiceDeployment, ...] = ()
    """Service deployments, changed or not."""
    tasks: tuple[Task, ...] = ()
    """Tasks with changed marks (`became_healthy`, `counted_failed`)."""
    starts: tuple[Start, ...] = ()
    stops: tuple[Stop, ...] = ()
    events: tuple[str, ...] = ()
    """Told before tasks are started and stopped; without the `(service NAME) ` before it."""
    closing_events: tuple[str, ...] = ()
    """Told after that."""
    next_check: datetime | None = None


@dataclass(slots=True)
class Draft:
    """The decision while it is being made."""

    view: ServiceView
    now: datetime
    service: Service
    records: dict[str, ServiceDeployment]
    verdicts: dict[str, Verdict]
    """By task ARN; tasks that are stopping have none."""
    tasks: dict[str, Task]
    """By ARN, with the marks of this step."""
    starts: list[Start] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    closing_events: list[str] = field(default_factory=list)
    checks: list[datetime] = field(default_factory=list)

    def ask_again(self, moment: datetime | None) -> None:
        if moment is not None:
            self.checks.append(moment)

    def finish(self) -> Decision:
        before = {observed.task.arn: observed.task for observed in self.view.tasks}
        future = [moment for moment in self.checks if moment > self.now]
        return Decision(
            service=self.service,
            records=tuple(self.records.values()),
            tasks=tuple(task for arn, task in self.tasks.items() if task != before[arn]),
            starts=tuple(self.starts),
            stops=tuple(self.stops),
            events=tuple(self.events),
            closing_events=tuple(self.closing_events),
            next_check=min(future, default=None),
        )
