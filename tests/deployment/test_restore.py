"""Which settings go back with a revision."""

from __future__ import annotations

import pytest

from fairway.deployment.restore import settings_to_restore

ONE = {"awsvpcConfiguration": {"subnets": ["a"], "securityGroups": ["s"], "assignPublicIp": "DISABLED"}}
TWO = {"awsvpcConfiguration": {"subnets": ["a", "b"], "securityGroups": ["s"], "assignPublicIp": "DISABLED"}}
SWAPPED = {"awsvpcConfiguration": {"assignPublicIp": "DISABLED", "securityGroups": ["s"], "subnets": ["b", "a"]}}
SPOT = [{"capacityProvider": "FARGATE_SPOT", "weight": 4, "base": 0}]
BALANCER = [{"targetGroupArn": "group-1", "containerName": "api", "containerPort": 80}]


@pytest.mark.parametrize(
    ("revision", "service", "expected"),
    [
        pytest.param(
            {"networkConfiguration": ONE}, {"networkConfiguration": TWO}, {"networkConfiguration": ONE}, id="network"
        ),
        pytest.param({"networkConfiguration": TWO}, {"networkConfiguration": SWAPPED}, {}, id="order says nothing"),
        pytest.param({"capacityProviderStrategy": SPOT}, {}, {"capacityProviderStrategy": SPOT}, id="capacity"),
        pytest.param({"loadBalancers": BALANCER}, {"loadBalancers": BALANCER}, {}, id="the same balancer"),
        pytest.param(
            {"loadBalancers": []}, {"loadBalancers": BALANCER}, {"loadBalancers": []}, id="one was added since"
        ),
        pytest.param({"serviceRegistries": []}, {}, {}, id="none then, none now"),
        pytest.param(
            {"launchType": "FARGATE", "platformVersion": "1.4.0"}, {}, {}, id="what cannot be updated, or is resolved"
        ),
        pytest.param(
            {"loadBalancers": BALANCER},
            {"loadBalancers": [], "deploymentConfiguration": {"strategy": "BLUE_GREEN"}},
            {},
            id="blue/green swaps target groups by itself",
        ),
        pytest.param(
            {"networkConfiguration": ONE},
            {"networkConfiguration": ONE, "deployments": [{"status": "PRIMARY", "networkConfiguration": TWO}]},
            {"networkConfiguration": ONE},
            id="the newest deployment says what runs",
        ),
    ],
)
def test_what_differs_goes_back(revision, service, expected):
    assert settings_to_restore(revision, service) == expected
