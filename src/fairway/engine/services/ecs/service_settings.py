"""Reads what CreateService and UpdateService say, after ECS's rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.service import (
    CircuitBreaker,
    DeploymentConfiguration,
    EarlySuccess,
    LoadBalancerRef,
    Network,
    ThresholdType,
)
from fairway.engine.services.ecs.faults import ClientException, InvalidParameterException, unsupported
from fairway.engine.services.elbv2.configuration import used_target_groups
from fairway.engine.services.network import subnets_of
from fairway.engine.store.schema import TARGET_GROUPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.engine.model.cluster import TaskDefinition
    from fairway.engine.services.operation import Context, Request

UNSUPPORTED: Final = (
    "deploymentController.type=ECS",
    "serviceConnectConfiguration.enabled",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "monitoring",
    "loadBalancers.advancedConfiguration",
    "deploymentConfiguration.strategy=ROLLING",
    "deploymentConfiguration.lifecycleHooks",
    "deploymentConfiguration.linearConfiguration",
    "deploymentConfiguration.canaryConfiguration",
)
"""What CreateService and UpdateService refuse alike."""
_MOST_SUBNETS: Final = 16
_MOST_GROUPS: Final = 5


def check_placement(request: Request) -> None:
    """Placement is for container instances, which the engine does not have.

    Raises:
        InvalidParameterException: with ECS's text.
    """
    if request.get("placementStrategy"):
        raise InvalidParameterException("Placement strategies are not supported with FARGATE launch type.")
    if request.get("placementConstraints"):
        raise InvalidParameterException("Placement constraints are not supported with FARGATE launch type.")


def read_configuration(
    given: Mapping[str, Any], living: DeploymentConfiguration | None = None
) -> DeploymentConfiguration:
    """`deploymentConfiguration`; what is left out keeps its living value.

    Raises:
        InvalidParameterException: with ECS's text.
    """
    before = living or DeploymentConfiguration()
    minimum = given.get("minimumHealthyPercent", before.minimum_healthy_percent)
    maximum = given.get("maximumPercent", before.maximum_percent)
    if minimum == 100 and maximum == 100:  # noqa: PLR2004 - percent
        raise InvalidParameterException(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments"
        )
    if not 0 <= minimum <= 100:  # noqa: PLR2004 - percent
        raise InvalidParameterException("minimumHealthyPercent must be at most 100")
    if maximum < 100:  # noqa: PLR2004 - percent
        raise InvalidParameterException("maximumPercent must be at least 100")
    return replace(
        before,
        minimum_healthy_percent=minimum,
        maximum_percent=maximum,
        breaker=_breaker(given.get("deploymentCircuitBreaker", {}), before.breaker),
        early_success=_early_success(given.get("earlySuccessCriteria"), before.early_success, minimum),
        bake_minutes=given.get("bakeTimeInMinutes", before.bake_minutes),
        **_alarms(given.get("alarms")),
    )


def _alarms(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """`alarms`; ECS does not ask whether they exist: tools create a service first, and the alarms on its metrics then."""
    if given is None:
        return {}
    names = tuple(dict.fromkeys(given["alarmNames"]))
    if given["enable"] and not names:
        raise InvalidParameterException("alarmNames can not be empty when deployment alarms are enabled.")
    return {"alarm_names": names, "alarms_enable": given["enable"], "alarms_rollback": given["rollback"]}


def _breaker(given: Mapping[str, Any], before: CircuitBreaker) -> CircuitBreaker:
    threshold = given.get("thresholdConfiguration", {})
    kind = ThresholdType(threshold.get("type", before.threshold_type))
    value = threshold.get("value", before.threshold_value)
    if value < 1 or (kind is not ThresholdType.COUNT and value > 100):  # noqa: PLR2004 - percent
        raise InvalidParameterException(
            "deploymentCircuitBreaker.thresholdConfiguration.value must be at least 1, and at most 100 for percentages"
        )
    return CircuitBreaker(
        enable=given.get("enable", before.enable),
        rollback=given.get("rollback", before.rollback),
        reset_on_healthy_task=given.get("resetOnHealthyTask", before.reset_on_healthy_task),
        threshold_type=kind,
        threshold_value=value,
    )


def _early_success(given: Mapping[str, Any] | None, before: EarlySuccess, minimum: int) -> EarlySuccess:
    if given is None:
        return before
    percent = given.get("healthyPercent", before.healthy_percent)
    if given.get("enable") and not minimum <= percent <= 100:  # noqa: PLR2004 - percent
        raise InvalidParameterException(
            "earlySuccessCriteria.healthyPercent must be between minimumHealthyPercent and 100"
        )
    return EarlySuccess(
        enable=given.get("enable", before.enable),
        healthy_percent=percent,
        blocking_cleanup=given.get("sourceServiceRevisionCleanup", "BLOCKING") == "BLOCKING",
    )


def read_network(ctx: Context, given: Mapping[str, Any] | None, definition: TaskDefinition) -> Network:
    """`networkConfiguration` for an awsvpc task definition.

    Raises:
        InvalidParameterException: it is missing, or names what does not exist.
    """
    if definition.body.get("networkMode") != "awsvpc":
        raise unsupported(f"networkMode {definition.body.get('networkMode')}")
    configuration = (given or {}).get("awsvpcConfiguration")
    if not configuration:
        raise InvalidParameterException(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        )
    subnets = tuple(configuration.get("subnets", ()))
    if not subnets:
        raise InvalidParameterException("subnets can not be empty.")
    if len(subnets) > _MOST_SUBNETS:
        raise InvalidParameterException("subnets can have at most 16 items.")
    groups = tuple(configuration.get("securityGroups", ()))
    if len(groups) > _MOST_GROUPS:
        raise InvalidParameterException("securityGroups can have at most 5 items.")
    known = {subnet.id for subnet in subnets_of(ctx.store, ctx.region)}
    for subnet in subnets:
        if subnet not in known:
            raise InvalidParameterException(
                f"Error retrieving subnet information for [{', '.join(subnets)}]: The subnet ID '{subnet}' does not "
                "exist (ErrorCode: InvalidSubnetID.NotFound)"
            )
    return Network(subnets, groups, configuration.get("assignPublicIp", "DISABLED"))


def read_load_balancers(
    ctx: Context, items: Sequence[Mapping[str, Any]], definition: TaskDefinition
) -> tuple[LoadBalancerRef, ...]:
    """`loadBalancers`, whose target groups must exist and be in use, and whose containers must listen.

    Raises:
        InvalidParameterException: with ECS's text.
    """
    if len(items) > _MOST_GROUPS:
        raise InvalidParameterException("loadBalancers can have at most 5 items.")
    used = used_target_groups(ctx.store) if items else frozenset()
    references = []
    for item in items:
        arn = item.get("targetGroupArn")
        if item.get("loadBalancerName"):
            if arn:
                raise InvalidParameterException("loadBalancerName and targetGroupArn cannot both be specified")
            raise unsupported("loadBalancers[].loadBalancerName")
        group = ctx.store.get(TARGET_GROUPS, arn or "")
        if group is None:
            raise InvalidParameterException(f"Unable to describe target group: The target group {arn} does not exist.")
        if group.target_type != "ip":
            raise InvalidParameterException(
                f"The provided target group {arn} has target type {group.target_type}, which is incompatible with the "
                "awsvpc network mode specified in the task definition."
            )
        if arn not in used:
            raise InvalidParameterException(
                f"The target group with targetGroupArn {arn} does not have an associated load balancer."
            )
        references.append(_reference(item, group.arn, definition))
    return tuple(references)


def _reference(item: Mapping[str, Any], group_arn: str, definition: TaskDefinition) -> LoadBalancerRef:
    name, port = item.get("containerName", ""), item.get("containerPort", 0)
    container = definition.container(name)
    if container is None:
        raise InvalidParameterException(f"The container {name} does not exist in the task definition.")
    if port not in {number for number, _ in container.ports}:
        raise InvalidParameterException(f"The container {name} did not have a container port {port} defined.")
    return LoadBalancerRef(group_arn, name, port)


def need_fargate(definition: TaskDefinition) -> None:
    """Refuse a revision that Fargate cannot run.

    Raises:
        InvalidParameterException: with ECS's text.
    """
    if "FARGATE" not in definition.body.get("compatibilities", ()):
        raise InvalidParameterException("Task definition does not support launch_type FARGATE.")


def check_percent(count: int) -> None:
    """A desired count that a service may have.

    Raises:
        InvalidParameterException: negative, or above the quota of 5,000.
    """
    if count < 0:
        raise InvalidParameterException("desiredCount must not be negative.")
    if count > 5000:  # noqa: PLR2004 - the quota
        raise ClientException("The desired count exceeds the quota of 5000 tasks for each service.")
