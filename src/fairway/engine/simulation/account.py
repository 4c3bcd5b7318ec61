"""What stands in a simulated account: a cluster, a load balancer, and the service that a scenario describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from fairway.engine.services.network import SECURITY_GROUP_ID, default_subnets
from fairway.engine.simulation.scenario import Behaviour

if TYPE_CHECKING:
    from fairway.engine.simulation.scenario import Scenario

REGION: Final = "us-east-1"
ALARM: Final = "errors"
_SUBNETS: Final = [subnet.id for subnet in default_subnets(REGION)[:2]]


class Call(Protocol):
    """An AWS operation."""

    def __call__(self, service: str, operation: str, /, **request: Any) -> dict[str, Any]:
        """Its answer."""


def create_service(call: Call, scenario: Scenario) -> None:
    """The cluster, the load balancer if it has one, and the service, with its first, good revision."""
    call(
        "ecs",
        "CreateCluster",
        clusterName="shop",
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
    )
    balancers = []
    if scenario.balanced:
        group = _make_balancer(call)
        balancers = [{"targetGroupArn": group, "containerName": "api", "containerPort": 8000}]
    register(call, scenario, Behaviour((("fairway.sim.start", "1"),)))
    placed: dict[str, Any] = {"launchType": "FARGATE"}
    if scenario.spot:
        strategy = [
            {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
            {"capacityProvider": "FARGATE_SPOT", "weight": 4},
        ]
        placed = {"capacityProviderStrategy": strategy}
    request: dict[str, Any] = {
        "cluster": "shop",
        "serviceName": "api",
        "taskDefinition": "api",
        "desiredCount": scenario.desired,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": _SUBNETS, "securityGroups": [SECURITY_GROUP_ID]}},
        "loadBalancers": balancers,
        "deploymentConfiguration": {
            "minimumHealthyPercent": scenario.minimum_healthy_percent,
            "maximumPercent": scenario.maximum_percent,
            "deploymentCircuitBreaker": {"enable": scenario.breaker, "rollback": scenario.rollback},
        },
    }
    if scenario.alarms:
        _make_alarm(call)
        watched = {"alarmNames": [ALARM], "enable": True, "rollback": scenario.alarms_rollback}
        request["deploymentConfiguration"]["alarms"] = watched
    if scenario.balanced:
        request["healthCheckGracePeriodSeconds"] = scenario.grace_seconds
    call("ecs", "CreateService", **placed, **request)


def _make_balancer(call: Call) -> str:
    (balancer,) = call("elbv2", "CreateLoadBalancer", Name="shop", Subnets=_SUBNETS)["LoadBalancers"]
    (group,) = call(
        "elbv2",
        "CreateTargetGroup",
        Name="api",
        Protocol="HTTP",
        Port=8000,
        VpcId=balancer["VpcId"],
        TargetType="ip",
        HealthCheckIntervalSeconds=30,
        HealthCheckPath="/health",
    )["TargetGroups"]
    arn: str = group["TargetGroupArn"]
    call(
        "elbv2",
        "CreateListener",
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    return arn


def _make_alarm(call: Call) -> None:
    """An alarm without data, which keeps the state that it is put into."""
    call(
        "cloudwatch",
        "PutMetricAlarm",
        AlarmName=ALARM,
        Namespace="shop",
        MetricName="errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=2,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )


def register(call: Call, scenario: Scenario, behaviour: Behaviour) -> str:
    """A new revision of the service's task definition; its ARN."""
    container: dict[str, Any] = {
        "name": "api",
        "image": behaviour.image,
        "essential": True,
        "portMappings": [{"containerPort": 8000}],
        "dockerLabels": dict(behaviour.labels),
    }
    if scenario.checked:
        container["healthCheck"] = {"command": ["CMD-SHELL", "true"], "interval": 30, "startPeriod": 40}
    registered = call(
        "ecs",
        "RegisterTaskDefinition",
        family="api",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[container],
    )
    arn: str = registered["taskDefinition"]["taskDefinitionArn"]
    return arn
