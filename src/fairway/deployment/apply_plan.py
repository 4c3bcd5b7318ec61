"""What `apply` would do: settings, tags, log groups and bounds that a deployment leaves alone. Pure.

Nothing is taken away: log groups, tags and members that no file names stay. The number of tasks of a living service is never
sent, and neither is a task definition: what runs changes by `deploy` alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fairway.aws.beside import DIMENSION, NAMESPACE, Bounds, Roles, resource_id
from fairway.deployment.update import create_request, update_request
from fairway.planning.canonical import own_tags
from fairway.planning.changes import service_changes
from fairway.planning.replacement import STARTS_DEPLOYMENT
from fairway.planning.show import change_line

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fairway.observed import Living, Surroundings
    from fairway.planning.release import ServiceRelease

_TAGS: Final = "tags"


@dataclass(frozen=True, slots=True)
class Item:
    """A service of the project, with the values of the account put in."""

    release: ServiceRelease
    """Its `service` is None where only revisions are managed."""
    scaling: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside the services."""

    log_groups: Mapping[str, int | None] = field(default_factory=dict)
    """Those that are there, and how many days they keep events."""
    roles: Roles = field(default_factory=Roles)
    bounds: Mapping[str, Bounds | str] = field(default_factory=dict)
    """By ECS's name of a service: its bounds, or why they are not known."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that changes something."""

    service: str
    """boto3's name of the AWS service."""
    operation: str
    """boto3's name of the operation."""
    parameters: Mapping[str, Any]
    about: str
    """The key of a service, or a log group."""
    lines: tuple[str, ...]
    """What it does, for people; secrets are hidden."""
    deploys: str | None = None
    """The service on ECS, when the call begins a deployment of it."""


@dataclass(frozen=True, slots=True)
class ApplyPlan:
    """Everything that would be done, in order, and what would not."""

    calls: tuple[Call, ...] = ()
    notes: tuple[str, ...] = ()
    """What differs and stays."""
    problems: tuple[str, ...] = ()
    """What is missing, and is not made here."""


def apply_plan(
    items: Sequence[Item],
    surroundings: Surroundings,
    beside: Beside,
    *,
    groups: Collection[str],
    retention: int | None,
    accepted: Collection[str],
) -> ApplyPlan:
    """`groups`: log groups that definitions name. `accepted`: members that UpdateService takes, by AWS's own model."""
    calls, notes = _group_calls(beside.log_groups, groups, retention), []
    problems = [f"the role {name} does not exist, and is not made here" for name in beside.roles.missing]
    notes += [f"not checked, because IAM may not be asked: the role {name}" for name in beside.roles.not_checked]
    for item in items:
        living = surroundings.services[item.release.name]
        if item.release.service is not None and living.service is None:
            more, missing = _creation(item.release, surroundings)
            calls += more
            notes += missing
        elif item.release.service is not None:
            found, stays = _update(item.release, living, surroundings, accepted)
            calls += found
            notes += stays
        if item.scaling is not None:
            more, why = _bounds_calls(item, surroundings.cluster, beside.bounds.get(item.release.name))
            calls += more
            problems += why
    return ApplyPlan(tuple(calls), tuple(notes), tuple(problems))


def _group_calls(living: Mapping[str, int | None], groups: Collection[str], retention: int | None) -> list[Call]:
    calls = []
    for name in sorted(set(groups)):
        if name not in living:
            line = f"+ the log group {name} is made"
            calls.append(Call("logs", "create_log_group", {"logGroupName": name}, name, (line,)))
        if retention is not None and living.get(name) != retention:
            before = "for ever" if living.get(name) is None else f"{living[name]} days"
            line = f"~ the log group {name} keeps events {before if name in living else 'for ever'} → {retention} days"
            wanted = {"logGroupName": name, "retentionInDays": retention}
            calls.append(Call("logs", "put_retention_policy", wanted, name, (line,)))
    return calls


def _creation(release: ServiceRelease, surroundings: Surroundings) -> tuple[list[Call], list[str]]:
    assert release.service is not None
    family = str(release.definition["family"])
    task = surroundings.tasks.get(family)
    if task is None or task.newest is None:
        why = (
            f"{family} has no revision yet: fairway deploy {release.key} --tag T registers one, and creates the service"
        )
        return [], [f"{release.key}: the service {release.name} is not there, and {why}"]
    request = create_request(
        release.service, cluster=surroundings.cluster, name=release.name, task_definition=task.newest.arn
    )
    line = f"+ {release.key}: the service {release.name} is created, with {task.newest.label()}"
    return [Call("ecs", "create_service", request, release.key, (line,), deploys=release.name)], []


def _update(
    release: ServiceRelease, living: Living, surroundings: Surroundings, accepted: Collection[str]
) -> tuple[list[Call], list[str]]:
    """(calls, notes) of a service that lives."""
    assert living.service is not None
    assert release.service is not None
    found = service_changes(release, living, surroundings.default_strategy)
    taken = [change for change in found.found if not change.stays]
    notes = [
        f"{release.key}: {change_line(change)}"
        for change in found.found
        if change.stays and change.difference.path[0] != _TAGS
    ]
    calls = []
    members = dict.fromkeys(change.difference.path[0] for change in taken)
    document = {name: release.service.get(name) for name in members}
    if document:
        request = update_request(
            document,
            cluster=surroundings.cluster,
            name=release.name,
            task_definition=living.service.task_definition,
            accepted=accepted,
            controller=living.service.controller,
        )
        # what runs is not ours to say here, and saying it could begin a deployment
        del request["taskDefinition"]
        restarts = sorted(STARTS_DEPLOYMENT & set(members))
        lines = [f"~ {release.key}: settings of {release.name}", *(f"    {change_line(change)}" for change in taken)]
        if restarts:
            lines.append(f"    replaces {living.service.desired} tasks ({', '.join(restarts)})")
        calls.append(
            Call("ecs", "update_service", request, release.key, tuple(lines), release.name if restarts else None)
        )
    return calls + _tag_calls(release, living), notes


def _tag_calls(release: ServiceRelease, living: Living) -> list[Call]:
    """Tags that the file names; others stay, since a team's other tools write them too."""
    assert living.service is not None
    assert release.service is not None
    named = {item["key"]: item.get("value", "") for item in release.service.get(_TAGS) or ()}
    wanted = {key: value for key, value in own_tags(named).items() if living.tags.get(key) != value}
    if not wanted:
        return []
    lines = [f"~ {release.key}: tags of {release.name}"]
    for key, value in wanted.items():
        sign = "~" if key in living.tags else "+"
        lines.append(f"    {sign} {key}: {value}")
    request = {
        "resourceArn": living.service.arn,
        "tags": [{"key": key, "value": value} for key, value in wanted.items()],
    }
    return [Call("ecs", "tag_resource", request, release.key, tuple(lines))]


def _bounds_calls(item: Item, cluster: str, living: Bounds | str | None) -> tuple[list[Call], list[str]]:
    assert item.scaling is not None
    wanted = Bounds(item.scaling["MinCapacity"], item.scaling["MaxCapacity"])
    if living == wanted:
        return [], []
    said = f"{wanted.least} to {wanted.most} tasks"
    if isinstance(living, str):
        return [], [
            f"{item.release.key}: scaling between {said} would be set, but AWS refused to tell what is: {living}"
        ]
    before = "not scaled" if living is None else f"{living.least} to {living.most} tasks"
    request = {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": resource_id(cluster, item.release.name),
        "ScalableDimension": DIMENSION,
        **item.scaling,
    }
    line = f"{'+' if living is None else '~'} {item.release.key}: {before} → scaled between {said}"
    return [Call("application-autoscaling", "register_scalable_target", request, item.release.key, (line,))], []
