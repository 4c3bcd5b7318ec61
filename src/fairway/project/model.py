"""What a project says: its environment, services, tasks, and the definitions that AWS takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fairway.project.before import Before

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fairway.project.after_up import AfterUp
    from fairway.project.checks import Monitoring, Verification

LOCAL = "local"
"""The one environment that may be a default, and the only one that speaks to an engine on this machine."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a project is deployed to."""

    name: str
    cluster: str
    region: str
    account: str | None = None
    """Checked by STS before the first write; needed everywhere but locally."""
    endpoint_url: str | None = None
    """Only the local environment has one."""
    url: str | None = None
    """Where its services are reached by their users; None: nobody said."""

    @property
    def is_local(self) -> bool:
        return self.name == LOCAL


@dataclass(frozen=True, slots=True)
class ImageSource:
    """What the image of a service is built from."""

    repository: str
    definition: Path | None = None
    """The image definition that `fairway build` reads."""
    dockerfile: Path | None = None


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A service of the project."""

    key: str
    """Its name in the project file."""
    definition: Mapping[str, Any]
    """What RegisterTaskDefinition takes; `{{ tag }}` still stands in it."""
    definition_path: Path
    service: Mapping[str, Any] | None = None
    """What CreateService takes; None: only revisions are managed."""
    service_path: Path | None = None
    scaling: Mapping[str, Any] | None = None
    """The bounds between which it is scaled (`fairway.project.scaling`); None: they are not ours."""
    scaling_path: Path | None = None
    image: ImageSource | None = None
    after: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    verify: tuple[Verification, ...] = ()
    monitor: Monitoring | None = None
    url: str | None = None
    """Where it is reached; None: the environment's."""
    manage: str = "service"
    """`service`, or `task-definition`: only its revisions change (`fairway.project.manage`)."""

    @property
    def service_name(self) -> str:
        """The service's name on ECS."""
        if self.service is not None and "serviceName" in self.service:
            return str(self.service["serviceName"])
        return str(self.definition["family"])

    @property
    def family(self) -> str:
        return str(self.definition["family"])


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A one-off task of the project, such as the migrations."""

    key: str
    definition: Mapping[str, Any]
    definition_path: Path
    image: ImageSource | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Services that it verifies (`verify = [{ via = "task", … }]`): it runs when they say so, and never first."""
    run: Mapping[str, Any] | None = None
    """What RunTask takes beside the task definition: the network."""
    run_path: Path | None = None
    one_way: bool | str = "auto"
    """True, False, or `auto`: by the Alembic revisions that a release brings."""
    revisions: Path | None = None
    """The folder of its Alembic revisions."""

    @property
    def family(self) -> str:
        return str(self.definition["family"])


@dataclass(frozen=True, slots=True)
class ScheduledSpec:
    """A task that EventBridge starts by a schedule."""

    key: str
    definition: Mapping[str, Any]
    definition_path: Path
    rule: str | None = None
    """`[BUS/]NAME` of an EventBridge rule; else `schedule` is said."""
    schedule: str | None = None
    """`[GROUP/]NAME` of a schedule of EventBridge Scheduler."""
    image: ImageSource | None = None
    after: tuple[str, ...] = ()
    """Services with which it is moved; none: with any."""

    @property
    def family(self) -> str:
        return str(self.definition["family"])


@dataclass(frozen=True, slots=True)
class Project:
    """A project in one environment."""

    root: Path
    name: str
    environment: Environment
    services: Mapping[str, ServiceSpec]
    tasks: Mapping[str, TaskSpec] = field(default_factory=dict)
    scheduled: Mapping[str, ScheduledSpec] = field(default_factory=dict)
    cluster_definition: Mapping[str, Any] | None = None
    """What CreateCluster takes."""
    balancer_definition: Mapping[str, Any] | None = None
    """Load balancers, target groups and listeners that a laptop needs made; production has its own."""
    on_failure: str = "rollback-all"
    reports: str | None = None
    """Where reports go beside the project's own folder: `s3://BUCKET/PREFIX`."""
    webhook: str | None = field(default=None, repr=False)
    """Who is told how a deployment ended, in Slack's format. A secret: whoever knows it can write there."""
    fault_switches: str | None = None
    """The variable by which the workload is told to misbehave in a rehearsal; None: it cannot be told."""
    pin_secrets: bool = False
    """Revisions keep the versions of secrets that were current when they were registered."""
    log_retention_days: int | None = None
    """Of every log group that a definition names; None: it stays as it is."""
    prices_path: Path | None = None
    """A table of prices of its own; None: the one that comes with Fairway."""
    before: Before = field(default_factory=Before)
    """What is asked for before it is deployed."""
    after_up: AfterUp | None = None
    """What `up` does once when all is up; of the local environment alone."""
