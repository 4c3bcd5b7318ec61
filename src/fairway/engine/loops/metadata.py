"""The task metadata endpoint, version 4.

Source: ECS Developer Guide, "Amazon ECS task metadata endpoint version 4 for tasks on Fargate".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairway.engine.loops.container_stats import docker_stats
from fairway.engine.loops.containers import metadata_id, stream_name
from fairway.engine.model.task import container_last_status
from fairway.engine.runtime.protocol import ContainerRef
from fairway.engine.store.schema import SERVICES, TASK_DEFINITIONS, TASKS

if TYPE_CHECKING:
    from fairway.engine.loops.container_stats import Samples
    from fairway.engine.model.cluster import TaskDefinition
    from fairway.engine.model.task import Container, Task
    from fairway.engine.store.store import Store

_TASK_ID_DIGITS = 32


def describe(store: Store, samples: Samples, cpus: int, container_id: str, path: str) -> dict[str, Any] | None:
    """The answer to `/v4/<container id>[/task|/taskWithTags|/stats|/task/stats]`; None: no such container or path.

    `cpus`: how many processors this machine has. There are no statistics in the first second of a container.
    """
    tasks = store.find(TASKS, "id", container_id[:_TASK_ID_DIGITS])
    for task in tasks:
        container = next((c for c in task.containers if metadata_id(task.id, c.name) == container_id), None)
        definition = store.get(TASK_DEFINITIONS, task.task_definition_arn)
        if container is None or definition is None:
            continue
        match path.strip("/"):
            case "":
                return _container(task, container, definition)
            case "task":
                return _task(store, task, definition)
            case "taskWithTags":
                return _task(store, task, definition) | {"TaskTags": dict(task.tags)}
            case "stats":
                return _stats(task, container, definition, samples, cpus) or {}
            case "task/stats":
                return {_docker_id(task, c): _stats(task, c, definition, samples, cpus) for c in task.containers}
    return None


def _docker_id(task: Task, container: Container) -> str:
    """In Fargate's shape: the task's id, a hyphen and ten digits."""
    return f"{task.id}-{int(container.arn.rsplit('-', 1)[-1], 16) % 10**10:010d}"


def _time(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _task(store: Store, task: Task, definition: TaskDefinition) -> dict[str, Any]:
    service = store.get(SERVICES, task.service_arn or "")
    shown = {
        "Cluster": task.cluster_arn,
        "TaskARN": task.arn,
        "Family": definition.family,
        "Revision": str(definition.revision),
        "DesiredStatus": str(task.desired),
        "KnownStatus": str(task.status),
        "Limits": {"CPU": int(task.cpu) / 1024, "Memory": int(task.memory)},
        "PullStartedAt": _time(task.pull_started_at),
        "PullStoppedAt": _time(task.pull_stopped_at),
        "ExecutionStoppedAt": _time(task.execution_stopped_at),
        "AvailabilityZone": task.availability_zone,
        "LaunchType": task.launch_type or "FARGATE",
        "ServiceName": None if service is None else service.name,
        "Containers": [_container(task, container, definition) for container in task.containers],
    }
    return {key: value for key, value in shown.items() if value is not None}


def _container(task: Task, container: Container, definition: TaskDefinition) -> dict[str, Any]:
    document: dict[str, Any] = next(
        (d for d in definition.body["containerDefinitions"] if d["name"] == container.name), {}
    )
    labels = {
        "com.amazonaws.ecs.cluster": task.cluster_arn,
        "com.amazonaws.ecs.container-name": container.name,
        "com.amazonaws.ecs.task-arn": task.arn,
        "com.amazonaws.ecs.task-definition-family": definition.family,
        "com.amazonaws.ecs.task-definition-version": str(definition.revision),
    }
    shown: dict[str, Any] = {
        "DockerId": _docker_id(task, container),
        "Name": container.name,
        "DockerName": container.name,
        "Image": container.image,
        "ImageID": container.image_digest,
        "Labels": labels | dict(document.get("dockerLabels", {})),
        "DesiredStatus": str(task.desired),
        "KnownStatus": container_last_status(container),
        "Limits": {"CPU": document.get("cpu", 0), "Memory": document.get("memory", 0)},
        "CreatedAt": _time(task.pull_stopped_at),
        "StartedAt": _time(container.started_at),
        "FinishedAt": _time(container.stopped_at),
        "ExitCode": container.exit_code,
        "Type": "NORMAL",
        "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": [task.private_ip]}],
        "ContainerARN": container.arn,
    }
    stream = stream_name(document, task)
    if stream is not None:
        shown["LogDriver"] = "awslogs"
        shown["LogOptions"] = {**document["logConfiguration"]["options"], "awslogs-stream": stream}
    return {key: value for key, value in shown.items() if value is not None}


def _stats(
    task: Task, container: Container, definition: TaskDefinition, samples: Samples, cpus: int
) -> dict[str, Any] | None:
    known = samples.of(ContainerRef(task.id, container.name))
    if known is None:
        return None
    document: dict[str, Any] = next(
        (d for d in definition.body["containerDefinitions"] if d["name"] == container.name), {}
    )
    return docker_stats(
        known,
        name=container.name,
        docker_id=_docker_id(task, container),
        cpus=cpus,
        memory_limit_mib=int(document.get("memory") or task.memory),
    )
