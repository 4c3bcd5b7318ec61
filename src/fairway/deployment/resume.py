"""What an earlier process of the same run has done already, as ECS tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.aws.calls import calling
from fairway.observed import DEPLOYMENT_TAG

if TYPE_CHECKING:
    from fairway.aws.observe import Observer
    from fairway.observed import ServiceDeployment, Task, TaskDefinition

_MOST_REVISIONS: Final = 20
_MOST_DEPLOYMENTS: Final = 20


def find_registered(observer: Observer, family: str, run: str) -> TaskDefinition | None:
    """The revision that a run registered: it carries the run's id as a tag."""
    for arn in observer.family(family, most=_MOST_REVISIONS):
        definition = observer.find_task_definition(arn)
        if definition is not None and definition.tags.get(DEPLOYMENT_TAG) == run:
            return definition
    return None


def find_deployment(observer: Observer, service: str, definition_arn: str) -> ServiceDeployment | None:
    """The service deployment that brought a revision in first; a revision of a run is deployed by nobody else before."""
    records = observer.service_deployments(service, most=_MOST_DEPLOYMENTS)
    of = observer.revision_definitions(record.target_revision.arn for record in records)
    ours = [record for record in records if of.get(record.target_revision.arn) == definition_arn]
    return ours[-1] if ours else None


def find_one_off(observer: Observer, started_by: str, family: str) -> Task | None:
    """The one-off task of a run, running or stopped within about an hour; the newest."""
    found: list[Task] = []
    for status in ("RUNNING", "STOPPED"):
        with calling(f"looking for the task of {family}"):
            answer = observer.aws.ecs.list_tasks(
                cluster=observer.cluster,
                startedBy=started_by,
                desiredStatus="RUNNING" if status == "RUNNING" else "STOPPED",
            )
        found += observer.describe_tasks(answer["taskArns"])
    own = [task for task in found if task.task_definition.rsplit("/", 1)[-1].rsplit(":", 1)[0] == family]
    return max(own, key=lambda task: task.created_at, default=None)
