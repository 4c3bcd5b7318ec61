"""What the rehearsal's project needs on its private engine, and what the account there says before and after an act."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from fairway.aws.calls import calling
from fairway.deployment.foundation import lay_foundation
from fairway.deployment.rehearsal.schedules import lay_schedules, started
from fairway.deployment.rehearsal.stand_ins import secrets_needed
from fairway.ids import RandomIds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fairway.aws.observe import Observer
    from fairway.aws.session import Aws
    from fairway.deployment.rehearsal.cast import Cast
    from fairway.project.model import Project

_MOST_DEPLOYMENTS: Final = 100
_SECRET_LENGTH: Final = 64
_VALUE: Final = "rehearsal"
OPEN_RUN: Final = "the unfinished run"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a stage stands on."""

    address: str | None
    """Where the load balancer answers; None: there is none."""
    notes: tuple[str, ...]


def measures_requests(aws: Aws) -> bool:
    """The engine answers for CloudWatch."""
    try:
        aws.client("cloudwatch").list_metrics(Namespace="AWS/ApplicationELB")
    except (ClientError, BotoCoreError):
        return False
    return True


def lay_ground(
    aws: Aws, project: Project, cast: Cast, values: Mapping[str, str], tell: Callable[[str], None]
) -> Ground:
    """Make cluster, roles, log groups, secrets, parameters and load balancer.

    `values`: of the secrets that somebody has a value for, by name; every other one takes a random value.

    Raises:
        FairwayError: the engine refused something; says what was being made.
    """
    needed = secrets_needed(list(cast.definitions.values()))
    ids = RandomIds()
    made, drawn = dict(values), []
    for name, members in needed.managed.items():
        if name not in values:
            random = {member: ids.hexadecimal(_SECRET_LENGTH) for member in members}
            made[name] = json.dumps(random) if members else ids.hexadecimal(_SECRET_LENGTH)
            drawn.append(name)
    own = set((project.balancer_definition or {}).get("parameters", {}))
    for name in [name for name in cast.parameters if name not in own]:
        _put(aws, name, _VALUE)
    for name in needed.parameters:
        _put(aws, name, ids.hexadecimal(_SECRET_LENGTH))
        drawn.append(name)
    foundation = lay_foundation(aws, project, made, tell)
    lay_schedules(aws, project)
    notes = (f"secrets with a random value: {', '.join(sorted(drawn))}",) if drawn else ()
    return Ground(foundation.address, notes)


def _put(aws: Aws, name: str, value: str) -> None:
    with calling(f"writing the parameter {name}"):
        aws.ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the account says of the project's services now."""

    serving: Mapping[str, str]
    """By the key of a service: ARN of the task definition that it is to run."""
    moving: tuple[str, ...]
    """Keys of services that have more than one deployment."""
    revisions: Mapping[str, int]
    """By the key of a service, one-off task or scheduled task: how many revisions its family has."""
    deployments: Mapping[str, int]
    """By the key of a service."""
    started: Mapping[str, str]
    """By the key of a scheduled task: ARN of the task definition that its rule or schedule starts."""


def standing(observer: Observer, project: Project) -> Standing:
    """Ask the account."""
    living = observer.services([spec.service_name for spec in project.services.values()])
    serving, moving, deployments = {}, [], {}
    for key, spec in project.services.items():
        service = living.get(spec.service_name)
        if service is None:
            continue
        serving[key] = service.task_definition
        if len(service.rollouts) > 1:
            moving.append(key)
        deployments[key] = len(observer.service_deployments(spec.service_name, most=_MOST_DEPLOYMENTS))
    families = {key: spec.family for key, spec in project.services.items()}
    families |= {key: task.family for key, task in project.tasks.items()}
    families |= {key: item.family for key, item in project.scheduled.items()}
    revisions = {key: _revisions(observer.aws, family) for key, family in families.items()}
    return Standing(serving, tuple(moving), revisions, deployments, started(observer.aws, project))


def _revisions(aws: Aws, family: str) -> int:
    with calling(f"listing the revisions of {family}"):
        pages = aws.ecs.get_paginator("list_task_definitions").paginate(familyPrefix=family)
        return sum(arn.rsplit("/", 1)[-1].rsplit(":", 1)[0] == family for page in pages for arn in page["taskDefinitionArns"])  # fmt: skip


def one_offs_of(observer: Observer, run: str) -> dict[str, int]:
    """How often a run has started each one-off task, by family, as far as ECS still knows (about an hour)."""
    counts: dict[str, int] = {}
    arns: list[str] = []
    for status in ("RUNNING", "STOPPED"):
        with calling(f"listing the tasks of run {run}"):
            answer = observer.aws.ecs.list_tasks(
                cluster=observer.cluster,
                startedBy=f"fairway/{run}",
                desiredStatus="RUNNING" if status == "RUNNING" else "STOPPED",
            )
        arns += answer["taskArns"]
    for task in observer.describe_tasks(arns):
        family = task.task_definition.rsplit("/", 1)[-1].rsplit(":", 1)[0]
        counts[family] = counts.get(family, 0) + 1
    return counts


def leavings(aws: Aws) -> list[str]:
    """Locks that are held and runs that are open, when nobody deploys."""
    found = []
    with calling("looking for what was left behind"):
        pages = aws.ssm.get_paginator("get_parameters_by_path").paginate(Path="/fairway", Recursive=True)
        for item in (item for page in pages for item in page["Parameters"]):
            name, text = item["Name"], item["Value"]
            if name.startswith("/fairway/run/"):
                found.append(f"{OPEN_RUN} {name.rsplit('/', 1)[-1]}")
            elif name.startswith("/fairway/lock/") and not _is_released(text):
                found.append(f"the lock {name.removeprefix('/fairway/lock/')}")
    return found


def _is_released(text: str) -> bool:
    try:
        return bool(json.loads(text).get("released"))
    except (ValueError, AttributeError):
        return False
