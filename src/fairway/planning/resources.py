"""The resources of a project, as IAM names them: what each shape of `fairway.planning.permissions` stands for. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fairway.arn import ACCOUNT, Arn, is_arn
from fairway.observed import GUARD_PREFIX
from fairway.project.manage import SERVICE
from fairway.project.model import ServiceSpec, TaskSpec
from fairway.project.references import CFN, SSM, TFSTATE, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fairway.project.model import Project, ScheduledSpec

_ECR: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.amazonaws\.com(?:\.cn)?/(?P<repository>[^:@]+).*"
)
_S3: Final = "s3://"
_TASK_ROLES: Final = ("executionRoleArn", "taskRoleArn")
_SERVICE_ROLES: Final = frozenset({"role", "roleArn"})
_SECRET_PARTS: Final = 7
_TAGGING: Final = ("tags", "propagateTags", "enableECSManagedTags")


def partition_of(region: str) -> str:
    """`us-east-1` -> `aws`. Source: AWS Account Management Guide, "AWS Regions": partitions."""
    for start, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("eusc-", "aws-eusc")):
        if region.startswith(start):
            return partition
    return "aws"


def resources(project: Project, scheduled_roles: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """Shape -> ARNs, sorted; a shape of which the project has nothing is empty.

    `scheduled_roles`: by which EventBridge starts scheduled tasks; names or ARNs. The project file does not know them.
    """
    names = _Names(project)
    services = [spec.service_name for spec in project.services.values()]
    managed = [spec.service_name for spec in project.services.values() if spec.manage == SERVICE]
    every: list[ServiceSpec | TaskSpec | ScheduledSpec] = [
        *project.services.values(),
        *project.tasks.values(),
        *project.scheduled.values(),
    ]
    documents = list(_documents(every))
    locks = [*services, *(f"task.{key}" for key in project.tasks)]
    definitions = names.definitions(spec.family for spec in every)
    by_rule = [spec.rule for spec in project.scheduled.values() if spec.rule]
    by_schedule = [spec.schedule for spec in project.scheduled.values() if spec.schedule]
    secrets = {value for spec in every for value in _secrets(spec.definition)}
    groups = {group for spec in every for group in names.log_groups(spec.definition)}
    is_scaled = any(spec.scaling is not None for spec in project.services.values())
    own_roles = [names.role(role) for role in scheduled_roles]
    found: dict[str, Iterable[str]] = {
        "anything": ["*"],
        "cluster": [names.cluster_arn],
        "services": names.of_services(services, "service"),
        "managed services": names.of_services(managed, "service"),
        "service deployments": _both(names, services, "service-deployment"),
        "service revisions": _both(names, services, "service-revision"),
        "tasks": [names.arn("ecs", f"task/{names.cluster}/*")],
        "task definitions": definitions,
        "one-off task definitions": names.definitions(spec.family for spec in project.tasks.values()),
        "tagged": [*definitions, *names.of_services(managed, "service"), *_tagged_tasks(project, names)],
        "task roles": {names.role(role) for spec in every for role in _task_roles(spec.definition)},
        "service roles": {
            names.role(role)
            for spec in project.services.values()
            if spec.manage == SERVICE
            for role in _service_roles(spec.service or {})
        },
        "log streams": {f"{group}:log-stream:*" for group in groups},
        "log groups": groups,
        "kept log groups": groups if project.log_retention_days is not None else [],
        "all log groups": [names.arn("logs", "log-group:*")] if groups else [],
        "capacity providers": [names.arn("ecs", "capacity-provider/*")] if _strategies(project) else [],
        "secrets": {arn for value in secrets for arn in names.secrets(value)},
        "parameters of secrets": ["*"] if any(not _is_secret(value) for value in secrets) else [],
        "all alarms": [names.arn("cloudwatch", "alarm:*")],
        "guard alarms": [
            names.arn("cloudwatch", f"alarm:{GUARD_PREFIX}{names.cluster}-{spec.service_name}-*")
            for spec in project.services.values()
            if spec.manage == SERVICE and spec.monitor is not None
        ],
        "scaled": ["*"] if is_scaled else [],
        "scalable targets": [names.arn("application-autoscaling", "scalable-target/*")] if is_scaled else [],
        "repositories": {arn for spec in every for arn in names.repositories(spec.definition)},
        "values": {names.parameter(name) for document in documents for name in named(document, SSM)},
        "stacks": {
            names.arn("cloudformation", f"stack/{name.partition('/')[0]}/*")
            for document in documents
            for name in named(document, CFN)
        },
        "states": {
            names.arn("s3", name.removeprefix(_S3).partition("#")[0], region="", account="")
            for document in documents
            for name in named(document, TFSTATE)
            if name.startswith(_S3)
        },
        "locks": _locks(names, locks),
        "runs": _runs(names),
        "paths of locks and runs": [
            names.parameter(f"fairway/{kind}/{names.cluster}{rest}") for kind in ("lock", "run") for rest in ("", "/*")
        ],
        "locks and runs": [*_locks(names, locks), *_runs(names)],
        "rules": [names.rule(name) for name in by_rule],
        "schedules": [names.schedule(name) for name in by_schedule],
        "roles of rules": own_roles if by_rule else [],
        "roles of schedules": own_roles if by_schedule else [],
        "reports": _reports(project, names),
    }
    return {shape: tuple(sorted(set(arns))) for shape, arns in found.items()}


class _Names:
    """ARNs of one environment."""

    def __init__(self, project: Project) -> None:
        environment = project.environment
        self._account = environment.account or ACCOUNT
        self._region = environment.region
        self._partition = partition_of(environment.region)
        self.cluster = environment.cluster.rsplit("/", 1)[-1]
        self.cluster_arn = self.arn("ecs", f"cluster/{self.cluster}")

    def arn(self, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
        where = self._region if region is None else region
        return str(Arn(self._partition, service, where, self._account if account is None else account, resource))

    def of_services(self, services: Iterable[str], kind: str, rest: str = "") -> list[str]:
        return [self.arn("ecs", f"{kind}/{self.cluster}/{name}{rest}") for name in services]

    def definitions(self, families: Iterable[str]) -> list[str]:
        return [self.arn("ecs", f"task-definition/{family}:*") for family in families]

    def role(self, named: str) -> str:
        return named if is_arn(named) else self.arn("iam", f"role/{named}", region="")

    def parameter(self, name: str) -> str:
        return name if is_arn(name) else self.arn("ssm", f"parameter/{name.removeprefix('/')}")

    def log_groups(self, definition: Mapping[str, Any]) -> Iterator[str]:
        for container in definition.get("containerDefinitions", ()):
            options = (container.get("logConfiguration") or {}).get("options") or {}
            if "awslogs-group" in options:
                region = options.get("awslogs-region") or self._region
                yield self.arn("logs", f"log-group:{options['awslogs-group']}", region=region)

    def repositories(self, definition: Mapping[str, Any]) -> Iterator[str]:
        for container in definition.get("containerDefinitions", ()):
            match = _ECR.fullmatch(str(container.get("image", "")))
            if match is not None:
                resource = f"repository/{match['repository']}"
                yield self.arn("ecr", resource, region=match["region"], account=match["account"])

    def secrets(self, value: str) -> list[str]:
        """A secret by what `valueFrom` says: its ARN, with or without the six characters at its end, a key and a version.

        Source: Secrets Manager User Guide, "Use a partial ARN"; IAM: `??????` stands for the six characters.
        """
        if not _is_secret(value):
            return []
        whole = ":".join(value.split(":")[:_SECRET_PARTS])
        return [whole, f"{whole}-??????"]

    def rule(self, named: str) -> str:
        """Source: EventBridge's resource types: a rule of the default bus is `rule/NAME`, of another `rule/BUS/NAME`."""
        return self.arn("events", f"rule/{named.removeprefix('default/')}")

    def schedule(self, named: str) -> str:
        return self.arn("scheduler", f"schedule/{named if '/' in named else f'default/{named}'}")


def _both(names: _Names, services: Sequence[str], kind: str) -> list[str]:
    """The service too: such actions name it beside its deployment or revision."""
    return [*names.of_services(services, "service"), *names.of_services(services, kind, "/*")]


def _tagged_tasks(project: Project, names: _Names) -> list[str]:
    """RunTask tags its tasks where it is told to."""
    tags = any((task.run or {}).get(member) for task in project.tasks.values() for member in _TAGGING)
    return [names.arn("ecs", f"task/{names.cluster}/*")] if tags else []


def _locks(names: _Names, locks: Iterable[str]) -> list[str]:
    return [names.parameter(f"fairway/lock/{names.cluster}/{name}/*") for name in locks]


def _runs(names: _Names) -> list[str]:
    return [names.parameter(f"fairway/run/{names.cluster}/*")]


def _reports(project: Project, names: _Names) -> list[str]:
    if project.reports is None:
        return []
    place = project.reports.removeprefix(_S3).strip("/")
    return [names.arn("s3", f"{place}/*", region="", account="")]


def _secrets(definition: Mapping[str, Any]) -> Iterator[str]:
    for container in definition.get("containerDefinitions", ()):
        for secret in container.get("secrets") or ():
            yield str(secret.get("valueFrom", ""))


def _is_secret(value: str) -> bool:
    return ":secretsmanager:" in value


def _strategies(project: Project) -> bool:
    return any((spec.service or {}).get("capacityProviderStrategy") for spec in project.services.values())


def _task_roles(definition: Mapping[str, Any]) -> list[str]:
    return [str(definition[member]) for member in _TASK_ROLES if definition.get(member)]


def _service_roles(value: Any, key: str = "") -> Iterator[str]:
    match value:
        case dict():
            for name, item in value.items():
                yield from _service_roles(item, name)
        case list() | tuple():
            for item in value:
                yield from _service_roles(item, key)
        case str() if key in _SERVICE_ROLES:
            yield value
        case _:
            return


def _documents(specs: Iterable[ServiceSpec | TaskSpec | ScheduledSpec]) -> Iterator[Any]:
    for spec in specs:
        yield spec.definition
        if isinstance(spec, ServiceSpec):
            yield spec.service
        if isinstance(spec, TaskSpec):
            yield spec.run
