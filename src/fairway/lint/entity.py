"""What a document holds, by its content: task definitions, services, scaling policies, …, and all of a run together."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from fairway.lint.document import Document, Node, items_of, lowered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.finding import Place
    from fairway.lint.program import Program
    from fairway.lint.script import Script


class Kind(StrEnum):
    """What an entity is; the value is what people call it."""

    TASK_DEFINITION = "task definition"
    SERVICE = "service"
    SERVICE_PART = "part of a service"
    RUN_TASK = "input of run-task"
    CLUSTER = "cluster"
    TARGET_GROUP = "target group"
    LOAD_BALANCER = "load balancer"
    SCALABLE_TARGET = "scalable target"
    SCALING_POLICY = "scaling policy"
    ALARM = "alarm"
    DEPLOYMENT_CONFIG = "CodeDeploy deployment configuration"
    APPSPEC = "AppSpec"


@dataclass(frozen=True, slots=True)
class Entity:
    """One of them."""

    kind: Kind
    node: Node
    is_answer: bool = False
    """It is what a describe call answered: members that AWS fills in belong there."""
    definition: Entity | None = None
    """Of a service in a project: its task definition."""
    resource: str | None = None
    """Of a scaling policy: `service/CLUSTER/SERVICE`."""


@dataclass(frozen=True, slots=True)
class Prose:
    """Text for people: a Markdown file without its blocks, or the comments of a script."""

    text: str
    name: str
    first_line: int = 1


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What the project file says that no definition does."""

    services: dict[str, bool] = field(default_factory=dict)
    """Service -> it is monitored after a deployment."""
    place: dict[str, Place] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """All that is linted together: a service finds its task definition here, a policy its alarm."""

    entities: tuple[Entity, ...] = ()
    scripts: tuple[Script, ...] = ()
    programs: tuple[Program, ...] = ()
    prose: tuple[Prose, ...] = ()
    project: ProjectFacts | None = None

    def of(self, *kinds: Kind) -> Iterator[Entity]:
        return (entity for entity in self.entities if entity.kind in kinds)

    def definition_of(self, service: Entity) -> Entity | None:
        """The task definition of a service; None: not among the files, or it cannot be told."""
        if service.definition is not None:
            return service.definition
        family = family_of(service.node["taskDefinition"].literal or "")
        found = self._families.get(family, [])
        return found[0] if family and len(found) == 1 else None

    def services_of(self, definition: Entity) -> list[Entity]:
        """The services that run a task definition."""
        return self._services.get(id(definition), [])

    @cached_property
    def _families(self) -> dict[str, list[Entity]]:
        found: dict[str, list[Entity]] = {}
        for entity in self.of(Kind.TASK_DEFINITION):
            found.setdefault(entity.node["family"].literal or "", []).append(entity)
        return found

    @cached_property
    def _services(self) -> dict[int, list[Entity]]:
        found: dict[int, list[Entity]] = {}
        for service in self.of(Kind.SERVICE):
            definition = self.definition_of(service)
            if definition is not None:
                found.setdefault(id(definition), []).append(service)
        return found


def family_of(reference: str) -> str:
    """`arn:…:task-definition/api:42`, `api:42`, `api` -> `api`."""
    return reference.rpartition("/")[2].partition(":")[0]


_ANSWERS: Final = {
    "taskDefinition": Kind.TASK_DEFINITION,
    "service": Kind.SERVICE,
    "services": Kind.SERVICE,
    "cluster": Kind.CLUSTER,
    "clusters": Kind.CLUSTER,
    "targetGroups": Kind.TARGET_GROUP,
    "loadBalancers": Kind.LOAD_BALANCER,
    "scalingPolicies": Kind.SCALING_POLICY,
    "scalableTargets": Kind.SCALABLE_TARGET,
    "metricAlarms": Kind.ALARM,
}
"""The member of an answer -> what stands in it; with a small first letter."""
_MARKS: Final = {
    Kind.TASK_DEFINITION: {"containerDefinitions"},
    Kind.SERVICE: {"serviceName", "serviceArn"},
    Kind.CLUSTER: {"clusterName"},
    Kind.TARGET_GROUP: {"targetGroupName", "vpcId", "healthCheckPath", "targetType"},
    Kind.LOAD_BALANCER: {"loadBalancerName", "scheme", "name", "subnets"},
    Kind.SCALING_POLICY: {"policyName", "policyType"},
    Kind.SCALABLE_TARGET: {"resourceId"},
    Kind.ALARM: {"alarmName"},
}
"""One of these an item of an answer has."""
_SCALING: Final = {
    "stepAdjustments",
    "stepScalingPolicyConfiguration",
    "targetTrackingScalingPolicyConfiguration",
    "predefinedMetricSpecification",
    "customizedMetricSpecification",
    "policyType",
}
_SERVICE: Final = {"desiredCount", "taskDefinition", "loadBalancers", "deploymentController", "schedulingStrategy"}
_PART: Final = {"deploymentConfiguration", "healthCheckGracePeriodSeconds"}
_RUN: Final = {"networkConfiguration", "launchType", "capacityProviderStrategy", "overrides", "startedBy"}
_LARGE: Final = {
    Kind.TARGET_GROUP,
    Kind.LOAD_BALANCER,
    Kind.SCALING_POLICY,
    Kind.SCALABLE_TARGET,
    Kind.ALARM,
}
"""AWS writes the members of these with a large first letter; here they are read with a small one."""
CLOUDFORMATION: Final = "a CloudFormation template: those are not read"
UNKNOWN: Final = "nothing of ECS is recognised in it"
EXPECTED: Final = (
    "expected: a task definition, service, cluster, target group, load balancer, scaling target or policy, alarm, "
    "AppSpec, a shell or Python script, or Markdown with such blocks"
)


def recognise(document: Document) -> tuple[list[Entity], str]:
    """The entities in a document; none: why not."""
    value = document.value
    if isinstance(value, list):
        found = [entity for item in items_of(document) for entity in recognise(item)[0]]
        return found, "" if found else UNKNOWN
    if not isinstance(value, dict):
        return [], UNKNOWN
    if _is_cloudformation(value):
        return [], CLOUDFORMATION
    found = [*_answers(document)] or [*_plain(document)]
    return found, "" if found else UNKNOWN


def _is_cloudformation(value: dict[str, Any]) -> bool:
    resources = value.get("Resources")
    return "AWSTemplateFormatVersion" in value or (
        isinstance(resources, dict)
        and any(isinstance(item, dict) and str(item.get("Type", "")).startswith("AWS::") for item in resources.values())
    )


def _answers(document: Document) -> Iterator[Entity]:
    if "serviceName" in document.value:
        return  # its loadBalancers and taskDefinition are members, not answers
    small = lowered(document)
    for key, kind in _ANSWERS.items():
        member = small.root[key]
        for item in member if member.is_list else [member]:
            if not (item.is_object and any(mark in item for mark in _MARKS[kind])):
                continue
            if kind is Kind.TARGET_GROUP or kind in _LARGE:
                yield Entity(kind, item, is_answer=True, resource=item["resourceId"].literal)
            else:
                yield Entity(kind, Node(document, item.path, _at(document.value, item.path)), is_answer=True)


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        if isinstance(value, dict) and key not in value and isinstance(key, str):
            key = key[:1].upper() + key[1:]  # noqa: PLW2901 - the answer wrote it large
        value = value[key]
    return value


def _plain(document: Document) -> Iterator[Entity]:
    root, keys = document.root, set(document.value)
    small = lowered(document).root
    names = set(small.value)
    if isinstance(document.value.get("containerDefinitions"), list) or _is_misspelt(document.value):
        yield Entity(Kind.TASK_DEFINITION, root)
    elif isinstance(small["resources"].value, list) and ("version" in names or "hooks" in names):
        yield Entity(Kind.APPSPEC, root)
    elif names & _SCALING or {"policyName", "targetValue"} <= names:
        yield Entity(Kind.SCALING_POLICY, small, resource=small["resourceId"].literal)
    elif names & {"minCapacity", "maxCapacity"} and names & {"resourceId", "serviceNamespace", "scalableDimension"}:
        yield from _scalable_target(small)
    elif "alarmName" in names and names & {"metricName", "metrics"}:
        yield Entity(Kind.ALARM, small)
    elif "clusterName" in keys and "serviceName" not in keys:
        yield Entity(Kind.CLUSTER, root)
    elif "serviceName" in keys or (keys & _SERVICE and keys & (_SERVICE | _PART | _RUN) - {"taskDefinition"}):
        yield Entity(Kind.SERVICE, root)
    elif keys & {"trafficRoutingConfig", "deploymentConfigName"}:
        yield Entity(Kind.DEPLOYMENT_CONFIG, root)
    elif keys & _PART:
        yield Entity(Kind.SERVICE_PART, root)
    elif keys & {"deploymentCircuitBreaker", "maximumPercent", "minimumHealthyPercent"}:
        yield Entity(Kind.SERVICE_PART, _inside("deploymentConfiguration", document))
    elif names & {"vpcId", "healthCheckPath", "healthCheckIntervalSeconds", "targetType"} or _is_attributes(small):
        yield Entity(Kind.TARGET_GROUP, small)
    elif "networkConfiguration" in keys or ("taskDefinition" in keys and keys & _RUN):
        yield Entity(Kind.RUN_TASK, root)


def _is_misspelt(value: dict[str, Any]) -> bool:
    """A task definition whose containerDefinitions is written otherwise."""
    return isinstance(value.get("family"), str) and any(
        isinstance(item, list) and get_close_matches(key, ["containerDefinitions"]) for key, item in value.items()
    )


def _scalable_target(small: Node) -> Iterator[Entity]:
    resource = small["resourceId"].literal
    yield Entity(Kind.SCALABLE_TARGET, small, resource=resource)
    for key in ("targetTrackingScalingPolicies", "stepScalingPolicies", "scalingPolicies"):
        for policy in small[key].objects():
            yield Entity(Kind.SCALING_POLICY, policy, resource=resource)


def _is_attributes(small: Node) -> bool:
    return any((item["key"].text or "").startswith("deregistration_delay.") for item in small["attributes"].objects())


def _inside(key: str, document: Document) -> Node:
    places = {(key, *path): place for path, place in document.places.items()} | {(): document.place(())}
    return Document({key: document.value}, places, document.name).root
