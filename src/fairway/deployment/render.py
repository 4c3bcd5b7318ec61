"""A release as the AWS CLI takes it: one document for each command, usable with `--cli-input-json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairway.deployment.shapes import members_of
from fairway.deployment.update import create_request, update_request

if TYPE_CHECKING:
    from fairway.planning.release import Release

REGISTER = "register-task-definition"
CREATE = "create-service"
UPDATE = "update-service"
RUN = "run-task"


def rendered(release: Release, cluster: str) -> dict[str, dict[str, dict[str, Any]]]:
    """By key of the service or one-off task, by command of `aws ecs`: what it takes.

    The task definition is named by its family alone: the newest revision, which the first command has registered.
    """
    made: dict[str, dict[str, dict[str, Any]]] = {}
    for task in release.before:
        family = str(task.definition["family"])
        made[task.key] = {REGISTER: dict(task.definition)}
        if task.run is not None:
            made[task.key][RUN] = {**task.run, "cluster": cluster, "taskDefinition": family}
    accepted = members_of("UpdateService")
    for item in release.services:
        family = str(item.definition["family"])
        made[item.key] = {REGISTER: dict(item.definition)}
        if item.service is not None:
            made[item.key][CREATE] = create_request(
                item.service, cluster=cluster, name=item.name, task_definition=family
            )
        made[item.key][UPDATE] = update_request(
            item.service, cluster=cluster, name=item.name, task_definition=family, accepted=accepted
        )
    return made
