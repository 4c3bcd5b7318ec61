"""Alarms by which ECS watches a deployment: the limits of `monitor`, as far as CloudWatch can say them."""

from __future__ import annotations

import pytest
from tests.deployment.builders import a_service

from fairway.aws.balancers import BalancedGroup
from fairway.deployment.guard_alarms import alarms_of, with_alarms, without_own_alarms
from fairway.project.checks import Monitoring

ONE = BalancedGroup("targetgroup/api/1", "app/shop/9", is_alone=True)
TWO = BalancedGroup("targetgroup/api/2", "app/shop/9", is_alone=False)


@pytest.mark.parametrize(
    ("groups", "limits", "names"),
    [
        pytest.param([ONE], Monitoring(15, 0.001, 0.2), ["errors", "latency"], id="both"),
        pytest.param([ONE], Monitoring(15, 0.001), ["errors"], id="no limit, no alarm"),
        pytest.param(
            [ONE, TWO], Monitoring(15, 0.001, 0.2), ["errors", "latency-1", "latency-2"], id="two target groups"
        ),
        pytest.param([ONE], Monitoring(15), [], id="only tasks are watched"),
    ],
)
def test_alarms_say_what_monitor_says(groups, limits, names):
    made = alarms_of("prod", "api", groups, limits)
    assert [alarm["AlarmName"] for alarm in made] == [f"fairway-prod-api-{name}" for name in names]
    assert all(alarm["TreatMissingData"] == "notBreaching" for alarm in made)


def test_the_error_rate_is_of_all_target_groups_together():
    [alarm] = alarms_of("prod", "api", [ONE, TWO], Monitoring(15, 0.001))
    expression = "IF((FILL(e0, 0) + FILL(e1, 0)) >= 5, (FILL(e0, 0) + FILL(e1, 0)) / (FILL(r0, 0) + FILL(r1, 0)), 0)"
    assert alarm["Metrics"][-1]["Expression"] == expression
    assert [query["Id"] for query in alarm["Metrics"]] == ["r0", "e0", "r1", "e1", "rate"]
    assert alarm["Threshold"] == 0.001


@pytest.mark.parametrize(
    ("configuration", "names", "alarms"),
    [
        pytest.param({}, ["a"], {"alarmNames": ["a"], "enable": True, "rollback": True}, id="ours"),
        pytest.param({"alarms": {"alarmNames": ["own"]}}, ["a"], {"alarmNames": ["own"]}, id="the file's own"),
        pytest.param({}, [], None, id="none"),
    ],
)
def test_a_service_with_alarms(configuration, names, alarms):
    service = with_alarms({"serviceName": "api", "deploymentConfiguration": configuration}, names)
    assert service["deploymentConfiguration"].get("alarms") == alarms


OWN = {"alarmNames": ["fairway-prod-api-errors"], "enable": True, "rollback": True}


@pytest.mark.parametrize(
    ("file", "living", "said"),
    [
        pytest.param({}, OWN, {**OWN, "enable": False, "rollback": False}, id="ours go when nobody watches any more"),
        pytest.param({}, {**OWN, "alarmNames": ["teams-own"]}, None, id="the team's own stay"),
        pytest.param({}, {**OWN, "enable": False}, None, id="they are off already"),
        pytest.param({}, {}, None, id="there are none"),
        pytest.param({"alarms": {"alarmNames": ["own"]}}, OWN, {"alarmNames": ["own"]}, id="the file has the word"),
    ],
)
def test_alarms_are_taken_off(file, living, said):
    service = a_service(deploymentConfiguration={"alarms": living})
    document = without_own_alarms({"deploymentConfiguration": file}, service)
    assert document["deploymentConfiguration"].get("alarms") == said
    assert without_own_alarms({"deploymentConfiguration": file}, None) == {"deploymentConfiguration": file}
