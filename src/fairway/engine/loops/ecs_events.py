"""What ECS sends to the default bus, made of changes of the store.

Source: ECS Developer Guide, "Amazon ECS task state change events", "Amazon ECS service action events", "Amazon ECS service
deployment state change events".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.loops.events import Happened
from fairway.engine.model.service import RolloutState, Service, ServiceEvent
from fairway.engine.model.task import Task, container_last_status
from fairway.engine.services.ecs.describe_tasks import show_task
from fairway.engine.store.schema import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.engine.model.service import Deployment
    from fairway.engine.store.store import Change, Store

ECS: Final = "aws.ecs"
_NOT_IN_EVENTS: Final = frozenset({"healthStatus", "tags", "inferenceAccelerators", "platformFamily"})
_ROLLOUTS: Final = {
    RolloutState.IN_PROGRESS: ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
    RolloutState.COMPLETED: ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
    RolloutState.FAILED: ("ERROR", "SERVICE_DEPLOYMENT_FAILED"),
}
_ACTIONS: Final = {
    "has reached a steady state.": ("INFO", "SERVICE_STEADY_STATE"),
    "is unable to consistently start tasks successfully.": ("WARN", "SERVICE_TASK_START_IMPAIRED"),
}


def ecs_events(store: Store, change: Change) -> Iterator[Happened]:
    """The events of one change."""
    before, after = change.before, change.after
    match after:
        case Task() if before is None or _state(before) != _state(after):
            yield Happened(after.region, ECS, "ECS Task State Change", (after.arn,), lambda: task_detail(store, after))
        case Service():
            for deployment in after.deployments:
                old = None if before is None else before.deployment(deployment.id)
                if old is None or old.rollout is not deployment.rollout:
                    yield _deployment_event(after, deployment)
        case ServiceEvent() if before is None:
            service = store.get(SERVICES, after.service_arn)
            action = next((shown for text, shown in _ACTIONS.items() if after.message.endswith(text)), None)
            if service is not None and action is not None:
                yield _action_event(service, after, *action)
        case _:
            return


def _state(task: Task) -> tuple[object, ...]:
    """What of a task is told; its health is not."""
    containers = [(container_last_status(c), c.exit_code, c.reason, c.runtime_id) for c in task.containers]
    return task.status, task.desired, task.stop_code, task.stopped_reason, task.connectivity_at, containers


def task_detail(store: Store, task: Task) -> dict[str, Any]:
    """The `detail` of a task's change: the task as the API shows it, without what events do not have."""
    shown = {name: value for name, value in show_task(store, task).items() if name not in _NOT_IN_EVENTS}
    shown["attachments"] = [{**attachment, "type": "eni"} for attachment in shown["attachments"]]
    unused = {"healthStatus", "managedAgents", "networkBindings"}
    shown["containers"] = [
        {name: value for name, value in container.items() if name not in unused} for container in shown["containers"]
    ]
    shown["overrides"] = {
        name: value for name, value in shown["overrides"].items() if name != "inferenceAcceleratorOverrides"
    }
    moments = [value for value in shown.values() if isinstance(value, datetime)]
    detail: dict[str, Any] = _plain({**shown, "updatedAt": max(moments)})
    return detail


def _deployment_event(service: Service, deployment: Deployment) -> Happened:
    kind, name = _ROLLOUTS[deployment.rollout]

    def detail() -> dict[str, Any]:
        return {
            "eventType": kind,
            "eventName": name,
            "deploymentId": deployment.id,
            "updatedAt": _iso(deployment.updated_at),
            "reason": deployment.rollout_reason,
        }

    return Happened(service.region, ECS, "ECS Deployment State Change", (service.arn,), detail)


def _action_event(service: Service, event: ServiceEvent, kind: str, name: str) -> Happened:
    def detail() -> dict[str, Any]:
        return {
            "eventType": kind,
            "eventName": name,
            "clusterArn": service.cluster_arn,
            "createdAt": _iso(event.created_at),
        }

    return Happened(service.region, ECS, "ECS Service Action", (service.arn,), detail)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _plain(value: Any) -> Any:
    """Times as texts."""
    match value:
        case datetime():
            return _iso(value)
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value
