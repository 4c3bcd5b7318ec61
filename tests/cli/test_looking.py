"""status, history, logs, why: what they show of services that ran on an engine."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from email.utils import parsedate_to_datetime

import boto3
import pytest
from tests.conftest import GROUP, SUBNETS

pytestmark = pytest.mark.slow
TASK_LOG = {"logDriver": "awslogs", "options": {"awslogs-group": "/shop", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "api"}}  # fmt: skip


def client(engine, service):
    return boto3.client(
        service,
        endpoint_url=engine.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def put_lines(engine, stream, lines):
    """Lines of a task, stamped with the engine's own time, which runs ahead of ours."""
    logs = client(engine, "logs")
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(logGroupName="/shop", logStreamName=stream)
    headers = client(engine, "ecs").list_clusters()["ResponseMetadata"]["HTTPHeaders"]
    now = int(parsedate_to_datetime(headers["date"]).timestamp() * 1000)
    logs.put_log_events(
        logGroupName="/shop",
        logStreamName=stream,
        logEvents=[{"timestamp": now + number, "message": line} for number, line in enumerate(lines)],
    )


@pytest.fixture
def logging_project(project, engine):
    logs = client(engine, "logs")
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName="/shop")
    document = project.read("api.task.json")
    document["containerDefinitions"][0]["logConfiguration"] = TASK_LOG
    project.write("api.task.json", document)
    return project


def test_history_shows_verdicts_and_why_versions_and_who(project, fairway, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://git.example")
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    monkeypatch.setenv("GITHUB_RUN_ID", "77")
    for version in ("v1", "v2"):
        assert fairway("deploy", "api", "--tag", version)[0] == 0
    project.label("api", exit_after="0", exit_code="1")
    assert fairway("deploy", "api", "--tag", "v3")[0] == 4
    code, out, _ = fairway("history", "api", "--json")
    assert code == 0
    entries = [json.loads(line) for line in out.splitlines()]
    assert [(e["version"], e["status"], e["verdict"], e["current"]) for e in entries] == [
        ("v3", "ROLLBACK_SUCCESSFUL", "bad", False),
        ("v2", "SUCCESSFUL", "good", True),
        ("v1", "SUCCESSFUL", "good", False),
    ]
    assert all(e["by"] and e["run"] and e["ci"].startswith("https://git.example/o/r/actions/runs/77") for e in entries)
    assert "circuit breaker" in entries[0]["why"]
    code, out, _ = fairway("history", "api", "--limit", "1")
    assert "v3" in out
    assert "SUCCESSFUL  good" not in out, "of one deployment alone"
    assert f"why: {entries[0]['why']}" in out
    assert f"CI: {entries[0]['ci']}" in out


def test_history_says_unknown_of_what_nobody_judged(project, fairway, ecs):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    document = project.read("api.task.json")
    document["containerDefinitions"][0]["image"] = "by-hand:v1"
    by_hand = ecs.register_task_definition(**document)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=project.cluster, service="api", taskDefinition=by_hand)
    ecs.get_waiter("services_stable").wait(cluster=project.cluster, services=["api"], WaiterConfig={"Delay": 1})
    entries = [json.loads(line) for line in fairway("history", "api", "--json")[1].splitlines()]
    assert [(e["status"], e["verdict"], e["why"]) for e in entries][:1] == [("SUCCESSFUL", "unknown", None)]


def test_logs_of_running_and_stopped_tasks(logging_project, fairway, engine, ecs):
    project = logging_project
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    tasks = ecs.list_tasks(cluster=project.cluster, serviceName="api")["taskArns"]
    ids = sorted(arn.rsplit("/", 1)[-1] for arn in tasks)
    put_lines(engine, f"api/app/{ids[0]}", ["hello", "world"])
    # the last ten minutes of the engine's time, which is the default, are a few seconds of ours
    code, out, _ = fairway("logs", "api", "--since", "1h")
    assert code == 0
    assert [line.split(" ", 1)[1] for line in out.splitlines()] == [
        f"{ids[0][:8]} app hello",
        f"{ids[0][:8]} app world",
    ]
    code, out, _ = fairway("logs", "api", "--json", "--since", "1h", "--task", ids[0][:6])
    assert [json.loads(line)["line"] for line in out.splitlines()] == ["hello", "world"]
    code, out, err = fairway("logs", "api", "--task", ids[1])
    assert (code, out) == (0, "")
    assert "the running tasks wrote nothing in that time" in err
    code, out, err = fairway("logs", "api", "--stopped")
    assert "there are no stopped tasks" in err


def test_the_last_lines_of_a_failed_task_stand_in_why(logging_project, fairway, engine, ecs):
    project = logging_project
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    project.label("api", exit_after="0", exit_code="1")
    assert fairway("deploy", "api", "--tag", "v2")[0] == 4
    ecs.get_waiter("services_stable").wait(
        cluster=project.cluster, services=["api"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    stopped = ecs.list_tasks(cluster=project.cluster, serviceName="api", desiredStatus="STOPPED")["taskArns"]
    for arn in stopped:
        put_lines(engine, f"api/app/{arn.rsplit('/', 1)[-1]}", ["Traceback", "RuntimeError: the switch is off"])
    code, out, _ = fairway("why", "api")
    assert code == 0
    said = r"likely cause: the program ended with exit code 1 after \d+ s: RuntimeError: the switch is off"
    assert re.search(said, out), out
    assert "      | RuntimeError: the switch is off" in out
    code, out, _ = fairway("logs", "api", "--stopped")
    assert "RuntimeError: the switch is off" in out


def test_a_container_that_never_started_is_not_said_to_have_written_nothing(logging_project, fairway):
    document = logging_project.read("api.task.json")
    missing = "arn:aws:secretsmanager:us-east-1:123456789012:secret:nowhere"
    document["containerDefinitions"][0]["secrets"] = [{"name": "PASSWORD", "valueFrom": missing}]
    logging_project.write("api.task.json", document)
    code, out, err = fairway("deploy", "api", "--tag", "v1", "--skip", "check")
    assert code == 5, err
    assert "no log lines: container app never started" in out
    assert "it is new, so there is nothing to go back to" in out
    code, out, err = fairway("logs", "api", "--stopped")
    assert code == 0
    assert "the stopped tasks never started" in err
    assert "fairway why api" in err
    assert "wrote nothing" not in out + err


def a_load_balancer(engine):
    """(target group, listener) of a new load balancer."""
    name = f"lb-{secrets.token_hex(6)}"
    elbv2 = client(engine, "elbv2")
    balancer = elbv2.create_load_balancer(Name=name, Subnets=SUBNETS, SecurityGroups=[GROUP])["LoadBalancers"][0]
    group = elbv2.create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=8000,
        VpcId="vpc-0fa10000000000000",
        TargetType="ip",
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=10,
    )["TargetGroups"][0]
    elbv2.modify_target_group_attributes(
        TargetGroupArn=group["TargetGroupArn"],
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}],
    )
    listener = elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
    )["Listeners"][0]
    return group["TargetGroupArn"], listener["ListenerArn"]


def behind(project, target_group):
    document = project.read("api.task.json")
    document["containerDefinitions"][0]["portMappings"] = [{"containerPort": 8000}]
    project.write("api.task.json", document)
    service = project.read("api.service.json")
    service["loadBalancers"] = [{"targetGroupArn": target_group, "containerName": "app", "containerPort": 8000}]
    service["healthCheckGracePeriodSeconds"] = 1
    project.write("api.service.json", service)


def test_status_shows_address_targets_and_values_of_the_account(project, fairway, engine):
    group, listener = a_load_balancer(engine)
    tags = client(engine, "elbv2").describe_tags(ResourceArns=[listener])["TagDescriptions"][0]["Tags"]
    [address] = [tag["Value"] for tag in tags if tag["Key"] == "fairway:address"]
    name = f"/{project.cluster}/target-group-arn"
    behind(project, f"ssm:{name}")
    code, _, err = fairway("deploy", "api", "--tag", "v1")
    assert code == 2
    assert "deploy/api.service.json:" in err
    assert f"loadBalancers.0.targetGroupArn is ssm:{name}, but there is no parameter" in err
    client(engine, "ssm").put_parameter(Name=name, Value=group, Type="String")
    code, out, err = fairway("deploy", "api", "--tag", "v1", "--json")
    assert code == 0, err
    assert any(json.loads(line).get("state") == "healthy" for line in out.splitlines()), "targets are told"
    code, out, _ = fairway("status", "api", "--json")
    shown = json.loads(out)
    assert shown["addresses"] == [address]
    assert shown["targets"] == {"healthy": 2}
    assert not shown["wrong"]
    code, out, _ = fairway("status", "api")
    assert out.startswith("✓ api")
    assert address in out


def test_a_release_that_never_gets_healthy_behind_the_load_balancer(project, fairway, engine):
    group, _ = a_load_balancer(engine)
    behind(project, group)
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    project.label("api", health="unhealthy")
    code, out, _ = fairway("deploy", "api", "--tag", "v2")
    assert code == 4
    assert "Task failed ELB health checks" in out
    assert "likely cause: " in out
    assert "ECS says no more than that" not in out


def test_services_that_are_not_there_yet(project, fairway):
    code, _, err = fairway("status")
    assert code == 1
    assert "fairway deploy creates it" in err
    assert fairway("deploy", "worker", "--tag", "v1")[0] == 0
    code, out, _ = fairway("status")
    assert code == 0
    assert "api: is not in cluster" in out
