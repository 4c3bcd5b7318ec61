"""What a task needs done in the world, as values: the loops carry it out after the decision is stored."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PrepareTask:
    """Reserve the network, find secrets and log streams. Fact: TaskPrepared | TaskPreparationFailed."""

    task_arn: str


@dataclass(frozen=True, slots=True)
class PullImage:
    """Fact: ImagePulled | ImagePullFailed."""

    task_arn: str
    container: str


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Fact: ContainerStarted | ContainerStartFailed."""

    task_arn: str
    container: str


@dataclass(frozen=True, slots=True)
class StopContainer:
    """Fact: ContainerExited."""

    task_arn: str
    container: str
    grace_seconds: float
    """Real seconds between the stop signal and SIGKILL."""


@dataclass(frozen=True, slots=True)
class CheckHealth:
    """Fact: HealthChecked."""

    task_arn: str
    container: str


@dataclass(frozen=True, slots=True)
class RegisterTargets:
    """Put the task into its target groups."""

    task_arn: str


@dataclass(frozen=True, slots=True)
class DrainTargets:
    """Let the task's targets drain. `at_once`: nothing answers there any more, so there is nothing to wait for."""

    task_arn: str
    at_once: bool


@dataclass(frozen=True, slots=True)
class ReleaseTask:
    """Free what the task held: ports, folders, groups."""

    task_arn: str


Effect = (
    PrepareTask
    | PullImage
    | StartContainer
    | StopContainer
    | CheckHealth
    | RegisterTargets
    | DrainTargets
    | ReleaseTask
)
