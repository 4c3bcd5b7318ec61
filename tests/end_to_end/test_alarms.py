"""A release that answers with errors: the load balancer counts them, an alarm fires, and ECS goes back."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from tests.end_to_end.stack import CLUSTER, a_stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SERVICE, ALARM = "taskmanager-api", "api-errors"
READ_ONLY = {
    "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy",
}  # fmt: skip


@pytest.fixture
def fast_stack():
    """One of its own: nobody has counted an error yet."""
    yield from a_stack("--speed", "20")


def load_balancer(stack):
    (found,) = stack.client("elbv2").describe_load_balancers()["LoadBalancers"]
    return {"Name": "LoadBalancer", "Value": found["LoadBalancerArn"].partition("loadbalancer/")[2]}


def with_faults(stack, faults):
    """A revision as the living one, that misbehaves."""
    ecs = stack.client("ecs")
    living = ecs.describe_task_definition(taskDefinition=stack.service()["taskDefinition"])["taskDefinition"]
    document = {name: value for name, value in living.items() if name not in READ_ONLY}
    container = document["containerDefinitions"][0]
    kept = [item for item in container["environment"] if item["name"] != "TASKMANAGER_FAULTS"]
    container["environment"] = [*kept, {"name": "TASKMANAGER_FAULTS", "value": faults}]
    return ecs.register_task_definition(**document)["taskDefinition"]["taskDefinitionArn"]


def statistics(stack, namespace, metric, dimensions, **asked):
    """Over the last hour of the engine's time, as one point."""
    cloudwatch = stack.client("cloudwatch")
    headers = stack.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    end = parsedate_to_datetime(headers["date"]) + timedelta(minutes=1)
    points = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=dimensions,
        StartTime=end - timedelta(hours=2),
        EndTime=end,
        Period=3 * 3600,
        **asked,
    )["Datapoints"]
    return points[0] if points else None


def last_deployment(stack):
    ecs = stack.client("ecs")
    brief = ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE)["serviceDeployments"][0]
    arn = brief["serviceDeploymentArn"]
    return ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]


def test_errors_after_the_start_are_caught_by_an_alarm(fast_stack):
    stack = fast_stack
    balancer, ecs = load_balancer(stack), stack.client("ecs")
    stack.client("cloudwatch").put_metric_alarm(
        AlarmName=ALARM,
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[balancer],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=2,
        DatapointsToAlarm=1,
        Threshold=5.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    before = stack.service()
    watched = {"alarms": {"alarmNames": [ALARM], "enable": True, "rollback": True}}
    with stack.traffic() as traffic:
        traffic.wait_for(1000)
        assert (
            statistics(stack, "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", [balancer], Statistics=["Sum"]) is None
        )
        ecs.update_service(
            cluster=CLUSTER,
            service=SERVICE,
            taskDefinition=with_faults(stack, "error_rate=0.5"),
            deploymentConfiguration=watched,
        )
        ended = until(lambda: (last := last_deployment(stack)).get("finishedAt") and last, seconds=120)
    assert ended["status"] == "ROLLBACK_SUCCESSFUL", ended
    assert ended["alarms"] == {"status": "TRIGGERED", "alarmNames": [ALARM], "triggeredAlarmNames": [ALARM]}
    assert stack.service()["taskDefinition"] == before["taskDefinition"]
    assert any("deployment failed: alarm detected." in event["message"] for event in stack.service()["events"])

    assert {failure.kind for failure in traffic.failures} == {"HTTP 500"}
    answered = sum(load.total.kinds["HTTP 500"] for load in traffic.loads)

    def counted():
        found = statistics(stack, "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", [balancer], Statistics=["Sum"])
        return found["Sum"]

    until(lambda: counted() == answered, seconds=10, what="each error is counted")
    times = statistics(stack, "AWS/ApplicationELB", "TargetResponseTime", [balancer], ExtendedStatistics=["p50", "p99"])
    assert 0 < times["ExtendedStatistics"]["p50"] <= times["ExtendedStatistics"]["p99"]
    service = [{"Name": "ClusterName", "Value": CLUSTER}, {"Name": "ServiceName", "Value": SERVICE}]
    used = statistics(stack, "AWS/ECS", "MemoryUtilization", service, Statistics=["Average"])
    assert 0 < used["Average"] < 100
    told = stack.client("cloudwatch").describe_alarm_history(AlarmName=ALARM, HistoryItemType="StateUpdate")
    assert "Alarm updated from OK to ALARM" in {item["HistorySummary"] for item in told["AlarmHistoryItems"]}
