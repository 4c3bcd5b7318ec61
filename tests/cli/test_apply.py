"""`fairway apply` on an engine: shown, done, and then nothing to do."""

from __future__ import annotations

import json
import os

import boto3
import pytest
from tests.cli.test_plan import events

from fairway.aws.session import Aws
from fairway.deployment.lock import Locks
from fairway.project.model import Environment

pytestmark = pytest.mark.slow


def client(engine, service):
    return boto3.client(
        service,
        endpoint_url=engine.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def deployed(project, fairway, engine):
    """Deployed, with its role and a log group of its own."""
    group = f"/apply/{os.getpid()}/{project.cluster[:80]}"
    options = {"awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "api"}
    document = project.read("api.task.json")
    document["containerDefinitions"][0]["logConfiguration"] = {"logDriver": "awslogs", "options": options}
    project.write("api.task.json", document)
    iam = client(engine, "iam")
    names = {role["RoleName"] for role in iam.list_roles()["Roles"]}
    if "ecsTaskExecutionRole" not in names:
        iam.create_role(RoleName="ecsTaskExecutionRole", AssumeRolePolicyDocument="{}")
    code, out, err = fairway("apply")  # a task whose log group is missing does not start
    assert code == 0, out + err
    assert f"+ the log group {group} is made" in out
    assert "fairway deploy api --tag T registers one, and creates the service" in out
    assert fairway("deploy", "--tag", "v1", "--skip", "lint")[0] == 0
    return group


def a_service(ecs, project, name="api"):
    return ecs.describe_services(cluster=project.cluster, services=[name], include=["TAGS"])["services"][0]


def test_settings_tags_and_log_groups(deployed, project, fairway, ecs, engine):
    ecs.update_service(cluster=project.cluster, service="api", desiredCount=3)
    document = project.read("api.service.json")
    project.write(
        "api.service.json", {**document, "enableECSManagedTags": True, "tags": [{"key": "Team", "value": "shop"}]}
    )
    toml = project.root / "fairway.toml"
    toml.write_text(toml.read_text().replace('name = "shop"', 'name = "shop"\nlog_retention_days = 30'))
    code, out, err = fairway("apply", "--dry-run")
    assert code == 0, out + err
    assert f"~ the log group {deployed} keeps events for ever → 30 days" in out
    assert "~ enableECSManagedTags: false → true" in out
    assert not a_service(ecs, project)["enableECSManagedTags"], "nothing was done"
    before = a_service(ecs, project)
    code, out, err = fairway("apply", "--json")
    assert code == 0, out + err
    assert {event["operation"] for event in events(out, "applied")} >= {"ecs:update_service", "ecs:tag_resource"}
    service = a_service(ecs, project)
    assert service["enableECSManagedTags"] is True
    assert service["desiredCount"] == 3, "the number of tasks belongs to whoever scales it"
    assert service["taskDefinition"] == before["taskDefinition"]
    assert len(service["deployments"]) == 1
    assert {"key": "Team", "value": "shop"} in service["tags"]
    [group] = client(engine, "logs").describe_log_groups(logGroupNamePrefix=deployed)["logGroups"]
    assert group["retentionInDays"] == 30
    code, out, _ = fairway("apply")
    assert code == 0
    assert "nothing to do: what lives is as the files say" in out


def test_a_setting_that_replaces_tasks_is_followed(deployed, project, fairway, ecs):
    document = project.read("api.service.json")
    subnets = document["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
    document["networkConfiguration"]["awsvpcConfiguration"]["subnets"] = subnets[:1]
    project.write("api.service.json", document)
    code, out, err = fairway("apply", "api", "--json")
    assert code == 0, out + err
    [planned] = [event for event in events(out, "planned_call") if event["operation"] == "ecs:update_service"]
    assert planned["lines"][-1] == "    replaces 2 tasks (networkConfiguration)"
    assert [event["outcome"] for event in events(out, "outcome")] == ["succeeded"]
    assert a_service(ecs, project)["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == subnets[:1]


def test_a_service_that_was_deleted_is_created_again(deployed, project, fairway, ecs):
    ecs.delete_service(cluster=project.cluster, service="api", force=True)
    ecs.get_waiter("services_inactive").wait(
        cluster=project.cluster, services=["api"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    code, out, err = fairway("apply", "api", "--json")
    assert code == 0, out + err
    assert [event["outcome"] for event in events(out, "outcome")] == ["succeeded"]


def test_what_is_missing_or_refused_is_told(deployed, project, fairway):
    document = project.read("api.task.json")
    project.write("api.task.json", {**document, "taskRoleArn": "arn:aws:iam::123456789012:role/nobody-made-it"})
    project.write("api.scaling.json", {"MinCapacity": 2, "MaxCapacity": 9})
    toml = project.root / "fairway.toml"
    toml.write_text(
        toml.read_text().replace('after = ["worker"]', 'after = ["worker"]\nscaling = "deploy/api.scaling.json"')
    )
    code, out, err = fairway("apply")
    assert code == 1, out + err
    assert "! the role nobody-made-it does not exist, and is not made here" in out
    assert "! api: scaling between 2 to 9 tasks would be set, but AWS refused to tell what is:" in out


def test_it_is_locked_as_a_deployment_is(deployed, project, fairway, engine):
    document = project.read("api.service.json")
    project.write("api.service.json", {**document, "enableECSManagedTags": True})
    aws = Aws(Environment("local", project.cluster, "us-east-1", endpoint_url=engine.endpoint))
    with Locks(aws, project.cluster, ["api"], "somebody-elses"):
        code, _, err = fairway("apply", "api")
        assert code == 7
        assert "api is being deployed by" in err
    assert fairway("apply", "api")[0] == 0


@pytest.mark.parametrize(
    ("scaling", "text"),
    [
        pytest.param({"MinCapacity": 2}, "api.scaling.json:1: MaxCapacity is None", id="one bound"),
        pytest.param({"MinCapacity": 3, "MaxCapacity": 2}, "MinCapacity 3 is more than MaxCapacity 2", id="crossed"),
        pytest.param({"MinCapacity": 1, "MaxCapacity": 2, "ResourceId": "x"}, "ResourceId is said by fairway.toml", id="ours"),
        pytest.param({"MinCapacity": True, "MaxCapacity": 2}, "MinCapacity is True", id="no number"),
        pytest.param({"mincapacity": 1}, "mincapacity is nothing that is applied here", id="unknown"),
    ],
)  # fmt: skip
def test_bounds_that_are_none(project, fairway, scaling, text):
    project.write("api.scaling.json", scaling)
    toml = project.root / "fairway.toml"
    toml.write_text(
        toml.read_text().replace('after = ["worker"]', 'after = ["worker"]\nscaling = "deploy/api.scaling.json"')
    )
    code, out, err = fairway("apply")
    assert (code, out) == (2, "")
    assert text in err


def test_usage(project, fairway):
    code, _, err = fairway("apply", "apo")
    assert code == 2
    assert 'did you mean "api"?' in err
    toml = project.root / "fairway.toml"
    toml.write_text(toml.read_text().replace('name = "shop"', 'name = "shop"\nlog_retention_days = 31'))
    code, out, err = fairway("apply", "--json")
    assert code == 2
    assert "log_retention_days is 31" in json.loads(out)["message"]
