"""`fairway iam`, held against what the verbs really ask of AWS, call by call, on an engine."""

from __future__ import annotations

import contextlib
import json
import zlib
from fnmatch import fnmatchcase
from typing import Any

import boto3
import botocore.client
import pytest
from tests.cli.test_scheduled import rule as rule_of_project  # noqa: F401 - a fixture
from tests.conftest import SUBNETS

from fairway.planning.permissions import PERMISSIONS, Role

ACCOUNT = "123456789012"
STARTER = "arn:aws:iam::123456789012:role/events"
PREFIXES = {
    "elbv2": "elasticloadbalancing",
    "cloudwatch": "cloudwatch",
    "application-autoscaling": "application-autoscaling",
}
NEEDS_NONE = {"sts:GetCallerIdentity"}
NO_SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:nothing-like-it"
LOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "/iam", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "a"}}  # fmt: skip


@pytest.fixture
def calls(monkeypatch):
    """(action, parameters) of each call to AWS."""
    asked = []
    real = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def recording(client, operation, parameters):
        service = client.meta.service_model.service_name
        asked.append((f"{PREFIXES.get(service, service)}:{operation}", parameters))
        return real(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", recording)
    return asked


def arn(service, resource):
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}"


def named(action, p):
    """The resources that a call is about, as its policy has to name them. Each action has its row: an unknown one fails."""
    cluster = str(p.get("cluster", "")).rsplit("/", 1)[-1]

    def service(name):
        return name if name.startswith("arn:") else arn("ecs", f"service/{cluster}/{name}")

    rows = {
        "ecs:DescribeServices": lambda: [service(name) for name in p["services"]],
        "ecs:ListServiceDeployments": lambda: [service(p["service"])],
        "ecs:UpdateService": lambda: [service(p["service"])],
        "ecs:CreateService": lambda: [service(p["serviceName"])],
        "ecs:DescribeServiceDeployments": lambda: p["serviceDeploymentArns"],
        "ecs:StopServiceDeployment": lambda: [p["serviceDeploymentArn"]],
        "ecs:DescribeServiceRevisions": lambda: p["serviceRevisionArns"],
        "ecs:DescribeClusters": lambda: [arn("ecs", f"cluster/{name}") for name in p["clusters"]],
        "ecs:DescribeTasks": lambda: p["tasks"],
        "ecs:RegisterTaskDefinition": lambda: [arn("ecs", f"task-definition/{p['family']}:1")],
        "ecs:RunTask": lambda: [p["taskDefinition"]],
        "ecs:TagResource": lambda: [p["resourceArn"]],
        "logs:GetLogEvents": lambda: [arn("logs", f"log-group:{p['logGroupName']}:log-stream:{p['logStreamName']}")],
        "logs:DescribeLogGroups": lambda: [arn("logs", f"log-group:{p['logGroupNamePrefix']}")],
        "logs:CreateLogGroup": lambda: [arn("logs", f"log-group:{p['logGroupName']}")],
        "logs:PutRetentionPolicy": lambda: [arn("logs", f"log-group:{p['logGroupName']}")],
        "iam:GetRole": lambda: [f"arn:aws:iam::{ACCOUNT}:role/{p['RoleName']}"],
        "ssm:GetParameters": lambda: [arn("ssm", f"parameter{name}") for name in p["Names"]],
        "ssm:DeleteParameters": lambda: [arn("ssm", f"parameter{name}") for name in p["Names"]],
        "ssm:GetParametersByPath": lambda: [arn("ssm", f"parameter{p['Path']}")],
        "ssm:PutParameter": lambda: [arn("ssm", f"parameter{p['Name']}")],
        "ssm:DeleteParameter": lambda: [arn("ssm", f"parameter{p['Name']}")],
        "ecr:BatchGetImage": lambda: [arn("ecr", f"repository/{p['repositoryName']}")],
        "ecr:DescribeImageScanFindings": lambda: [arn("ecr", f"repository/{p['repositoryName']}")],
        "secretsmanager:DescribeSecret": lambda: [p["SecretId"]],
        "ssm:DescribeParameters": lambda: ["*"],
        "cloudwatch:DescribeAlarms": lambda: [arn("cloudwatch", f"alarm:{n}") for n in p.get("AlarmNames", ["*"])],
        "cloudwatch:PutMetricAlarm": lambda: [arn("cloudwatch", f"alarm:{p['AlarmName']}")],
        "ecs:DescribeCapacityProviders": lambda: [arn("ecs", f"capacity-provider/{n}") for n in p["capacityProviders"]],
        "ecr:DescribeImages": lambda: [arn("ecr", f"repository/{p['repositoryName']}")],
        "ecr:DescribeRepositories": lambda: [arn("ecr", f"repository/{name}") for name in p["repositoryNames"]],
        "scheduler:GetSchedule": lambda: [arn("scheduler", f"schedule/{p['GroupName']}/{p['Name']}")],
        "scheduler:UpdateSchedule": lambda: [arn("scheduler", f"schedule/{p['GroupName']}/{p['Name']}")],
        "events:ListTargetsByRule": lambda: [arn("events", f"rule/{p['Rule']}")],
        "events:PutTargets": lambda: [arn("events", f"rule/{p['Rule']}")],
    }
    wide = {row.action for row in PERMISSIONS if row.on == "anything"}
    return ["*"] if action in wide else rows[action]()


def needed(action: str, parameters: Any) -> list[tuple[str, str, str | None]]:
    """(action, resource, service that a role is passed to) of everything that a call needs."""
    found: list[tuple[str, str, str | None]] = [(action, resource, None) for resource in named(action, parameters)]
    if action == "ecs:RegisterTaskDefinition":
        roles = [parameters[key] for key in ("executionRoleArn", "taskRoleArn") if key in parameters]
        found += [("iam:PassRole", role, "ecs-tasks.amazonaws.com") for role in roles]
        found += [("ecs:TagResource", resource, None) for resource in named(action, parameters)]
    if action == "events:PutTargets":
        found += [("iam:PassRole", target["RoleArn"], "events.amazonaws.com") for target in parameters["Targets"]]
    if action == "scheduler:UpdateSchedule":
        found.append(("iam:PassRole", parameters["Target"]["RoleArn"], "scheduler.amazonaws.com"))
    return found


def allows(policy, action, resource, passed_to):
    for statement in policy["Statement"]:
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        condition = statement.get("Condition", {}).get("StringEquals", {}).get("iam:PassedToService")
        if (
            action in statement["Action"]
            and condition == passed_to
            and any(fnmatchcase(resource, wanted) for wanted in resources)
        ):
            return True
    return False


SCHEDULED = """
[project]
name = "shop"

[scheduled.cleanup]
definition = "cleanup.json"
schedule = "nightly"
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A project with a schedule, of another environment than local."""
    (tmp_path / "deploy" / "environments").mkdir(parents=True)
    (tmp_path / "fairway.toml").write_text(SCHEDULED)
    environment = f'account = "{ACCOUNT}"\nregion = "eu-west-1"\ncluster = "shop"\n'
    (tmp_path / "deploy" / "environments" / "production.toml").write_text(environment)
    definition = {"family": "cleanup", "containerDefinitions": [{"name": "app", "image": "cleanup:1"}]}
    (tmp_path / "cleanup.json").write_text(json.dumps(definition))
    monkeypatch.chdir(tmp_path)


def test_a_schedule_s_role_has_to_be_said(small, fairway):
    code, out, err = fairway("iam", "--role", "deploy", "--env", "production")
    assert (code, out) == (2, "")
    assert "--scheduled-role ROLE" in err
    code, out, _ = fairway("iam", "--role", "deploy", "--env", "production", "--scheduled-role", "starter")
    assert code == 0
    [passing] = [one for one in json.loads(out)["Statement"] if "iam:PassRole" in one["Action"]]
    assert passing["Resource"] == f"arn:aws:iam::{ACCOUNT}:role/starter"
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


def test_each_row_says_why(small, fairway):
    code, out, _ = fairway("iam", "--role", "watch", "--env", "production", "--why", "--json")
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert {"ecs:DescribeTasks"} < {row["action"] for row in rows}
    assert all(row["why"] and row["event"] == "permission" for row in rows)


@pytest.mark.parametrize("words", [(), ("--role", "admin")])
def test_a_role_that_is_none(small, fairway, words):
    code, _, err = fairway("iam", *words, "--env", "production")
    assert code == 2
    assert "--role" in err


@pytest.fixture
def shop(project, engine, rule_of_project):  # noqa: F811 - the fixture of that name
    """The small project with everything that a permission may be about."""

    def client(service):
        return boto3.client(
            service,
            endpoint_url=engine.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    logs, elb, ecr = client("logs"), client("elbv2"), client("ecr")
    with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
        logs.delete_log_group(logGroupName="/iam")
    name = f"iam-{zlib.crc32(project.cluster.encode()):08x}"
    group = elb.create_target_group(
        Name=f"{name}-tg", Protocol="HTTP", Port=8000, TargetType="ip", HealthCheckPath="/", VpcId="vpc-0fa10000000000000",
        HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    balancer = elb.create_load_balancer(Name=f"{name}-lb", Subnets=SUBNETS)["LoadBalancers"][0]["LoadBalancerArn"]
    other = elb.create_target_group(
        Name=f"{name}-ot", Protocol="HTTP", Port=8001, TargetType="ip", VpcId="vpc-0fa10000000000000"
    )
    listener = elb.create_listener(
        LoadBalancerArn=balancer, Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": other["TargetGroups"][0]["TargetGroupArn"]}],
    )["Listeners"][0]["ListenerArn"]  # fmt: skip
    elb.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/api/*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    parameter = f"/{project.cluster}/group"
    client("ssm").put_parameter(Name=parameter, Value=group, Type="String")
    ecr.create_repository(repositoryName=project.cluster.lower())
    image = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{project.cluster.lower()}"
    for tag in ("v1", "v2", "v3"):
        manifest = {"schemaVersion": 2, "annotations": {"tag": tag}}
        ecr.put_image(repositoryName=project.cluster.lower(), imageManifest=json.dumps(manifest), imageTag=tag)
    task, service = project.read("api.task.json"), project.read("api.service.json")
    container = task["containerDefinitions"][0]
    container |= {
        "image": f"{image}:{{{{ tag }}}}",
        "logConfiguration": LOGS,
        "portMappings": [{"containerPort": 8000}],
    }
    service["loadBalancers"] = [{"targetGroupArn": f"ssm:{parameter}", "containerName": "app", "containerPort": 8000}]
    project.write("api.task.json", task)
    project.write("api.service.json", service)
    toml = project.root / "fairway.toml"
    text = toml.read_text().replace('after = ["worker"]', 'after = ["worker"]\nverify = [{ path = "/", status = 200 }]\nmonitor = { minutes = 1, on_inconclusive = "keep", error_rate = 0.5 }')  # fmt: skip
    toml.write_text(text.replace('name = "shop"', 'name = "shop"\nlog_retention_days = 7'))
    return project


def policy_of(fairway, role):
    code, out, err = fairway("iam", "--role", role, "--scheduled-role", STARTER)
    assert code == 0, err
    return json.loads(out)


def refused(policy, calls):
    wanted = {
        need
        for action, parameters in calls
        if action not in NEEDS_NONE
        for need in map(tuple, needed(action, parameters))
    }
    return sorted(need for need in wanted if not allows(policy, *need))


def unused(policy, calls, role):
    """Actions that the policy allows, nobody used, and the table does not explain."""
    used = {need[0] for action, parameters in calls if action not in NEEDS_NONE for need in needed(action, parameters)}
    explained = {row.action for row in PERMISSIONS if row.unseen and role in row.roles}
    return sorted({action for one in policy["Statement"] for action in one["Action"]} - used - explained)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_call_is_allowed_and_everything_allowed_is_used(shop, fairway, calls, ecs):
    made: dict[Role, list[tuple[str, Any]]] = {role: [] for role in Role}

    def go(role, *words, codes=(0,)):
        calls.clear()
        code, out, err = fairway(*words)
        assert code in codes, f"{words}: {code}\n{out}{err}"
        made[role] += calls

    go(Role.DEPLOY, "apply", codes=(0, 1))
    go(Role.PLAN, "plan", "--tag", "v1")
    go(Role.DEPLOY, "deploy", "--tag", "v1", "--skip", "verify", "--skip", "check")
    go(Role.DEPLOY, "deploy", "api", "--tag", "v2", "--until", "shifted", "--force")
    go(Role.DEPLOY, "watch", "--pending", codes=(0, 4))
    go(Role.WATCH, "watch", "api", codes=(0, 4, 5, 6))
    go(Role.PLAN, "plan", "api", "--tag", "v3")
    go(Role.PLAN, "render", "--tag", "v3")
    go(Role.PLAN, "cost")
    go(Role.PLAN, "check", "--tag", "v3", codes=(0, 2))
    document = shop.read("api.task.json")
    document["containerDefinitions"][0]["secrets"] = [{"name": "P", "valueFrom": NO_SECRET}]
    shop.write("api.task.json", document)
    go(Role.PLAN, "check", "--tag", "v3", codes=(0, 2))
    go(Role.DEPLOY, "deploy", "api", "--tag", "v3", "--skip", "check", codes=(4,))
    go(Role.PLAN, "history", "api")
    for verb in ("status", "history", "why", "logs"):
        words = (verb,) if verb == "status" else (verb, "api")
        go(Role.WATCH, *words, codes=(0, 4))
    go(Role.DEPLOY, "rollback", "worker", "--yes", codes=(0, 1, 2))
    policies = {role: policy_of(fairway, role) for role in Role}  # of the project as it is now: its secret is named too
    for role, policy in policies.items():
        assert refused(policy, made[role]) == [], role
    everything = made[Role.DEPLOY] + made[Role.PLAN] + made[Role.WATCH]
    assert unused(policies[Role.DEPLOY], everything, Role.DEPLOY) == []
    for role in (Role.PLAN, Role.WATCH):
        assert unused(policies[role], made[role], role) == []
