"""Fetches what a diagnosis needs: the newest deployment, stopped tasks, definitions, health checks, last log lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fairway.aws.images import missing_repositories
from fairway.aws.logs import tail
from fairway.aws.session import AwsError
from fairway.deployment.failures import failures, split_failures
from fairway.observed import LogTail, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairway.aws.observe import Observer
    from fairway.deployment.failures import Failure
    from fairway.observed import Service, ServiceDeployment

_MOST_GROUPS: Final = 4
_TASKS_TRIED: Final = 3


def observe_service(observer: Observer, name: str) -> Picture:
    """A service now, with its newest deployment, tasks, targets, and the definitions of all of them.

    Raises:
        ServiceNotFound: there is none.
    """
    service = observer.service(name)
    records = observer.service_deployments(name, most=1)
    record = None
    if records:
        record = observer.describe_deployments([records[0].arn]).get(records[0].arn, records[0])
    if record is not None and is_behind(service, record):
        service = observer.service(name)
    picture = Picture(
        service=service,
        at=observer.aws.now(),
        deployment=record,
        tasks=tuple(observer.tasks(name)),
        stopped=tuple(observer.tasks(name, stopped=True)),
        targets=tuple(observer.targets(service.target_groups)),
    )
    target = None
    if record is not None:
        of = observer.revision_definitions([record.target_revision.arn])
        arn = of.get(record.target_revision.arn)
        target = observer.find_task_definition(arn) if arn else None
    picture = replace(picture, target=target, definitions={target.arn: target} if target is not None else {})
    return with_definitions(observer, picture)


def is_behind(service: Service, record: ServiceDeployment) -> bool:
    """The service may have been described before its deployment ended: it shows one that goes on, and the record is over."""
    return record.is_over and any(rollout.state == "IN_PROGRESS" for rollout in service.rollouts)


def with_definitions(observer: Observer, picture: Picture) -> Picture:
    """The picture with the definition of each rollout and each failed task in it."""
    wanted = {picture.service.task_definition, *(rollout.task_definition for rollout in picture.service.rollouts)}
    wanted |= {failure.task_definition for failure in failures(picture)}
    known = dict(picture.definitions)
    for arn in wanted - known.keys():
        found = observer.find_task_definition(arn) if arn else None
        if found is not None:
            known[arn] = found
    return replace(picture, definitions=known)


def with_evidence(observer: Observer, picture: Picture) -> Picture:
    """The picture with health checks, and the last log lines of a task of each group of failures."""
    picture = with_definitions(observer, picture)
    target = picture.target.arn if picture.target is not None else ""
    now, earlier = split_failures(picture)
    # what the deployment brought in is asked about first
    groups = [*sorted(now, key=lambda failure: failure.task_definition != target), *earlier]
    logs = [found for failure in groups[:_MOST_GROUPS] for found in [_tail(observer, picture, failure)] if found]
    try:
        checks = tuple(observer.health_checks(picture.service.target_groups))
    except AwsError:
        checks = ()
    missing = _missing_repositories(observer, picture, groups)
    return replace(picture, logs=tuple(logs), checks=checks, missing_repositories=missing)


def _missing_repositories(observer: Observer, picture: Picture, groups: Sequence[Failure]) -> frozenset[str]:
    """Whether a repository is there decides what is to be done about an image that could not be pulled."""
    of = {f.task_definition for f in groups if "CannotPullContainer" in f"{f.reason} {f.container_reason}"}
    known = [picture.definitions[arn] for arn in of if arn in picture.definitions]
    images = [str(container.get("image", "")) for definition in known for container in definition.containers]
    try:
        return missing_repositories(observer.aws, images)
    except AwsError:
        return frozenset()


def _tail(observer: Observer, picture: Picture, failure: Failure) -> LogTail | None:
    definition = picture.definitions.get(failure.task_definition)
    if definition is None or not failure.container:
        return None
    found: LogTail | None = None
    for task in failure.tasks[:_TASKS_TRIED]:
        try:
            found = tail(observer.aws, definition, task, failure.container)
        except AwsError as error:
            return LogTail(task.id, failure.container, missing=error.message)
        if found.lines:
            return found
    return found
