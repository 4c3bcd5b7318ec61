"""A service after its deployment, in virtual time: what AWS would say of it is written down, and waiting lets time pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from tests.deployment.builders import GROUP, T0, a_definition, a_record, a_rollout, a_service, a_task

from fairway.analysis.sample import Sample
from fairway.deployment.subject import Subject
from fairway.observed import ContainerState, Target
from fairway.project.checks import Monitoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairway.deployment.progress import Change

BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shop/0123456789abcdef"
TARGET = a_definition(2).arn


class Kept:
    """Keeps what it is told."""

    def __init__(self):
        self.told: list[Change] = []

    def change(self, change):
        self.told.append(change)

    def picture(self, picture):
        """No live view."""

    def of(self, kind):
        return [change for change in self.told if change.kind == kind]


@dataclass
class World:
    """Plays observer, AWS and pace. Each wait is five seconds."""

    service: Any = None
    running: list[Any] = field(default_factory=list)
    stopped: list[Any] = field(default_factory=list)
    target_states: tuple[Target, ...] = ()
    records: list[Any] = field(default_factory=list)
    events: list[tuple[float, Callable[[World], None]]] = field(default_factory=list)
    """(seconds after T0, what happens then)."""
    seconds: float = 0.0
    is_local: bool = False
    groups: tuple[str, ...] = (GROUP,)
    asked: dict[str, int] = field(default_factory=dict)
    problem: Exception | None = None
    cluster: str = "shop"
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        self.service = self.service or a_service(a_rollout(2, desired=2, running=2), groups=self.groups)
        self.running = self.running or [a_task(n, health="HEALTHY", address=f"10.0.0.{n}") for n in (1, 2)]
        self.target_states = self.target_states or tuple(Target(GROUP, f"10.0.0.{n}", 80, "healthy") for n in (1, 2))

    # -- pace ----------------------------------------------------------------------------------------------------------

    def wait(self):
        self.seconds += 5
        for event in [event for event in self.events if event[0] <= self.seconds]:
            self.events.remove(event)
            event[1](self)

    def details_are_due(self):
        return True

    # -- AWS -----------------------------------------------------------------------------------------------------------

    @property
    def aws(self):
        return cast("Any", self)

    @property
    def elbv2(self):
        return cast("Any", self)

    def now(self):
        return T0 + timedelta(seconds=self.seconds)

    def describe_target_groups(self, **_):
        return {"TargetGroups": [{"TargetGroupArn": GROUP, "Protocol": "HTTP", "LoadBalancerArns": [BALANCER]}]}

    def get_paginator(self, _):
        return self

    def paginate(self, **request):
        assert request == {"LoadBalancerArn": BALANCER}
        yield {"TargetGroups": [{"TargetGroupArn": GROUP}]}

    # -- observer --------------------------------------------------------------------------------------------------------

    def services(self, names):
        self._ask("services")
        return {} if self.service == "deleted" else dict.fromkeys(names, self.service)

    def tasks(self, _name, *, stopped=False):
        self._ask("tasks")
        return list(self.stopped if stopped else self.running)

    def targets(self, groups):
        return [target for target in self.target_states if target.target_group in groups]

    def service_deployments(self, _name, **_):
        return self.records

    def revision_definitions(self, arns):
        return {arn: f"{TARGET[:-1]}{arn[-1]}" for arn in arns}

    def find_task_definition(self, arn):
        return a_definition(int(arn.rsplit(":", 1)[1]), version="v9")

    def _ask(self, what):
        self.asked[what] = self.asked.get(what, 0) + 1
        if self.problem is not None:
            raise self.problem


@dataclass
class Numbers:
    """A source: the numbers of each minute after T0, and from then on the last of them."""

    rows: list[Sample]
    lateness: timedelta = timedelta(minutes=2)
    problem: Exception | None = None
    calls: int = 0

    def samples(self, watched, start, end):
        self.calls += 1
        if self.problem is not None:
            raise self.problem
        count = int((end - start) / timedelta(minutes=1))
        found = []
        for number in range(count):
            at = start + timedelta(minutes=number)
            row = self.rows[min(int((at - T0) / timedelta(minutes=1)), len(self.rows) - 1)]
            found.append(Sample(at, row.requests, row.target_5xx, p95_seconds=row.p95_seconds, values=row.values))
        return {one.key: tuple(found) for one in watched}


def minute(requests=600, failed=0, p95=0.1, **values):
    return Sample(T0, requests, failed, p95_seconds=p95, values=values)


def a_subject(*, key="api", verify=(), monitor=Monitoring(15, 0.001, 0.2), seconds=0.0, definition=None):  # noqa: B008 - frozen
    return Subject(key, key, definition or a_definition(2), verify, monitor, T0 + timedelta(seconds=seconds))


def crash(number=7, *, code=1, stopped=100, reason="", **fields):
    containers = (ContainerState("api", "STOPPED", exit_code=code, reason=reason),)
    words = {"stop_code": "EssentialContainerExited", "stopped_reason": "Essential container in task exited"} | fields
    return a_task(number, status="STOPPED", stopped=stopped, lived=30, containers=containers, **words)


def a_newer_deployment(world):
    """Somebody deploys revision 3."""
    world.service = a_service(a_rollout(3, desired=2), a_rollout(2, status="ACTIVE", running=2), groups=world.groups)
    world.records = [a_record("IN_PROGRESS", name="theirs", seconds=60, target=3)]
