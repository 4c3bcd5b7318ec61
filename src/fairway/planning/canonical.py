"""A definition in one canonical form: lists whose order means nothing become maps by their keys, or sorted. Pure.

What AWS shows of a revision or a service, and what a file says, take the same form, and can be compared member by member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.observed import GUARD_PREFIX
from fairway.project.definition import READ_ONLY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fairway.observed import Living, TaskDefinition

FAIRWAY: Final = "fairway:"
_AWS: Final = "aws:"
NOT_REGISTERED: Final = frozenset({*READ_ONLY, "deleteRequestedAt", "tags"})
"""Members of a revision that only AWS says; its tags are shown beside it."""
NOT_COMPARED: Final = frozenset(
    {"serviceName", "service", "cluster", "taskDefinition", "desiredCount", "clientToken", "forceNewDeployment"}
)
"""Of a service: who it is, what it runs, how many (whoever scales it says so), and what is said only once."""
_SHOWN: Final = (
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "networkConfiguration",
    "healthCheckGracePeriodSeconds",
    "deploymentConfiguration",
    "deploymentController",
    "placementConstraints",
    "placementStrategy",
    "schedulingStrategy",
    "enableECSManagedTags",
    "propagateTags",
    "enableExecuteCommand",
    "availabilityZoneRebalancing",
)
"""Members that DescribeServices shows of a service."""
_SHOWN_OF_DEPLOYMENTS: Final = ("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations")
"""Members that it shows of the PRIMARY deployment."""
_SHOWN_OF_REVISIONS: Final = ("gatewayConnectors", "monitoring")
"""Members that only a service revision shows."""
REVISION_MEMBERS: Final = (
    "loadBalancers",
    "serviceRegistries",
    "networkConfiguration",
    "platformVersion",
    *_SHOWN_OF_DEPLOYMENTS,
    *_SHOWN_OF_REVISIONS,
)
"""What a service revision keeps of the service, beside where its tasks run."""


def _port(item: Mapping[str, Any]) -> str:
    return f"{item.get('containerPort', item.get('containerPortRange', ''))}/{item.get('protocol', 'tcp')}"


def _hook(item: Mapping[str, Any]) -> str:
    return str(item.get("hookTargetArn") or f"PAUSE at {', '.join(sorted(item.get('lifecycleStages', ())))}")


_BY: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "containerDefinitions": lambda item: str(item.get("name", "")),
    "portMappings": _port,
    "mountPoints": lambda item: str(item.get("containerPath", "")),
    "volumesFrom": lambda item: str(item.get("sourceContainer", "")),
    "volumes": lambda item: str(item.get("name", "")),
    "volumeConfigurations": lambda item: str(item.get("name", "")),
    "dependsOn": lambda item: str(item.get("containerName", "")),
    "ulimits": lambda item: str(item.get("name", "")),
    "resourceRequirements": lambda item: str(item.get("type", "")),
    "tmpfs": lambda item: str(item.get("containerPath", "")),
    "devices": lambda item: str(item.get("hostPath", "")),
    "loadBalancers": lambda item: f"{item.get('containerName', '')}:{item.get('containerPort', '')}",
    "capacityProviderStrategy": lambda item: str(item.get("capacityProvider", "")),
    "serviceRegistries": lambda item: str(item.get("registryArn", "")),
    "vpcLatticeConfigurations": lambda item: str(item.get("targetGroupArn", "")),
    "services": lambda item: str(item.get("portName", "")),
    "lifecycleHooks": _hook,
}
"""Lists of objects whose order means nothing, and what names an item."""
_PAIRS: Final[Mapping[str, tuple[str, str]]] = {
    "environment": ("name", "value"),
    "secrets": ("name", "valueFrom"),
    "secretOptions": ("name", "valueFrom"),
    "tags": ("key", "value"),
    "systemControls": ("namespace", "value"),
    "extraHosts": ("hostname", "ipAddress"),
}
"""Lists of pairs whose order means nothing."""
_SETS: Final = frozenset(
    {"requiresCompatibilities", "subnets", "securityGroups", "add", "drop", "alarmNames", "lifecycleStages"}
    | {"ignoredExitCodes", "dnsServers", "dnsSearchDomains", "mountOptions", "permissions"}
)
"""Lists of plain values whose order means nothing."""


def canonical(value: Any, name: str = "") -> Any:
    """The value of the member `name` in its canonical form."""
    match value:
        case dict():
            return {str(key): canonical(item, str(key)) for key, item in value.items() if item is not None}
        case list() | tuple():
            return _canonical_list(list(value), name)
        case _:
            return value


def _canonical_list(items: list[Any], name: str) -> Any:
    if name in _SETS and all(isinstance(item, str | int) for item in items):
        return sorted(set(items), key=str)
    if name in _PAIRS and all(isinstance(item, dict) for item in items):
        key, value = _PAIRS[name]
        # of two with one name the last is what a container sees, and what ECS keeps
        return {str(item.get(key, "")): item.get(value, "") for item in items}
    if name in _BY and all(isinstance(item, dict) for item in items):
        keyed = {_BY[name](item): canonical(item) for item in items}
        if len(keyed) == len(items):
            return keyed
    return [canonical(item) for item in items]


def own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that somebody chose: not Fairway's own, and not AWS's."""
    return {key: value for key, value in tags.items() if not key.startswith((FAIRWAY, _AWS))}


def file_definition(document: Mapping[str, Any]) -> dict[str, Any]:
    """A rendered task definition in its canonical form."""
    made: dict[str, Any] = canonical(document)
    return _with_ports({**made, "tags": own_tags(made.get("tags", {}))})


def living_definition(definition: TaskDefinition) -> dict[str, Any]:
    """A registered revision in its canonical form, without what only AWS says of it."""
    made = canonical({key: item for key, item in definition.document.items() if key not in NOT_REGISTERED})
    return _with_ports({**made, "tags": own_tags(definition.tags)})


def _with_ports(made: dict[str, Any]) -> dict[str, Any]:
    """Each host port written out where the network mode says what it is.

    Source: ECS API Reference, PortMapping: with awsvpc and host the host port is the container port; with bridge 0 is any.
    """
    mode = made.get("networkMode", "bridge")
    containers = made.get("containerDefinitions", {})
    for container in containers.values() if isinstance(containers, dict) else ():
        mappings = container.get("portMappings")
        for mapping in mappings.values() if isinstance(mappings, dict) else ():
            if "containerPort" in mapping:
                port = mapping["containerPort"] if mode in {"awsvpc", "host"} else 0
                mapping["hostPort"] = mapping.get("hostPort") or port
    return made


def file_service(document: Mapping[str, Any]) -> dict[str, Any]:
    """A rendered service definition in its canonical form, without what is never compared."""
    made = canonical({key: item for key, item in document.items() if key not in NOT_COMPARED})
    return {**made, "tags": own_tags(made.get("tags", {}))} if "tags" in made else dict(made)


def without_guards(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The deployment configuration without alarms that Fairway has made itself: no file names them."""
    names = configuration.get("alarms", {}).get("alarmNames", ())
    own = bool(names) and all(str(name).startswith(GUARD_PREFIX) for name in names)
    return {key: value for key, value in configuration.items() if not (own and key == "alarms")}


def shown_members(living: Living) -> dict[str, Any]:
    """The members of a living service that also create one, as AWS shows them; without its name, tags and count."""
    assert living.service is not None
    document = living.service.document
    made = {name: document[name] for name in _SHOWN if name in document}
    if "deploymentConfiguration" in made:
        made["deploymentConfiguration"] = without_guards(made["deploymentConfiguration"])
    primary: Mapping[str, Any] = next((d for d in document.get("deployments", ()) if d.get("status") == "PRIMARY"), {})
    made |= {name: primary[name] for name in _SHOWN_OF_DEPLOYMENTS if name in primary}
    made |= {name: (living.revision or {})[name] for name in _SHOWN_OF_REVISIONS if name in (living.revision or {})}
    role = str(document.get("roleArn", ""))
    if role and "/aws-service-role/" not in role:
        made["role"] = role
    return made


def living_service(living: Living) -> dict[str, Any]:
    """A living service in the canonical form of what creates one."""
    return {**canonical(shown_members(living)), "tags": own_tags(living.tags)}


def deployed_settings(living: Living) -> dict[str, Any]:
    """What Fairway's last deployment gave the service, as far as ECS keeps it, in canonical form."""
    kept = living.revision or {}
    made = {name: kept[name] for name in (*REVISION_MEMBERS, "launchType", "capacityProviderStrategy") if name in kept}
    # a revision has the version that LATEST was then
    made.pop("platformVersion", None)
    if living.configuration is not None:
        made["deploymentConfiguration"] = without_guards(living.configuration)
    found: dict[str, Any] = canonical(made)
    return found


def with_compute(
    file: dict[str, Any], living: dict[str, Any], default_strategy: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(file, living) without the launch type or strategy that ECS chose because the file names none.

    Source: ECS API Reference, CreateService: without both, the cluster's defaultCapacityProviderStrategy is used.
    """
    if "launchType" in file or file.get("capacityProviderStrategy"):
        return file, living
    kept = {name: item for name, item in living.items() if name != "launchType"}
    default = canonical(list(default_strategy), "capacityProviderStrategy")
    if _strategy(kept.get("capacityProviderStrategy")) == _strategy(default):
        kept.pop("capacityProviderStrategy", None)
    return file, kept


def _strategy(made: Any) -> dict[str, tuple[int, int]]:
    return {name: (item.get("base", 0), item.get("weight", 0)) for name, item in dict(made or {}).items()}


def with_swapped_groups(file: dict[str, Any], living: dict[str, Any]) -> dict[str, Any]:
    """The living settings, with target groups put back that a blue/green deployment has swapped.

    Source: ECS Developer Guide, "Application Load Balancer resources for blue/green": the two groups take turns.
    """
    wanted, shown = file.get("loadBalancers"), living.get("loadBalancers")
    if not isinstance(wanted, dict) or not isinstance(shown, dict):
        return living
    put_back = {}
    for key, item in shown.items():
        pair = _groups(item)
        other = wanted.get(key, {})
        if None not in pair and pair == _groups(other)[::-1]:
            advanced = {**item["advancedConfiguration"], "alternateTargetGroupArn": pair[0]}
            item = {**item, "targetGroupArn": pair[1], "advancedConfiguration": advanced}  # noqa: PLW2901 - a copy of it
        put_back[key] = item
    return {**living, "loadBalancers": put_back}


def _groups(balancer: Mapping[str, Any]) -> tuple[str | None, str | None]:
    advanced = balancer.get("advancedConfiguration") or {}
    return balancer.get("targetGroupArn"), advanced.get("alternateTargetGroupArn")
