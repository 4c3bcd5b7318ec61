"""A rule or a schedule that starts a task is moved after the services, and back with them."""

from __future__ import annotations

import boto3
import pytest
from tests.cli.test_deploy import events
from tests.conftest import a_definition

pytestmark = pytest.mark.slow


ROLE = "arn:aws:iam::123456789012:role/events"


def client_of(engine, service):
    return boto3.client(
        service,
        endpoint_url=engine.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def by_rule(engine, name, cluster, parameters):
    """A rule that starts the task; a function that tells which task definition it starts now."""
    client = client_of(engine, "events")
    client.put_rule(Name=name, ScheduleExpression="rate(1 day)", State="ENABLED")
    client.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": cluster, "RoleArn": ROLE, "EcsParameters": parameters}])

    def target():
        [found] = client.list_targets_by_rule(Rule=name)["Targets"]
        return found

    return target


def by_schedule(engine, name, cluster, parameters):
    """As `by_rule`, by a schedule of EventBridge Scheduler with all that an update could lose."""
    client = client_of(engine, "scheduler")
    asked = {
        "ScheduleExpression": "cron(30 2 * * ? *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "Description": "cleans up",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
    }
    target = {"Arn": cluster, "RoleArn": ROLE, "EcsParameters": parameters, "Input": "{}"}
    client.create_schedule(Name=name, Target=target, **asked)

    def found():
        shown = client.get_schedule(Name=name)
        assert {member: shown[member] for member in asked} == asked
        assert shown["Target"]["Input"] == "{}"
        return shown["Target"]

    return found


class Started:
    """The revision that is started now, when it is called."""

    def __init__(self, kind, target):
        self.kind = kind
        self._target = target

    def __call__(self):
        found = self._target()
        assert found["RoleArn"] == ROLE
        return found["EcsParameters"]["TaskDefinitionArn"].rsplit(":", 1)[1]


@pytest.fixture(params=[("rule", by_rule), ("schedule", by_schedule)], ids=["rule", "schedule"])
def rule(request, project, engine, ecs):
    """A rule, or a schedule, that starts the first revision of the project's scheduled task; what it starts now."""
    kind, make = request.param
    family = f"{project.cluster}-cleanup"
    project.write("cleanup.task.json", a_definition(family))
    toml = project.root / "fairway.toml"
    name = family[:60]
    toml.write_text(
        f'{toml.read_text()}\n[scheduled.cleanup]\ndefinition = "deploy/cleanup.task.json"\n{kind} = "{name}"\n'
    )
    document = project.read("cleanup.task.json")
    document["containerDefinitions"][0]["image"] = f"{family}:v0"
    arn = ecs.register_task_definition(**document)["taskDefinition"]["taskDefinitionArn"]
    cluster = f"arn:aws:ecs:us-east-1:123456789012:cluster/{project.cluster}"
    target = make(engine, name, cluster, {"TaskDefinitionArn": arn, "TaskCount": 1, "LaunchType": "FARGATE"})

    return Started(kind, target)


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
    toml.write_text(toml.read_text().replace(f'{rule.kind} = "', f'{rule.kind} = "no-'))
    code, _, err = fairway("deploy", "--tag", "v1")
    assert code == 2
    assert f"there is no {rule.kind} " in err
    assert "no-" in err
    assert ecs.list_services(cluster=project.cluster)["serviceArns"] == []


def test_one_word_takes_it_back_with_the_release(project, fairway, rule):
    for version in ("v1", "v2"):
        assert fairway("deploy", "--tag", version)[0] == 0
    assert rule() == "3"
    code, out, err = fairway("rollback", "--yes")
    assert code == 0, out + err
    assert "starts" in out
    assert rule() == "2"
