"""What AWS has at one moment: frozen pictures that `aws/observe.py` fills, and everything that decides reads.

Names are ECS's. Times are AWS's own. A picture may lack parts that were not asked for; each says so by being empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SUCCESSFUL: Final = "SUCCESSFUL"
ROLLBACK_SUCCESSFUL: Final = "ROLLBACK_SUCCESSFUL"
ROLLBACK_FAILED: Final = "ROLLBACK_FAILED"
STOPPED: Final = "STOPPED"
TERMINAL: Final = frozenset({SUCCESSFUL, ROLLBACK_SUCCESSFUL, ROLLBACK_FAILED, STOPPED})
"""States in which a service deployment stays."""
ROLLING_BACK: Final = frozenset({"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})
GOOD: Final = "good"
BAD: Final = "bad"
VERDICT_TAG: Final = "fairway:verdict"
VERIFIED_TAG: Final = "fairway:verified-at"
VERSION_TAG: Final = "fairway:version"
COMMIT_TAG: Final = "fairway:commit"
BY_TAG: Final = "fairway:by"
DEPLOYMENT_TAG: Final = "fairway:deployment"
DIGEST_TAG: Final = "fairway:digest"
"""Of the image behind the service: what was rehearsed is what is deployed."""
GUARD_PREFIX: Final = "fairway-"
"""Of the names of alarms that Fairway makes for a deployment."""
WHY_TAG: Final = "fairway:why"
"""Why the verdict is what it is."""
CI_TAG: Final = "fairway:ci"
"""Address of the CI run that deployed it."""
ONE_WAY_TAG: Final = "fairway:one-way"
"""Migrations that ran before it and cannot be undone: what is older cannot run any more."""
SKIPPED_TAG: Final = "fairway:skipped"
"""Steps that were left out when it was deployed."""
SETTINGS_TAG: Final = "fairway:settings"
"""A hash of the settings that a revision was deployed with: what the revision itself does not keep."""


def short(arn: str) -> str:
    """`…/taskmanager-api:7` -> `taskmanager-api:7`: the last part of an ARN."""
    return arn.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """A registered revision of a task definition, with its tags."""

    arn: str
    document: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`family:revision`."""
        return short(self.arn)

    @property
    def family(self) -> str:
        return self.name.rsplit(":", 1)[0]

    @property
    def number(self) -> int:
        return int(self.name.rsplit(":", 1)[1])

    @property
    def verdict(self) -> str | None:
        """`good`, `bad`, or None: nobody has said."""
        return self.tags.get(VERDICT_TAG)

    @property
    def is_active(self) -> bool:
        """It can still be deployed."""
        return bool(self.document.get("status", "ACTIVE") == "ACTIVE")

    @property
    def version(self) -> str | None:
        """What the team calls it: the tag, else the image tag of its first container that has one."""
        if VERSION_TAG in self.tags:
            return self.tags[VERSION_TAG]
        for container in self.containers:
            name = str(container.get("image", "")).rsplit("/", 1)[-1]
            if ":" in name and "@" not in name:
                return name.rsplit(":", 1)[1]
        return None

    @property
    def by(self) -> str | None:
        """Who registered it."""
        who = self.tags.get(BY_TAG) or self.document.get("registeredBy")
        return None if who is None else str(who)

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        return list(self.document.get("containerDefinitions", ()))

    def container(self, name: str) -> Mapping[str, Any]:
        return next((item for item in self.containers if item.get("name") == name), {})

    def label(self) -> str:
        """`taskmanager-api:7 (v1.2.3)`."""
        return f"{self.name} ({self.version})" if self.version else self.name


@dataclass(frozen=True, slots=True)
class Rollout:
    """One of `deployments[]` of a service."""

    id: str
    status: str
    """PRIMARY | ACTIVE | INACTIVE."""
    task_definition: str
    desired: int
    pending: int
    running: int
    failed: int
    state: str
    """IN_PROGRESS | COMPLETED | FAILED, or empty where ECS does not say."""
    reason: str
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One of `events[]` of a service."""

    id: str
    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Service:
    """A service as DescribeServices shows it."""

    arn: str
    name: str
    cluster: str
    status: str
    controller: str
    desired: int
    running: int
    pending: int
    task_definition: str
    rollouts: tuple[Rollout, ...] = ()
    events: tuple[Event, ...] = ()
    """Newest first."""
    target_groups: tuple[str, ...] = ()
    grace_seconds: int = 0
    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def breaker(self) -> Mapping[str, Any]:
        """`deploymentCircuitBreaker` of its configuration."""
        found: Mapping[str, Any] = self.document.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
        return found


@dataclass(frozen=True, slots=True)
class RevisionCount:
    """Task counts of a service revision in a service deployment."""

    arn: str
    requested: int = 0
    running: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class ServiceDeployment:
    """A service deployment: ECS's own record of one deployment."""

    arn: str
    service_arn: str
    status: str
    created_at: datetime
    target_revision: RevisionCount
    reason: str = ""
    source_revisions: tuple[RevisionCount, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    rollback_reason: str = ""
    rollback_revision: str | None = None
    """ARN of the service revision that ECS goes back to."""
    breaker_status: str = ""
    failures: int = 0
    threshold: int = 0
    alarms: tuple[str, ...] = ()
    """The alarms that fired and failed it."""

    @property
    def id(self) -> str:
        return short(self.arn)

    @property
    def is_over(self) -> bool:
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True)
class ContainerState:
    """A container of a task."""

    name: str
    status: str
    image: str = ""
    exit_code: int | None = None
    reason: str = ""
    health: str = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Task:
    """A task as DescribeTasks shows it."""

    arn: str
    task_definition: str
    status: str
    desired: str
    health: str
    started_by: str
    """The deployment (`ecs-svc/N`) that it belongs to."""
    created_at: datetime
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_code: str = ""
    stopped_reason: str = ""
    zone: str = ""
    address: str = ""
    containers: tuple[ContainerState, ...] = ()

    @property
    def id(self) -> str:
        return short(self.arn)


@dataclass(frozen=True, slots=True)
class Target:
    """A target of a target group, with what the load balancer thinks of it."""

    target_group: str
    address: str
    port: int
    state: str
    reason: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How a target group asks its targets."""

    target_group: str
    path: str = "/"
    port: str = "traffic-port"
    matcher: str = "200"
    interval_seconds: int = 30
    timeout_seconds: int = 5
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2


TAIL_LINES: Final = 12
"""So many last lines of a log are looked at: as many, or more, may have been written before them."""


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last lines of a container of a task, or why there are none."""

    task_id: str
    container: str
    lines: tuple[str, ...] = ()
    missing: str = ""
    """Where the lines might be, when there are none."""
    group: str = ""
    stream: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log."""

    at: datetime
    task_id: str
    container: str
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A service and all around it, as a live view or a diagnosis needs it."""

    service: Service
    at: datetime
    deployment: ServiceDeployment | None = None
    """The service deployment that is followed, else the newest."""
    target: TaskDefinition | None = None
    """The task definition that it brings in."""
    definitions: Mapping[str, TaskDefinition] = field(default_factory=dict)
    """By ARN: of each rollout and each task that is shown."""
    tasks: tuple[Task, ...] = ()
    """Those that ECS wants running."""
    stopped: tuple[Task, ...] = ()
    """Those that ECS wants stopped, newest first: stopping, and stopped within about an hour."""
    targets: tuple[Target, ...] = ()
    checks: tuple[HealthCheck, ...] = ()
    logs: tuple[LogTail, ...] = ()
    missing_repositories: frozenset[str] = frozenset()
    """Of ECR: those that images of failed tasks name and that do not exist."""


@dataclass(frozen=True, slots=True)
class Living:
    """What lives of a service that is about to be released: what it is now, and what was deployed last."""

    service: Service | None = None
    """None: it does not exist yet."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of the service."""
    serving: TaskDefinition | None = None
    """The PRIMARY deployment's revision."""
    deployed: TaskDefinition | None = None
    """The newest of Fairway's revisions that a service deployment brought in, when it is not `serving`."""
    revision: Mapping[str, Any] | None = None
    """The service revision (DescribeServiceRevisions) that Fairway's deployment of `serving` made."""
    configuration: Mapping[str, Any] | None = None
    """`deploymentConfiguration` of Fairway's newest service deployment."""
    seconds: tuple[float, ...] = ()
    """How long the last SUCCESSFUL service deployments took, newest first."""
    checks: tuple[HealthCheck, ...] = ()
    """Of its target groups."""
    deregistration_seconds: Mapping[str, int] = field(default_factory=dict)
    """By target group; one whose attributes may not be read is left out."""


@dataclass(frozen=True, slots=True)
class LivingTask:
    """What lives of a one-off task: its newest revision."""

    newest: TaskDefinition | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything that lives where a release goes, read at one moment."""

    account: str
    region: str
    cluster: str
    services: Mapping[str, Living] = field(default_factory=dict)
    """By ECS's name of the service."""
    tasks: Mapping[str, LivingTask] = field(default_factory=dict)
    """By family."""
    default_strategy: tuple[Mapping[str, Any], ...] = ()
    """The cluster's `defaultCapacityProviderStrategy`."""
