"""`check`, and the step of `deploy`, on an engine: a project that passes, then each thing broken."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import botocore.client
import pytest
from botocore.exceptions import ClientError
from tests.conftest import GROUP, SUBNETS

from fairway.aws.observe import Observer
from fairway.aws.proofs import proof_of
from fairway.aws.session import connect
from fairway.checks.registry import CHECKS
from fairway.deployment.check import check
from fairway.deployment.pin import pin_images
from fairway.deployment.release import Choices, make_release
from fairway.preconditions import Proof
from fairway.project.load import load_project

pytestmark = pytest.mark.slow
ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
PLANTED = "pl4nted-secret"
VALUES = {"GetSecretValue", "BatchGetSecretValue", "GetParameter", "GetParameters", "GetParametersByPath"}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
PEAK = '[[peak_hours]]\ndays = ["mon-sun"]\nfrom = "00:00"\nto = "24:00"\nzone = "UTC"\n'


def events(text, kind):
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [event for event in found if event["event"] == kind]


class Account:
    """What the shop needs, made in the engine, with names that only this test has."""

    def __init__(self, engine, project):
        self.endpoint, self.name, self.project = engine.endpoint, f"c{abs(hash(project.cluster)) % 10**10}", project
        self.make_values()
        self.group = self.make_group()

    def client(self, service) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )

    def make_values(self):
        self.client("ecr").create_repository(repositoryName=self.name, imageTagMutability="IMMUTABLE")
        self.client("ecr").put_image(
            repositoryName=self.name, imageManifest=json.dumps({"n": self.name}), imageTag="v1"
        )
        made = self.client("secretsmanager").create_secret(Name=f"{self.name}/password", SecretString=PLANTED)
        self.secret = made["ARN"]
        self.client("ssm").put_parameter(Name=f"/{self.name}/key", Value=PLANTED, Type="SecureString")
        self.client("logs").create_log_group(logGroupName=f"/{self.name}/api")
        self.client("logs").create_log_group(logGroupName=f"/{self.name}/api-other")

    def make_group(self, name="", *, attached=True):
        elb, name = self.client("elbv2"), f"{self.name}{name}"
        vpc = self.client("ec2").describe_subnets(SubnetIds=SUBNETS[:1])["Subnets"][0]["VpcId"]
        group = elb.create_target_group(Name=name, Protocol="HTTP", Port=8000, TargetType="ip", VpcId=vpc)
        arn = group["TargetGroups"][0]["TargetGroupArn"]
        if attached:
            balancer = elb.create_load_balancer(Name=name, Subnets=SUBNETS, SecurityGroups=[GROUP])["LoadBalancers"][0]
            action = {"Type": "forward", "TargetGroupArn": arn}
            elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[action])  # fmt: skip
        return arn

    def container(self, **members):
        return {
            "image": f"{REGISTRY}/{self.name}:{{{{ tag }}}}",
            "portMappings": [{"containerPort": 8000}],
            "secrets": [
                {"name": "PASSWORD", "valueFrom": self.secret},
                {"name": "KEY", "valueFrom": f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/{self.name}/key"},
            ],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": f"/{self.name}/api", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "a"},
            },
            **members,
        }  # fmt: skip

    def write(self, *, service=None, **container):
        """The service `api` of the project."""
        document = self.project.read("api.task.json")
        document["containerDefinitions"][0] |= self.container(**container)
        self.project.write("api.task.json", document)
        settings = self.project.read("api.service.json")
        balancer = {"targetGroupArn": self.group, "containerName": "app", "containerPort": 8000}
        self.project.write("api.service.json", {**settings, "loadBalancers": [balancer], **(service or {})})


@pytest.fixture
def account(engine, project):
    made = Account(engine, project)
    made.write()
    return made


@pytest.fixture
def calls(monkeypatch):
    """(service, operation) of each call."""
    asked: list[tuple[str, str]] = []
    client_class: Any = botocore.client.BaseClient
    real = client_class._make_api_call

    def recording(client, operation, parameters):
        asked.append((client.meta.service_model.service_name, operation))
        return real(client, operation, parameters)

    monkeypatch.setattr(client_class, "_make_api_call", recording)
    return asked


def failures(out):
    return {(item["code"], item["text"]) for item in events(out, "check") if item["state"] == "failed"}


def test_a_project_with_everything_in_place_passes_reading_little_and_no_value(account, fairway, calls):
    code, out, err = fairway("check", "--tag", "v1", "--json")
    assert code == 0, out + err
    [end] = events(out, "checked")
    assert (end["failed"], end["warning"], end["exit_code"]) == (0, 0, 0)
    found = {
        item["code"]: item["state"] for item in events(out, "check") if item["subject"].startswith(("api", "test"))
    }
    assert set(found.values()) == {"ok"}
    assert {"cluster", "image", "secret", "parameter", "log-group", "target-group", "service-state"} <= set(found)
    assert {name for _, name in calls if not name.startswith(("Describe", "List", "Get"))} == set()
    assert {name for _, name in calls} & VALUES == set(), "no secret's value is read"
    assert len(calls) <= 15, calls
    assert PLANTED not in out + err


def test_nothing_is_changed_and_no_value_read_by_the_step_of_a_deployment_that_is_refused(account, fairway, calls, ecs):
    account.client("logs").delete_log_group(logGroupName=f"/{account.name}/api")
    calls.clear()
    code, _, err = fairway("deploy", "api", "--tag", "v1")
    assert code == 2
    assert "log-group: api: " in err
    assert "there is no such log group" in err
    assert "aws logs create-log-group" in err
    assert {name for _, name in calls if not name.startswith(("Describe", "List", "Get"))} == set()
    assert {name for _, name in calls} & VALUES == set()
    assert ecs.list_task_definitions(familyPrefix=f"{account.project.cluster}-api")["taskDefinitionArns"] == []
    code, out, _ = fairway("deploy", "api", "--tag", "v1", "--skip", "check", "--skip", "verify", "--json")
    assert events(out, "registered"), "without the step it begins"


@pytest.mark.parametrize(
    ("broken", "code", "text"),
    [
        ("secret", "secret", "there is no such secret"),
        ("deleted", "secret", "it is to be deleted, and nobody can read it any more"),
        ("parameter", "parameter", "there is no such parameter"),
        ("image", "image", "there is no such image"),
        ("unattached", "target-group", "no load balancer forwards to it, and ECS refuses such a service"),
        ("no group", "target-group", "there is no target group"),
        ("provider", "capacity-providers", "not associated with"),
    ],
)
def test_each_thing_that_is_broken_is_found_alone(account, fairway, broken, code, text):
    match broken:
        case "secret":
            account.write(secrets=[{"name": "PASSWORD", "valueFrom": account.secret[:-7] + "x-AbCdEf"}])
        case "deleted":
            account.client("secretsmanager").delete_secret(SecretId=account.secret)
        case "parameter":
            account.client("ssm").delete_parameter(Name=f"/{account.name}/key")
        case "image":
            account.client("ecr").batch_delete_image(repositoryName=account.name, imageIds=[{"imageTag": "v1"}])
        case "unattached":
            account.group = account.make_group("u", attached=False)
            account.write()
        case "no group":
            account.group = account.group[:-16] + "0" * 16
            account.write()
        case "provider":
            strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
            account.write(service={"capacityProviderStrategy": strategy, "launchType": None})
            settings = account.project.read("api.service.json")
            account.project.write("api.service.json", {k: v for k, v in settings.items() if k != "launchType"})
    exit_code, out, _ = fairway("check", "api", "--tag", "v1", "--json")
    assert exit_code == 2
    assert [(found, text in said) for found, said in failures(out)] == [(code, True)]
    exit_code, out, _ = fairway("check", "api", "--tag", "v1")
    assert exit_code == 2
    assert out.splitlines()[1].startswith("failed"), "what fails is first"


def test_a_deployment_that_goes_on_is_a_warning_which_counts_with_strict(account, fairway, ecs):
    assert fairway("deploy", "worker", "--tag", "v1")[0] == 0
    account.project.label("worker", start="600")
    assert fairway("deploy", "worker", "--tag", "v2", "--timeout", "1s")[0] == 6
    code, out, _ = fairway("check", "worker", "--tag", "v2", "--json")
    [warned] = [item for item in events(out, "check") if item["state"] == "warning"]
    assert (code, warned["code"]) == (0, "service-state")
    assert fairway("check", "worker", "--tag", "v2", "--strict")[0] == 2


def test_a_cluster_that_is_not_there_is_the_finding(account, fairway):
    local = account.project.root / "deploy" / "environments" / "local.toml"
    local.write_text(local.read_text().replace(account.project.cluster, "nowhere"))
    code, out, _ = fairway("check", "api", "--tag", "v1", "--json")
    assert code == 2
    assert failures(out) == {("cluster", "there is no cluster nowhere in us-east-1")}


# -- what a laptop lacks by design, asked of the engine all the same --------------------------------------------------


def look(account, **changes):
    """(code, state) -> texts, of all checks, as if the engine were no laptop."""
    project = load_project(account.project.root, "local")
    observer = Observer(connect(project.environment), project.environment.cluster)
    release = pin_images(observer.aws, make_release(project, Choices(("api",), "v1")))
    checked = check(replace(project, **changes), observer, release, {}, codes=frozenset(CHECKS))
    found: dict[tuple[str, str], list[str]] = {}
    for item in checked.findings:
        found.setdefault((item.code, str(item.state)), []).append(item.text)
    return found


@pytest.fixture
def role(account):
    name = f"{account.name}-execution"
    account.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    document = account.project.read("api.task.json")
    account.project.write("api.task.json", {**document, "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/{name}"})
    return name


def test_network_and_roles_are_read_where_there_are_some(account, role):
    found = look(account)
    assert ("role", "ok") in found
    assert ("subnet", "ok") in found
    assert ("free-addresses", "ok") in found
    assert found["security-group", "failed"], "the default group of this network lets nobody in"
    group = account.client("ec2").create_security_group(GroupName=account.name, Description="x", VpcId=vpc_of(account))
    account.client("ec2").authorize_security_group_ingress(
        GroupId=group["GroupId"],
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8000, "UserIdGroupPairs": [{"GroupId": GROUP}]}
        ],
    )
    account.write(service=network(groups=[group["GroupId"]]))
    assert ("security-group", "ok") in look(account)


def vpc_of(account):
    return account.client("ec2").describe_subnets(SubnetIds=SUBNETS[:1])["Subnets"][0]["VpcId"]


def network(*, subnets=SUBNETS, groups=(GROUP,)):
    return {"networkConfiguration": {"awsvpcConfiguration": {"subnets": list(subnets), "securityGroups": list(groups)}}}


def test_a_role_that_is_not_there_or_trusts_others(account, role):
    trust = TRUST.replace("ecs-tasks", "ec2")
    account.client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=trust)
    assert "its trust policy lets no ecs-tasks.amazonaws.com assume it" in look(account)["role", "failed"]
    account.client("iam").delete_role(RoleName=role)
    assert ("role", "ok") not in look(account)


def test_subnets_and_groups_that_are_not_there(account):
    account.write(service=network(subnets=[SUBNETS[0], "subnet-0123456789abcdef0"], groups=["sg-0123456789abcdef0"]))
    found = look(account)
    assert found["subnet", "failed"] == ["not there: subnet-0123456789abcdef0"]
    assert found["security-group", "failed"] == ["not there: sg-0123456789abcdef0"]


def test_what_the_engine_does_not_have_is_not_checked(account):
    found = look(account)
    assert found["image-scan", "not_checked"] == ["this endpoint does not have ecr:DescribeImageScanFindings"]
    assert found["fargate-quota", "not_checked"] == ["this endpoint does not have servicequotas:GetServiceQuota"]


def test_what_may_not_be_read_is_not_checked_and_says_what_it_takes(account, fairway, monkeypatch):
    client_class: Any = botocore.client.BaseClient
    real = client_class._make_api_call
    allowed = {"GetCallerIdentity", "DescribeServices"}

    def denying(client, operation, parameters):
        if operation not in allowed:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
        return real(client, operation, parameters)

    monkeypatch.setattr(client_class, "_make_api_call", denying)
    found = look(account)
    assert {state for _, state in found} == {"not_checked", "ok"}
    takes = {text for (_, state), texts in found.items() for text in texts if state == "not_checked"}
    for permission in ("iam:GetRole", "ecr:DescribeImages", "secretsmanager:DescribeSecret", "ec2:DescribeSubnets"):
        assert f"not allowed: it takes {permission}" in takes
    code, out, _ = fairway("check", "api", "--tag", "v1")
    assert code == 0, out


def test_the_verdict_of_another_cluster_is_found_by_what_was_deployed_there(account, fairway, ecs):
    account.write(portMappings=[])
    account.project.write(
        "api.service.json", {k: v for k, v in account.project.read("api.service.json").items() if k != "loadBalancers"}
    )
    project = load_project(account.project.root, "local")
    observer = Observer(connect(project.environment), project.environment.cluster)
    release = pin_images(observer.aws, make_release(project, Choices(("api",), "v1")))
    digest = release.services[0].digest
    assert digest is not None

    def proof(cluster, of=digest):
        """(revisions that were looked at, verdicts of those with the digest)."""
        found = proof_of(observer.aws, cluster, "api", of)
        assert isinstance(found, Proof)
        return found.looked_at, [item.verdict for item in found.revisions]

    assert proof(observer.cluster) == (0, [])
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    assert proof(observer.cluster) == (1, ["good"])
    assert proof(observer.cluster, "sha256:" + "0" * 64) == (1, [])
    ecs.create_cluster(clusterName=f"{account.name}-2")
    assert proof(f"{account.name}-2") == (0, []), "the family is not the proof"


# -- what people say ---------------------------------------------------------------------------------------------------


def asked_for(project, text):
    local = project.root / "deploy" / "environments" / "local.toml"
    local.write_text(local.read_text() + text)


CHECKLIST = (
    '[checklist]\nreviewed = "Code reviewed"\nin-cluster = { title = "There is a cluster", checks = ["cluster"] }\n'
)


def report_of(out):
    [event] = events(out, "report")
    found: dict[str, Any] = json.loads(Path(event["path"]).with_suffix(".json").read_text())
    return found, Path(event["path"]).read_text()


def test_the_checklist_is_asked_for_and_recorded(project, fairway, ecs, monkeypatch):
    asked_for(project, CHECKLIST)
    code, out, err = fairway("deploy", "worker", "--tag", "v1", "--yes")
    assert code == 2
    assert "reviewed: Code reviewed" in err
    assert "--confirm reviewed" in err
    assert "FAIRWAY_CONFIRM_REVIEWED=WHO" in err
    assert ecs.list_task_definitions(familyPrefix=f"{project.cluster}-worker")["taskDefinitionArns"] == []
    code, out, _ = fairway("check", "worker", "--tag", "v1", "--json")
    assert code == 0
    assert {(item["name"], item["state"]) for item in events(out, "checklist")} == {
        ("in-cluster", "confirmed"),
        ("reviewed", "open"),
    }
    code, out, _ = fairway("deploy", "worker", "--tag", "v1", "--confirm", "reviewed=<ann>", "--json")
    assert code == 0
    report, page = report_of(out)
    said = {item["name"]: (item["how"], item["text"]) for item in report["confirmed"]}
    assert said == {"reviewed": ("--confirm", "<ann>"), "in-cluster": ("check", "cluster: ok")}
    assert all(item["by"] and item["at"] for item in report["confirmed"])
    assert "&lt;ann&gt;" in page
    monkeypatch.setenv("FAIRWAY_CONFIRM_REVIEWED", "pull request 42")
    code, out, _ = fairway("deploy", "worker", "--tag", "v2", "--json")
    assert code == 0
    assert {item["how"] for item in report_of(out)[0]["confirmed"]} == {"variable", "check"}


@pytest.mark.parametrize(("answer", "expected"), [("y", 0), ("n", 2)])
def test_a_person_at_a_terminal_is_asked(project, fairway, monkeypatch, answer, expected):
    asked_for(project, CHECKLIST)
    asked: list[str] = []

    def answering(question):
        asked.append(question)
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", answering)
    code, _, err = fairway("deploy", "worker", "--tag", "v1")
    assert (code, asked) == (expected, ["Code reviewed (reviewed)? [y/N] "])
    assert ("not confirmed" in err) == (expected == 2)


def test_peak_hours_refuse_unless_it_is_urgent_also_without_the_step(project, fairway):
    asked_for(project, PEAK)
    for words in ([], ["--skip", "check"]):
        code, _, err = fairway("deploy", "worker", "--tag", "v1", *words)
        assert code == 2
        assert "peak-hours: the release" in err
        assert '--urgent "why"' in err
    assert fairway("deploy", "worker", "--tag", "v1", "--urgent", " ")[0] == 2
    code, out, _ = fairway("deploy", "worker", "--tag", "v1", "--urgent", "customers cannot pay", "--json")
    assert code == 0
    report, page = report_of(out)
    assert report["urgent"] == "customers cannot pay"
    assert "customers cannot pay" in page


def test_confirming_what_is_not_looked_at_is_refused(project, fairway):
    asked_for(project, CHECKLIST)
    assert fairway("deploy", "worker", "--tag", "v1", "--confirm", "reviewd")[0] == 2
    code, _, err = fairway("deploy", "worker", "--tag", "v1", "--skip", "check", "--confirm", "reviewed")
    assert (code, "--confirm is for the step check" in err) == (2, True)


def test_the_document_s_checklist_is_production_s():
    root = Path(__file__).parents[2]
    document = tomllib.loads((root / "deploy" / "environments" / "production.toml").read_text())
    titles = [value if isinstance(value, str) else value["title"] for value in document["checklist"].values()]
    assert titles == [
        "Code reviewed and approved",
        "Tests passing (unit, integration, e2e)",
        "Docker image built and scanned (no critical vulnerabilities)",
        "Image pushed to ECR",
        "Database migrations tested in staging",
        "Rollback plan prepared",
        "Monitoring dashboards ready",
        "On-call engineer notified",
    ]
    before = load_project(root, "production", variables={}).before
    assert (before.requires, len(before.checklist), before.scan.critical) == ("staging", 8, 0)
    assert {code for item in before.checklist for code in item.checks} <= set(CHECKS)
