"""What of production a machine that is not AWS plays, and what not."""

from __future__ import annotations

import tomllib

import pytest

from fairway.deployment.rehearsal.stand_ins import (
    definition_at_speed,
    differing,
    enough_tasks,
    in_account,
    secrets_needed,
    service_at_speed,
    stand_in_definition,
    stand_in_service,
    with_fault,
)
from fairway.deployment.rehearsal.toml_text import toml
from fairway.errors import UsageError


@pytest.mark.parametrize(
    ("wanted", "lower", "upper", "expected"),
    [
        pytest.param(1, 100, 200, 1, id="one more may start"),
        pytest.param(1, 50, 150, 2, id="one task may neither start another nor stop"),
        pytest.param(1, 0, 100, 1, id="the only one may stop first"),
        pytest.param(2, 100, 120, 5, id="a fifth more is a task from five on"),
        pytest.param(3, 100, 100, 3, id="nothing can ever move: ECS says so itself"),
    ],
)
def test_as_many_tasks_as_a_rolling_deployment_needs(wanted, lower, upper, expected):
    configuration = {"minimumHealthyPercent": lower, "maximumPercent": upper}
    assert enough_tasks(wanted, configuration) == expected


CHECK = {"command": ["CMD", "curl"], "interval": 30, "retries": 3}
PRODUCTION = {
    "family": "api",
    "cpu": "1024",
    "memory": "2048",
    "taskRoleArn": "arn:aws:iam::123456789012:role/production",
    "containerDefinitions": [
        {"name": "app", "memory": 2048, "stopTimeout": 30, "healthCheck": CHECK, "memoryReservation": 1024},
        {"name": "sidecar", "image": "sidecar"},
    ],
}
LOCAL = {
    "family": "api",
    "cpu": "256",
    "memory": "512",
    "taskRoleArn": "arn:aws:iam::123456789012:role/local",
    "containerDefinitions": [
        {"name": "app", "memory": 256, "stopTimeout": 2, "healthCheck": {"command": ["CMD", "true"], "interval": 5}}
    ],
}


def test_only_what_a_laptop_lacks_is_taken_from_the_local_environment():
    played = stand_in_definition(PRODUCTION, LOCAL)
    assert (played["cpu"], played["memory"], played["taskRoleArn"]) == ("256", "512", PRODUCTION["taskRoleArn"])
    app, sidecar = played["containerDefinitions"]
    assert app == {
        "name": "app",
        "memory": 256,
        "stopTimeout": 30,
        "healthCheck": {**CHECK, "command": ["CMD", "true"]},
    }
    assert sidecar == {"name": "sidecar", "image": "sidecar"}


def test_a_service_keeps_its_count_and_strategy_and_stands_in_another_network():
    production = {
        "serviceName": "api",
        "desiredCount": 17,
        "deploymentConfiguration": {"minimumHealthyPercent": 50, "maximumPercent": 150},
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-production"]}},
        "loadBalancers": [{"targetGroupArn": "arn:production", "containerName": "app", "containerPort": 8000}],
    }
    local = {
        "desiredCount": 1,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-local"]}},
        "loadBalancers": [{"targetGroupArn": "ssm:/local", "containerName": "other", "containerPort": 1}],
    }
    played = stand_in_service(production, local, key="api", tasks=None)
    assert played["desiredCount"] == 17
    assert played["networkConfiguration"] == local["networkConfiguration"]
    assert played["loadBalancers"] == [{"targetGroupArn": "ssm:/local", "containerName": "app", "containerPort": 8000}]
    assert stand_in_service(production, local, key="api", tasks=1)["desiredCount"] == 2
    found = {item.where for item in differing("api", production, played)}
    assert found == {"api: networkConfiguration.awsvpcConfiguration.subnets", "api: loadBalancers"}
    with pytest.raises(UsageError, match="api: the local environment has no loadBalancers"):
        stand_in_service(production, {**local, "loadBalancers": []}, key="api", tasks=None)


def test_each_member_that_differs_is_told_with_a_reason_and_without_a_secret():
    one = {"containerDefinitions": [{"name": "app", "memory": 2048, "environment": [{"name": "DB_PASSWORD", "value": "hunter2-production"}]}]}  # fmt: skip
    other = {"containerDefinitions": [{"name": "app", "memory": 256, "environment": [{"name": "DB_PASSWORD", "value": "hunter2-local"}, {"name": "POOL", "value": "solo"}]}]}  # fmt: skip
    found = [item.document() for item in differing("api", one, other)]
    assert [item["where"] for item in found] == [
        "api: containerDefinitions.app.memory",
        "api: containerDefinitions.app.environment.DB_PASSWORD",
        "api: containerDefinitions.app.environment.POOL",
    ]
    assert (found[0]["production"], found[0]["rehearsal"]) == (2048, 256)
    assert found[2]["production"] is None
    assert "hunter2" not in str(found)
    assert all(item["reason"] for item in found)


def test_models_are_not_given_real_seconds_to_start_in():
    service = service_at_speed({"healthCheckGracePeriodSeconds": 60, "desiredCount": 5}, 60)
    assert service == {"healthCheckGracePeriodSeconds": 1, "desiredCount": 5}
    assert service_at_speed({"desiredCount": 5}, 60) == {"desiredCount": 5}
    check = {"command": ["CMD", "x"], "startPeriod": 40, "interval": 30}
    played = definition_at_speed({"containerDefinitions": [{"name": "app", "healthCheck": check}, {"name": "b"}]}, 60)
    assert played["containerDefinitions"] == [
        {"name": "app", "healthCheck": {**check, "startPeriod": 1}},
        {"name": "b"},
    ]


def test_a_faulty_release_differs_by_its_fault_alone():
    definition = {"containerDefinitions": [{"name": "app", "environment": [{"name": "FAULTS", "value": ""}]}]}
    models = with_fault(definition, labels={"exit_after": "1"}, variable="FAULTS", switch="")
    assert models["containerDefinitions"][0]["dockerLabels"] == {"fairway.sim.exit_after": "1"}
    processes = with_fault(definition, labels={}, variable="FAULTS", switch="crash_at_start")
    assert processes["containerDefinitions"][0]["environment"] == [{"name": "FAULTS", "value": "crash_at_start"}]
    assert "dockerLabels" not in processes["containerDefinitions"][0]
    assert definition["containerDefinitions"][0]["environment"] == [{"name": "FAULTS", "value": ""}]


def test_another_account_becomes_the_engines_wherever_it_stands():
    document = {"a": "arn:aws:iam::999988887777:role/x", "b": "999988887777.dkr.ecr.eu-west-1.amazonaws.com/api", "c": "1999988887777"}  # fmt: skip
    assert in_account(document, "999988887777") == {
        "a": "arn:aws:iam::123456789012:role/x",
        "b": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/api",
        "c": "1999988887777",
    }
    assert in_account(document, "123456789012") == document


def test_all_secrets_are_found_with_what_is_asked_of_them():
    values = [
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/db",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/keys:one::",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/keys:two::",
        "arn:aws:ssm:us-east-1:123456789012:parameter/shop/token",
        "plain-name",
    ]
    secrets = [{"name": str(number), "valueFrom": value} for number, value in enumerate(values)]
    needed = secrets_needed([{"containerDefinitions": [{"name": "app", "secrets": secrets}]}])
    assert needed.managed == {"shop/db": (), "shop/keys": ("one", "two")}
    assert needed.parameters == ("/shop/token", "plain-name")


def test_what_is_written_as_toml_is_read_back():
    document = {
        "top": 1,
        "project": {"name": 'a "quoted" \\ name\n\x7f', "on": True, "rate": 0.001},
        "services": {"api.x": {"verify": [{"path": "/v", "json": {"version": "{{ tag }}"}}], "after": ["wörker"]}},
    }
    assert tomllib.loads(toml(document)) == document
    with pytest.raises(TypeError):
        toml({"nothing": None})
