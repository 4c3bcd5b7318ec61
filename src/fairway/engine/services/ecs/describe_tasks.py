"""Tasks as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairway.engine.model.task import Container, Task, TaskStatus, container_last_status
from fairway.engine.services.ecs.names import show_tags
from fairway.engine.store.schema import TASK_DEFINITIONS
from fairway.ids import uuid

if TYPE_CHECKING:
    from fairway.engine.model.cluster import TaskDefinition
    from fairway.engine.store.store import Store

_TIMES = {
    "pullStartedAt": "pull_started_at",
    "pullStoppedAt": "pull_stopped_at",
    "startedAt": "started_at",
    "stoppingAt": "stopping_at",
    "executionStoppedAt": "execution_stopped_at",
    "stoppedAt": "stopped_at",
    "connectivityAt": "connectivity_at",
}


def show_task(store: Store, task: Task, *, with_tags: bool = False) -> dict[str, Any]:
    """A task with its containers and its network interface."""
    definition = store.get(TASK_DEFINITIONS, task.task_definition_arn)
    shown: dict[str, Any] = {
        "taskArn": task.arn,
        "clusterArn": task.cluster_arn,
        "taskDefinitionArn": task.task_definition_arn,
        "lastStatus": str(task.status),
        "desiredStatus": str(task.desired),
        "createdAt": task.created_at,
        "cpu": task.cpu,
        "memory": task.memory,
        "group": task.group,
        "availabilityZone": task.availability_zone,
        "healthStatus": str(task.health),
        "enableExecuteCommand": task.enable_execute_command,
        "platformFamily": "Linux",
        "platformVersion": task.platform_version,
        "version": task.version,
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "ephemeralStorage": {"sizeInGiB": _storage(definition)},
        "overrides": _overrides(task),
        "containers": [_container(task, container, definition) for container in task.containers],
        "attachments": [_attachment(task)],
        "inferenceAccelerators": [],
        "tags": show_tags(task.tags) if with_tags else [],
    }
    optional = {
        "launchType": task.launch_type,
        "capacityProviderName": task.capacity_provider,
        "startedBy": task.started_by,
        "stopCode": None if task.stop_code is None else str(task.stop_code),
        "stoppedReason": task.stopped_reason,
        "connectivity": "CONNECTED" if task.connectivity_at is not None else None,
    }
    shown |= {name: value for name, value in optional.items() if value is not None}
    for name, field in _TIMES.items():
        moment = getattr(task, field)
        if moment is not None:
            shown[name] = moment
    return shown


def _storage(definition: TaskDefinition | None) -> int:
    body = {} if definition is None else definition.body
    return int(body.get("ephemeralStorage", {}).get("sizeInGiB", 20))


def _overrides(task: Task) -> dict[str, Any]:
    given = {item["name"]: item for item in task.overrides.get("containerOverrides", ())}
    shown = [given.get(container.name, {"name": container.name}) for container in task.containers]
    rest = {key: value for key, value in task.overrides.items() if key != "containerOverrides"}
    return {"containerOverrides": shown, "inferenceAcceleratorOverrides": [], **rest}


def _container(task: Task, container: Container, definition: TaskDefinition | None) -> dict[str, Any]:
    documents = [] if definition is None else definition.body["containerDefinitions"]
    document: dict[str, Any] = next((d for d in documents if d["name"] == container.name), {})
    shown: dict[str, Any] = {
        "containerArn": container.arn,
        "taskArn": task.arn,
        "name": container.name,
        "image": container.image,
        "lastStatus": container_last_status(container),
        "networkBindings": [],
        "networkInterfaces": [],
        "healthStatus": str(container.health),
        "managedAgents": [],
        "cpu": str(document.get("cpu", 0)),
    }
    if task.private_ip:
        interface = {"attachmentId": task.network_id, "privateIpv4Address": task.private_ip}
        shown["networkInterfaces"] = [interface]
    if "memory" in document:
        shown["memory"] = str(document["memory"])
    if container.image_digest is not None:
        shown["imageDigest"] = container.image_digest
    if container.runtime_id is not None:
        shown["runtimeId"] = container.runtime_id
    if container.exit_code is not None:
        shown["exitCode"] = container.exit_code
    if container.reason is not None:
        shown["reason"] = container.reason
    return shown


def _attachment(task: Task) -> dict[str, Any]:
    """The elastic network interface; its state follows the task's."""
    attached = bool(task.private_ip) and task.status != TaskStatus.PROVISIONING
    gone = task.status == TaskStatus.STOPPED
    details = [{"name": "subnetId", "value": task.subnet_id}]
    if attached:
        octets = [int(part) for part in task.private_ip.split(".")]
        mac = "0a:ff:" + ":".join(f"{octet:02x}" for octet in octets)
        details += [
            {"name": "networkInterfaceId", "value": task.network_id},
            {"name": "macAddress", "value": mac},
            {"name": "privateDnsName", "value": f"ip-{task.private_ip.replace('.', '-')}.ec2.internal"},
            {"name": "privateIPv4Address", "value": task.private_ip},
        ]
    return {
        "id": uuid(_FixedIds(task.id)),
        "type": "ElasticNetworkInterface",
        "status": "DELETED" if gone else "ATTACHED" if attached else "PRECREATED",
        "details": details,
    }


class _FixedIds:
    """The attachment's id is the task's in the shape of a UUID: always the same for the same task."""

    def __init__(self, digits: str) -> None:
        self._digits = digits

    def hexadecimal(self, digits: int) -> str:
        return self._digits[:digits]

    def decimal(self, digits: int) -> str:
        return str(int(self._digits, 16))[:digits]

    def url_safe(self, length: int) -> str:
        return self._digits[:length]
