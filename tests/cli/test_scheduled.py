"""A rule that starts a task is moved after the services, and back with them."""

from __future__ import annotations

import boto3
import pytest
from tests.cli.test_deploy import events
from tests.conftest import a_definition

pytestmark = pytest.mark.slow


@pytest.fixture
def rule(project, engine, ecs):
    """A rule that starts the first revision of the project's scheduled task; what it starts now."""
    family = f"{project.cluster}-cleanup"
    project.write("cleanup.task.json", a_definition(family))
    toml = project.root / "fairway.toml"
    name = family[:64]
    toml.write_text(
        f'{toml.read_text()}\n[scheduled.cleanup]\ndefinition = "deploy/cleanup.task.json"\nrule = "{name}"\n'
    )
    document = project.read("cleanup.task.json")
    document["containerDefinitions"][0]["image"] = f"{family}:v0"
    arn = ecs.register_task_definition(**document)["taskDefinition"]["taskDefinitionArn"]
    client = boto3.client(
        "events",
        endpoint_url=engine.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.put_rule(Name=name, ScheduleExpression="rate(1 day)", State="ENABLED")
    cluster = f"arn:aws:ecs:us-east-1:123456789012:cluster/{project.cluster}"
    role = "arn:aws:iam::123456789012:role/events"
    parameters = {"TaskDefinitionArn": arn, "TaskCount": 1, "LaunchType": "FARGATE"}
    client.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": cluster, "RoleArn": role, "EcsParameters": parameters}])

    def started():
        [target] = client.list_targets_by_rule(Rule=name)["Targets"]
        assert target["RoleArn"] == role
        return target["EcsParameters"]["TaskDefinitionArn"].rsplit(":", 1)[1]

    return started


def test_it_moves_after_the_services(project, fairway, rule):
    assert rule() == "1"
    code, out, err = fairway("deploy", "--tag", "v1", "--json")
    assert code == 0, out + err
    assert rule() == "2"
    kinds = [event["event"] for event in events(out, "outcome", "scheduled")]
    assert kinds == ["outcome", "outcome", "scheduled"]


def test_it_stays_when_a_service_fails(project, fairway, rule):
    assert fairway("deploy", "--tag", "v1")[0] == 0
    project.label("api", exit_after="0", exit_code="1")
    assert fairway("deploy", "--tag", "v2")[0] == 4
    assert rule() == "2"


def test_it_goes_back_with_the_services(project, fairway, rule, monkeypatch):
    from fairway.deployment.subject import Finding, Health  # noqa: PLC0415 - only here

    assert fairway("deploy", "--tag", "v1")[0] == 0
    assert rule() == "2"

    def unhealthy(*_, **__):
        assert rule() == "3", "it has moved before it is verified"
        return {"api": Finding(Health.UNHEALTHY, "5 % errors")}

    monkeypatch.setattr("fairway.deployment.pipeline.verify", unhealthy)
    code, out, _ = fairway("deploy", "--tag", "v2")
    assert code == 4, out
    assert rule() == "2"


def test_a_rule_that_does_not_exist_changes_nothing(project, fairway, ecs, rule):
    toml = project.root / "fairway.toml"
    toml.write_text(toml.read_text().replace('rule = "', 'rule = "no-'))
    code, _, err = fairway("deploy", "--tag", "v1")
    assert code == 2
    assert "there is no rule no-" in err
    assert ecs.list_services(cluster=project.cluster)["serviceArns"] == []


def test_one_word_takes_it_back_with_the_release(project, fairway, rule):
    for version in ("v1", "v2"):
        assert fairway("deploy", "--tag", version)[0] == 0
    assert rule() == "3"
    code, out, err = fairway("rollback", "--yes")
    assert code == 0, out + err
    assert "starts" in out
    assert rule() == "2"
