"""Rolling deployments that alarms watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.world import until

if TYPE_CHECKING:
    from tests.conformance.world import World

pytestmark = pytest.mark.usefixtures("simulated")


def an_alarm(world: World, *, load_balancer: str | None = None) -> str:
    """Fires when a target of the load balancer answers with 5xx; without one it stays as it is put."""
    name = world.name("alarm")
    watched: dict[str, Any] = {"Namespace": "Shop", "MetricName": world.name("errors"), "TreatMissingData": "ignore"}
    if load_balancer is not None:
        watched = {
            "Namespace": "AWS/ApplicationELB",
            "MetricName": "HTTPCode_Target_5XX_Count",
            "Dimensions": [{"Name": "LoadBalancer", "Value": load_balancer.partition("loadbalancer/")[2]}],
            "TreatMissingData": "notBreaching",
        }
    world.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=2,
        DatapointsToAlarm=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        **watched,
    )
    return name


def watching(*names: str, enable: bool = True, rollback: bool = True) -> dict[str, Any]:
    return {"alarms": {"alarmNames": list(names), "enable": enable, "rollback": rollback}}


def fire(world: World, alarm: str, state: str = "ALARM") -> None:
    world.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="test")


def newest(world: World, cluster: str, service: str) -> dict[str, Any]:
    return world.deployments(cluster, service)[0]


def until_ended(world: World, cluster: str, service: str) -> dict[str, Any]:
    ended: dict[str, Any] = until(
        "the deployment ended", lambda: (found := newest(world, cluster, service)).get("finishedAt") and found
    )
    return ended


def test_a_good_deployment_bakes_and_succeeds(world: World) -> None:
    cluster, alarm = world.cluster(), an_alarm(world)
    service = world.service(cluster, world.task_definition(world.sim()), deploymentConfiguration=watching(alarm))
    shown = world.describe(cluster, service)["deploymentConfiguration"]["alarms"]
    assert shown == {"alarmNames": [alarm], "enable": True, "rollback": True}
    assert until("it is watched", lambda: newest(world, cluster, service)["alarms"]["status"] == "MONITORING")
    ended = until_ended(world, cluster, service)
    assert ended["status"] == "SUCCESSFUL"
    assert ended["alarms"] == {"status": "MONITORING_COMPLETE", "alarmNames": [alarm], "triggeredAlarmNames": []}
    assert (ended["finishedAt"] - ended["startedAt"]).total_seconds() >= 120


def test_errors_of_the_new_revision_roll_it_back(world: World) -> None:
    cluster, balancers = world.cluster(), world.balanced()
    group = balancers[0]["targetGroupArn"]
    (balancer,) = world.elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["LoadBalancerArns"]
    alarm, family = an_alarm(world, load_balancer=balancer), world.name("family")
    good = world.task_definition(world.sim(labels={"requests": "10"}), family=family)
    service = world.service(cluster, good, loadBalancers=balancers, deploymentConfiguration=watching(alarm))
    until_ended(world, cluster, service)
    old = world.describe(cluster, service)["deployments"][0]["id"]
    bad = world.task_definition(world.sim(labels={"requests": "10", "errors": "0.5"}), family=family)
    world.ecs.update_service(cluster=cluster, service=service, taskDefinition=bad)
    new = world.describe(cluster, service)["deployments"][0]["id"]
    ended = until_ended(world, cluster, service)
    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    assert ended["alarms"] == {"status": "TRIGGERED", "alarmNames": [alarm], "triggeredAlarmNames": [alarm]}
    assert "alarm detected" in ended["rollback"]["reason"]
    told = world.events(cluster, service)
    at = told.index(f"(service {service}) (deployment {new}) deployment failed: alarm detected.")
    assert told[at + 1] == f"(service {service}) rolling back to deployment {old}."
    steady = world.until_steady(cluster, service)
    assert (steady["deployments"][0]["id"], steady["taskDefinition"].endswith(good)) == (old, True)


def test_an_alarm_that_is_red_already_is_ignored_for_the_whole_deployment(world: World) -> None:
    cluster, alarm, family = world.cluster(), an_alarm(world), world.name("family")
    service = world.service(cluster, world.task_definition(world.sim(), family=family))
    world.until_steady(cluster, service)
    fire(world, alarm)
    definition = world.task_definition(world.sim(), family=family)
    world.ecs.update_service(
        cluster=cluster, service=service, taskDefinition=definition, deploymentConfiguration=watching(alarm)
    )
    ended = until_ended(world, cluster, service)
    assert (ended["status"], ended["alarms"]["status"], ended["alarms"]["triggeredAlarmNames"]) == (
        "SUCCESSFUL",
        "DISABLED",
        [],
    )


def test_without_rollback_the_deployment_stays_failed(world: World) -> None:
    cluster, alarm = world.cluster(), an_alarm(world)
    definition = world.task_definition(world.sim())
    service = world.service(cluster, definition, deploymentConfiguration=watching(alarm, rollback=False))
    until("a task runs", lambda: world.describe(cluster, service)["runningCount"] == 2)
    fire(world, alarm)
    ended = until_ended(world, cluster, service)
    assert (ended["status"], ended["alarms"]["triggeredAlarmNames"]) == ("STOPPED", [alarm])
    assert world.describe(cluster, service)["deployments"][0]["rolloutState"] == "FAILED"


def test_alarms_are_checked_and_kept(world: World) -> None:
    cluster = world.cluster()
    definition = world.task_definition(world.sim())
    with pytest.raises(ClientError) as caught:
        world.service(cluster, definition, deploymentConfiguration=watching())
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"
    service = world.service(cluster, definition, 0, deploymentConfiguration=watching("not-there-yet", enable=False))
    kept = {"alarmNames": ["not-there-yet"], "enable": False, "rollback": True}
    world.ecs.update_service(cluster=cluster, service=service, deploymentConfiguration={"maximumPercent": 150})
    assert world.describe(cluster, service)["deploymentConfiguration"]["alarms"] == kept
