"""Carries out what tasks need: finds secrets and log streams, and hands containers to the runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from fairway.engine.control.effects import (
    CheckHealth,
    Effect,
    PrepareTask,
    PullImage,
    ReleaseTask,
    StartContainer,
    StopContainer,
)
from fairway.engine.model.facts import ContainerStartFailed, TaskPreparationFailed, TaskPrepared
from fairway.engine.model.logrecord import stream_folder
from fairway.engine.model.vault import LogGroup, LogStream
from fairway.engine.runtime.protocol import ContainerRef, ContainerSpec, PortRequest, Runtime, RuntimeRefusal
from fairway.engine.services.ecr.resolve import resolve_image
from fairway.engine.services.fault import AwsFault
from fairway.engine.services.secretsmanager.resolve import resolve_secret
from fairway.engine.services.ssm.resolve import resolve_parameter
from fairway.engine.store.schema import LOG_GROUPS, LOG_STREAMS, REVISIONS, SERVICES, TASK_DEFINITIONS, TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from fairway.engine.model.cluster import TaskDefinition
    from fairway.engine.model.facts import TaskFact
    from fairway.engine.model.task import Container, Task
    from fairway.engine.store.store import Store


class MetadataAddress(Protocol):
    """Where a container finds its task metadata."""

    def __call__(self, runtime_key: str) -> str:
        """The value of ECS_CONTAINER_METADATA_URI_V4."""


class Containers:
    """Carries out effects; knows the store, the runtime, and where logs are."""

    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        *,
        emit: Callable[[TaskFact], None],
        now: Callable[[], datetime],
        log_root: Path | None,
        endpoint: str | None,
        account: str,
    ) -> None:
        """`endpoint`: the engine's own address, which tasks use as AWS's; None: nothing listens (simulation)."""
        self._store = store
        self._runtime = runtime
        self._emit = emit
        self._now = now
        self._log_root = log_root
        self._endpoint = endpoint
        self._account = account

    def carry_out(self, effect: Effect) -> None:
        """Begin an effect; it is harmless to do so twice."""
        task = self._store.get(TASKS, effect.task_arn)
        if task is None:
            return
        match effect:
            case PrepareTask():
                self._prepare(task)
            case PullImage(container=name):
                container = _container(task, name)
                digest = self._settled_digest(task, container)
                self._runtime.pull(ContainerRef(task.id, name), container.image, digest)
            case StartContainer(container=name):
                self._start(task, name)
            case StopContainer(container=name, grace_seconds=grace):
                self._runtime.stop(ContainerRef(task.id, name), grace_seconds=grace)
            case CheckHealth(container=name):
                self._check(task, name)
            case ReleaseTask():
                self._runtime.release(task.id)
            case _:
                raise AssertionError(f"{type(effect).__name__} is not carried out here")

    # -- preparing -------------------------------------------------------------------------------------------------

    def _prepare(self, task: Task) -> None:
        definition = self._definition(task)
        if not task.private_ip:
            text = (
                "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment disabled in "
                f"subnet '{task.subnet_id}': InsufficientFreeAddressesInSubnet"
            )
            self._emit(TaskPreparationFailed(task.id, text, self._now()))
            return
        try:
            for document in definition.body["containerDefinitions"]:
                self._secrets(document, task)
                self._log_stream(document, task)
            requests = [
                PortRequest(document["name"], mapping["containerPort"], mapping.get("protocol", "tcp"))
                for document in definition.body["containerDefinitions"]
                for mapping in document.get("portMappings", ())
            ]
            ports = self._runtime.attach_network(task.id, requests)
        except (AwsFault, RuntimeRefusal) as refusal:
            self._emit(TaskPreparationFailed(task.id, str(refusal), self._now()))
            return
        except OSError as error:
            text = f"ResourceInitializationError: failed to set up the task's network: {error.strerror}"
            self._emit(TaskPreparationFailed(task.id, text, self._now()))
            return
        self._emit(TaskPrepared(task.id, ports, self._now()))

    def _secrets(self, document: Mapping[str, Any], task: Task) -> dict[str, str]:
        return {item["name"]: self._secret(item["valueFrom"], task) for item in document.get("secrets", ())}

    def _secret(self, value_from: str, task: Task) -> str:
        if ":secretsmanager:" in value_from:
            return resolve_secret(self._store, value_from, task.region)
        return resolve_parameter(self._store, value_from, task.region)

    def _log_stream(self, document: Mapping[str, Any], task: Task) -> None:
        """Find or make the stream of an `awslogs` container.

        Raises:
            RuntimeRefusal: the log group does not exist, and may not be made.
        """
        name = stream_name(document, task)
        if name is None:
            return
        options = document["logConfiguration"]["options"]
        region, group_name = options.get("awslogs-region", task.region), options["awslogs-group"]
        arn = f"arn:aws:logs:{region}:{self._account}:log-group:{group_name}"
        group = self._store.get(LOG_GROUPS, arn)
        if group is None and options.get("awslogs-create-group") != "true":
            raise RuntimeRefusal(
                "ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch "
                "log group defined in the task definition. There is a connection issue between the task and Amazon "
                f"CloudWatch. Check your network configuration. : ResourceNotFoundException: {group_name} : exit status 1"
            )
        with self._store.transaction() as tx:
            if group is None:
                group = tx.put(LOG_GROUPS, LogGroup(arn, group_name, region, self._now()))
            if self._store.get(LOG_STREAMS, f"{arn}|{name}") is None:
                tx.put(LOG_STREAMS, LogStream(arn, name, self._now()))

    # -- running ---------------------------------------------------------------------------------------------------

    def _start(self, task: Task, name: str) -> None:
        try:
            self._runtime.start(self.specify(task, name))
        except (AwsFault, RuntimeRefusal) as refusal:
            self._emit(ContainerStartFailed(task.id, name, str(refusal), self._now()))

    def specify(self, task: Task, name: str) -> ContainerSpec:
        """All that the runtime needs to run a container.

        Raises:
            AwsFault: a secret is gone.
        """
        definition = self._definition(task)
        document = _document(definition, name)
        overrides = _override(task, name)
        container = _container(task, name)
        environment = {item["name"]: item["value"] for item in document.get("environment", ())}
        environment |= {item["name"]: item["value"] for item in overrides.get("environment", ())}
        environment |= self._secrets(document, task)
        command = overrides.get("command", document.get("command"))
        entry_point = document.get("entryPoint")
        memory = overrides.get("memory", document.get("memory"))
        return ContainerSpec(
            ref=ContainerRef(task.id, name),
            image=container.image,
            image_digest=container.image_digest,
            environment=self._own_variables(task, name) | environment,
            command=None if command is None else tuple(command),
            entry_point=None if entry_point is None else tuple(entry_point),
            user=document.get("user"),
            working_directory=document.get("workingDirectory"),
            memory_limit_mib=int(memory or task.memory),
            cpu_units=int(overrides.get("cpu", document.get("cpu", 0))),
            ports=task.ports,
            log_directory=self._log_directory(document, task),
            docker_labels=document.get("dockerLabels", {}),
        )

    def _own_variables(self, task: Task, name: str) -> dict[str, str]:
        """What ECS itself sets; the definition's variables win."""
        variables = {
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            "AWS_REGION": task.region,
            "AWS_DEFAULT_REGION": task.region,
            "HOSTNAME": f"ip-{task.private_ip.replace('.', '-')}.ec2.internal",
        }
        if self._endpoint is not None:
            variables["ECS_CONTAINER_METADATA_URI_V4"] = f"{self._endpoint}/v4/{metadata_id(task.id, name)}"
            variables["AWS_ENDPOINT_URL"] = self._endpoint
            variables["AWS_ACCESS_KEY_ID"] = "task"
            variables["AWS_SECRET_ACCESS_KEY"] = "task"  # noqa: S105 - signatures are not verified here
        return variables

    def _log_directory(self, document: Mapping[str, Any], task: Task) -> Path | None:
        name = stream_name(document, task)
        if name is None or self._log_root is None:
            return None
        options = document["logConfiguration"]["options"]
        region = options.get("awslogs-region", task.region)
        return self._log_root / stream_folder(region, options["awslogs-group"], name)

    def _check(self, task: Task, name: str) -> None:
        wanted = self._definition(task).container(name)
        assert wanted is not None
        assert wanted.health is not None
        self._runtime.check_health(
            ContainerRef(task.id, name), wanted.health.command, timeout_seconds=float(wanted.health.timeout_seconds)
        )

    def _settled_digest(self, task: Task, container: Container) -> str | None:
        """The digest that the task's deployment settled on, else what the registry says of the tag now."""
        service = self._store.get(SERVICES, task.service_arn or "")
        deployment = service.deployment(task.deployment_id or "") if service is not None else None
        if deployment is not None:
            revision = self._store.get(REVISIONS, deployment.revision_arn)
            if revision is not None and container.name in revision.image_digests:
                return revision.image_digests[container.name]
        return resolve_image(self._store, container.image)

    def _definition(self, task: Task) -> TaskDefinition:
        definition = self._store.get(TASK_DEFINITIONS, task.task_definition_arn)
        assert definition is not None
        return definition


def metadata_id(task_id: str, container: str) -> str:
    """The id under which a container asks for its metadata."""
    return f"{task_id}-{container}"


def stream_name(document: Mapping[str, Any], task: Task) -> str | None:
    """The log stream of a container, `PREFIX/CONTAINER/TASK-ID`; None without `awslogs`."""
    configuration = document.get("logConfiguration") or {}
    if configuration.get("logDriver") != "awslogs":
        return None
    prefix = configuration.get("options", {}).get("awslogs-stream-prefix")
    return f"{prefix}/{document['name']}/{task.id}" if prefix else task.id


def _container(task: Task, name: str) -> Container:
    container = task.container(name)
    assert container is not None
    return container


def _document(definition: TaskDefinition, name: str) -> Mapping[str, Any]:
    document: Mapping[str, Any] = next(d for d in definition.body["containerDefinitions"] if d["name"] == name)
    return document


def _override(task: Task, name: str) -> Mapping[str, Any]:
    items = task.overrides.get("containerOverrides", ())
    found: Mapping[str, Any] = next((item for item in items if item.get("name") == name), {})
    return found
