"""What service operations do to the state, without anything that acts on it."""

from __future__ import annotations

import pytest
from tests.engine.services.account import NETWORK, Account, Refused


@pytest.fixture
def account() -> Account:
    account = Account()
    account("ecs", "CreateCluster")
    account.definition()
    return account


def deployments(account: Account) -> int:
    return len(account("ecs", "DescribeServices", services=["s"])["services"][0]["deployments"])


def test_a_draining_service_holds_its_name(account: Account) -> None:
    account.service()
    account("ecs", "DeleteService", service="s", force=True)
    with pytest.raises(Refused) as caught:
        account.service()
    assert caught.value.body["message"] == "Unable to Start a service that is still Draining."
    assert account("ecs", "ListServices")["serviceArns"] == []
    assert account("ecs", "DescribeServices", services=["s"])["services"][0]["status"] == "DRAINING"


@pytest.mark.parametrize(
    ("change", "begins"),
    [
        pytest.param({"desiredCount": 7}, False, id="desiredCount edits the deployment that stands"),
        pytest.param({"taskDefinition": "f:1"}, False, id="the same revision again is no change"),
        pytest.param({"taskDefinition": "f:2"}, True, id="another revision"),
        pytest.param({"forceNewDeployment": True}, True, id="forceNewDeployment without a change"),
        pytest.param({"platformVersion": "1.4.0"}, True, id="another platform version"),
        pytest.param({"networkConfiguration": NETWORK}, False, id="the same network again is no change"),
        pytest.param(
            {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0fa1000000000000a"]}}},
            True,
            id="another network",
        ),
        pytest.param({"deploymentConfiguration": {"maximumPercent": 150}}, False, id="percentages"),
        pytest.param({"enableExecuteCommand": False}, False, id="enableExecuteCommand"),
        pytest.param({"propagateTags": "SERVICE"}, False, id="propagateTags"),
        pytest.param({"availabilityZoneRebalancing": "DISABLED"}, False, id="availabilityZoneRebalancing"),
        pytest.param(
            {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]},
            False,
            id="capacityProviderStrategy alone",
        ),
        pytest.param({"healthCheckGracePeriodSeconds": 0}, False, id="grace period"),
    ],
)
def test_what_begins_a_deployment(account: Account, change: dict[str, object], begins: bool) -> None:  # noqa: FBT001
    account.service(taskDefinition="f:1")
    account.definition()
    account("ecs", "UpdateService", service="s", **change)
    assert deployments(account) == 1 + begins


def test_five_unfinished_deployments_block_the_sixth(account: Account) -> None:
    account.service()
    for _ in range(4):
        account("ecs", "UpdateService", service="s", forceNewDeployment=True)
    with pytest.raises(Refused) as caught:
        account("ecs", "UpdateService", service="s", forceNewDeployment=True)
    assert caught.value.body["message"] == "5 active deployments exist, unable to create new deployment."


def test_members_of_the_breaker_that_are_left_out_keep_their_value(account: Account) -> None:
    breaker = {"enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 7}}
    account.service(deploymentConfiguration={"deploymentCircuitBreaker": breaker})
    update = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    shown = account("ecs", "UpdateService", service="s", deploymentConfiguration=update)["service"]
    assert shown["deploymentConfiguration"]["deploymentCircuitBreaker"] == breaker | {
        "rollback": False,
        "resetOnHealthyTask": True,
    }


def test_defaults_are_read_back(account: Account) -> None:
    shown = account.service()
    assert shown["deploymentConfiguration"] == {
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "alarms": {"alarmNames": [], "enable": False, "rollback": False},
        "deploymentCircuitBreaker": {
            "enable": False,
            "rollback": False,
            "resetOnHealthyTask": True,
            "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
        },
    }
    assert shown["availabilityZoneRebalancing"] == "ENABLED"
    assert shown["schedulingStrategy"] == "REPLICA"
    assert shown["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert (
        shown["deployments"][0]["rolloutStateReason"] == f"ECS deployment {shown['deployments'][0]['id']} in progress."
    )


def test_the_page_after_a_deleted_service_goes_on(account: Account) -> None:
    for number in range(5):
        account.service(f"s{number}", desiredCount=0)
    page = account("ecs", "ListServices", maxResults=2)
    assert [arn[-2:] for arn in page["serviceArns"]] == ["s0", "s1"]
    account("ecs", "DeleteService", service="s1")
    rest = account("ecs", "ListServices", maxResults=10, nextToken=page["nextToken"])
    assert {arn[-2:] for arn in rest["serviceArns"]} == {"s2", "s3", "s4"}
    assert "nextToken" not in rest
